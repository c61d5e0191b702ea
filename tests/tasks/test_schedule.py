"""The schedule rule: backups that did not start at their due times."""

from datetime import timedelta

import pytest

from backup_monitoring.model.uploads import (
    Computer,
    End,
    History,
    InvalidReport,
    Pattern,
    Receipt,
    Schedule,
    Start,
)
from backup_monitoring.model.verdicts import Metric, Range, State
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.schedule_facts import ScheduleFacts
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from cases import LONG_AGO, at, computer, daily, end, start, uploads
from tasks.schedule_cases import (
    AT_20,
    BY_HAND,
    EACH,
    EVERY_HOUR,
    MONDAY,
    ONE,
    RULES,
    SUNDAY,
    SUNDAYS_END,
    TWO,
    ZURICH,
)

HOURLY = Schedule(EVERY_HOUR, None, LONG_AGO)
HOURLY_IN_SUMMER = HOURLY._replace(plan=EVERY_HOUR._replace(offset=timedelta(hours=2)))
TWICE = Pattern(frozenset([0]), frozenset([8, 20]), timedelta(hours=1))
ON_WORKING_DAYS = daily(20, weekdays=frozenset([1, 2, 3, 4, 5]))


def torn(name: str, came: str | None, known: Start | End | Schedule | None = None) -> InvalidReport:
    """A report that cannot be read, and the one before it."""
    return InvalidReport(f"/home/{name}.xml", "torn", Receipt(at(came)) if came else None, known)


