"""A computer that backs up: what really happens to it, and what it uploads when.

A `Setup` says what a computer is like, and what befalls it; `live` makes its `Computer`: the due
times, the runs and the uploads of its days. Times are true ones; only what a client writes comes
from its own clock.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from random import Random
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from backup_monitoring.model.verdicts import State
from clients import Program, end_file, no_schedule_file, schedule_file, start_file
from walls import DAY, HOUR, MINUTE, SECOND, Crontab, Year, due_minutes, look_at_clock

EARLY, GRACE = HOUR, 2 * HOUR
START, END, PLAN = "backupStarted.xml", "backupEnded.xml", "scheduler.xml"
NOTHING = timedelta(0)
_WEEK = 7 * DAY
NEVER = datetime.max.replace(tzinfo=UTC)
T = TypeVar("T")
Changes = tuple[tuple[datetime, T], ...]  # a value, and from when on it applies


class Outcome(Enum):
    GOOD = "ended well"
    BAD = "ended with errors"
    KILLED = "never ended"


class Unscheduled(Enum):
    BY_HAND = "no_schedule"
    STARTUP = "backup_after_startup"


Plan = Crontab | Unscheduled


class Due(NamedTuple):
    """A due time, and the earliest start that serves it."""

    at: datetime
    served_from: datetime


@dataclass(kw_only=True)
class Run:
    """A backup that really ran.

    Args:
        end: when it ended or died. start_in, end_in, plan_in: when the uploads arrived, or None.
        torn: the files of which only a part arrived.
        seen: the files that a collector run has read. seen_open: one has, before its end came.
    """

    number: int
    id: str
    version: str
    start: datetime
    end: datetime
    outcome: Outcome
    start_in: datetime | None = None
    end_in: datetime | None = None
    plan_in: datetime | None = None
    torn: frozenset[str] = frozenset()
    seen: set[str] = field(default_factory=set)
    seen_open: bool = False

    def has(self, name: str, now: datetime) -> bool:
        """Return whether the whole report *name* has arrived."""
        arrival = self.start_in if name == START else self.end_in
        return arrival is not None and arrival <= now and name not in self.torn

    def open_at(self, age: timedelta) -> bool:
        """Return whether no whole end has arrived when the run is that old."""
        return not self.has(END, self.start + age)

    def is_torn(self, name: str, now: datetime) -> bool:
        arrival = {START: self.start_in, END: self.end_in, PLAN: self.plan_in}[name]
        return name in self.torn and arrival is not None and arrival <= now


class Upload(NamedTuple):
    """A file as it arrives: *written* is its time by the client's clock."""

    arrival: datetime
    name: str
    data: bytes
    written: datetime
    run: Run | None


class Window(NamedTuple):
    """A time in which the documents say that *task* cannot be known from *sources*."""

    begin: datetime
    end: datetime
    name: str
    tasks: frozenset[str]
    sources: frozenset[str]
    states: frozenset[State] = frozenset(State)


