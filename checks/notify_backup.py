"""notify_backup: notifies the customers and resellers of failing accounts."""

import argparse
import os
from collections.abc import Callable, Sequence
from datetime import datetime

from backup_monitoring.model import UsageError, escape_unprintable
from backup_monitoring.plugin import (
    Parser,
    Watchdog,
    add_account_option,
    add_common_options,
    choose_now,
    parse_uids,
    start_run,
)
from backup_monitoring.settings import Settings
from backup_monitoring.tasks import TASKS

DONE, INCOMPLETE = 0, 1
PhaseCallback = Callable[[str], None]
_TIME_LIMITS = {"hook": 10, "other": 300}
_LOOKUP_SHARE = 0.7  # of the hook's time limit; the rest is for the outbox


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the program; return its exit code and its output.

    Raises:
        MonitoringError: the command line or the settings are wrong, or people cannot be looked up.
        HelpRequested: the command line asks for help or version.
    """
    options = _parser().parse(arguments)
    mode = _choose_mode(options)
    settings = start_run(options, watchdog, _TIME_LIMITS["hook" if mode is _hook else "other"])
    code, text = mode(options, settings, choose_now(options), watchdog.phase)
    return code, "\n".join(map(escape_unprintable, text.split("\n")))


def _parser() -> Parser:
    parser = Parser(
        "notify_backup",
        "Finds in the directory who must be notified of an account's problem, and sends the mails. "
        "The monitoring system calls it as its notification command, with options or environment "
        "variables (NOTIFY_ACCOUNT, NOTIFY_TYPE, ..., or Nagios's NAGIOS_ macros).",
        "exit codes: 0 sent, or safely in the outbox; 1 something was handed to the operator; "
        "2 the outbox could not be written; 3 wrong options or settings",
    )
    add_account_option(parser)
    add_common_options(parser, limit="10 for a notification, else 300")
    call = parser.add_argument_group("a notification")
    for option, metavar, text in (
        ("type", "TYPE", "PROBLEM, RECOVERY, CUSTOM; others are only logged"),
        ("task", "TASK", ", ".join(TASKS)),
        ("state", "STATE", "OK, WARNING, CRITICAL or UNKNOWN"),
        ("last-state", "STATE", "the previous state"),
        ("output", "TEXT", "the check's first line"),
        ("author", "NAME", "who wrote the comment"),
        ("comment", "TEXT", "the comment of a CUSTOM notification"),
        ("time", "TIME", "when: seconds since 1970, or ISO 8601 with offset"),
        ("host", "NAME", "the host's name"),
    ):
        call.add_argument(f"--{option}", metavar=metavar, help=text)
    _add_modes(parser)
    return parser


def _add_modes(parser: Parser) -> None:
    group = parser.add_argument_group("other jobs, one at a time")
    group.add_argument(
        "--scan", action="store_true", help="evaluate all accounts, notify of changes"
    )
    group.add_argument("--deliver", action="store_true", help="deliver what waits in the outbox")
    group.add_argument(
        "--release", action="store_true", help="release what is held, or was only recorded"
    )
    group.add_argument(
        "--explain", action="store_true", help="show who is notified of an account, and why"
    )
    group.add_argument(
        "--check-contacts", action="store_true", help="list accounts with wrong contacts"
    )
    group.add_argument(
        "--test-mail", metavar="ADDRESS", help="send a mail of every kind and language there"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print recipients, reasons and mails; change nothing"
    )


Mode = Callable[[argparse.Namespace, Settings, datetime, PhaseCallback], tuple[int, str]]


def _choose_mode(options: argparse.Namespace) -> Mode:
    modes: dict[str, Mode] = {
        "scan": _scan,
        "deliver": _deliver,
        "release": _release,
        "explain": _explain,
        "check_contacts": _check_contacts,
        "test_mail": _test_mail,
    }
    asked = [name for name in modes if getattr(options, name)]
    if len(asked) > 1:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in asked)
        raise UsageError(named, "are different jobs", "give one at a time")
    return modes[asked[0]] if asked else _hook


def _require_trigger(settings: Settings, trigger: str, way: str) -> None:
    if settings.notify.trigger != trigger:
        raise UsageError(
            f"{settings.file}: [notify] trigger",
            f'is "{settings.notify.trigger}", so {way} is refused: running both would send every '
            "notification twice",
            f'set it to "{trigger}", or do not use {way}',
        )


def _hook(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """Handle a notification of the monitoring system."""
    from backup_monitoring.notify import parse_call

    if options.account is not None:
        uids = parse_uids(options) or []
        if len(uids) != 1:
            raise UsageError("--account", "a notification is about one account", "give one")
        options.account = uids[0]
    call = parse_call(options, os.environ, now)
    _require_trigger(settings, "monitoring", "a notification")
    from backup_monitoring.notify import Notifier

    seconds = (options.timeout or _TIME_LIMITS["hook"]) * _LOOKUP_SHARE
    return Notifier(settings, now, phase, dry=options.dry_run).handle_call(call, seconds)


def _scan(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """Notify of what has changed since the last scan."""
    _require_trigger(settings, "scan", "--scan")
    from backup_monitoring.notify import Notifier

    return Notifier(settings, now, phase, dry=options.dry_run).scan()


def _deliver(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """Deliver what waits in the outbox."""
    from backup_monitoring.notify import Notifier

    if options.dry_run:
        raise UsageError("--dry-run", "does not work with --deliver", "leave it out")
    return Notifier(settings, now, phase).deliver()


def _release(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """Release what is held or only recorded."""
    from backup_monitoring.notify import Notifier

    return Notifier(settings, now, phase, dry=options.dry_run).release()


def _explain(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """Show who is notified of accounts, and why."""
    from backup_monitoring.notify import Notifier

    uids = parse_uids(options)
    if uids is None:
        raise UsageError("--explain", "no account given", "give one with --account")
    return DONE, "\n".join(Notifier(settings, now, phase).explain(uids, options.task))


def _check_contacts(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """List what is wrong with contacts."""
    from backup_monitoring.notify import Notifier

    findings = list(Notifier(settings, now, phase).check_contacts(parse_uids(options)))
    return (INCOMPLETE if findings else DONE), "\n".join(findings) or "all contacts are valid"


def _test_mail(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """Send sample mails."""
    from backup_monitoring.notify import Notifier

    return Notifier(settings, now, phase, dry=options.dry_run).send_test_mails(options.test_mail)