@pytest.mark.parametrize(
    ("one", "now", "missed", "says"),
    [
        pytest.param(
            computer(start=MONDAY, schedule=AT_20),
            "2026-11-24T12:00+01:00",
            0,
            "none missed, last start 2026-11-23 20:00 +01:00, next due 2026-11-24 20:00 +01:00",
            id="in time",
        ),
        pytest.param(
            computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20),
            "2026-11-23T21:59:59+01:00",
            0,
            "next due 2026-11-24 20:00 +01:00",
            id="within grace",
        ),
        pytest.param(
            computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20),
            "2026-11-23T22:00:00+01:00",
            1,
            "1 backup missed since 2026-11-23 20:00 +01:00, threshold 1 backup (entry)",
            id="grace is over",
        ),
        pytest.param(
            computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20),
            "2026-11-25T12:00:00+01:00",
            2,
            "2 backups missed since 2026-11-23 20:00 +01:00",
            id="two",
        ),
        pytest.param(
            computer(
                start=start("2026-11-23T19:00:00+01:00"),
                end=end("2026-11-23T19:20:00+01:00"),
                schedule=AT_20,
            ),
            "2026-11-24T12:00+01:00",
            0,
            "none missed",
            id="early start",
        ),
        pytest.param(
            computer(
                start=start("2026-11-23T18:59:59+01:00"),
                end=end("2026-11-23T19:20:00+01:00"),
                schedule=AT_20,
            ),
            "2026-11-24T12:00+01:00",
            1,
            "1 backup missed since 2026-11-23 20:00 +01:00",
            id="too early",
        ),
        pytest.param(
            computer(start=start("2026-11-24T08:00:00+01:00"), schedule=AT_20),
            "2026-11-24T12:00+01:00",
            0,
            "none missed, last start 2026-11-24 08:00 +01:00",
            id="made up for in the morning",
        ),
        pytest.param(
            computer(
                start=start("2026-11-23T12:00:00+01:00"),
                end=end("2026-11-22T20:41:37+01:00"),
                schedule=HOURLY,
            ),
            "2026-11-24T11:00:00+01:00",
            0,
            "none missed",
            id="running for 23 hours",
        ),
        pytest.param(
            computer(
                start=start("2026-11-23T12:00:00+01:00"),
                end=end("2026-11-22T20:41:37+01:00"),
                schedule=HOURLY,
            ),
            "2026-11-24T16:30:00+01:00",
            2,
            "2 backups missed since 2026-11-24 13:00 +01:00",
            id="for longer than any backup",
        ),
        pytest.param(
            computer(
                start=start("2026-11-23T12:00:00+01:00"),
                end=end("2026-11-23T17:30:00+01:00"),
                schedule=HOURLY,
            ),
            "2026-11-23T20:30:00+01:00",
            1,
            "1 backup missed since 2026-11-23 18:00 +01:00",
            id="none due while one was running",
        ),
        pytest.param(
            computer(start=start("2026-11-18T12:00:00+01:00"), schedule=AT_20),
            "2026-11-24T12:00:00+01:00",
            0,
            "none missed",
            id="the first may run for a week",
        ),
        pytest.param(
            computer(start=start("2026-11-16T12:00:00+01:00"), schedule=AT_20),
            "2026-11-24T12:00:00+01:00",
            1,
            "1 backup missed since 2026-11-23 20:00 +01:00",
            id="not for longer",
        ),
        pytest.param(
            computer(
                start=start("2026-11-18T12:00:00+01:00"),
                schedule=AT_20,
                history=History(first_open=at("2026-11-14T12:00+01:00")),
            ),
            "2026-11-24T12:00:00+01:00",
            3,
            "3 backups missed since 2026-11-21 20:00 +01:00",
            id="a week from the first start seen",
        ),
        pytest.param(
            Computer("web01", SUNDAY, InvalidReport("/home/e.xml", "torn"), AT_20),
            "2026-11-25T12:00:00+01:00",
            1,
            "1 backup missed since 2026-11-24 20:00 +01:00",
            id="an end that may not be read is not a first backup",
        ),
        pytest.param(
            Computer("web01", SUNDAY, torn("e", "2026-11-22T21:00+01:00"), AT_20),
            "2026-11-24T12:00+01:00",
            1,
            "1 backup missed since 2026-11-23 20:00 +01:00",
            id="a torn end ends its run",
        ),
        pytest.param(
            Computer("web01", SUNDAY, torn("e", "2026-11-22T19:00+01:00"), AT_20),
            "2026-11-23T23:00+01:00",
            0,
            "none missed, last start 2026-11-22 20:00 +01:00",
            id="a torn end of before does not",
        ),
        pytest.param(
            Computer("web01", torn("s", "2026-11-22T20:00+01:00"), SUNDAYS_END, AT_20),
            "2026-11-24T23:00+01:00",
            2,
            "2 backups missed since 2026-11-23 20:00 +01:00",
            id="a torn start serves its due time",
        ),
        pytest.param(
            Computer("web01", torn("s", "2026-11-23T19:10+01:00"), SUNDAYS_END, AT_20),
            "2026-11-24T23:00+01:00",
            1,
            "1 backup missed since 2026-11-24 20:00 +01:00",
            id="and one that it is early for",
        ),
        pytest.param(
            Computer("web01", torn("s", "2026-11-22T20:00+01:00"), None, AT_20),
            "2026-11-24T23:00+01:00",
            2,
            "2 backups missed since 2026-11-23 20:00 +01:00",
            id="a torn start opens no run, and is no first backup",
        ),
        pytest.param(
            Computer(
                "web01",
                torn("s", "2026-11-22T20:00+01:00"),
                torn("e", "2026-11-22T20:41+01:00"),
                AT_20,
            ),
            "2026-11-24T23:00+01:00",
            2,
            "2 backups missed since 2026-11-23 20:00 +01:00",
            id="both torn",
        ),
        pytest.param(
            Computer("web01", None, torn("e", "2026-11-22T20:41+01:00"), AT_20),
            "2026-11-24T23:00+01:00",
            2,
            "2 backups missed since 2026-11-23 20:00 +01:00",
            id="nothing but a torn end",
        ),
        pytest.param(
            Computer("web01", SUNDAY, SUNDAYS_END, torn("p", "2026-11-22T20:00+01:00", AT_20)),
            "2026-11-24T23:00+01:00",
            2,
            "2 backups missed since 2026-11-23 20:00 +01:00, threshold 1 backup (entry); by the "
            "schedule seen before: invalid report /home/p.xml: torn",
            id="a torn schedule that was seen before",
        ),
        pytest.param(
            Computer(
                "web01",
                torn("s", "2026-11-23T20:00+01:00", SUNDAY),
                torn("e", "2026-11-23T20:41+01:00", SUNDAYS_END),
                torn("p", "2026-11-23T20:00+01:00", AT_20),
                History(),
            ),
            "2026-11-24T23:00+01:00",
            1,
            "1 backup missed since 2026-11-24 20:00 +01:00",
            id="all torn, and known",
        ),
        pytest.param(
            computer(end=end("2026-11-22T20:41:37+01:00"), schedule=AT_20),
            "2026-11-24T12:00+01:00",
            1,
            "1 backup missed since 2026-11-23 20:00 +01:00",
            id="no start, but an end",
        ),
        pytest.param(
            computer(start=SUNDAY, end=SUNDAYS_END, schedule=ON_WORKING_DAYS),
            "2026-11-23T12:00+01:00",
            0,
            "next due 2026-11-23 20:00 +01:00",
            id="nothing due at the weekend",
        ),
        pytest.param(
            computer(
                start=start("2026-11-19T20:00:04+01:00"),
                end=end("2026-11-19T20:41:37+01:00"),
                schedule=ON_WORKING_DAYS,
            ),
            "2026-11-24T12:00+01:00",
            2,
            "2 backups missed since 2026-11-20 20:00 +01:00",
            id="Friday and Monday",
        ),
        pytest.param(
            computer(
                start=start("2024-12-31T20:00:04+01:00"),
                end=end("2024-12-31T20:41:37+01:00"),
                schedule=daily(20, days=frozenset([1]), months=frozenset([1])),
            ),
            "2025-12-31T12:00+01:00",
            1,
            "1 backup missed since 2025-01-01 20:00 +01:00",
            id="yearly",
        ),
        pytest.param(
            computer(
                start=start("2026-11-20T20:00:04+01:00"),
                end=end("2026-11-20T20:41:37+01:00"),
                schedule=daily(20, modified=at("2026-11-22T21:00+01:00")),
            ),
            "2026-11-24T12:00+01:00",
            1,
            "1 backup missed since 2026-11-23 20:00 +01:00",
            id="live: schedule changed after the start",
        ),
        pytest.param(
            computer(
                start=start("2026-11-20T20:00:04+01:00"),
                end=end("2026-11-20T20:41:37+01:00"),
                schedule=daily(20, modified=at("2026-11-25T21:00+01:00")),
            ),
            "2026-11-24T12:00+01:00",
            3,
            "3 backups missed since 2026-11-21 20:00 +01:00",
            id="live: not by a file of the future",
        ),
        pytest.param(
            computer(
                start=start("2026-11-20T20:00:04+01:00"),
                end=end("2026-11-20T20:41:37+01:00"),
                schedule=daily(20, modified=at("2026-11-22T21:00+01:00")),
                history=History(first_seen=at("2026-11-23T21:00+01:00")),
            ),
            "2026-11-24T12:00+01:00",
            3,
            "3 backups missed since 2026-11-21 20:00 +01:00",
            id="store: no change seen, and a first sight is none",
        ),
        pytest.param(
            computer(
                start=start("2026-11-20T20:00:04+01:00"),
                end=end("2026-11-20T20:41:37+01:00"),
                schedule=AT_20,
                history=History(schedule_changed=at("2026-11-21T21:00+01:00")),
            ),
            "2026-11-24T12:00+01:00",
            2,
            "2 backups missed since 2026-11-22 20:00 +01:00",
            id="store: schedule seen to change",
        ),
        pytest.param(
            computer(schedule=daily(20, modified=at("2026-11-22T12:00+01:00"))),
            "2026-11-24T12:00+01:00",
            2,
            "2 backups missed since 2026-11-22 20:00 +01:00",
            id="live: no start known, from its schedule's upload",
        ),
        pytest.param(
            computer(
                schedule=AT_20,
                history=History(first_seen=at("2026-11-23T12:00+01:00")),
            ),
            "2026-11-24T12:00+01:00",
            1,
            "1 backup missed since 2026-11-23 20:00 +01:00",
            id="store: no start known, from the first sight",
        ),
        pytest.param(
            computer(schedule=daily(20, utc=2, modified=at("2026-10-24T12:00+02:00"))),
            "2026-10-25T21:30+01:00",
            1,
            "1 backup missed since 2026-10-24 20:00 +02:00",
            id="no start known, the zone is that of the schedule's upload",
        ),
        pytest.param(
            computer(schedule=AT_20),
            "2026-01-03T12:00+01:00",
            2,
            "2 backups missed since 2026-01-01 20:00 +01:00",
            id="no start known, not before the account was created",
        ),
        pytest.param(
            Computer("web01", None, InvalidReport("/home/e.xml", "torn"), AT_20),
            "2026-01-03T12:00+01:00",
            2,
            "2 backups missed since 2026-01-01 20:00 +01:00",
            id="no start known, and an invalid end",
        ),
        pytest.param(
            computer(
                start=start("2026-10-24T20:00:04+02:00"),
                end=end("2026-10-24T20:41:37+02:00"),
                schedule=daily(20, utc=2),
            ),
            "2026-10-25T21:59+01:00",
            0,
            "next due 2026-10-26 20:00 +01:00",
            id="autumn: the zone's wall time holds",
        ),
        pytest.param(
            computer(
                start=start("2026-10-24T20:00:04+02:00"),
                end=end("2026-10-24T20:41:37+02:00"),
                schedule=daily(20, utc=2),
            ),
            "2026-10-25T22:01+01:00",
            1,
            "1 backup missed since 2026-10-25 20:00 +01:00",
            id="autumn: missed at it",
        ),
        pytest.param(
            computer(
                start=start("2026-03-28T20:00:04+01:00"),
                end=end("2026-03-28T20:41:37+01:00"),
                schedule=daily(20),
            ),
            "2026-03-29T22:01+02:00",
            1,
            "1 backup missed since 2026-03-29 20:00 +02:00",
            id="spring: missed an hour sooner",
        ),
        pytest.param(
            computer(
                start=start("2026-03-28T02:30:04+01:00"),
                end=end("2026-03-28T02:41:37+01:00"),
                schedule=daily(2, 30),
            ),
            "2026-03-29T05:31+02:00",
            1,
            "1 backup missed since 2026-03-29 03:30 +02:00",
            id="spring: due in the skipped hour",
        ),
        pytest.param(
            computer(
                start=start("2026-10-25T02:30:04+02:00"),
                end=end("2026-10-25T02:41:37+02:00"),
                schedule=daily(2, 30, utc=2),
            ),
            "2026-10-26T04:00+01:00",
            0,
            "next due 2026-10-27 02:30 +01:00",
            id="autumn: not due again in the repeated hour",
        ),
        pytest.param(
            computer(
                start=start("2026-10-26T20:00:04+01:00"),
                end=end("2026-10-26T20:41:37+01:00"),
                schedule=daily(20, utc=2),
            ),
            "2026-10-27T22:01+01:00",
            1,
            "1 backup missed since 2026-10-27 20:00 +01:00",
            id="autumn: the schedule's file is from before it, the start is not",
        ),
        pytest.param(
            computer(
                history=History(
                    first_seen=at("2026-11-10T12:00+01:00"),
                    schedule_changed=at("2026-11-22T21:00+01:00"),
                ),
                schedule=AT_20,
            ),
            "2026-11-24T12:00+01:00",
            1,
            "1 backup missed since 2026-11-23 20:00 +01:00",
            id="store: no start known, schedule seen to change",
        ),
        pytest.param(
            computer(schedule=daily(20, modified=at("2026-11-24T12:05+01:00"))),
            "2026-11-24T12:00+01:00",
            0,
            "next due 2026-11-24 20:00 +01:00",
            id="live: no start known, its schedule's upload is minutes ahead",
        ),
        pytest.param(
            computer(
                start=start("2026-11-20T20:00:04+01:00"),
                end=end("2026-11-20T20:41:37+01:00"),
                schedule=daily(20, modified=at("2026-11-24T12:05+01:00")),
            ),
            "2026-11-24T12:00+01:00",
            0,
            "next due 2026-11-24 20:00 +01:00",
            id="live: schedule changed just now, by a clock that is minutes ahead",
        ),
        pytest.param(
            computer(
                start=start("2026-11-22T12:00:04+01:00"),
                schedule=AT_20,
                history=History(first_open=at("2026-11-10T20:00:04+01:00")),
            ),
            "2026-11-24T12:00+01:00",
            1,
            "1 backup missed since 2026-11-23 20:00 +01:00",
            id="after the first week, a start runs for no longer than a day",
        ),
        pytest.param(
            computer(
                start=start("2026-11-22T18:00:04+01:00"),
                schedule=Schedule(TWICE, None, LONG_AGO),
                history=History(first_open=at("2026-11-10T20:00:04+01:00")),
            ),
            "2026-11-23T17:00+01:00",
            0,
            "next due 2026-11-23 20:00 +01:00",
            id="after the first week, a start may run for a day like any other",
        ),
        pytest.param(
            computer(
                start=start("2026-11-22T20:00:04+05:45"),
                end=end("2026-11-22T20:41:37+05:45"),
                schedule=Schedule(
                    Pattern(frozenset([0]), frozenset([20]), timedelta(hours=5, minutes=45)),
                    None,
                    LONG_AGO,
                ),
            ),
            "2026-11-23T22:01+05:45",
            1,
            "1 backup missed since 2026-11-23 20:00 +05:45",
            id="another zone than the settings': its fixed offset",
        ),
    ],
)
def test_missed(one: Computer, now: str, missed: int, says: str) -> None:
    verdict = evaluate_schedule(EACH, uploads(one), RULES, at(now))

    states = {0: State.OK, 1: State.WARNING, 2: State.WARNING, 3: State.CRITICAL}
    assert verdict.state is states[missed]
    assert says in verdict.summary
    assert verdict.computer == "web01"
    assert verdict.metrics == (Metric("missed", missed, "", Range(end=0), Range(end=2)),)