class Operation(NamedTuple):
    """What happens to the files themselves: chown, restore, delete or rename."""

    at: datetime
    what: str


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a computer is like, and what befalls it.

    Args:
        clock: how much its clock is ahead.
        off: when it is switched off.
        outcomes: chances of BAD and of KILLED. forced: outcomes by the number of the run.
        length: of a run, in minutes: one of them.
        torn: files by the number of the run. late: by how much they arrive late.
        lost_share: the chance of each upload to be lost.
        no_plans_after: uploads of scheduler.xml fail from then on.
        glitches: by how much the clock is ahead while the start of a run is written.
        cron: a run that is due in a skipped hour starts when the clock changes.
        refused: when the server's disk is full, so that no backup ends well.
        installed: Sepiola has uploaded its schedule then, before the first run; or None.
    """

    name: str
    program: Program
    zones: Changes[str]
    plans: Changes[Plan]
    versions: Changes[str]
    clock: Changes[timedelta] = ((datetime.min.replace(tzinfo=UTC), timedelta(0)),)
    off: tuple[tuple[datetime, datetime], ...] = ()
    outcomes: tuple[float, float] = (0, 0)
    forced: tuple[tuple[int, Outcome], ...] = ()
    length: tuple[int, ...] = (1, 5, 20, 20, 40, 90, 300, 600)
    torn: frozenset[tuple[int, str]] = frozenset()
    late: tuple[tuple[int, str, timedelta], ...] = ()
    lost_share: float = 0
    no_plans_after: datetime = NEVER
    glitches: tuple[tuple[int, timedelta], ...] = ()
    operations: tuple[Operation, ...] = ()
    cron: bool = True
    jitter: bool = True
    refused: tuple[tuple[datetime, datetime], ...] = ()
    installed: datetime | None = None

    def off_at(self, moment: datetime) -> bool:
        return any(begin <= moment < end for begin, end in self.off)

    def own(self, moment: datetime) -> datetime:
        """What its clock shows."""
        return moment + value_at(self.clock, moment)


def value_at(changes: Changes[T], moment: datetime) -> T:
    return max((each for each in changes if each[0] <= moment), key=lambda each: each[0])[1]


@dataclass
class Computer:
    """A computer's true days.

    Args:
        known_from: the run with which its history begins anew: its folder was renamed, and both
            reports are newer than those that the collector knows.
    """

    setup: Setup
    dues: list[Due]
    runs: list[Run]
    uploads: list[Upload]
    windows: list[Window] = field(default_factory=list)
    created: datetime = NEVER
    known_from: int = 0

    def runs_until(self, now: datetime) -> list[Run]:
        return self.runs[: bisect_right(self.runs, now, key=attrgetter("start"))]

    def uploads_until(self, now: datetime) -> list[Upload]:
        return self.uploads[: bisect_right(self.uploads, now, key=attrgetter("arrival"))]

    def dues_between(self, after: datetime, before: datetime) -> Sequence[Due]:
        """Return the due times later than *after* and earlier than *before*."""
        first = bisect_right(self.dues, after, key=attrgetter("at"))
        return self.dues[first : bisect_left(self.dues, before, key=attrgetter("at"))]


def live(setup: Setup, begin: datetime, end: datetime, random: Random) -> Computer:
    """Let a computer run from *begin* to *end*."""
    dues = list_dues(setup, begin, end + 4 * DAY)
    runs = list(_list_runs(setup, dues, begin, end, random))
    uploads = sorted(_list_uploads(setup, runs, random), key=attrgetter("arrival"))
    if setup.installed is not None:
        data = write_plan(setup, setup.installed)
        upload = Upload(setup.installed, PLAN, data, setup.own(setup.installed), None)
        uploads = sorted([upload, *uploads], key=attrgetter("arrival"))
    return Computer(setup, dues, runs, uploads, created=begin)


def list_dues(setup: Setup, begin: datetime, end: datetime) -> list[Due]:
    """Return the moments at which its clock shows a time at which a backup is due."""
    return sorted(_find_dues(setup, begin, end))


def _find_dues(setup: Setup, begin: datetime, end: datetime) -> Iterator[Due]:
    weeks = {begin + number * _WEEK for number in range((end - begin) // _WEEK + 1)}
    changes = sorted(
        {*weeks, end}
        | {
            moment
            for values in (setup.zones, setup.plans, setup.clock)
            for moment, _ in values
            if begin < moment < end
        }
    )
    done = datetime.min.replace(tzinfo=UTC)  # by its clock: set back a little, it does not repeat
    for first, last in pairwise(changes):
        plan, error = value_at(setup.plans, first), value_at(setup.clock, first)
        if first + error + DAY < done:
            done = first + error
        if isinstance(plan, Unscheduled):
            continue
        for due, skipped in _look_up(value_at(setup.zones, first), plan, first + error):
            if first + error <= due < last + error and due > done:
                done = due
                early = due - EARLY if skipped is None else min(due - EARLY, skipped)
                yield Due(due - error, early - error)


def _look_up(zone: str, plan: Crontab, since: datetime) -> list[tuple[datetime, datetime | None]]:
    day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return _look_up_cached(zone, plan, day - DAY - timedelta(days=(day.toordinal() - 1) % 28))


@lru_cache(maxsize=2048)
def _look_up_cached(
    zone: str, plan: Crontab, begin: datetime
) -> list[tuple[datetime, datetime | None]]:
    """Return due times of the weeks since *begin*, and when the clock skipped them, if it did."""
    length = 6 * 7 * 1440
    year = look_at_clock(zone, begin, length)
    return [
        (year.moment(minute), year.moment(_change_before(year, minute)))
        if minute in year.skipped and year.walls[minute] not in plan.walls
        else (year.moment(minute), None)
        for minute in due_minutes(year, plan, 0, length)
    ]


def _change_before(year: Year, minute: int) -> int:
    return max(change for change in year.changes if change <= minute)


def _list_runs(
    setup: Setup, dues: Sequence[Due], begin: datetime, end: datetime, random: Random
) -> Iterator[Run]:
    free, number = begin, 0
    for wanted in _list_wanted(setup, dues, begin, end, random):
        if wanted < free or wanted >= end or setup.off_at(wanted):
            continue
        run = _run(setup, max(wanted, free + MINUTE) if number else wanted, number, random)
        free, number = run.end, number + 1
        yield run


def _list_wanted(
    setup: Setup, dues: Sequence[Due], begin: datetime, end: datetime, random: Random
) -> list[datetime]:
    wanted = []
    for due in dues:
        at, late = due.at, random.randrange(50) * SECOND
        if due.served_from < due.at - EARLY and setup.cron:
            at = due.served_from
        elif setup.jitter and (kind := random.random()) < 0.1:
            late += (random.randrange(-50, 0) if kind < 0.03 else random.randrange(100)) * MINUTE
        wanted.append(at + late)
    if not dues:  # by hand, or when it is switched on
        day = begin
        while day < end:
            wanted.append(day + random.randrange(1440) * MINUTE)
            day += random.choice([1, 1, 1, 2]) * DAY
    return sorted(wanted)


def _run(setup: Setup, start: datetime, number: int, random: Random) -> Run:
    end, outcome = _end(setup, start, number, random)
    sepiola = setup.program is Program.SEPIOLA
    run = Run(
        number=number,
        # Sepiola draws from few ids: two runs may share one.
        id=str(random.randrange(1000, 1005) if sepiola else 10**6 + number),
        version=value_at(setup.versions, start),
        start=start,
        end=end,
        outcome=outcome,
        torn=frozenset(name for each, name in setup.torn if each == number),
    )
    lost = {name for name in (START, END, PLAN) if random.random() < setup.lost_share}
    late = {name: by for each, name, by in setup.late if each == number}
    first = start + random.randrange(2, 40) * SECOND
    if START not in lost:
        run.start_in = first + late.get(START, NOTHING)
    if PLAN not in lost and start < setup.no_plans_after:
        run.plan_in = first + random.uniform(0.7, 9) * SECOND + late.get(PLAN, NOTHING)
    if END not in lost and outcome is not Outcome.KILLED:
        run.end_in = end + random.randrange(2, 40) * SECOND + late.get(END, NOTHING)
    return run


def _end(setup: Setup, start: datetime, number: int, random: Random) -> tuple[datetime, Outcome]:
    """Return when and how a run ends."""
    minutes, (bad, killed) = random.choice(setup.length), setup.outcomes
    end = start + minutes * MINUTE + random.randrange(60) * SECOND
    chance, outcome = random.random(), Outcome.GOOD
    if chance < bad + killed:
        outcome = Outcome.BAD if chance < bad else Outcome.KILLED
    outcome = dict(setup.forced).get(number, outcome)
    switched_off = [first for first, _ in setup.off if start < first <= end]
    if switched_off:
        return min(switched_off), Outcome.KILLED
    if outcome is Outcome.GOOD and any(first <= end < last for first, last in setup.refused):
        outcome = Outcome.BAD
    if outcome is Outcome.KILLED:
        end = start + (end - start) * random.random()
    return end, outcome


def _list_uploads(setup: Setup, runs: Sequence[Run], random: Random) -> Iterator[Upload]:
    glitches = dict(setup.glitches)
    for run in runs:
        ahead = glitches.get(run.number, NOTHING)
        if run.start_in is not None:
            at, zone = setup.own(run.start) + ahead, _zone_at(setup, run.start)
            data = start_file(setup.program, at, zone, run.id, run.version)
            yield _tear(Upload(run.start_in, START, data, at, run), random)
        if run.plan_in is not None:
            at = setup.own(run.start) + ahead
            yield _tear(Upload(run.plan_in, PLAN, write_plan(setup, run.start), at, run), random)
        if run.end_in is not None:
            at, zone = setup.own(run.end), _zone_at(setup, run.end)
            good = run.outcome is Outcome.GOOD
            data = end_file(setup.program, at, zone, run.id, run.version, good)
            yield _tear(Upload(run.end_in, END, data, at, run), random)
    if setup.program is Program.SEPIOLA:  # uploads a changed schedule at once
        for moment, _ in setup.plans:
            uploading = not setup.off_at(moment) and moment < setup.no_plans_after
            if uploading and runs and moment > runs[0].start:
                at = setup.own(moment)
                yield Upload(moment + 9 * SECOND, PLAN, write_plan(setup, moment), at, None)


def _tear(upload: Upload, random: Random) -> Upload:
    if upload.run is None or upload.name not in upload.run.torn:
        return upload
    return upload._replace(data=upload.data[: random.randrange(len(upload.data) - 20)])


def write_plan(setup: Setup, moment: datetime) -> bytes:
    plan = value_at(setup.plans, moment)
    if isinstance(plan, Unscheduled):
        return no_schedule_file(setup.program, plan is Unscheduled.STARTUP)
    at, zone = setup.own(moment), _zone_at(setup, moment)
    return schedule_file(setup.program, at, zone, plan.hours, plan.minutes, plan.weekdays)


def _zone_at(setup: Setup, moment: datetime) -> ZoneInfo:
    return ZoneInfo(value_at(setup.zones, moment))
