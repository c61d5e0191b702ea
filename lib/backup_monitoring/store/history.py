"""A computer's history: what follows from looks at its reports, one after the other.

A look sees the last start and the last end that were uploaded; what was overwritten between two
looks is not known, and is never counted as a success or as a failure.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from backup_monitoring.model.times import CLOCK_SLACK
from backup_monitoring.model.uploads import Computer, End, Past, Pattern, Schedule, Start

STRIP = timedelta(days=30)
_MOST_RUNS = 100
_BY_OUR_CLOCK = ("first_seen", "schedule_changed", "gone", "uploaded")


class Outcome(Enum):
    """How a run went."""

    SUCCESS = "s"
    FAILED = "f"
    NEVER_ENDED = "n"
    UNSEEN = "?"


class Seen(NamedTuple):
    """A report that was seen: *at* and *id* tell it from others; *success* of an end."""

    at: datetime
    id: str
    success: bool = False


class Memory(NamedTuple):
    """All that is kept of the looks at a computer; see `Past` for what is not explained here.

    Args:
        start, end: the last that were seen.
        failed: in a row, up to before the newest run.
        plan: the last schedule that was seen, without its offset.
        runs: time and outcome of the runs of the last 30 days, oldest first.
    """

    first_seen: datetime
    start: Seen | None = None
    end: Seen | None = None
    failed: int = 0
    at_least: bool = False
    failed_since: datetime | None = None
    last_success: datetime | None = None
    first_open: datetime | None = None
    plan: str | None = None
    schedule_changed: datetime | None = None
    gone: datetime | None = None
    uploaded: datetime | None = None
    runs: tuple[tuple[datetime, Outcome], ...] = ()

    @property
    def past(self) -> Past:
        """What rules take of it."""
        return Past(*(getattr(self, name) for name in Past._fields))

    @property
    def blank(self) -> bool:
        """Whether no look has understood a report: it may never have been a computer."""
        return self.start is None and self.end is None and self.plan is None

    def past_beside(self, computer: Computer) -> Past | None:
        """Return `past` for rules that see *computer* as it is now; None: it shows no report.

        Where the start of an open run was taken away, the end before it is the newest run again:
        it is in the row, and would count twice. Where the end of the newest run was taken away,
        its start looks open: what the end said of the row holds on.
        """
        if computer.start is computer.end is computer.schedule is None:
            return None  # a folder without reports is no computer, whatever was in it once
        past, start, end = self.past, self.start, self.end
        if start is None or end is None:
            return past
        if computer.end is None and end.at >= start.at:
            return _counted(self, end, _outcome(end)).past
        if computer.start is not None or end.success or end.at >= start.at or not past.failed:
            return past
        since = past.failed_since if past.failed > 1 else None
        return past._replace(failed=past.failed - 1, failed_since=since)


class _Run(NamedTuple):
    """A run as one look shows it: an end, or an open start."""

    start: Seen | None
    end: Seen | None


def look(before: Memory | None, computer: Computer, now: datetime) -> Memory:
    """Return the memory after a look at *computer*.

    Args:
        before: the memory until now, None at the first look.
        computer: its reports; what is missing, not understood or in the future changes nothing.
        now: aware UTC.
    """
    # What failed before the first look is not known: a row that begins there is a lower bound.
    memory = _not_ahead(before, now) if before is not None else Memory(now, at_least=True)
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


def vanished(before: Memory, now: datetime) -> Memory:
    """Return the memory after a look that found the computer's folder gone."""
    memory = _not_ahead(before, now)
    return memory if memory.gone is not None else memory._replace(gone=now)


def _not_ahead(memory: Memory, now: datetime) -> Memory:
    """Return *memory* without moments that a wrong clock of this server has put into the future.

    Rules count from them: a schedule that "changes" in a year is not missed for a year.
    """
    seen = {name: getattr(memory, name) for name in _BY_OUR_CLOCK}
    ahead: dict[str, Any] = {
        name: now for name, moment in seen.items() if moment is not None and moment > now
    }
    return memory._replace(**ahead) if ahead else memory


def _seen(report: object, now: datetime) -> Seen | None:
    if not isinstance(report, Start | End) or report.at > now + CLOCK_SLACK:
        return None
    return Seen(report.at, report.id, isinstance(report, End) and report.success)


def _newest(start: Seen | None, end: Seen | None) -> _Run | None:
    """Return the newest run that the last start and the last end show."""
    if end is not None and (start is None or end.at >= start.at):
        return _Run(start, end)
    return _Run(start, None) if start is not None else None


def _decided(
    memory: Memory, start: Seen | None, end: Seen | None
) -> Iterator[tuple[Seen, Outcome]]:
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


def _late(memory: Memory, end: Seen) -> Iterator[tuple[Seen, Outcome]]:
    """Yield what an *end* older than the open start tells: it says nothing of the open run."""
    if not end.success and memory.runs:
        at, outcome = memory.runs[-1]
        if outcome is Outcome.NEVER_ENDED and at <= end.at:
            return  # its run has counted already
    yield end, _outcome(end)


def _after_open(
    memory: Memory, open_start: Seen, new: _Run, end: Seen | None, arrived: Seen | None
) -> Iterator[tuple[Seen, Outcome]]:
    """Yield what a newer start tells of the run that was open before it."""
    if end is None or end.at < open_start.at:
        if arrived is not None:
            yield from _late(memory, arrived)
        yield open_start, Outcome.NEVER_ENDED
    elif arrived is None or new.end is not None:
        # The visible end is the newest run's: an end of this one was overwritten, if it came.
        yield open_start, Outcome.UNSEEN
    else:
        if arrived.id != open_start.id:
            yield open_start, Outcome.UNSEEN
        yield arrived, _outcome(arrived)


def _outcome(end: Seen) -> Outcome:
    return Outcome.SUCCESS if end.success else Outcome.FAILED


def _counted(memory: Memory, run: Seen, outcome: Outcome) -> Memory:
    """Return *memory* with a run that is over."""
    if outcome is Outcome.NEVER_ENDED:
        memory = memory._replace(runs=_strip(memory, run.at, outcome, run.at))
    if outcome is Outcome.SUCCESS:
        return memory._replace(failed=0, at_least=False, failed_since=None)
    if outcome is Outcome.UNSEEN:
        return memory._replace(at_least=True)
    return memory._replace(failed=memory.failed + 1, failed_since=memory.failed_since or run.at)


def _ended(memory: Memory, end: Seen, now: datetime) -> Memory:
    """Return *memory* with an end that was not seen before."""
    last = max(filter(None, (memory.last_success, end.at if end.success else None)), default=None)
    runs = _strip(memory, end.at, _outcome(end), now)
    return memory._replace(last_success=last, runs=runs)


def _strip(
    memory: Memory, at: datetime, outcome: Outcome, now: datetime
) -> tuple[tuple[datetime, Outcome], ...]:
    kept = [run for run in memory.runs if run[0] > now - STRIP]
    return (*kept, (at, outcome))[-_MOST_RUNS:]


def _planned(memory: Memory, schedule: object, now: datetime) -> Memory:
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
