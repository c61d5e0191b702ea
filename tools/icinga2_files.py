"""The configuration of Icinga 2: a command, and a template of services, for each check."""

import json
from collections.abc import Iterator

from backup_monitoring.tasks import TASKS
from tools.commands import FOLDER, NOTE, Argument, Command, list_commands

_DIRECTORY = (
    "// The folder of the programs. If yours is another one, define it before this file is included.\n"
    'if (!globals.contains("BackupMonitoringDir")) {\n'
    f'  const BackupMonitoringDir = "{FOLDER}"\n}}\n'
)
_ACTIVE = """// Icinga runs a check for each service. Needs icinga2-commands.conf.

template Service "backup-account-active" {
  import "backup-account"
  check_interval = 15m
  retry_interval = 15m
}
"""
_PASSIVE = """// submit_backup_results submits the states. If a service gets no result for [icinga] ttl, it becomes
// UNKNOWN. Needs icinga2-passive-commands.conf.

template Service "backup-account-passive" {
  import "backup-account"
  // Without active checks the last state would never become stale.
  enable_active_checks = true
  check_interval = 30m
  retry_interval = 30m
}
"""
_PASSIVE_COMMANDS = """// What Icinga runs for a service whose results are submitted: if none came for [icinga] ttl, or if
// someone asks for a check ("Check now").
//
// By default the last result counts until its TTL is over: state, acknowledgement and output stay.
// Where Icinga's user can read the store of backup-monitoring, the command can be the real check.
// Define this before this file is included:
//   const BackupStoreIsLocal = true
if (!globals.contains("BackupStoreIsLocal")) {
  const BackupStoreIsLocal = false
}

DIRECTORY
template CheckCommand "backup-passive" {
  // No dummy: its variables would be those of the host, if that has some, and a state of OK.
  execute = function(checkable, cr) {
    var last = checkable.last_check_result
    var left = 0
    if (last) {
      var ttl = last.ttl
      if (ttl <= 0) {
        ttl = checkable.check_interval
      }
      left = last.execution_end + ttl - get_time()
    }
    if (left > 0) {
      cr.state = last.state
      cr.output = last.output
      cr.performance_data = last.performance_data
      // As a result that is submitted: the next check is due when the TTL is over.
      cr.active = false
      cr.ttl = Math.ceil(left)
    } else {
      cr.state = 3
      cr.output = "no result received: see submit_backup_results"
    }
    checkable.process_check_result(cr)
  }
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
    parts = [f"// {NOTE}\n\n{_ACTIVE}", *_list_groups()]
    for name in sorted(TASKS):
        command = (
            f'  check_command = "backup_{name}"\n'
            f'  vars.backup_{name}_account = "=$service.vars.backup_account$"\n'
        )
        parts.append(_format_template(name, "backup-account-active", command))
    return "\n".join(parts)


def render_icinga2_passive() -> str:
    """Return the templates of services whose results are submitted."""
    parts = [f"// {NOTE}\n\n{_PASSIVE}", *_list_groups()]
    for name in sorted(TASKS):
        command = f'  check_command = "backup-passive-{name}"\n'
        parts.append(_format_template(name, "backup-account-passive", command))
    return "\n".join(parts)


def _list_groups() -> Iterator[str]:
    for name in sorted(TASKS):
        yield f'object ServiceGroup "backup-{name}" {{\n  display_name = "Backup {name}"\n}}\n'


def _format_template(task: str, base: str, command: str) -> str:
    return (
        f'template Service "backup-account-{task}" {{\n'
        f'  import "{base}"\n{command}  groups += [ "backup-{task}" ]\n}}\n'
    )


def render_icinga2_passive_commands() -> str:
    """Return the CheckCommands of services whose results are submitted."""
    parts = [f"// {NOTE}\n\n{_PASSIVE_COMMANDS.replace('DIRECTORY', _DIRECTORY)}"]
    for command in list_commands():
        if command.has_accounts:
            parts.append(
                f'object CheckCommand "backup-passive-{command.task}" {{\n'
                "  if (BackupStoreIsLocal) {\n"
                f'    command = [ BackupMonitoringDir + "/check_{command.name}" ]\n'
                f"    timeout = {command.timeout}s\n"
                '    arguments = { "--account" = "=$service.vars.backup_account$" }\n'
                "  } else {\n"
                '    import "backup-passive"\n'
                "  }\n"
                "}\n"
            )
    return "\n".join(parts)


def render_icinga2_agent() -> str:
    """Return the services whose checks agents run."""
    names = ", ".join(_quote(name) for name in sorted([*TASKS, "monitoring"]))
    return f"// {NOTE}\n\n{_AGENT.replace('CHECKS', names)}"


def render_icinga2_commands() -> str:
    """Return the CheckCommands of Icinga 2."""
    head = f"// {NOTE}\n\n{_DIRECTORY}"
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