@pytest.mark.parametrize(
    ("early", "grace", "started", "now", "missed"),
    [
        pytest.param(0, 2, "2026-11-23T19:59:59+01:00", "2026-11-24T12:00+01:00", 1, id="no early"),
        pytest.param(5, 2, "2026-11-23T15:00:00+01:00", "2026-11-24T12:00+01:00", 0, id="5 hours"),
        pytest.param(
            1, 0, "2026-11-22T20:00:00+01:00", "2026-11-23T19:59+01:00", 0, id="before it"
        ),
        pytest.param(1, 0, "2026-11-22T20:00:00+01:00", "2026-11-23T20:00+01:00", 1, id="no grace"),
        pytest.param(1, 9, "2026-11-22T20:00:00+01:00", "2026-11-24T04:59+01:00", 0, id="9 hours"),
    ],
)
def test_early_and_grace_of_the_settings(
    early: int, grace: int, started: str, now: str, missed: int
) -> None:
    policy = SchedulePolicy(
        zones=(ZURICH,), early=timedelta(hours=early), grace=timedelta(hours=grace)
    )
    one = computer(start=start(started), end=end(started), schedule=AT_20)

    verdict = evaluate_schedule(EACH, uploads(one), RULES.replace(policy), at(now))

    assert verdict.metrics[0].value == missed


