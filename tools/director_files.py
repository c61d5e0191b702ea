"""The baskets of the Icinga Director: commands, templates and data fields."""

import json

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


def render_director() -> str:
    """Return the basket of the Icinga Director: commands, templates, data fields."""
    commands = list_commands()
    fields = _Fields()
    basket: dict[str, object] = {
        "Command": {command.name: _make_director_command(command, fields) for command in commands},
        # Without an entry the Director refuses a command that comes with Icinga itself.
        "ExternalCommand": {
            "dummy": {"object_name": "dummy", "object_type": "external_object"},
        },
        "HostTemplate": {
            "backup-server": {
                "object_name": "backup-server",
                "object_type": "template",
                "check_command": "dummy",
                "vars": {"dummy_state": 0, "dummy_text": "holds the services of backup accounts"},
            }
        },
        "ServiceTemplate": {
            "backup-account": _make_base_template(fields),
            **{
                f"backup-account-{command.task}": _make_director_template(command)
                for command in commands
                if command.has_accounts
            },
        },
    }
    basket["Datafield"] = fields.by_number
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
        "timeout": "20",
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


def _make_base_template(fields: _Fields) -> dict[str, object]:
    return {
        "object_name": "backup-account",
        "object_type": "template",
        "check_interval": "900",
        "retry_interval": "900",
        "max_check_attempts": "1",
        "enable_flapping": False,
        "fields": [
            fields.add("backup_account", "The account's UID"),
            fields.add("backup_task", f"The check: {_CHECKS}"),
        ],
    }


def _make_director_template(command: Command) -> dict[str, object]:
    return {
        "object_name": f"backup-account-{command.task}",
        "object_type": "template",
        "imports": ["backup-account"],
        "check_command": command.name,
        "vars": {f"{command.name}_account": ["=$service.vars.backup_account$"]},
    }
