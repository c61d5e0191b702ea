"""A year of schedules in many zones: no false alarm, and no missed failure.

Computers back up, fall silent, are killed, start early and late, in a year of minutes; their
clients write their files with their own wrong offsets. What the rule says of the files is held
to a count over every minute, of what really happened, in the zone's wall time.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.uploads import Computer, Receipt, Start, Uploads
from backup_monitoring.model.verdicts import State, Verdict
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy
from backup_monitoring.uploads.arrivals import ReportFile
from backup_monitoring.uploads.reports import read_end, read_schedule, read_start
from clients import Program, end_file, perl_offset, schedule_file, sepiola_offset, start_file
from walls import DAY, HOUR, MINUTE, SECOND, Crontab, Year, due_minutes, look_at_clock

EARLY, GRACE = HOUR, 2 * HOUR
LENGTH = 365 * 24 * 60

# The first three in every run; Apia's is the year in which it lost a day.
YEARS = {
    "Europe/Zurich": "2026-01-01",
    "America/New_York": "2026-01-01",
    "Asia/Kathmandu": "2026-01-01",
    "America/Halifax": "2026-01-01",
    "America/St_Johns": "2026-01-01",
    "Australia/Eucla": "2026-01-01",
    "Australia/Lord_Howe": "2026-01-01",
    "Pacific/Apia": "2011-03-01",
    "Pacific/Auckland": "2026-01-01",
    "Pacific/Honolulu": "2026-01-01",
    "America/Santiago": "2026-01-01",
    "Africa/Casablanca": "2026-01-01",
    "UTC": "2026-01-01",
    "Asia/Tokyo": "2026-01-01",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:
        names = list(YEARS)
        every = metafunc.config.getoption("all_zones")
        metafunc.parametrize("name", names if every else names[:3])


@lru_cache
def year_of(name: str) -> Year:
    begin = datetime.fromisoformat(YEARS[name]).replace(tzinfo=UTC)
    return look_at_clock(name, begin, LENGTH)


class BackupRun(NamedTuple):
    start: datetime
    end: datetime | None


@dataclass(frozen=True)
class Life:
    """A computer's year.

    Args:
        outages: first minute, minutes. In them it is switched off.
        change: the minute at which the customer changes the crontab to *later*, or None.
        off_at_changes: it is switched off too while the clock changes.
        stale: only its first upload of a schedule came through, if it never changes.
        times_lost: the dates of its files on the server were lost when they were moved.
        jitter: seed of starts early and late, of durations, and of kills.
        faithful: it is never killed.
    """

    program: Program
    crontab: Crontab
    later: Crontab
    change: int | None
    outages: tuple[tuple[int, int], ...]
    backups: int | None
    days: int | None
    off_at_changes: bool
    stale: bool
    times_lost: bool
    jitter: int
    faithful: bool

    def within(self, year: Year) -> "Life":
        """The life with the outages that *year* brings."""
        if not self.off_at_changes:
            return self
        silent = tuple((change - 1800, 1800 + self.jitter % 4320) for change in year.changes)
        return replace(self, outages=self.outages + silent)

    def crontab_at(self, minute: int) -> Crontab:
        return self.later if self.change is not None and minute >= self.change else self.crontab

    def due(self, year: Year) -> list[int]:
        border = LENGTH if self.change is None else self.change
        before = due_minutes(year, self.crontab, 0, border)
        return before + due_minutes(year, self.later, border, LENGTH)

    def runs(self, year: Year) -> Iterator[BackupRun]:
        """What really happens."""
        random = Random(self.jitter)
        free = year.begin + DAY
        for minute in self.due(year):
            due = year.moment(minute)
            if due < free or self.off(minute):
                continue
            run = self.run(year, random, max(free, due + shift(random)))
            free = (run.end or run.start + 5 * MINUTE) + SECOND
            yield run

    def run(self, year: Year, random: Random, start: datetime) -> BackupRun:
        longest = 22 * 60 if self.faithful else 40 * 60
        minutes = random.choice([1, 20, 20, 20, 90, 300, longest])
        end = start + minutes * MINUTE + random.randrange(60) * SECOND
        killed = not self.faithful and random.random() < 0.05
        switched_off = any(
            start < year.moment(first + length) and year.moment(first) < end
            for first, length in self.outages
        )
        return BackupRun(start, None if killed or switched_off else end)

    def off(self, minute: int) -> bool:
        return any(first <= minute < first + length for first, length in self.outages)


def shift(random: Random) -> timedelta:
    """How far from its due time a backup starts."""
    kind = random.random()
    if kind < 0.05:
        return -random.randrange(3600) * SECOND
    if kind < 0.1:
        return random.randrange(90 * 60) * SECOND
    return random.randrange(60) * SECOND


def checks_of(life: Life, year: Year, runs: list[BackupRun], count: int) -> list[datetime]:
    """Moments of a check: any, and those at which something changes."""
    random = Random(life.jitter + 1)
    edges = [*year.changes, *(first + length for first, length in life.outages)]
    edges += [] if life.change is None else [life.change]
    moments = [year.moment(random.randrange(LENGTH)) for _ in range(count)]
    for edge in 3 * edges:
        moments.append(year.moment(edge) + random.randrange(-36 * 60, 36 * 60) * MINUTE)
    due = life.due(year)
    chosen = random.choices(due, k=count)
    for edge in edges:
        near = [minute for minute in due if edge - 1440 < minute < edge + 2880]
        chosen += random.sample(near, min(4, len(near)))
    for minute in chosen:  # to the second at which it is too late, and the one before
        moments += [year.moment(minute) + GRACE - SECOND, year.moment(minute) + GRACE]
    last = year.moment(LENGTH - 1)
    return [moment for moment in moments if runs[0].start < moment < last]


class Known(NamedTuple):
    """What has happened up to a moment."""

    start: datetime
    end: datetime | None
    crontab: Crontab
    planned: datetime


def known_at(life: Life, year: Year, runs: list[BackupRun], now: datetime) -> Known:
    so_far = runs[: bisect_right(runs, now, key=attrgetter("start"))]
    start = so_far[-1].start
    ended = next((run.end for run in reversed(so_far) if run.end and run.end <= now), None)
    crontab, planned = life.crontab_at(year.minute(start)), start
    if life.change is None and life.stale:
        planned = runs[0].start
    if life.change is not None and start < year.moment(life.change) <= now:
        crontab, planned = life.later, year.moment(life.change)
    return Known(start, ended, crontab, planned)


def uploaded(life: Life, year: Year, known: Known, now: datetime, knowing: bool) -> Computer:
    """The computer's files, read as the storage reads them."""
    zones = (year.zone,) if knowing else ()
    program, zone, crontab = life.program, year.zone, known.crontab
    modified = datetime(2000, 1, 1, tzinfo=UTC) if life.times_lost else known.start
    data = start_file(program, known.start, zone)
    start = read_start(ReportFile(data, "start", modified, False, Receipt(known.start)), zones, now)
    end = None
    if known.end is not None:
        modified = datetime(2000, 1, 1, tzinfo=UTC) if life.times_lost else known.end
        data = end_file(program, known.end, zone)
        end = read_end(ReportFile(data, "end", modified, False, Receipt(known.end)), zones, now)
    data = schedule_file(
        program, known.planned, zone, crontab.hours, crontab.minutes, crontab.weekdays
    )
    of_run = start if isinstance(start, Start) else None
    plan = read_schedule(
        ReportFile(data, "plan", known.planned, False, Receipt(known.planned)), zones, now, of_run
    )
    return Computer("web01", start, end, plan)


