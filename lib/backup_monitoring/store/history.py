"""A computer's history: what follows from the reports that one collector run after another sees.

A run sees the last start and the last end that were uploaded. What was overwritten between two
runs is not known, and is never counted, neither as a success nor as a failure.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import Enum, auto
from typing import Any, NamedTuple

from backup_monitoring.model import CLOCK_SLACK, Computer, End, History, Pattern, Schedule, Start

_BY_OUR_CLOCK = ("first_seen", "schedule_changed", "gone", "uploaded", "retired")


class BackupOutcome(Enum):
    """How a backup went, as far as it is known."""

    SUCCESS = auto()
    FAILED = auto()
    NEVER_ENDED = auto()
    UNKNOWN = auto()  # its end was overwritten, if there was one


class SeenReport(NamedTuple):
    """What is kept of a report: *at* and *id* identify it; *success* of an end."""

    at: datetime
    id: str
    success: bool = False


class TrackedComputer(NamedTuple):
    """What is kept of a computer from run to run; see `History` for the fields not listed here.

    Args:
        start, end: the last that were seen.
        failed: backups in a row, up to before the newest one.
        plan: the last schedule that was seen, without its offset.
        never_ended: when the backup began that was the last to be counted, if it never ended.
    """

    first_seen: datetime
    start: SeenReport | None = None
    end: SeenReport | None = None
    failed: int = 0
    at_least: bool = False
    failed_since: datetime | None = None
    last_success: datetime | None = None
    first_open: datetime | None = None
    plan: str | None = None
    schedule_changed: datetime | None = None
    gone: datetime | None = None
    uploaded: datetime | None = None
    never_ended: datetime | None = None
    retired: datetime | None = None

    @property
    def history(self) -> History:
        """The part that the rules use."""
        return History(*(getattr(self, name) for name in History._fields))

    @property
    def is_blank(self) -> bool:
        """Whether no run has understood a report: it may never have been a computer."""
        return self.start is None and self.end is None and self.plan is None

    def history_beside(self, computer: Computer) -> History | None:
        """Return `history` for rules that see *computer* as it is now, None if it has no report.

        If the customer has removed the start of an open backup, the end before it is the newest
        backup again: the rules count it themselves, so it must not be in the row. If the end of
        the newest backup was removed, its start looks open: what the end added to the row stays.
        """
        if computer.start is computer.end is computer.schedule is None:
            return None  # a folder without reports is not a computer, whatever it had before
        history, start, end = self.history, self.start, self.end
        if start is None or end is None:
            return history
        if computer.end is None and end.at >= start.at:
            return _count(self, end, _get_outcome(end)).history
        if computer.start is not None or end.success or end.at >= start.at or not history.failed:
            return history
        since = history.failed_since if history.failed > 1 else None
        return history._replace(failed=history.failed - 1, failed_since=since)


class _BackupReports(NamedTuple):
    """A backup as the reports show it: an end, or an open start."""

    start: SeenReport | None
    end: SeenReport | None


def update_computer(
    before: TrackedComputer | None, computer: Computer, now: datetime
) -> TrackedComputer:
    """Return what is to be kept after a run that saw *computer*.

    Args:
        before: what was kept until now, None if no run has seen it.
        computer: its reports; one that is missing, invalid or in the future changes nothing.
        now: of the run, aware UTC.
    """
    # What failed before the first run is not known: a row that was open then is a lower bound.
    tracked = (
        _clip_times(before, now) if before is not None else TrackedComputer(now, at_least=True)
    )
    start = _identify(computer.start, now) or tracked.start
    end = _identify(computer.end, now) or tracked.end
    tracked = _update_plan(tracked, computer.schedule, now)
    if (start, end) == (tracked.start, tracked.end):
        return tracked if tracked.gone is None else tracked._replace(gone=None)
    for report, outcome in _list_finished(tracked, start, end):
        tracked = _count(tracked, report, outcome)
    if end is not None and end != tracked.end:
        tracked = _record_end(tracked, end)
    first_open = tracked.first_open or (start.at if start is not None else None)
    return tracked._replace(
        start=start,
        end=end,
        first_open=first_open if end is None else None,
        gone=None,
        uploaded=now if before is not None else None,
    )


def mark_missing(before: TrackedComputer, now: datetime) -> TrackedComputer:
    """Return what is to be kept after a run that did not find the computer's folder."""
    tracked = _clip_times(before, now)
    return tracked if tracked.gone is not None else tracked._replace(gone=now)


def _clip_times(tracked: TrackedComputer, now: datetime) -> TrackedComputer:
    """Return *tracked* without times that a wrong clock of this server has set in the future.

    Rules count from them: a schedule that "changes" in a year would not be missed for a year.
    """
    times = {name: getattr(tracked, name) for name in _BY_OUR_CLOCK}
    ahead: dict[str, Any] = {name: now for name, at in times.items() if at is not None and at > now}
    return tracked._replace(**ahead) if ahead else tracked


