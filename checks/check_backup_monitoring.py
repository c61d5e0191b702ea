"""check_backup_monitoring: is the monitoring itself healthy?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import nagiosplugin

from backup_monitoring.model import Finding, SettingsError, State, Verdict
from backup_monitoring.plugin import (
    EXIT_CODES,
    Evaluation,
    Parser,
    VerdictSummary,
    Watchdog,
    add_common_options,
    add_output_option,
    add_verbosity,
    choose_now,
    make_metrics,
    render_output,
    start_run,
)
from backup_monitoring.selftest import (
    AffectedAccounts,
    HealthAspect,
    LastRun,
    OutboxFailure,
    Routine,
    evaluate_health,
    list_aspects,
)
from backup_monitoring.settings import Settings, StoreSettings
from backup_monitoring.store import (
    RunMeta,
    StoreFile,
    count_findings,
    find_objects_update,
    find_submission,
    has_objects_unit,
    open_store,
)
from backup_monitoring.tasks import TASKS

if TYPE_CHECKING:  # without an outbox in the settings it is not loaded
    from backup_monitoring.outbox import OutboxStatus

LIMIT = 10  # seconds


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the check; return its exit code and its output.

    Raises:
        MonitoringError: our own failure.
        HelpRequested: the command line asks for help or version.
    """
    options = make_parser().parse(arguments)
    settings = start_run(options, watchdog, LIMIT)
    watchdog.phase("reading the store")
    health = MonitoringHealth(settings, choose_now(options), list_findings=options.verbose > 1)
    if options.output == "json":
        return _render_json(health)
    return render_output("monitoring", health, VerdictSummary(options.verbose))


def _render_json(health: MonitoringHealth) -> tuple[int, str]:
    from backup_monitoring.records import (
        format_document,
        make_finding_record,
        make_metric_record,
        write_sentence,
    )

    verdict = health.read()
    parts: dict[str, object] = {
        "metrics": [make_metric_record(metric) for metric in verdict.metrics],
        "aspects": [
            {"state": aspect.state.name, "summary": write_sentence(aspect.text)}
            for aspect in health.aspects
        ],
        "findings": [make_finding_record(finding) for finding in health.findings],
    }
    state = verdict.state
    document = format_document("check_backup_monitoring", state, verdict.summary, health.now, parts)
    return state.value, document


def make_parser() -> Parser:
    """Return the parser of the command line."""
    parser = Parser(
        "check_backup_monitoring",
        "Checks the monitoring itself: the age of the store, the last collector run, what it could "
        "not read, its findings, and the mails that wait.",
        EXIT_CODES,
    )
    add_common_options(parser, limit=f"{LIMIT}")
    add_output_option(parser)
    add_verbosity(parser, "-v: each part, -vv: each finding, -vvv: each number")
    return parser


class MonitoringHealth(nagiosplugin.Resource):
    """Acquisition: the store and the outbox, and the verdict about them."""

    def __init__(self, settings: Settings, now: datetime, *, list_findings: bool) -> None:
        self.now = now
        self.aspects: Sequence[HealthAspect] = ()
        self.findings: Sequence[Finding] = ()
        self._settings = settings
        self._list_findings = list_findings

    def probe(self) -> list[nagiosplugin.Metric]:
        """Read store and outbox; return the verdict and its numbers.

        Raises:
            MonitoringError: as of `read`.
        """
        verdict = self.read()
        lines = (f"finding, {finding.kind}: {finding}" for finding in self.findings)
        verdict = verdict._replace(details=(*verdict.details, *lines))
        return make_metrics([Evaluation("", verdict)], verdict.metrics)

    def read(self) -> Verdict:
        """Read store and outbox; return the verdict, and keep its aspects and the findings.

        Raises:
            MonitoringError: the settings name no store, or it cannot be read.
        """
        settings = self._settings
        if settings.store.folder is None:
            remedy = "set it, or do without this check: without a store there is nothing to check"
            raise SettingsError(f"{settings.file}: [store] folder", "not set", remedy)
        state = open_store(settings.store.folder)
        meta, findings = state.meta(), list(state.findings())
        counts = count_findings(findings)
        mails = _read_mails(settings, self.now)
        judged = (
            (
                *_list_readings(meta, settings.store),
                *_list_uses(settings.store.folder, settings),
                *_list_scans(mails, settings),
            ),
            LastRun(timedelta(seconds=meta.seconds), counts, _count_accounts(state, counts)),
            settings.monitoring,
            self.now,
            mails,
        )
        self.aspects = list_aspects(*judged)
        if self._list_findings:
            self.findings = findings
        return evaluate_health(*judged)


def _list_readings(meta: RunMeta, store: StoreSettings) -> Iterator[Routine]:
    yield Routine(
        *("directory", "read", meta.directory_read, meta.directory_error),
        *(store.directory_max_age, "[store] directory_max_age"),
    )
    yield Routine(
        *("storage", "read", meta.storage_read, meta.storage_error),
        *(store.max_age, "[store] max_age"),
    )


def _list_uses(folder: Path, settings: Settings) -> Iterator[Routine]:
    """Yield what other programs do again and again with the store in *folder*."""
    if settings.icinga.has_destination:
        at, ttl = find_submission(folder), settings.icinga.ttl
        why = None if at else "see submit_backup_results"
        yield Routine("results", "submitted", at, why, ttl, "[icinga] ttl")
    if has_objects_unit(folder):
        at, most = find_objects_update(folder), settings.monitoring.objects
        why = None if at else "see journalctl -u backup-monitoring-objects"
        yield Routine("objects", "updated", at, why, most, "[monitoring] objects")


def _list_scans(
    mails: OutboxStatus | OutboxFailure | None, settings: Settings
) -> Iterator[Routine]:
    if mails is None or isinstance(mails, OutboxFailure) or settings.notify.trigger != "scan":
        return
    at, most = mails.scanned, settings.monitoring.outbox
    why = None if at else "see notify_backup --scan"
    yield Routine("scan", "completed", at, why, most, "[monitoring] outbox")


def _count_accounts(state: StoreFile, findings: Mapping[str, int]) -> AffectedAccounts:
    """Count the accounts that cannot be judged; those that are held are findings already."""
    counts = {task: state.verdicts().count(task) for task in TASKS}
    task = max(counts, key=lambda task: counts[task][State.UNKNOWN])
    unknown = max(0, counts[task][State.UNKNOWN] - findings.get("held", 0))
    reports = state.count_homes_with("report")
    return AffectedAccounts(
        sum(counts[task].values()), task, unknown, findings.get("home", 0), reports
    )


def _read_mails(settings: Settings, now: datetime) -> OutboxStatus | OutboxFailure | None:
    if settings.notify.outbox is None:
        return None
    from backup_monitoring.outbox import OutboxAccessError, OutboxError, read_status

    try:
        return read_status(settings.notify.outbox, settings.notify, now)
    except OutboxAccessError as error:  # it may be fine for those who use it
        return OutboxFailure(State.UNKNOWN, f"outbox: {error}")
    except OutboxError as error:
        return OutboxFailure(State.CRITICAL, f"outbox: {error}")
