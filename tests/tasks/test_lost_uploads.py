"""Each upload can fail alone: what is missing makes no false alarm, and hides no miss for long.

A computer backs up for three weeks around a change of the clock; some runs are killed, and some of
its uploads never arrive. What the schedule rule says, live and from a store, is held to the runs
that left a trace.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.uploads import Computer, Receipt, Start, Uploads
from backup_monitoring.model.verdicts import State, Verdict
from backup_monitoring.store.history import TrackedComputer, update_computer
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy
from backup_monitoring.uploads.arrivals import ReportFile
from backup_monitoring.uploads.reports import read_end, read_schedule, read_start
from cases import LONG_AGO
from clients import Program, end_file, schedule_file, start_file

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EARLY, GRACE, LONGEST, LONGEST_FIRST = HOUR, 2 * HOUR, DAY, 7 * DAY
# By zone: the first day, ten before a change of the clock, and zones that once have its offset.
CHANGES = {
    "Europe/Zurich": ("2026-10-15", "Europe/London", "Europe/Helsinki"),
    "America/New_York": ("2026-02-26", "America/Chicago", "America/Halifax"),
    "Pacific/Auckland": ("2026-03-26", "Pacific/Fiji", "Pacific/Honolulu"),
}


@dataclass(frozen=True)
class BackupRun:
    """A run by the due time that it served, and which of its uploads arrived."""

    start: datetime
    end: datetime | None
    arrived: frozenset[str]


@dataclass(frozen=True)
class Life:
    zone: str
    program: Program
    hour: int
    runs: tuple[BackupRun, ...]
    looks: tuple[datetime, ...]
    days: int


@lru_cache
def due_times(zone: str, hour: int) -> list[datetime]:
    """Walk a minute at a time: the moments at which the clock shows the hour, once a day."""
    begin = datetime.fromisoformat(CHANGES[zone][0]).replace(tzinfo=UTC)
    moments = (begin + minute * MINUTE for minute in range(22 * 1440))
    walls = [(moment, moment.astimezone(ZoneInfo(zone))) for moment in moments]
    found = {
        wall.date(): at for at, wall in reversed(walls) if (wall.hour, wall.minute) == (hour, 0)
    }
    return sorted(found.values())


@st.composite
def lives(draw: st.DrawFn) -> Life:
    zone = draw(st.sampled_from(list(CHANGES)))
    hour = draw(st.integers(4, 23))  # no change of the clock is that late
    due, runs, free = due_times(zone, hour), [], datetime.min.replace(tzinfo=UTC)
    for moment in due:
        if draw(st.integers(0, 3)) == 0 or moment < free:
            continue
        start = max(free, moment + draw(st.integers(-59, 90)) * MINUTE)
        free = start + draw(st.sampled_from([5, 40, 300, 23 * 60])) * MINUTE
        killed = draw(st.integers(0, 4)) == 0
        arrived = draw(st.frozensets(st.sampled_from(["start", "plan", "end"]), min_size=1))
        runs.append(BackupRun(start, None if killed else free, arrived))
    offsets = st.integers(-3 * 60, 30 * 60)
    looks = draw(st.lists(st.tuples(st.sampled_from(due[2:-2]), offsets), min_size=1, max_size=12))
    moments = sorted(moment + minutes * MINUTE for moment, minutes in looks)
    program = draw(st.sampled_from(Program))
    return Life(zone, program, hour, tuple(runs), tuple(moments), draw(st.integers(0, 3)))


class Disk:
    """What of the runs lies on the server at a moment."""

    def __init__(self, life: Life, now: datetime) -> None:
        begun = [run for run in life.runs if run.start <= now]
        ended = [run for run in begun if run.end and run.end <= now and "end" in run.arrived]
        self.start = next((run for run in reversed(begun) if "start" in run.arrived), None)
        self.plan = next((run for run in reversed(begun) if "plan" in run.arrived), None)
        self.end = ended[-1] if ended else None
        self.newest = max(
            filter(None, (self.start, self.end)), key=lambda run: run.start, default=None
        )

    def computer(self, life: Life, policy: SchedulePolicy, now: datetime) -> Computer:
        program, zone, zones = life.program, ZoneInfo(life.zone), policy.zones
        start = end = plan = None
        if self.start:
            at = self.start.start
            start = read_start(came(start_file(program, at, zone), at), zones, now)
        if self.end and self.end.end:
            at = self.end.end
            number = str(life.runs.index(self.end)).encode()
            data = end_file(program, at, zone)
            if self.end is not self.start:
                data = data.replace(b"461239", number)
            end = read_end(came(data, at), zones, now)
        if self.plan:
            at = self.plan.start
            data = schedule_file(program, at, zone, [life.hour], [0], None)
            of_run = start if isinstance(start, Start) else None
            plan = read_schedule(came(data, at), zones, now, of_run)
        return Computer("web01", start, end, plan)


def came(data: bytes, at: datetime) -> ReportFile:
    return ReportFile(data, "report", at, by_client=False, received=Receipt(at))


def held_to_the_truth(
    life: Life, disk: Disk, memory: TrackedComputer | None, now: datetime, verdict: Verdict
) -> None:
    newest = disk.newest
    assert newest is not None
    assert verdict.state is not State.UNKNOWN, verdict
    if disk.plan is None:
        assert verdict.state is State.OK
        return
    ended = newest.end if newest is disk.end else None
    lengths = memory.lengths if memory is not None else ()
    busy = ended or newest.start + max([LONGEST, *(1.5 * length for length in lengths)])
    if disk.end is None:
        first = memory.first_open if memory is not None else None
        busy = max(busy, (first or newest.start) + LONGEST_FIRST)
    # Where the newest start was lost, it is not known which due time it was early for.
    least = max(busy, newest.start + EARLY)
    most = least if newest is disk.start else busy
    if memory is None:  # live, a newer plan may be another one
        least, most = max(least, disk.plan.start), max(most, disk.plan.start)
    due = [moment for moment in due_times(life.zone, life.hour) if now - moment >= GRACE]
    missed = int(verdict.metrics[0].value)
    assert sum(each > least for each in due) <= missed <= sum(each > most for each in due), verdict
    if not missed or not life.days:
        assert verdict.state is State.OK
    elif now - (ended or newest.start) >= life.days * DAY:
        assert verdict.state is not State.OK, verdict
    elif now - newest.start < life.days * DAY:
        assert verdict.state is State.OK, verdict


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lives())
def test_lost_uploads(life: Life) -> None:
    zones = tuple(map(ZoneInfo, (life.zone, *CHANGES[life.zone][1:])))
    policy = SchedulePolicy(zones=zones)
    rules = Policies(WarnAfterPolicy(), policy, StatusPolicy())
    account = Account(
        "4000101",
        "",
        created=LONG_AGO,
        warning_numbers=0 if life.days else 99,
        warning_days=life.days,
    )
    memory: TrackedComputer | None = None
    for now in life.looks:
        disk = Disk(life, now)
        if disk.newest is None:
            continue
        seen = disk.computer(life, policy, now)
        memory = update_computer(memory, seen, now)
        for known in (None, memory):
            shown = known.join(seen) if known is not None else seen
            verdict = evaluate_schedule(account, Uploads((shown,)), rules, now)

            held_to_the_truth(life, disk, known, now, verdict)