def _identify(report: object, now: datetime) -> SeenReport | None:
    if not isinstance(report, Start | End) or report.at > now + CLOCK_SLACK:
        return None
    return SeenReport(report.at, report.id, isinstance(report, End) and report.success)


def _find_newest(start: SeenReport | None, end: SeenReport | None) -> _BackupReports | None:
    """Return the newest backup that the last start and the last end show."""
    if end is not None and (start is None or end.at >= start.at):
        return _BackupReports(start, end)
    return _BackupReports(start, None) if start is not None else None


def _list_finished(
    tracked: TrackedComputer, start: SeenReport | None, end: SeenReport | None
) -> Iterator[tuple[SeenReport, BackupOutcome]]:
    """Yield in order the backups that are now known to be over, other than the newest one.

    Args:
        tracked: what earlier runs saw. start, end: what this run sees.
    """
    old, new = _find_newest(tracked.start, tracked.end), _find_newest(start, end)
    assert new is not None  # noqa: S101 - something was seen, or nothing has changed
    new_end = end if end != tracked.end else None
    if old is None:
        if new.end is None and new_end is not None:  # the first run: an end before an open start
            yield new_end, _get_outcome(new_end)
        return
    if old.end is not None:
        if new.end != old.end:
            yield old.end, _get_outcome(old.end)
        if new_end is not None and new.end is None:
            yield new_end, _get_outcome(new_end)
        return
    assert old.start is not None  # noqa: S101 - an open backup has a start
    if start == old.start:
        # The same backup, which may have ended; or the end of an earlier one has come late.
        if new_end is not None and new.end is None:
            yield from _count_late_end(tracked, new_end)
        return
    yield from _finish_open(tracked, old.start, new, end, new_end)


def _count_late_end(
    tracked: TrackedComputer, end: SeenReport
) -> Iterator[tuple[SeenReport, BackupOutcome]]:
    """Yield an *end* older than the open start, which says nothing about the open backup."""
    if not end.success and tracked.never_ended is not None and tracked.never_ended <= end.at:
        return  # its backup has counted already, as one that never ended
    yield end, _get_outcome(end)


def _finish_open(
    tracked: TrackedComputer,
    open_start: SeenReport,
    new: _BackupReports,
    end: SeenReport | None,
    new_end: SeenReport | None,
) -> Iterator[tuple[SeenReport, BackupOutcome]]:
    """Yield what a newer start implies for the backup that was open before it."""
    if end is None or end.at < open_start.at:
        if new_end is not None:
            yield from _count_late_end(tracked, new_end)
        yield open_start, BackupOutcome.NEVER_ENDED
    elif new_end is None or new.end is not None:
        # The end that is visible is the newest backup's: one of this backup was overwritten.
        yield open_start, BackupOutcome.UNKNOWN
    else:
        if new_end.id != open_start.id:
            yield open_start, BackupOutcome.UNKNOWN
        yield new_end, _get_outcome(new_end)


def _get_outcome(end: SeenReport) -> BackupOutcome:
    return BackupOutcome.SUCCESS if end.success else BackupOutcome.FAILED


def _count(tracked: TrackedComputer, report: SeenReport, outcome: BackupOutcome) -> TrackedComputer:
    """Return *tracked* with a backup that is over."""
    if outcome is BackupOutcome.NEVER_ENDED:
        tracked = tracked._replace(never_ended=report.at)
    if outcome is BackupOutcome.SUCCESS:
        return tracked._replace(failed=0, at_least=False, failed_since=None)
    if outcome is BackupOutcome.UNKNOWN:
        return tracked._replace(at_least=True)
    since = tracked.failed_since or report.at
    return tracked._replace(failed=tracked.failed + 1, failed_since=since)


def _record_end(tracked: TrackedComputer, end: SeenReport) -> TrackedComputer:
    """Return *tracked* with an end that no earlier run saw."""
    if not end.success:
        return tracked._replace(never_ended=None)
    last = end.at if tracked.last_success is None else max(tracked.last_success, end.at)
    return tracked._replace(last_success=last, never_ended=None)


def _update_plan(tracked: TrackedComputer, schedule: object, now: datetime) -> TrackedComputer:
    """Return *tracked* with the schedule; the first one, or a new offset, is not a change."""
    if not isinstance(schedule, Schedule):
        return tracked
    plan = _format_plan(schedule)
    if plan == tracked.plan:
        return tracked
    changed = now if tracked.plan is not None else tracked.schedule_changed
    return tracked._replace(plan=plan, schedule_changed=changed)


def _format_plan(schedule: Schedule) -> str:
    plan = schedule.plan
    if not isinstance(plan, Pattern):
        return plan.name
    parts = (plan.minutes, plan.hours, plan.days, plan.months, plan.weekdays)
    return " ".join("*" if part is None else ",".join(map(str, sorted(part))) for part in parts)
