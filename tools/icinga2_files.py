"""The configuration of Icinga 2: a command, and a template of services, for each check."""

import json
from collections.abc import Iterator

from backup_monitoring.tasks import TASKS
from tools.commands import FOLDER, NOTE, Argument, Command, list_commands

_ACTIVE = """// Icinga runs a check for each service. Needs icinga2-commands.conf.

template Service "backup-account-active" {
  import "backup-account"
  check_interval = 15m
  retry_interval = 15m
}
"""
_PASSIVE = """// submit_backup_results submits the states. If a service gets no result for [icinga] ttl, Icinga
// runs the dummy check, which makes it UNKNOWN.

template Service "backup-account-passive" {
  import "backup-account"
  check_command = "passive"
  // Without active checks the last state would never become stale.
  enable_active_checks = true
  check_interval = 30m
  retry_interval = 30m
  // Without these the host's own variables would count, and its dummy is OK.
  vars.dummy_state = 3
  vars.dummy_text = "no result received: see submit_backup_results"
}
"""
_AGENT = """// Checks that Icinga agents run on the backup servers: one service per check, for all accounts of the
// server. Needs icinga2-commands.conf here and at the agent. For a host, set the name of its agent's
// endpoint:
//   vars.backup_agent = "backup-01.example.org"

const BackupChecks = [ CHECKS ]

apply Service "backup-" for (check in BackupChecks) to Host {
  check_command = "backup_" + check
  zone = ZoneName
  command_endpoint = host.vars.backup_agent
  check_interval = 15m
  retry_interval = 15m
  max_check_attempts = 1
  enable_flapping = false
  assign where host.vars.backup_agent
}
"""


def render_icinga2_active() -> str:
    """Return the templates of services whose check Icinga runs."""
    parts = [f"// {NOTE}\n\n{_ACTIVE}"]
    for name in sorted(TASKS):
        parts.append(
            f'template Service "backup-account-{name}" {{\n'
            '  import "backup-account-active"\n'
            f'  check_command = "backup_{name}"\n'
            f'  vars.backup_{name}_account = "=$service.vars.backup_account$"\n'
            "}\n"
        )
    return "\n".join(parts)


def render_icinga2_passive() -> str:
    """Return the templates of services whose results are submitted."""
    parts = [f"// {NOTE}\n\n{_PASSIVE}"]
    for name in sorted(TASKS):
        template = f'template Service "backup-account-{name}"'
        parts.append(f'{template} {{\n  import "backup-account-passive"\n}}\n')
    return "\n".join(parts)


def render_icinga2_agent() -> str:
    """Return the services whose checks agents run."""
    names = ", ".join(_quote(name) for name in sorted([*TASKS, "monitoring"]))
    return f"// {NOTE}\n\n{_AGENT.replace('CHECKS', names)}"


def render_icinga2_commands() -> str:
    """Return the CheckCommands of Icinga 2."""
    head = (
        f"// {NOTE}\n\n// The folder of the programs. If yours is another one, define it before "
        'this file is included.\nif (!globals.contains("BackupMonitoringDir")) {\n'
        f'  const BackupMonitoringDir = "{FOLDER}"\n}}\n'
    )
    return head + "".join(map(_format_check_command, list_commands()))


def _format_check_command(command: Command) -> str:
    lines = [
        f"\n// {command.text}",
        f'object CheckCommand "{command.name}" {{',
        f'  command = [ BackupMonitoringDir + "/check_{command.name}" ]',
        f"  timeout = {command.timeout}s",
        "  arguments = {",
    ]
    for argument in command.arguments:
        lines.append(f"    {_quote(argument.key)} = {{")
        lines += [f"      {line}" for line in _format_properties(argument)]
        lines.append("    }")
    return "\n".join([*lines, "  }", "}", ""])


def _format_properties(argument: Argument) -> Iterator[str]:
    yield f"{'set_if' if argument.flag else 'value'} = {_quote(f'${argument.variable}$')}"
    if argument.repeated:
        yield "repeat_key = true"
    yield f"description = {_quote(argument.text)}"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
