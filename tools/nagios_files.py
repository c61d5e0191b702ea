"""The configuration of Nagios and NRPE: commands and templates of services for each check."""

from collections.abc import Iterator

from backup_monitoring.tasks import TASKS
from tools.commands import FOLDER, NOTE, Command, list_commands

_NRPE = (
    "# The caller chooses a check and nothing else: leave dont_blame_nrpe=0.",
    "# Add the options that you need here. command_timeout and check_nrpe's -t: at least 60.",
)

_ACTIVE = """# Nagios runs a check for each service. Needs nagios4-commands.cfg. Intervals are minutes.

define service {
  name                   backup-account-active
  use                    backup-account
  register               0
  check_interval         15
  retry_interval         15
  passive_checks_enabled 0
}
"""
_PASSIVE = """# submit_backup_results submits the states. A service that gets none for 30 minutes becomes
# UNKNOWN: allow for at least three runs in that time.

define command {
  command_name backup-no-result
  command_line /usr/lib/nagios/plugins/check_dummy 3 "no result received: see submit_backup_results"
}

define service {
  name                   backup-account-passive
  use                    backup-account
  register               0
  check_command          backup-no-result
  active_checks_enabled  0
  passive_checks_enabled 1
  check_freshness        1
  freshness_threshold    1800
}
"""


def render_nagios_active() -> str:
    """Return the templates of services whose check Nagios runs."""
    parts = [f"# {NOTE}\n\n{_ACTIVE}", *_list_groups()]
    for name in sorted(TASKS):
        parts.append(
            "define service {\n"
            f"  name          backup-account-{name}\n"
            "  use           backup-account-active\n"
            "  register      0\n"
            f"  check_command check_backup_{name}_account\n"
            f"  servicegroups backup-{name}\n"
            "}\n"
        )
    return "\n".join(parts)


def render_nagios_passive() -> str:
    """Return the templates of services whose results are submitted."""
    parts = [f"# {NOTE}\n\n{_PASSIVE}", *_list_groups()]
    for name in sorted(TASKS):
        parts.append(
            "define service {\n"
            f"  name          backup-account-{name}\n"
            "  use           backup-account-passive\n"
            "  register      0\n"
            f"  servicegroups backup-{name}\n"
            "}\n"
        )
    return "\n".join(parts)


def _list_groups() -> Iterator[str]:
    for name in sorted(TASKS):
        yield (
            "define servicegroup {\n"
            f"  servicegroup_name backup-{name}\n"
            f"  alias             Backup {name}\n"
            "}\n"
        )


def render_nagios_commands() -> str:
    """Return the commands of Nagios: each check for all accounts, and for a service's account."""
    return f"# {NOTE}\n" + "".join(map(_format_nagios_commands, list_commands()))


def _format_nagios_commands(command: Command) -> str:
    lines = [f"\n# {command.text} $ARG1$ holds its further options:"]
    for argument in command.arguments:
        value = "" if argument.flag else " VALUE"
        lines.append(f"#   {argument.key}{value}: {argument.text}")
    line = f"{FOLDER}/check_{command.name}"
    lines += _format_definition(f"check_{command.name}", f"{line} $ARG1$")
    if command.has_accounts:
        account = "--account='$_SERVICEBACKUP_ACCOUNT$'"
        lines += _format_definition(f"check_{command.name}_account", f"{line} {account} $ARG1$")
    return "\n".join([*lines, ""])


def _format_definition(name: str, line: str) -> list[str]:
    return ["define command {", f"  command_name {name}", f"  command_line {line}", "}"]


def render_nrpe() -> str:
    """Return the commands of NRPE: each check for all accounts of the server."""
    lines = [f"# {NOTE}", *_NRPE]
    for command in list_commands():
        lines += ["", f"# {command.text}"]
        lines.append(f"command[check_{command.name}]={FOLDER}/check_{command.name}")
    return "\n".join([*lines, ""])
