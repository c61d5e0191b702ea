"""A computer's history: what follows from looks at its reports, one after the other.

A look sees the last start and the last end that were uploaded; what was overwritten between two
looks is not known, and is never counted as a success or as a failure.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from backup_monitoring.model import CLOCK_SLACK, Computer, End, History, Pattern, Schedule, Start

STRIP = timedelta(days=30)
_MOST_RUNS = 100
_BY_OUR_CLOCK = ("first_seen", "schedule_changed", "gone", "uploaded")


class RunOutcome(Enum):
    """How a run went."""

    SUCCESS = "s"
    FAILED = "f"
    NEVER_ENDED = "n"
    UNSEEN = "?"


class SeenReport(NamedTuple):
    """A report that was seen: *at* and *id* tell it from others; *success* of an end."""

    at: datetime
    id: str
    success: bool = False


class TrackedComputer(NamedTuple):
    """All that is kept of the looks at a computer; see `History` for what is not explained here.

    Args:
        start, end: the last that were seen.
        failed: in a row, up to before the newest run.
        plan: the last schedule that was seen, without its offset.
        runs: time and outcome of the runs of the last 30 days, oldest first.
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
    runs: tuple[tuple[datetime, RunOutcome], ...] = ()

    @property
    def history(self) -> History:
        """What rules take of it."""
        return History(*(getattr(self, name) for name in History._fields))

    @property
    def blank(self) -> bool:
        """Whether no look has understood a report: it may never have been a computer."""
        return self.start is None and self.end is None and self.plan is None

    def history_beside(self, computer: Computer) -> History | None:
        """Return `history` for rules that see *computer* as it is now; None: it shows no report.

        Where the start of an open run was taken away, the end before it is the newest run again:
        it is in the row, and would count twice. Where the end of the newest run was taken away,
        its start looks open: what the end said of the row holds on.
        """
        if computer.start is computer.end is computer.schedule is None:
            return None  # a folder without reports is no computer, whatever was in it once
        history, start, end = self.history, self.start, self.end
        if start is None or end is None:
            return history
        if computer.end is None and end.at >= start.at:
            return _counted(self, end, _outcome(end)).history
        if computer.start is not None or end.success or end.at >= start.at or not history.failed:
            return history
        since = history.failed_since if history.failed > 1 else None
        return history._replace(failed=history.failed - 1, failed_since=since)


class _RunReports(NamedTuple):
    """A run as one look shows it: an end, or an open start."""

    start: SeenReport | None
    end: SeenReport | None


def look(before: TrackedComputer | None, computer: Computer, now: datetime) -> TrackedComputer:
    """Return the memory after a look at *computer*.

    Args:
        before: the memory until now, None at the first look.
        computer: its reports; what is missing, not understood or in the future changes nothing.
        now: aware UTC.
    """
    # What failed before the first look is not known: a row that begins there is a lower bound.
    memory = _not_ahead(before, now) if before is not None else TrackedComputer(now, at_least=True)
    start = _seen(computer.start, now) or memory.start
    end = _seen(computer.end, now) or memory.end
    memory = _planned(memory, computer.schedule, now)
    if (start, end) == (memory.start, memory.end):
        return memory if memory.gone is None else memory._replace(gone=None)
    for run, outcome in _decided(memory, start, end):
        memory = _counted(memory, run, outcome)
    if end is not None and end != memory.end:
        memory = _ended(memory, end, now)
    first_open = memory.first_open or (start.at if start is not None else None)
    return memory._replace(
        start=start,
        end=end,
        first_open=first_open if end is None else None,
        gone=None,
        uploaded=now if before is not None else None,
    )


def mark_missing(before: TrackedComputer, now: datetime) -> TrackedComputer:
    """Return the memory after a look that found the computer's folder gone."""
    memory = _not_ahead(before, now)
    return memory if memory.gone is not None else memory._replace(gone=now)


def _not_ahead(memory: TrackedComputer, now: datetime) -> TrackedComputer:
    """Return *memory* without moments that a wrong clock of this server has put into the future.

    Rules count from them: a schedule that "changes" in a year is not missed for a year.
    """
    seen = {name: getattr(memory, name) for name in _BY_OUR_CLOCK}
    ahead: dict[str, Any] = {
        name: now for name, moment in seen.items() if moment is not None and moment > now
    }
    return memory._replace(**ahead) if ahead else memory


def _seen(report: object, now: datetime) -> SeenReport | None:
    if not isinstance(report, Start | End) or report.at > now + CLOCK_SLACK:
        return None
    return SeenReport(report.at, report.id, isinstance(report, End) and report.success)