def test_a_schedule_that_never_comes_true() -> None:
    never = daily(20, days=frozenset([30]), months=frozenset([2]))

    verdict = evaluate_schedule(
        EACH, uploads(computer(start=SUNDAY, schedule=never)), RULES, at(ONE)
    )

    assert verdict.state is State.OK
    assert verdict.summary == "none missed, last start 2026-11-22 20:00 +01:00"


def test_nothing_to_count_from() -> None:
    one = computer(schedule=daily(20, modified=at("2027-01-01T00:00+00:00")))

    verdict = evaluate_schedule(EACH._replace(created=None), uploads(one), RULES, at(ONE))

    assert (verdict.state, verdict.computer) == (State.UNKNOWN, "web01")
    assert verdict.summary == (
        "cannot count missed backups: no start, and no creation time in the entry"
    )


@pytest.mark.parametrize(
    ("plan", "last", "now", "missed", "says"),
    [
        pytest.param(
            HOURLY_IN_SUMMER,
            "2026-10-01T12:00+02:00",
            "2026-11-24T12:00+01:00",
            99,
            "more than 99 backups missed since 2026-10-01 14:00 +02:00",
            id="hourly",
        ),
        pytest.param(
            AT_20,
            "2026-11-22T20:00:04+01:00",
            "2027-03-01T22:30+01:00",
            99,
            "99 backups missed since 2026-11-23 20:00 +01:00",
            id="as many as are counted",
        ),
        pytest.param(
            AT_20,
            "1970-01-01T00:00+01:00",
            "2026-11-24T12:00+01:00",
            99,
            "more than 99 backups missed since 2020-01-01 20:00 +01:00",
            id="a clock of 1970",
        ),
        pytest.param(
            daily(20, modified=at("1970-01-01T00:00+00:00")),
            "1970-01-01T00:00+01:00",
            "2026-11-24T12:00+01:00",
            99,
            "more than 99 backups missed since 2017-11-17 20:00 +01:00",
            id="counted from nine years ago at the earliest",
        ),
        pytest.param(
            daily(20, weekdays=frozenset([7])),
            "2020-11-22T20:00+01:00",
            "2026-11-24T12:00+01:00",
            99,
            "more than 99 backups missed since 2020-11-29 20:00 +01:00",
            id="weekly, for six years",
        ),
        pytest.param(
            daily(20, days=frozenset([29]), months=frozenset([2])),
            "2020-02-29T20:00+01:00",
            "2028-02-29T12:00+01:00",
            1,
            "1 backup missed since 2024-02-29 20:00 +01:00",
            id="on a leap day, nearly four years ago",
        ),
    ],
)
def test_missed_backups_are_counted_up_to_99(
    plan: Schedule, last: str, now: str, missed: int, says: str
) -> None:
    one = computer(start=start(last), end=end(last), schedule=plan)

    verdict = evaluate_schedule(EACH, uploads(one), RULES, at(now))

    assert verdict.state is (State.CRITICAL if missed > 2 else State.WARNING)
    assert verdict.summary.startswith(says)
    assert verdict.summary.endswith(
        "; if it is no longer used, remove its folder, which deletes its backup"
    )
    assert verdict.metrics[0].value == missed


