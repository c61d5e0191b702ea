"""notify_backup: notifies the customers and resellers of failing accounts."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from backup_monitoring.model import MonitoringError, UsageError, escape_unprintable, format_count
from backup_monitoring.notify import (
    DONE,
    HOOK_LIMIT,
    INCOMPLETE,
    NOT_WRITTEN,
    WRONG,
    spool_quickly,
)
from backup_monitoring.plugin import Watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:  # what the hook does not load
    import argparse
    from datetime import datetime

    from backup_monitoring.plugin import Parser
    from backup_monitoring.settings import Settings

_TRY_LATER = "4.3.0"  # RFC 3463: Postfix's pipe(8) keeps a mail if the output begins with it
PhaseCallback = Callable[[str], None]
_LIMIT = 300  # seconds, of all jobs but the hook and the delivery
_DELIVERY_LIMIT = 660  # seconds: one mail to a server that takes half a minute for each answer


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the program; return its exit code and its output.

    Raises:
        MonitoringError: the command line or the settings are wrong, or people cannot be looked up.
        HelpRequested: the command line asks for help or version.
    """
    began = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    watchdog.phase("writing into the spool")
    code, text = spool_quickly(arguments, began, watchdog.limit) or _run_job(
        arguments, watchdog, began
    )
    return code, "\n".join(map(escape_unprintable, text.split("\n")))


def _run_job(arguments: Sequence[str], watchdog: Watchdog, began: int) -> tuple[int, str]:
    """Do the job that the options ask for; *began*: CLOCK_BOOTTIME in nanoseconds."""
    from backup_monitoring.plugin import choose_now, start_run

    options = _parser().parse(arguments)
    options.began = began
    mode = _choose_mode(options)
    limits: dict[Mode, int] = {_hook: HOOK_LIMIT, _deliver: _DELIVERY_LIMIT}
    limit = limits.get(mode, _LIMIT)
    options.timeout = options.timeout or limit
    try:
        settings = start_run(options, watchdog, limit)
        return mode(options, settings, choose_now(options), watchdog.phase)
    except MonitoringError as error:
        if mode is _bounce:
            return WRONG, f"{_TRY_LATER} {error}"
        raise


def _parser() -> "Parser":
    from backup_monitoring.plugin import Parser, add_account_option, add_common_options
    from backup_monitoring.tasks import TASK_NAMES

    parser = Parser(
        "notify_backup",
        "Finds in the directory who must be notified of an account's problem, and sends the mails. "
        "The monitoring system calls it as its notification command, with options or environment "
        "variables (NOTIFY_ACCOUNT, NOTIFY_TYPE, ..., or Nagios's NAGIOS_ macros): the call is "
        "spooled for --deliver.",
        "exit codes: 0 spooled or sent, or safely in the outbox; 1 something was handed to the "
        "operator, or waits; 2 spool or outbox could not be written; 3 wrong options or settings",
    )
    add_account_option(parser)
    add_common_options(
        parser,
        limit=f"{HOOK_LIMIT} for a notification, {_DELIVERY_LIMIT} for --deliver, else {_LIMIT}",
    )
    call = parser.add_argument_group("a notification")
    for option, metavar, text in (
        ("type", "TYPE", "PROBLEM, RECOVERY, CUSTOM; others are only logged"),
        ("task", "TASK", ", ".join(TASK_NAMES)),
        ("state", "STATE", "OK, WARNING, CRITICAL or UNKNOWN"),
        ("last-state", "STATE", "the previous state"),
        ("output", "TEXT", "the check's first line; with --explain or --log: text or json"),
        ("author", "NAME", "who wrote the comment"),
        ("comment", "TEXT", "the comment of a CUSTOM notification"),
        ("time", "TIME", "when: seconds since 1970, or ISO 8601 with offset"),
        ("host", "NAME", "the host's name"),
    ):
        call.add_argument(f"--{option}", metavar=metavar, help=text)
    _add_modes(parser)
    return parser


