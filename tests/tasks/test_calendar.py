"""Plans: a computer's schedule in its own clock, as the schedule rule counts by it."""

from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from backup_monitoring.model.uploads import Computer, Pattern, Schedule
from backup_monitoring.model.verdicts import State
from backup_monitoring.tasks.calendar import find_clock
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from cases import LONG_AGO, at, computer, daily, end, start, uploads
from tasks.schedule_cases import (
    AT_20,
    BY_HAND,
    EACH,
    EVERY_HOUR,
    RULES,
    SUNDAY,
    SUNDAYS_END,
    THREE,
    ZURICH,
)

LONDON = ZoneInfo("Europe/London")
JOHANNESBURG = ZoneInfo("Africa/Johannesburg")  # +02:00 all the year


@pytest.mark.parametrize(
    ("key", "missed", "how"),
    [
        ("4000101/web01", 0, "weekdays [1, 2, 3, 4, 5] by the settings"),
        ("4000101", 0, "weekdays [1, 2, 3, 4, 5] by the settings"),
        ("4000101/web02", 2, "schedule of its file"),
        ("4000102", 2, "schedule of its file"),
    ],
)
def test_weekdays_of_the_settings(key: str, missed: int, how: str) -> None:
    policy = SchedulePolicy(zones=(ZURICH,), weekdays={key: frozenset([1, 2, 3, 4, 5])})
    on_friday = computer(
        start=start("2026-11-20T20:00:04+01:00"),
        end=end("2026-11-20T20:41:37+01:00"),
        schedule=AT_20,
    )

    verdict = evaluate_schedule(
        EACH, uploads(on_friday), RULES.replace(policy), at("2026-11-23T12:00+01:00")
    )

    assert verdict.metrics[0].value == missed
    assert how in verdict.details[0]


def test_weekdays_of_the_computer_go_before_those_of_the_account() -> None:
    weekdays = {"4000101": frozenset([6]), "4000101/web01": frozenset([7])}
    policy = SchedulePolicy(zones=(ZURICH,), weekdays=weekdays)
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)

    verdict = evaluate_schedule(EACH, uploads(one), RULES.replace(policy), at(THREE))

    assert "next due 2026-11-29 20:00 +01:00" in verdict.summary


@pytest.mark.parametrize(
    ("zones", "plan", "started", "zone"),
    [
        pytest.param(
            (LONDON, ZURICH),
            AT_20,
            "2026-11-22T20:00+00:00",
            "Europe/London",
            id="the start's offset before that of an older file",
        ),
        pytest.param(
            (JOHANNESBURG, ZURICH),
            daily(20, modified=at("2026-10-26T12:00+01:00")),
            "2026-10-24T20:00+02:00",
            "Europe/Zurich",
            id="a schedule uploaded after the start, and after a change of the clock",
        ),
        pytest.param(
            (JOHANNESBURG, ZURICH),
            daily(20, utc=2, modified=at("2026-10-24T20:00+02:00")),
            "2026-10-24T20:00+02:00",
            "Africa/Johannesburg",
            id="the first of two that fit",
        ),
    ],
)
def test_the_zone_of_a_computer(
    zones: tuple[ZoneInfo, ...], plan: Schedule, started: str, zone: str
) -> None:
    one = computer(start=start(started), end=end(started), schedule=plan)
    rules = RULES.replace(SchedulePolicy(zones=zones))

    details = evaluate_schedule(EACH, uploads(one), rules, at("2026-11-24T12:00+01:00")).details

    assert f"; zone {zone} by the settings; " in details[0]


def every(minutes: int, number: int) -> tuple[Computer, ...]:
    """Return *number* computers that back up every *minutes*, and just did."""
    pattern = Pattern(frozenset(range(0, 60, minutes)), EVERY_HOUR.hours, timedelta(hours=1))
    plan = Schedule(pattern, None, LONG_AGO)
    just = start("2026-11-24T11:59+01:00")
    return tuple(computer(f"web{each:02}", start=just, schedule=plan) for each in range(number))