def evaluate_life(life: Life, year: Year, known: Known, now: datetime, knowing: bool) -> Verdict:
    weekdays = {}
    if life.program is Program.PERL and known.crontab.weekdays is not None:
        weekdays["4000101/web01"] = known.crontab.weekdays
    policy = SchedulePolicy(zones=(year.zone,) if knowing else (), weekdays=weekdays)
    account = Account(
        "4000101", "uid=4000101", warning_numbers=life.backups, warning_days=life.days
    )
    computer = uploaded(life, year, known, now, knowing)
    rules = Policies(WarnAfterPolicy(), policy, StatusPolicy())
    return evaluate_schedule(account, Uploads((computer,), data=True), rules, now)


def really_missed(year: Year, known: Known, now: datetime) -> int:
    """Walk from the last start to now, a minute at a time."""
    if known.end is not None and known.end >= known.start:
        busy_until = known.end
    else:
        busy_until = known.start + (7 * DAY if known.end is None else DAY)
    missed = 0
    for minute in due_minutes(year, known.crontab, year.minute(known.start), year.minute(now) + 1):
        due = year.moment(minute)
        served = due <= known.start + EARLY or due <= busy_until
        if not served and due > known.planned and now - due >= GRACE:
            missed += 1
    return missed


def expected_state(life: Life, missed: int, known: Known, now: datetime) -> State:
    days = 1 if life.days is None else life.days
    reached = life.backups is not None and 0 < life.backups <= missed
    reached = reached or (days > 0 and now - known.start >= days * DAY)
    if not missed or not reached:
        return State.OK
    return State.CRITICAL if missed >= 3 else State.WARNING


def changed_between(year: Year, first: datetime, now: datetime) -> bool:
    # The day that Apia skipped is owed for a day after.
    since = year.minute(first) - 24 * 60
    return any(since <= change <= year.minute(now) for change in year.changes)


HOURS = st.frozensets(st.integers(0, 4), min_size=1, max_size=2) | st.frozensets(
    st.integers(0, 23), min_size=1, max_size=3
)
MINUTES = st.frozensets(st.sampled_from([0, 5, 15, 30, 45, 59]), min_size=1, max_size=2)
WEEKDAYS = st.none() | st.frozensets(st.integers(1, 7), min_size=1, max_size=6)
CRONTABS = st.builds(Crontab, HOURS, MINUTES, WEEKDAYS) | st.builds(
    Crontab, st.just(frozenset(range(24))), MINUTES, st.none()
)
OUTAGES = st.lists(
    st.tuples(st.integers(2880, LENGTH - 1), st.integers(1, 2880) | st.integers(1, 60 * 1440)),
    max_size=4,
).map(tuple)