@pytest.mark.parametrize(
    ("now", "missed"),
    [("2027-03-01T22:30+01:00", 99), ("2027-03-02T22:30+01:00", 100), ("2027-05-01T12:00Z", 100)],
)
def test_more_than_99_missed_backups_are_100_in_the_facts(now: str, missed: int) -> None:
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)

    verdict = evaluate_schedule(EACH, uploads(one), RULES, at(now))

    assert isinstance(verdict.facts, ScheduleFacts)
    assert verdict.facts.missed == missed


def test_the_facts_of_missed_backups() -> None:
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)

    missed = evaluate_schedule(EACH._replace(warning_days=2), uploads(one), RULES, at(TWO))
    kept = evaluate_schedule(EACH, uploads(one), RULES, at("2026-11-23T21:00+01:00"))

    assert missed.facts == ScheduleFacts(
        cause="missed",
        missed=2,
        threshold_backups=1,
        threshold_days=2,
        first_due=at("2026-11-23T20:00+01:00"),
        last_backup=at("2026-11-22T20:00:04+01:00"),
        next_due=at("2026-11-25T20:00+01:00"),
        zone=ZURICH,
    )
    assert kept.facts == ScheduleFacts(
        missed=0,
        last_backup=at("2026-11-22T20:00:04+01:00"),
        next_due=at("2026-11-24T20:00+01:00"),
        zone=ZURICH,
    )