def _add_modes(parser: "Parser") -> None:
    group = parser.add_argument_group("other jobs, one at a time")
    group.add_argument(
        "--scan", action="store_true", help="evaluate all accounts, notify of changes"
    )
    group.add_argument(
        "--deliver",
        action="store_true",
        help="handle the calls that are spooled, and deliver what waits in the outbox",
    )
    group.add_argument(
        "--release",
        action="store_true",
        help="release what is held or was only recorded, and addresses that bounced",
    )
    group.add_argument(
        "--explain", action="store_true", help="show who is notified of an account, and why"
    )
    group.add_argument(
        "--log",
        action="store_true",
        help="show what was decided and sent about accounts, the newest first",
    )
    group.add_argument(
        "--check-contacts", action="store_true", help="list accounts with wrong contacts"
    )
    group.add_argument(
        "--test-mail", metavar="ADDRESS", help="send a mail of every kind and language there"
    )
    group.add_argument(
        "--bounce",
        action="store_true",
        help="read a mail server's report that a mail did not arrive from standard input",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print recipients, reasons and mails; change nothing"
    )


Mode = Callable[["argparse.Namespace", "Settings", "datetime", PhaseCallback], tuple[int, str]]


def _choose_mode(options: "argparse.Namespace") -> Mode:
    modes: dict[str, Mode] = {
        "scan": _scan,
        "deliver": _deliver,
        "release": _release,
        "explain": _explain,
        "log": _list_log,
        "check_contacts": _check_contacts,
        "test_mail": _test_mail,
        "bounce": _bounce,
    }
    asked = [name for name in modes if getattr(options, name)]
    if len(asked) > 1:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in asked)
        raise UsageError(named, "are different jobs", "give one at a time")
    return modes[asked[0]] if asked else _hook


def _require_trigger(settings: "Settings", trigger: str, way: str) -> None:
    if settings.notify.trigger != trigger:
        raise UsageError(
            f"{settings.file}: [notify] trigger",
            f'is "{settings.notify.trigger}", so {way} is refused: running both would send every '
            "notification twice",
            f'set it to "{trigger}", or do not use {way}',
        )


def _hook(
    options: "argparse.Namespace", settings: "Settings", now: "datetime", phase: PhaseCallback
) -> tuple[int, str]:
    """Spool a notification of the monitoring system, or show what it would lead to."""
    from backup_monitoring.notify import (
        Notifier,
        collect_values,
        parse_call,
        require_outbox,
        spool_call,
    )
    from backup_monitoring.plugin import parse_uids

    if options.account is not None:
        uids = parse_uids(options) or []
        if len(uids) != 1:
            raise UsageError("--account", "a notification is about one account", "give one")
        options.account = uids[0]
    call = parse_call(collect_values(vars(options), os.environ, now))
    _require_trigger(settings, "monitoring", "a notification")
    outbox = require_outbox(settings)
    if options.dry_run:
        return Notifier(settings, now, phase, dry=True).preview_call(call)
    return spool_call(vars(options), str(outbox.absolute()), options.began, now)


def _scan(
    options: "argparse.Namespace", settings: "Settings", now: "datetime", phase: PhaseCallback
) -> tuple[int, str]:
    """Notify of what has changed since the last scan."""
    _require_trigger(settings, "scan", "--scan")
    from backup_monitoring.notify import Notifier

    return Notifier(settings, now, phase, dry=options.dry_run).scan()


def _deliver(
    options: "argparse.Namespace", settings: "Settings", now: "datetime", phase: PhaseCallback
) -> tuple[int, str]:
    """Handle the calls that are spooled, and deliver what waits in the outbox."""
    from backup_monitoring.notify import Notifier

    if options.dry_run:
        raise UsageError("--dry-run", "does not work with --deliver", "leave it out")
    passed = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - options.began) / 10**9
    return Notifier(settings, now, phase).deliver(options.timeout, options.timeout - passed)


def _release(
    options: "argparse.Namespace", settings: "Settings", now: "datetime", phase: PhaseCallback
) -> tuple[int, str]:
    """Release what is held or only recorded."""
    from backup_monitoring.notify import Notifier

    return Notifier(settings, now, phase, dry=options.dry_run).release()