@st.composite
def lives(draw: st.DrawFn, faithful: bool = False) -> Life:
    program = draw(st.sampled_from(Program))
    crontab = draw(CRONTABS)
    # Only Sepiola uploads a changed schedule at once.
    changes = program is Program.SEPIOLA and draw(st.booleans())
    outages = () if faithful else draw(OUTAGES)
    # Best while nothing runs: when the computer runs again, the change is forgotten.
    moments = st.integers(2880, LENGTH - 1)
    for first, length in outages[:1]:
        moments = st.integers(first, min(first + length, LENGTH) - 1)
    backups, days = draw(st.sampled_from([(1, 0), (None, None), (3, 2), (0, 1)]))
    return Life(
        program,
        crontab,
        later=draw(CRONTABS) if changes else crontab,
        change=draw(moments) if changes else None,
        outages=outages,
        backups=1 if faithful else backups,
        days=0 if faithful else days,
        off_at_changes=not faithful and draw(st.booleans()),
        stale=draw(st.booleans()),
        times_lost=draw(st.booleans()),
        jitter=draw(st.integers(0, 2**16)),
        faithful=faithful,
    )


@pytest.mark.parametrize(
    ("zone", "moment", "perl", "sepiola"),
    [
        ("Europe/Zurich", "2026-11-23T20:00+01:00", "+01:00", "+01:00"),
        ("Europe/Zurich", "2026-11-23T00:30+01:00", "-23:00", "+01:00"),
        ("America/New_York", "2026-11-23T12:00-05:00", "-05:00", "+1193041:28"),
        ("America/New_York", "2026-11-23T20:00-05:00", "+19:00", "+1193041:28"),
        ("America/St_Johns", "2026-11-23T21:00-03:30", "+20:30", "+1193042:58"),
        ("Asia/Kathmandu", "2026-11-23T20:00+05:45", "+05:450", "+05:45"),
        ("Asia/Kathmandu", "2026-11-23T00:30+05:45", "-18:150", "+05:45"),
        ("Pacific/Auckland", "2026-11-23T08:00+13:00", "-11:00", "+13:00"),
        ("UTC", "2026-11-23T20:00+00:00", "-00:00", "-00:00"),
    ],
)
def test_offsets_as_the_clients_write_them(zone: str, moment: str, perl: str, sepiola: str) -> None:
    at = datetime.fromisoformat(moment)

    assert perl_offset(at, ZoneInfo(zone)) == perl
    assert sepiola_offset(at, ZoneInfo(zone)) == sepiola


# A life is not understood better for being short: none is shrunk, which would take minutes.
quick = settings(
    deadline=None,
    max_examples=15,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@quick
@given(life=lives())
def test_a_year(name: str, life: Life) -> None:
    year = year_of(name)
    life = life.within(year)
    runs = list(life.runs(year))
    for now in checks_of(life, year, runs, 12) if runs else []:
        known = known_at(life, year, runs, now)
        missed = really_missed(year, known, now)
        state = expected_state(life, missed, known, now)

        verdict = evaluate_life(life, year, known, now, knowing=True)

        assert (verdict.metrics[0].value, verdict.state) == (min(missed, 99), state), (
            f"{now.isoformat()}: {known} {verdict}"
        )
        assert f"zone {name} by the settings" in verdict.details[0]


@quick
@given(life=lives())
def test_a_year_without_the_zone(name: str, life: Life) -> None:
    year = year_of(name)
    life = life.within(year)
    runs = list(life.runs(year))
    for now in checks_of(life, year, runs, 12) if runs else []:
        known = known_at(life, year, runs, now)
        missed = really_missed(year, known, now)

        verdict = evaluate_life(life, year, known, now, knowing=False)

        if verdict.state is State.UNKNOWN:
            assert life.program is Program.PERL
            assert "ambiguous offset" in verdict.summary
            assert "set [schedule] zones" in verdict.summary
            continue
        assert "the file's fixed offset" in verdict.details[0]
        if not changed_between(year, min(known.start, known.planned), now):
            state = expected_state(life, missed, known, now)
            assert (verdict.metrics[0].value, verdict.state) == (min(missed, 99), state)


@quick
@given(life=lives(faithful=True))
def test_a_year_without_a_fault(name: str, life: Life) -> None:
    year = year_of(name)
    life = life.within(year)
    runs = list(life.runs(year))
    for now in checks_of(life, year, runs, 20):
        verdict = evaluate_life(life, year, known_at(life, year, runs, now), now, knowing=True)

        assert verdict.state is State.OK
        assert verdict.metrics[0].value == 0
