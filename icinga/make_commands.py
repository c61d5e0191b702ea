"""Writes the monitoring systems' commands from the checks' own command lines."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "checks")]

import check_backup_monitoring  # noqa: E402 - found by the path above
from backup_monitoring.plugin import LIMIT, Parser, parser_of  # noqa: E402
from check_backup_client import ClientCheck  # noqa: E402
from check_backup_quota import QuotaCheck  # noqa: E402
from check_backup_schedule import ScheduleCheck  # noqa: E402
from check_backup_status import StatusCheck  # noqa: E402
from check_backup_unused import UnusedCheck  # noqa: E402

FOLDER = "/opt/backup-monitoring/bin"
NOTE = "Made by icinga/make_commands.py from the programs' own options. Do not edit."
_CHECKS = (ClientCheck, QuotaCheck, ScheduleCheck, StatusCheck, UnusedCheck)
_MARGIN = 10  # seconds from a program's own time limit to that of its command
# They print something else than a state, or replay the past.
_NO_ARGUMENTS = {"help", "version", "now", "inventory"}

_NRPE = (
    "# The caller chooses a check and nothing else: leave dont_blame_nrpe=0, its arguments off.",
    "# What you want otherwise, write here. command_timeout and check_nrpe's -t: at least 60.",
)

# What notify_backup is given of a notification.
_MACROS = {
    "account": "$service.vars.backup_account$",
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


class Argument(NamedTuple):
    """An option of a check.

    Args:
        key: as on the command line. variable: the custom variable with its value.
        flag: it takes no value. repeated, required: as they say. text: its help.
    """

    key: str
    variable: str
    flag: bool
    repeated: bool
    required: bool
    text: str


class Command(NamedTuple):
    """A check as a command: *name* without ``check_``, *timeout* in seconds."""

    name: str
    timeout: int
    text: str
    arguments: tuple[Argument, ...]

    @property
    def task(self) -> str:
        """Return the task of the check."""
        return self.name.removeprefix("backup_")

    @property
    def of_accounts(self) -> bool:
        """Whether it can be asked for an account."""
        return any(argument.key == "--account" for argument in self.arguments)


def commands() -> list[Command]:
    """Return the commands of all checks."""
    found = [_command(parser_of(check()), LIMIT) for check in _CHECKS]
    return [*found, _command(check_backup_monitoring.command_line(), check_backup_monitoring.LIMIT)]


def _command(parser: Parser, limit: int) -> Command:
    name = parser.prog.removeprefix("check_")
    chosen = [action for action in parser._actions if action.dest not in _NO_ARGUMENTS]
    arguments = tuple(_argument(name, action) for action in chosen)
    return Command(name, limit + _MARGIN, str(parser.description), arguments)


def _argument(command: str, action: argparse.Action) -> Argument:
    key = max(action.option_strings, key=len)
    return Argument(
        key,
        f"{command}_{key.lstrip('-').replace('-', '_')}",
        action.nargs == 0,
        isinstance(action, argparse._AppendAction),
        action.required,
        str(action.help),
    )


def icinga2() -> str:
    """Return the CheckCommands of Icinga 2."""
    head = (
        f"// {NOTE}\n\n// Where the programs are. Define it before this file is included if yours "
        'are elsewhere.\nif (!globals.contains("BackupMonitoringDir")) {\n'
        f'  const BackupMonitoringDir = "{FOLDER}"\n}}\n'
    )
    return head + "".join(map(_check_command, commands()))


def _check_command(command: Command) -> str:
    lines = [
        f"\n// {command.text}",
        f'object CheckCommand "{command.name}" {{',
        f'  command = [ BackupMonitoringDir + "/check_{command.name}" ]',
        f"  timeout = {command.timeout}s",
        "  arguments = {",
    ]
    for argument in command.arguments:
        lines.append(f"    {_string(argument.key)} = {{")
        lines += [f"      {line}" for line in _properties(argument)]
        lines.append("    }")
    return "\n".join([*lines, "  }", "}", ""])


def _properties(argument: Argument) -> Iterator[str]:
    yield f"{'set_if' if argument.flag else 'value'} = {_string(f'${argument.variable}$')}"
    if argument.repeated:
        yield "repeat_key = true"
    if argument.required:
        yield "required = true"
    yield f"description = {_string(argument.text)}"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def nagios() -> str:
    """Return the commands of Nagios: each check over all accounts, and over a service's."""
    return f"# {NOTE}\n" + "".join(map(_nagios_commands, commands()))