@pytest.mark.parametrize(
    ("computers", "bad"),
    [
        pytest.param(every(10, 20), (), id="every ten minutes, as many as may"),
        pytest.param(every(10, 22), ("web20", "web21"), id="more of them"),
        pytest.param(every(15, 22), (), id="any number of every quarter of an hour"),
        pytest.param(
            tuple(computer(f"{each}", start=SUNDAY, schedule=BY_HAND) for each in range(22)),
            (),
            id="any number by hand",
        ),
    ],
)
def test_dense_schedules_do_not_stall_the_others(
    computers: tuple[Computer, ...], bad: tuple[str]
) -> None:
    verdict = evaluate_schedule(EACH, uploads(*computers), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.state is (State.UNKNOWN if bad else State.OK)
    unknown = [each.split(":")[0] for each in verdict.details if ": UNKNOWN - " in each]
    assert tuple(unknown) == bad
    assert verdict.failing == ()
    text = "more than 20 computers of the account have more than 96 due times per day"
    assert verdict.summary.startswith(text) is bool(bad)


@pytest.mark.parametrize(
    ("written", "modified", "zone"),
    [
        pytest.param(1, "2026-10-26T09:00+01:00", "Zurich", id="uploaded after the change"),
        pytest.param(2, "2026-10-24T20:00:09+02:00", "Zurich", id="uploaded with the start"),
        pytest.param(2, "2026-10-26T09:00+01:00", "Zurich", id="its date lost when it was moved"),
        pytest.param(3, "2026-10-25T09:00+03:00", "Helsinki", id="uploaded before the change"),
    ],
)
def test_the_zone_had_the_offset_when_it_was_written(
    written: int, modified: str, zone: str
) -> None:
    """London has in summer what Zurich has in winter, and Helsinki in winter what it has then."""
    zones = tuple(ZoneInfo(f"Europe/{name}") for name in ("Zurich", "London", "Helsinki"))
    rules = RULES.replace(SchedulePolicy(zones=zones))
    began = "2026-10-24T20:00:04+03:00" if written == 3 else "2026-10-24T20:00:04+02:00"
    one = computer(start=start(began), schedule=daily(20, utc=written, modified=at(modified)))

    verdict = evaluate_schedule(EACH, uploads(one), rules, at("2026-10-26T12:00+01:00"))

    assert f"zone Europe/{zone} by the settings" in verdict.details[0]


def test_the_fixed_offset_is_the_newest() -> None:
    one = computer(
        start=start("2026-10-26T20:00:04+01:00"),
        end=end("2026-10-26T20:41:37+01:00"),
        schedule=daily(20, utc=2, modified=at("2026-10-24T20:00:09+02:00")),
    )
    rules = RULES.replace(SchedulePolicy(zones=()))

    verdict = evaluate_schedule(EACH, uploads(one), rules, at("2026-10-27T21:30+01:00"))

    assert verdict.state is State.OK
    assert "the file's fixed offset +01:00" in verdict.details[0]


@pytest.mark.parametrize(
    ("modified", "by_client", "slow", "zone"),
    [
        pytest.param("2026-10-25T03:00Z", False, 0, "Zurich", id="Perl"),
        pytest.param("2026-10-25T03:00Z", False, 3, "London", id="Perl, slow"),
        pytest.param("2026-10-24T23:00Z", False, -3, "Zurich", id="Perl, fast"),
        pytest.param("2026-10-25T00:00Z", True, 3, "London", id="Sepiola before, slow"),
        pytest.param("2026-10-25T00:00Z", True, -3, "London", id="Sepiola before, fast"),
        pytest.param("2026-10-25T03:00Z", True, 3, "Zurich", id="Sepiola after, slow"),
        pytest.param("2026-10-25T03:00Z", True, -3, "Zurich", id="Sepiola after, fast"),
    ],
)
def test_the_zone_had_the_offset_by_the_computers_own_clock(
    modified: str, by_client: bool, slow: int, zone: str
) -> None:
    """Zurich gets this offset back at 01:00 UTC, when London loses it.

    The time of Sepiola's file is by the computer's clock, of the Perl client's by the server's.
    """
    schedule = daily(20, modified=at(modified))._replace(by_client=by_client)
    policy = SchedulePolicy(zones=(ZURICH, LONDON))

    clock = find_clock(computer(schedule=schedule), timedelta(hours=-slow), policy)

    assert clock == (ZoneInfo(f"Europe/{zone}"), f"Europe/{zone} by the settings")


def test_the_newest_offset_is_not_that_of_an_earlier_file() -> None:
    """By the server's clock the file is newer than the start; by the computer's it is not."""
    one = computer(
        start=start("2026-10-26T20:00+02:00"),
        schedule=daily(20, utc=1, modified=at("2026-10-26T20:00Z")),
    )

    clock = find_clock(one, timedelta(hours=-3), SchedulePolicy(zones=()))
    right = find_clock(one, timedelta(0), SchedulePolicy(zones=()))

    assert clock.zone == timezone(timedelta(hours=2))
    assert right.zone == timezone(timedelta(hours=1))
