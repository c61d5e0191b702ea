"""notify_backup: tells those whom a failed account concerns."""

import argparse
import os
from collections.abc import Callable, Sequence
from datetime import datetime

from backup_monitoring.model import UsageError, escape_unprintable
from backup_monitoring.plugin import (
    HelpRequested,
    Parser,
    Watchdog,
    add_account_option,
    add_common_options,
    choose_now,
    parse_uids,
)
from backup_monitoring.settings import Settings, find_settings_file, read_settings

DONE, FALLBACK = 0, 1
PhaseCallback = Callable[[str], None]
_LIMITS = {"hook": 10, "other": 300}
_LOOKING_UP = 0.7  # of the hook's time limit


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the program; return its exit code and its output.

    Raises:
        MonitoringError: the command line or the settings are wrong, or nobody can be looked up.
    """
    try:
        options = _parser().parse(arguments)
    except HelpRequested as shown:
        return DONE, shown.text
    mode = _mode(options)
    watchdog.limit(options.timeout or _LIMITS["hook" if mode is _hook else "other"])
    watchdog.phase("reading the settings")
    settings = read_settings(find_settings_file(options.config))
    code, text = mode(options, settings, choose_now(options), watchdog.phase)
    return code, "\n".join(map(escape_unprintable, text.split("\n")))


def _parser() -> Parser:
    parser = Parser(
        "notify_backup",
        "Finds in the directory who must be told about an account, and tells them. Called by the "
        "monitoring system as its notification command, each text by an option or by the "
        "environment (NOTIFY_ACCOUNT, NOTIFY_TYPE, ..., and Nagios's NAGIOS_ macros).",
        "exit codes: 0 told, or safely in the outbox; 1 something was handed to the fallback; "
        "2 the outbox could not be written; 3 wrong options or settings",
    )
    add_account_option(parser)
    add_common_options(parser, limit="10 for a notification, else 300")
    call = parser.add_argument_group("a notification")
    for option, metavar, text in (
        ("type", "TYPE", "PROBLEM, RECOVERY, CUSTOM; others are only kept in the audit"),
        ("task", "TASK", "quota, schedule, status, client or unused"),
        ("state", "STATE", "OK, WARNING, CRITICAL or UNKNOWN"),
        ("last-state", "STATE", "the state before"),
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
    group.add_argument("--scan", action="store_true", help="judge all accounts, tell what is new")
    group.add_argument("--deliver", action="store_true", help="deliver what waits in the outbox")
    group.add_argument(
        "--release", action="store_true", help="let what is held, or was only recorded, be told"
    )
    group.add_argument(
        "--explain", action="store_true", help="say who is told about an account, and why"
    )
    group.add_argument(
        "--check-contacts", action="store_true", help="list accounts whose contacts are wrong"
    )
    group.add_argument(
        "--test-mail", metavar="ADDRESS", help="send one mail of every kind and language there"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print recipients, reasons and mails; change nothing"
    )


Mode = Callable[[argparse.Namespace, Settings, datetime, PhaseCallback], tuple[int, str]]


def _mode(options: argparse.Namespace) -> Mode:
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
        raise UsageError(named, "are different jobs", "ask for one at a time")
    return modes[asked[0]] if asked else _hook


def _require_trigger(settings: Settings, trigger: str, way: str) -> None:
    if settings.notify.trigger != trigger:
        raise UsageError(
            f"{settings.file}: [notify] trigger",
            f'is "{settings.notify.trigger}", so {way} is refused: two masters of when would tell '
            "everything twice",
            f'set it to "{trigger}", or do not call it this way',
        )


def _hook(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """Queue what the monitoring system says."""
    from backup_monitoring.notify import parse_call

    if options.account is not None:
        uids = parse_uids(options) or []
        if len(uids) != 1:
            raise UsageError("--account", "a notification is about one account", "name one")
        options.account = uids[0]
    call = parse_call(options, os.environ, now)
    _require_trigger(settings, "monitoring", "a notification")
    from backup_monitoring.notify import Notifier

    # What is left is for the outbox.
    seconds = (options.timeout or _LIMITS["hook"]) * _LOOKING_UP
    return Notifier(settings, now, phase, dry=options.dry_run).call(call, seconds)


def _scan(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """Tell what is new."""
    _require_trigger(settings, "scan", "--scan")
    from backup_monitoring.notify import Notifier

    return Notifier(settings, now, phase, dry=options.dry_run).scan()


def _deliver(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """Deliver what waits."""
    from backup_monitoring.notify import Notifier

    if options.dry_run:
        raise UsageError("--dry-run", "a delivery cannot be tried", "leave it out")
    return Notifier(settings, now, phase).deliver()


def _release(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """Let what is held be told."""
    from backup_monitoring.notify import Notifier

    return Notifier(settings, now, phase, dry=options.dry_run).release()


def _explain(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """Say who is told about accounts, and why."""
    from backup_monitoring.notify import Notifier

    uids = parse_uids(options)
    if uids is None:
        raise UsageError("--explain", "of which account?", "name it by --account")
    return DONE, "\n".join(Notifier(settings, now, phase).explain(uids, options.task))


def _check_contacts(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """List what is wrong with contacts."""
    from backup_monitoring.notify import Notifier

    found = list(Notifier(settings, now, phase).check_contacts(parse_uids(options)))
    return (FALLBACK if found else DONE), "\n".join(found) or "all contacts are good"


def _test_mail(
    options: argparse.Namespace, settings: Settings, now: datetime, phase: PhaseCallback
) -> tuple[int, str]:
    """Send samples."""
    from backup_monitoring.notify import Notifier

    return Notifier(settings, now, phase, dry=options.dry_run).test_mail(options.test_mail)
