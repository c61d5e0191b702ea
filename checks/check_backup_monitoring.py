"""check_backup_monitoring: does the monitoring itself live?"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from backup_monitoring.model import SettingsError, State
from backup_monitoring.plugin import (
    Evaluation,
    HelpRequested,
    Parser,
    PluginOutput,
    Watchdog,
    account_lines,
    add_common_options,
    add_verbosity,
    choose_now,
    render_output,
)
from backup_monitoring.selftest import OutboxHealth, StorePart, evaluate_health
from backup_monitoring.settings import Settings, StoreSettings, find_settings_file, read_settings
from backup_monitoring.store import RunMeta, count_findings, open_store

LIMIT = 10  # seconds


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the check; return its exit code and its output.

    Raises:
        MonitoringError: our own failure.
    """
    try:
        options = command_line().parse(arguments)
    except HelpRequested as shown:
        return State.UNKNOWN.value, shown.text
    watchdog.limit(options.timeout or LIMIT)
    watchdog.phase("reading the settings")
    settings = read_settings(find_settings_file(options.config))
    if settings.store.folder is None:
        remedy = "set it, or leave this check out: without a store there is nothing to check"
        raise SettingsError(f"{settings.file}: [store] folder", "not set", remedy)
    watchdog.phase("reading the store")
    state, now = open_store(settings.store.folder), choose_now(options)
    meta, findings = state.meta(), list(state.findings())
    verdict = evaluate_health(
        _parts(meta, settings.store),
        timedelta(seconds=meta.seconds),
        count_findings(findings),
        settings.monitoring,
        now,
        _mails(settings, now),
    )
    lines = [f"finding, {finding.kind}: {finding}" for finding in findings]
    verdict = verdict._replace(details=verdict.details + tuple(lines) * (options.verbose > 1))
    evaluate_all = Evaluation("service", verdict)
    lines_shown = (
        account_lines(evaluate_all, options.verbose, single=True) if options.verbose else []
    )
    return render_output(
        PluginOutput("service", [evaluate_all], verdict.metrics, verdict.summary, lines_shown)
    )


def command_line() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(
        "check_backup_monitoring",
        "Checks the store: the age of its parts, how long a pass takes, and what it found.",
        "exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (help and wrong options too)",
    )
    add_common_options(parser, limit=f"{LIMIT}")
    add_verbosity(parser, "-v: each part, -vv: each finding, -vvv: each number")
    return parser


def _parts(meta: RunMeta, store: StoreSettings) -> tuple[StorePart, StorePart]:
    return (
        StorePart("directory", meta.directory_read, meta.directory_error, store.directory_max_age),
        StorePart("storage", meta.storage_read, meta.storage_error, store.max_age),
    )


def _mails(settings: Settings, now: datetime) -> OutboxHealth | None:
    if settings.notify.outbox is None:
        return None
    if not settings.notify.outbox.exists():  # nothing was ever to be told
        return OutboxHealth()
    from backup_monitoring.outbox import read_status

    status = read_status(settings.notify.outbox, now)
    return OutboxHealth(status.waiting, status.oldest, status.held, status.refused)