def test_details_explain_the_number() -> None:
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)

    verdict = evaluate_schedule(EACH, uploads(one), RULES, at(ONE))

    assert verdict.details == (
        "web01: WARNING - 1 backup missed since 2026-11-23 20:00 +01:00, "
        "threshold 1 backup (entry) "
        "[schedule of its file; zone Europe/Zurich by the settings; "
        "counted from 2026-11-22 21:00 +01:00; thresholds 1 backup (entry), days off; "
        "last start 2026-11-22 20:00 +01:00]",
    )


def test_details_have_no_time_of_a_wrong_clock() -> None:
    slow = computer(
        start=start("2026-11-22T20:00+01:00", came="2026-11-22T23:00+01:00"),
        end=end("2026-11-22T20:41+01:00", came="2026-11-22T23:41+01:00"),
        schedule=AT_20,
    )

    verdict = evaluate_schedule(EACH, uploads(slow), RULES, at("2026-11-24T12:00+01:00"))

    assert "; counted from 2026-11-23 00:00 +01:00; " in verdict.details[0]
    assert "; last start 2026-11-22 23:00 +01:00]" in verdict.details[0]


@pytest.mark.parametrize(
    ("one", "now", "state"),
    [
        pytest.param(
            Computer("web01", torn("s", "2026-11-22T20:00+01:00"), None, AT_20),
            "2026-11-23T21:59+01:00",
            State.UNKNOWN,
            id="torn, and nothing is missed yet",
        ),
        pytest.param(
            Computer("web01", torn("s", "2026-11-22T20:00+01:00"), None, AT_20),
            "2026-11-23T22:01+01:00",
            State.WARNING,
            id="torn, and the next is missed",
        ),
        pytest.param(
            Computer("web01", torn("s", None), SUNDAYS_END, AT_20),
            "2026-11-29T22:01+01:00",
            State.UNKNOWN,
            id="it may not be read: a good one may have come",
        ),
        pytest.param(
            Computer("web01", torn("s", "2027-11-22T20:00+01:00"), SUNDAYS_END, AT_20),
            "2026-11-23T22:01+01:00",
            State.UNKNOWN,
            id="live: its file is of the future",
        ),
        pytest.param(
            Computer("web01", torn("s", "2027-11-22T20:00+01:00"), SUNDAYS_END, AT_20, History()),
            "2026-11-23T22:01+01:00",
            State.WARNING,
            id="store: what was seen before counts",
        ),
        pytest.param(
            Computer("web01", torn("s", "2026-11-22T20:00+01:00"), SUNDAYS_END, BY_HAND),
            "2026-11-29T22:01+01:00",
            State.UNKNOWN,
            id="without due times",
        ),
        pytest.param(
            Computer("web01", SUNDAY, SUNDAYS_END, torn("p", "2026-11-22T20:00+01:00")),
            "2026-11-29T22:01+01:00",
            State.UNKNOWN,
            id="no schedule is known",
        ),
    ],
)
def test_what_cannot_be_read_hides_no_miss(one: Computer, now: str, state: State) -> None:
    assert evaluate_schedule(EACH, uploads(one), RULES, at(now)).state is state


@pytest.mark.parametrize("ended", ["2026-11-21T20:41+01:00", "2026-11-22T20:41+01:00"])
def test_a_torn_start_is_the_last_start(ended: str) -> None:
    one = Computer("web01", torn("s", "2026-11-22T20:00+01:00"), end(ended), AT_20)

    verdict = evaluate_schedule(EACH, uploads(one), RULES, at("2026-11-24T23:00+01:00"))

    assert "last start 2026-11-22 20:00 +01:00" in verdict.details[0]


def test_within_the_thresholds_a_torn_start_stays_unknown() -> None:
    one = Computer("web01", torn("s", "2026-11-22T20:00+01:00"), SUNDAYS_END, AT_20)
    account = EACH._replace(warning_numbers=3)

    verdict = evaluate_schedule(account, uploads(one), RULES, at("2026-11-23T22:01+01:00"))

    assert verdict.state is State.UNKNOWN
    assert verdict.summary.startswith("invalid report /home/s.xml: torn; 1 backup missed since")
    assert verdict.metrics[0].value == 1
