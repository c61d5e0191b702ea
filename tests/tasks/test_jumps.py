"""The night in which a zone's clock jumps, by whatever: no false miss, and no miss is hidden."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.uploads import Computer, End, Pattern, Receipt, Schedule, Start
from backup_monitoring.tasks.due import find_wall_shift
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status import evaluate_status
from cases import LONG_AGO, PERL, at, uploads

ACCOUNT = Account("4000101", "", created=LONG_AGO, warning_numbers=1, warning_days=0)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=4)


class Jump(NamedTuple):
    zone: ZoneInfo
    at: datetime
    before: timedelta
    after: timedelta


def offset_of(zone: ZoneInfo, moment: datetime) -> timedelta:
    found = moment.astimezone(zone).utcoffset()
    assert found is not None
    return found


@cache
def list_jumps() -> tuple[Jump, ...]:
    """The jumps of less than a day, and not of an hour, of all zones from 2022 to 2030."""
    found = []
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        moment = at("2022-01-01T00:00Z")
        while moment < at("2030-01-01T00:00Z"):
            before, after = offset_of(zone, moment), offset_of(zone, moment + DAY)
            if before != after and abs(after - before) not in (HOUR, DAY):
                low, high = moment, moment + DAY
                while high - low > MINUTE:
                    middle = low + (high - low) // (2 * MINUTE) * MINUTE
                    low, high = (
                        (middle, high) if offset_of(zone, middle) == before else (low, middle)
                    )
                found.append(Jump(zone, high, before, after))
            moment += DAY
    return tuple(found)


def run(began: datetime, zone: ZoneInfo, number: str) -> tuple[Start, End]:
    ended = began + 20 * MINUTE
    return (
        Start(began, offset_of(zone, began), number, PERL, Receipt(began)),
        End(ended, offset_of(zone, ended), number, True, PERL, Receipt(ended)),
    )


def count(jump: Jump, wall: datetime, starts: list[datetime], now: datetime) -> int:
    """How many are missed at *now*, of a computer that is due daily at the time of *wall*."""
    pattern = Pattern(frozenset([wall.minute]), frozenset([wall.hour]), jump.before)
    number, began = max(
        (number, each) for number, each in enumerate(starts) if each + SECOND <= now
    )
    start, end = run(began, jump.zone, str(number))
    if end.at > now:
        end = run(starts[number - 1], jump.zone, str(number - 1))[1]
    one = Computer("web01", start, end, Schedule(pattern, PERL, LONG_AGO))
    policies = Policies(SchedulePolicy(zones=(jump.zone,)))
    assert evaluate_status(ACCOUNT, uploads(one), policies, now).state.value == 0
    verdict = evaluate_schedule(ACCOUNT, uploads(one), policies, now)
    return int(verdict.metrics[0].value)


def list_walls(jump: Jump) -> list[datetime]:
    """The wall times that the jump skips or repeats, as naive ones, every 10 minutes."""
    first, last = sorted((jump.at + jump.before, jump.at + jump.after))
    steps = (last - first) // (10 * MINUTE)
    return [(first + step * 10 * MINUTE).replace(tzinfo=None) for step in range(steps)]


def test_there_are_such_jumps() -> None:
    sizes = {(each.zone.key, each.after - each.before) for each in list_jumps()}
    assert ("Antarctica/Troll", 2 * HOUR) in sizes
    assert ("Antarctica/Troll", -2 * HOUR) in sizes
    assert ("Australia/Lord_Howe", 30 * MINUTE) in sizes


def test_whatever_a_client_makes_of_such_a_time_nothing_is_missed() -> None:
    """It starts when the clock has jumped, or so much later; at the first of two, or the second."""
    for jump in list_jumps():
        for wall in list_walls(jump):
            either = sorted(
                wall.replace(tzinfo=UTC) - offset for offset in (jump.before, jump.after)
            )
            if jump.after > jump.before:
                either[0] = jump.at  # the other lies before the jump: no clock shows it then
            for began in either:
                starts = [wall.replace(tzinfo=UTC) - DAY - jump.before, began]
                for late in range(-30, 5 * 60, 10):
                    now = max(either[0], began) + late * MINUTE + SECOND
                    assert count(jump, wall, starts, now) == 0, (jump, wall, began, now)


def test_a_night_without_a_start_is_a_miss() -> None:
    for jump in list_jumps():
        for wall in list_walls(jump):
            later = wall.replace(tzinfo=UTC) - min(jump.before, jump.after)
            starts = [wall.replace(tzinfo=UTC) - DAY - jump.before]
            assert count(jump, wall, starts, later + 2 * HOUR + SECOND) == 1, (jump, wall)


@pytest.mark.parametrize(("began", "missed"), [("01:00", 1), ("02:00", 0)])
def test_a_time_that_exists_is_due_even_if_a_skipped_one_is_due_then(
    began: str, missed: int
) -> None:
    """Hourly in Troll, where 01:00 and 02:00 do not exist: at 04:00 local the next is due."""
    zone = ZoneInfo("Antarctica/Troll")
    start, end = run(at(f"2026-03-29T{began}:04Z"), zone, "1")
    hourly = Pattern(frozenset([0]), frozenset(range(24)), timedelta(0))
    one = Computer("web01", start, end, Schedule(hourly, PERL, LONG_AGO))
    policies = Policies(SchedulePolicy(zones=(zone,), early=10 * MINUTE))
    now = at("2026-03-29T04:01Z")

    verdict = evaluate_schedule(ACCOUNT, uploads(one), policies, now)

    assert verdict.metrics[0].value == missed


@pytest.mark.parametrize(
    ("zone", "hour", "due", "minutes"),
    [
        pytest.param("Europe/Zurich", 2, "2026-03-28T01:30Z", 0, id="a night without a jump"),
        pytest.param("Europe/Zurich", 2, "2026-03-29T01:30Z", 60, id="spring"),
        pytest.param("Europe/Zurich", 2, "2026-10-25T00:30Z", -60, id="autumn"),
        pytest.param("Europe/London", 1, "2026-03-28T01:30Z", 0, id="London, without a jump"),
        pytest.param("Europe/London", 1, "2026-03-29T01:30Z", 60, id="London in spring"),
        pytest.param("Europe/London", 1, "2026-10-25T00:30Z", -60, id="London in autumn"),
        pytest.param("America/New_York", 2, "2026-03-08T07:30Z", 60, id="New York in spring"),
    ],
)
def test_by_how_much_the_clock_jumps_over_a_due_time(
    zone: str, hour: int, due: str, minutes: int
) -> None:
    pattern = Pattern(frozenset([30]), frozenset([hour]), timedelta(0))

    assert find_wall_shift(pattern, ZoneInfo(zone), at(due)) == minutes * MINUTE


@pytest.mark.parametrize(
    ("began", "now", "grace", "missed"),
    [
        pytest.param("03-29T01:00Z", "03-29T12:00Z", 120, 0, id="at once"),
        pytest.param("03-29T00:30Z", "03-29T12:00Z", 120, 0, id="at that time before the jump"),
        pytest.param("03-29T00:29Z", "03-29T12:00Z", 120, 1, id="before it, for nothing"),
        pytest.param("10-24T00:30Z", "10-25T01:59Z", 30, 0, id="the second one may come"),
        pytest.param("10-24T00:30Z", "10-25T02:00Z", 30, 1, id="nor the second one"),
        pytest.param("10-24T00:30Z", "10-25T02:29Z", 60, 0, id="as late as the second one"),
        pytest.param("10-24T00:30Z", "10-25T02:30Z", 60, 1, id="later than that"),
    ],
)
def test_half_past_two_in_a_night_with_a_jump(
    began: str, now: str, grace: int, missed: int
) -> None:
    zone = ZoneInfo("Europe/Zurich")
    start, end = run(at(f"2026-{began}"), zone, "1")
    plan = Pattern(frozenset([30]), frozenset([2]), timedelta(hours=1))
    one = Computer("web01", start, end, Schedule(plan, PERL, LONG_AGO))
    policy = SchedulePolicy(zones=(zone,), early=timedelta(0), grace=grace * MINUTE)

    verdict = evaluate_schedule(ACCOUNT, uploads(one), Policies(policy), at(f"2026-{now}"))

    assert verdict.metrics[0].value == missed
