"""The baskets of the Icinga Director: commands, templates and data fields."""

import json
from collections.abc import Mapping

from backup_monitoring.tasks import TASKS
from tools.commands import FOLDER, Argument, Command, list_commands

*_FIRST, _LAST = sorted(TASKS)
_CHECKS = f"{', '.join(_FIRST)} or {_LAST}"

# What a notification passes to notify_backup.
_MACROS = {
    "account": "=$service.vars.backup_account$",
    "task": "$service.vars.backup_task$",
    "type": "$notification.type$",
    "state": "$service.state$",
    "last-state": "$service.last_state$",
    "output": "$service.output$",
    "author": "$notification.author$",
    "comment": "$notification.comment$",
    "time": "$icinga.timet$",
    "host": "$host.name$",
}


def render_director_active() -> str:
    """Return the basket for checks that Icinga runs: commands, templates, data fields."""
    fields = _Fields()
    commands = list_commands()
    made = {command.name: _make_director_command(command, fields) for command in commands}
    templates = {
        task: {
            "check_command": f"backup_{task}",
            "vars": {f"backup_{task}_account": ["=$service.vars.backup_account$"]},
        }
        for task in sorted(TASKS)
    }
    return _format_basket(fields, templates, "900", made)


def render_director_passive() -> str:
    """Return the basket for results that are submitted: templates, data fields.

    The Director's commands cannot have a function, so that theirs are those of a file.
    """
    templates = {task: {"check_command": f"backup-passive-{task}"} for task in sorted(TASKS)}
    return _format_basket(_Fields(), templates, "1800", {})


def _format_basket(
    fields: "_Fields",
    templates: Mapping[str, Mapping[str, object]],
    interval: str,
    commands: Mapping[str, object],
) -> str:
    external = ["dummy", *(str(each["check_command"]) for each in templates.values())]
    basket = {
        **({"Command": commands} if commands else {}),
        # Without an entry the Director refuses a command that is not its own.
        "ExternalCommand": {
            name: {"object_name": name, "object_type": "external_object"}
            for name in external
            if name not in commands
        },
        "HostTemplate": {
            "backup-server": {
                "object_name": "backup-server",
                "object_type": "template",
                "check_command": "dummy",
            }
        },
        "ServiceGroup": {
            f"backup-{task}": {
                "object_name": f"backup-{task}",
                "object_type": "object",
                "display_name": f"Backup {task}",
            }
            for task in templates
        },
        "ServiceTemplate": {
            "backup-account": _make_base_template(fields, interval),
            **{
                f"backup-account-{task}": _make_director_template(task, properties)
                for task, properties in templates.items()
            },
        },
        "Datafield": fields.by_number,
    }
    return json.dumps(basket, indent=2, ensure_ascii=False) + "\n"


class _Fields:
    """The data fields, numbered in the order of their addition."""

    def __init__(self) -> None:
        self.by_number: dict[str, object] = {}

    def add(self, name: str, text: str, kind: str = "String") -> dict[str, object]:
        number = len(self.by_number) + 1
        settings = {"visibility": "visible"} if kind == "String" else {}
        self.by_number[str(number)] = {
            "varname": name,
            "caption": name.replace("_", " "),
            "description": text,
            "datatype": f"Icinga\\Module\\Director\\DataType\\DataType{kind}",
            "format": None,
            "settings": settings,
        }
        return {"datafield_id": number, "is_required": "n", "var_filter": None}


def _make_director_command(command: Command, fields: _Fields) -> dict[str, object]:
    return {
        "object_name": command.name,
        "object_type": "object",
        "methods_execute": "PluginCheck",
        "command": f"{FOLDER}/check_{command.name}",
        "timeout": str(command.timeout),
        "vars": {},
        "arguments": {item.key: _make_director_argument(item) for item in command.arguments},
        "fields": [
            fields.add(item.variable, item.text, _choose_kind(item)) for item in command.arguments
        ],
    }


def _choose_kind(argument: Argument) -> str:
    if argument.flag:
        return "Boolean"
    return "Array" if argument.repeated else "String"


def _make_director_argument(argument: Argument) -> dict[str, object]:
    properties: dict[str, object] = {"description": argument.text}
    properties["set_if" if argument.flag else "value"] = f"${argument.variable}$"
    if argument.repeated:
        properties["repeat_key"] = True
    return properties


def _make_director_hook() -> dict[str, object]:
    """Return the notification command. It has arguments, since the Director knows no environment.

    Key and value are one word, so that no text can become an option.
    """
    return {
        "object_name": "backup-notify",
        "object_type": "object",
        "methods_execute": "PluginNotification",
        "command": f"{FOLDER}/notify_backup",
        "timeout": "60",
        "arguments": {
            f"--{name}": {"value": f"--{name}={macro}", "skip_key": True}
            for name, macro in _MACROS.items()
        },
    }


def render_director_notify() -> str:
    """Return the basket that calls notify_backup: separate, since that writes to customers."""
    notification = {
        "object_name": "backup-notify",
        "object_type": "template",
        "command": "backup-notify",
        "users": ["backup-hook"],
        "types": ["Problem", "Recovery", "Acknowledgement", "Custom"],
        "states": ["OK", "Warning", "Critical"],
        "notification_interval": "0",
    }
    applied = {
        "object_name": "backup-notify-services",
        "object_type": "apply",
        "apply_to": "service",
        "imports": ["backup-notify"],
        "assign_filter": "service.vars.backup_account=true&service.vars.backup_task=true",
    }
    basket = {
        "Command": {"backup-notify": _make_director_hook()},
        "User": {"backup-hook": {"object_name": "backup-hook", "object_type": "object"}},
        "NotificationTemplate": {"backup-notify": notification},
        "Notification": {"backup-notify-services": applied},
    }
    return json.dumps(basket, indent=2) + "\n"


def _make_base_template(fields: _Fields, interval: str) -> dict[str, object]:
    return {
        "object_name": "backup-account",
        "object_type": "template",
        "check_interval": interval,
        "retry_interval": interval,
        "max_check_attempts": "1",
        "enable_flapping": False,
        "fields": [
            fields.add("backup_account", "The account's UID"),
            fields.add("backup_task", f"The check: {_CHECKS}"),
        ],
    }


def _make_director_template(task: str, properties: Mapping[str, object]) -> dict[str, object]:
    return {
        "object_name": f"backup-account-{task}",
        "object_type": "template",
        "imports": ["backup-account"],
        "groups": [f"backup-{task}"],
        **properties,
    }