def _nagios_commands(command: Command) -> str:
    lines = [f"\n# {command.text} $ARG1$ takes more of its options:"]
    for argument in command.arguments:
        value = "" if argument.flag else " VALUE"
        lines.append(f"#   {argument.key}{value}: {argument.text}")
    line = f"{FOLDER}/check_{command.name}"
    lines += _definition(f"check_{command.name}", f"{line} $ARG1$")
    if command.of_accounts:
        account = "--account='$_SERVICEBACKUP_ACCOUNT$'"
        lines += _definition(f"check_{command.name}_account", f"{line} {account} $ARG1$")
    return "\n".join([*lines, ""])


def _definition(name: str, line: str) -> list[str]:
    return ["define command {", f"  command_name {name}", f"  command_line {line}", "}"]


def nrpe() -> str:
    """Return the commands of NRPE: each check over all accounts of the server."""
    lines = [f"# {NOTE}", *_NRPE]
    for command in commands():
        lines += ["", f"# {command.text}"]
        lines.append(f"command[check_{command.name}]={FOLDER}/check_{command.name}")
    return "\n".join([*lines, ""])


def director() -> str:
    """Return the basket of the Icinga Director: commands, templates, data fields."""
    found = commands()
    fields = _Fields()
    basket: dict[str, object] = {
        "Command": {each.name: _director_command(each, fields) for each in found},
        # Director does not know the commands of Icinga itself.
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
            "backup-account": _base_template(fields),
            **{
                f"backup-account-{each.task}": _director_template(each)
                for each in found
                if each.of_accounts
            },
        },
    }
    basket["Datafield"] = fields.made
    return json.dumps(basket, indent=2, ensure_ascii=False) + "\n"


class _Fields:
    """The data fields, numbered as they are met."""

    def __init__(self) -> None:
        self.made: dict[str, object] = {}

    def add(self, name: str, text: str, kind: str = "String") -> dict[str, object]:
        number = len(self.made) + 1
        settings = {"visibility": "visible"} if kind == "String" else {}
        self.made[str(number)] = {
            "varname": name,
            "caption": name.replace("_", " "),
            "description": text,
            "datatype": f"Icinga\\Module\\Director\\DataType\\DataType{kind}",
            "format": None,
            "settings": settings,
        }
        return {"datafield_id": number, "is_required": "n", "var_filter": None}


def _director_command(command: Command, fields: _Fields) -> dict[str, object]:
    return {
        "object_name": command.name,
        "object_type": "object",
        "methods_execute": "PluginCheck",
        "command": f"{FOLDER}/check_{command.name}",
        "timeout": str(command.timeout),
        "vars": {},
        "arguments": {each.key: _director_argument(each) for each in command.arguments},
        "fields": [fields.add(each.variable, each.text, _kind(each)) for each in command.arguments],
    }


def _kind(argument: Argument) -> str:
    if argument.flag:
        return "Boolean"
    return "Array" if argument.repeated else "String"


def _director_argument(argument: Argument) -> dict[str, object]:
    made: dict[str, object] = {"description": argument.text}
    made["set_if" if argument.flag else "value"] = f"${argument.variable}$"
    if argument.repeated:
        made["repeat_key"] = True
    if argument.required:
        made["required"] = True
    return made


def _director_hook() -> dict[str, object]:
    """Return the command of notifications: by arguments, a Director's command has no environment.

    Key and value are one word, so that no text is taken for an option.
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


def director_notify() -> str:
    """Return a basket of its own with what calls notify_backup: it writes to customers."""
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
        "Command": {"backup-notify": _director_hook()},
        "User": {"backup-hook": {"object_name": "backup-hook", "object_type": "object"}},
        "NotificationTemplate": {"backup-notify": notification},
        "Notification": {"backup-notify-services": applied},
    }
    return json.dumps(basket, indent=2) + "\n"


def _base_template(fields: _Fields) -> dict[str, object]:
    return {
        "object_name": "backup-account",
        "object_type": "template",
        "check_interval": "900",
        "retry_interval": "900",
        "max_check_attempts": "1",
        "enable_flapping": False,
        "fields": [
            fields.add("backup_account", "The account's UID"),
            fields.add("backup_task", "The check: client, quota, schedule, status or unused"),
        ],
    }


def _director_template(command: Command) -> dict[str, object]:
    return {
        "object_name": f"backup-account-{command.task}",
        "object_type": "template",
        "imports": ["backup-account"],
        "check_command": command.name,
        "vars": {f"{command.name}_account": ["$service.vars.backup_account$"]},
    }


FILES = {
    "icinga2-commands.conf": icinga2,
    "nagios4-commands.cfg": nagios,
    "nrpe-commands.cfg": nrpe,
    "director-basket.json": director,
    "director-notify.json": director_notify,
}

if __name__ == "__main__":
    for file, made in FILES.items():
        (ROOT / "icinga" / file).write_text(made(), encoding="utf-8")