def _newest(start: SeenReport | None, end: SeenReport | None) -> _RunReports | None:
    """Return the newest run that the last start and the last end show."""
    if end is not None and (start is None or end.at >= start.at):
        return _RunReports(start, end)
    return _RunReports(start, None) if start is not None else None


def _decided(
    memory: TrackedComputer, start: SeenReport | None, end: SeenReport | None
) -> Iterator[tuple[SeenReport, RunOutcome]]:
    """Yield the runs that are now known to be over, and are not the newest one, in order."""
    old, new = _newest(memory.start, memory.end), _newest(start, end)
    assert new is not None  # noqa: S101 - something was seen, or nothing has changed
    arrived = end if end != memory.end else None
    if old is None:
        if new.end is None and arrived is not None:  # the first look: an end before an open start
            yield arrived, _outcome(arrived)
        return
    if old.end is not None:
        if new.end != old.end:
            yield old.end, _outcome(old.end)
        if arrived is not None and new.end is None:
            yield arrived, _outcome(arrived)
        return
    assert old.start is not None  # noqa: S101 - an open run has a start
    if start == old.start:
        # The same run, perhaps ended now; or the end of an earlier one has come late.
        if arrived is not None and new.end is None:
            yield from _late(memory, arrived)
        return
    yield from _after_open(memory, old.start, new, end, arrived)


def _late(memory: TrackedComputer, end: SeenReport) -> Iterator[tuple[SeenReport, RunOutcome]]:
    """Yield what an *end* older than the open start tells: it says nothing of the open run."""
    if not end.success and memory.runs:
        at, outcome = memory.runs[-1]
        if outcome is RunOutcome.NEVER_ENDED and at <= end.at:
            return  # its run has counted already
    yield end, _outcome(end)


def _after_open(
    memory: TrackedComputer,
    open_start: SeenReport,
    new: _RunReports,
    end: SeenReport | None,
    arrived: SeenReport | None,
) -> Iterator[tuple[SeenReport, RunOutcome]]:
    """Yield what a newer start tells of the run that was open before it."""
    if end is None or end.at < open_start.at:
        if arrived is not None:
            yield from _late(memory, arrived)
        yield open_start, RunOutcome.NEVER_ENDED
    elif arrived is None or new.end is not None:
        # The visible end is the newest run's: an end of this one was overwritten, if it came.
        yield open_start, RunOutcome.UNSEEN
    else:
        if arrived.id != open_start.id:
            yield open_start, RunOutcome.UNSEEN
        yield arrived, _outcome(arrived)


def _outcome(end: SeenReport) -> RunOutcome:
    return RunOutcome.SUCCESS if end.success else RunOutcome.FAILED


def _counted(memory: TrackedComputer, run: SeenReport, outcome: RunOutcome) -> TrackedComputer:
    """Return *memory* with a run that is over."""
    if outcome is RunOutcome.NEVER_ENDED:
        memory = memory._replace(runs=_strip(memory, run.at, outcome, run.at))
    if outcome is RunOutcome.SUCCESS:
        return memory._replace(failed=0, at_least=False, failed_since=None)
    if outcome is RunOutcome.UNSEEN:
        return memory._replace(at_least=True)
    return memory._replace(failed=memory.failed + 1, failed_since=memory.failed_since or run.at)


def _ended(memory: TrackedComputer, end: SeenReport, now: datetime) -> TrackedComputer:
    """Return *memory* with an end that was not seen before."""
    last = max(filter(None, (memory.last_success, end.at if end.success else None)), default=None)
    runs = _strip(memory, end.at, _outcome(end), now)
    return memory._replace(last_success=last, runs=runs)


def _strip(
    memory: TrackedComputer, at: datetime, outcome: RunOutcome, now: datetime
) -> tuple[tuple[datetime, RunOutcome], ...]:
    kept = [run for run in memory.runs if run[0] > now - STRIP]
    return (*kept, (at, outcome))[-_MOST_RUNS:]


def _planned(memory: TrackedComputer, schedule: object, now: datetime) -> TrackedComputer:
    """Return *memory* with the schedule; a first sight and a new offset are no change."""
    if not isinstance(schedule, Schedule):
        return memory
    plan = _plan_key(schedule)
    if plan == memory.plan:
        return memory
    changed = now if memory.plan is not None else memory.schedule_changed
    return memory._replace(plan=plan, schedule_changed=changed)


def _plan_key(schedule: Schedule) -> str:
    plan = schedule.plan
    if not isinstance(plan, Pattern):
        return plan.name
    parts = (plan.minutes, plan.hours, plan.days, plan.months, plan.weekdays)
    return " ".join("*" if part is None else ",".join(map(str, sorted(part))) for part in parts)