def _explain(
    options: "argparse.Namespace", settings: "Settings", now: "datetime", phase: PhaseCallback
) -> tuple[int, str]:
    """Show who is notified of accounts, and why."""
    from backup_monitoring.notify import (
        Notifier,
        format_explanations,
        make_explanation_record,
        summarize_explanations,
    )
    from backup_monitoring.plugin import parse_uids

    uids, as_json = parse_uids(options), _asks_for_json(options)
    if uids is None:
        raise UsageError("--explain", "no account given", "give one with --account")
    found = list(Notifier(settings, now, phase).explain(uids, options.task))
    if not as_json:
        return DONE, "\n".join(format_explanations(found))
    records = [make_explanation_record(each) for each in found]
    summary = summarize_explanations(found)
    return DONE, _format_document(summary, now, {"explanations": records})


def _asks_for_json(options: "argparse.Namespace") -> bool:
    """Return whether the output of a job shall be a document."""
    if options.output not in (None, "text", "json"):
        raise UsageError("--output", f"{options.output!r} is not text or json", "give one of them")
    return bool(options.output == "json")


def _format_document(
    summary: str, now: "datetime | None", parts: "Mapping[str, object]", code: int = DONE
) -> str:
    from backup_monitoring.model import State
    from backup_monitoring.records import format_document

    return format_document("notify_backup", State(code), summary, now, parts)


def _list_log(
    options: "argparse.Namespace", settings: "Settings", now: "datetime", phase: PhaseCallback
) -> tuple[int, str]:
    """Show what was decided and sent."""
    from backup_monitoring.notify import (
        choose_zone,
        format_decisions,
        list_decisions,
        make_decision_record,
        require_outbox,
    )
    from backup_monitoring.outbox import OutboxError
    from backup_monitoring.plugin import parse_uids

    outbox, as_json = require_outbox(settings), _asks_for_json(options)
    phase(f"reading {outbox}")
    try:
        decisions = list_decisions(outbox, parse_uids(options))
    except OutboxError as error:
        failure = f"FAILED: {error}"
        return NOT_WRITTEN, _format_document(failure, None, {}, NOT_WRITTEN) if as_json else failure
    if as_json:
        count = format_count(len(decisions), "decision")
        records = [make_decision_record(each) for each in decisions]
        return DONE, _format_document(count, now, {"decisions": records})
    lines = format_decisions(decisions, choose_zone(settings))
    return DONE, "\n".join(lines) or "nothing was decided or sent in the last 30 days"


def _check_contacts(
    options: "argparse.Namespace", settings: "Settings", now: "datetime", phase: PhaseCallback
) -> tuple[int, str]:
    """List what is wrong with contacts."""
    from backup_monitoring.notify import Notifier
    from backup_monitoring.plugin import parse_uids

    findings = list(Notifier(settings, now, phase).check_contacts(parse_uids(options)))
    return (INCOMPLETE if findings else DONE), "\n".join(findings) or "all contacts are valid"


def _test_mail(
    options: "argparse.Namespace", settings: "Settings", now: "datetime", phase: PhaseCallback
) -> tuple[int, str]:
    """Send sample mails."""
    from backup_monitoring.notify import Notifier

    return Notifier(settings, now, phase, dry=options.dry_run).send_test_mails(options.test_mail)


def _bounce(
    options: "argparse.Namespace", settings: "Settings", now: "datetime", phase: PhaseCallback
) -> tuple[int, str]:
    """Take a report of a mail server, as its pipe: only what is not stored is tried again."""
    from backup_monitoring.mail import MAX_BYTES
    from backup_monitoring.notify import Notifier
    from backup_monitoring.outbox import OutboxError

    if options.dry_run:
        raise UsageError("--dry-run", "does not work with --bounce", "leave it out")
    if sys.stdin is None:
        raise UsageError("--bounce", "standard input is closed", "pipe a report into it")
    phase("reading the report from standard input")
    message = sys.stdin.buffer.read(MAX_BYTES)
    while sys.stdin.buffer.read(MAX_BYTES):  # a mail server wants to get rid of the rest, too
        pass
    try:
        return Notifier(settings, now, phase).take_bounce(message)
    except OutboxError as error:
        return NOT_WRITTEN, f"{_TRY_LATER} {error}"
