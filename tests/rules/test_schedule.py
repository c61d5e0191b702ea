"""The schedule rule: backups that did not start at their due times."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from backup_monitoring.model import (
    Account,
    Computer,
    Keeping,
    Metric,
    Past,
    Pattern,
    Range,
    Schedule,
    State,
    Threshold,
    Unplanned,
    Unreadable,
    Uploads,
)
from backup_monitoring.policies import PatiencePolicy, RunPolicies, SchedulePolicy, StatusPolicy
from backup_monitoring.rules.schedule import schedule
from cases import at, computer, daily, end, start, uploads

ZURICH = ZoneInfo("Europe/Zurich")
LONDON = ZoneInfo("Europe/London")
JOHANNESBURG = ZoneInfo("Africa/Johannesburg")  # +02:00 all the year
ACCOUNT = Account("4000101", "uid=4000101,dc=example", created=at("2026-01-01T00:00+00:00"))
# Tells of every missed due time, so that what counts as missed shows in the state.
EACH = ACCOUNT._replace(warning_numbers=1, warning_days=0)
NOTHING = PatiencePolicy()
RULES = RunPolicies(NOTHING, SchedulePolicy(zones=(ZURICH,)), StatusPolicy())

# 2026-11-23 is a Monday.
SUNDAY = start("2026-11-22T20:00:04+01:00")
MONDAY = start("2026-11-23T20:00:04+01:00")
SUNDAYS_END = end("2026-11-22T20:41:37+01:00")
AT_20 = daily(20)
EVERY_HOUR = Pattern(frozenset([0]), frozenset(range(24)), timedelta(hours=1))
HOURLY = Schedule(EVERY_HOUR, None, SUNDAY.modified)
HOURLY_IN_SUMMER = HOURLY._replace(plan=EVERY_HOUR._replace(offset=timedelta(hours=2)))
TWICE = Pattern(frozenset([0]), frozenset([8, 20]), timedelta(hours=1))
ON_WORKING_DAYS = daily(20, weekdays=frozenset([1, 2, 3, 4, 5]))


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
            "2026-11-23T22:00:00+01:00",
            0,
            "next due 2026-11-24 20:00 +01:00",
            id="within grace",
        ),
        pytest.param(
            computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20),
            "2026-11-23T22:00:01+01:00",
            1,
            "1 backup missed since 2026-11-23 20:00 +01:00, limit 1 backup (entry)",
            id="older than grace",
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
                past=Past(first_open=at("2026-11-14T12:00+01:00")),
            ),
            "2026-11-24T12:00:00+01:00",
            3,
            "3 backups missed since 2026-11-21 20:00 +01:00",
            id="a week from the first start seen",
        ),
        pytest.param(
            Computer("web01", SUNDAY, Unreadable("/home/e.xml", "torn"), AT_20),
            "2026-11-25T12:00:00+01:00",
            1,
            "1 backup missed since 2026-11-24 20:00 +01:00",
            id="an end that is not understood is no first backup",
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
                past=Past(first_seen=at("2026-11-23T21:00+01:00")),
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
                past=Past(schedule_changed=at("2026-11-21T21:00+01:00")),
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
                past=Past(first_seen=at("2026-11-23T12:00+01:00")),
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
            id="no start known, not before the account was made",
        ),
        pytest.param(
            Computer("web01", None, Unreadable("/home/e.xml", "torn"), AT_20),
            "2026-01-03T12:00+01:00",
            2,
            "2 backups missed since 2026-01-01 20:00 +01:00",
            id="no start known, and an end that is not understood",
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
                past=Past(
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
                past=Past(first_open=at("2026-11-10T20:00:04+01:00")),
            ),
            "2026-11-24T12:00+01:00",
            1,
            "1 backup missed since 2026-11-23 20:00 +01:00",
            id="after the first week, a start runs for no longer than a day",
        ),
        pytest.param(
            computer(
                start=start("2026-11-22T18:00:04+01:00"),
                schedule=Schedule(TWICE, None, SUNDAY.modified),
                past=Past(first_open=at("2026-11-10T20:00:04+01:00")),
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
                    SUNDAY.modified,
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
    verdict = schedule(EACH, uploads(one), RULES, at(now))

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
        pytest.param(1, 0, "2026-11-22T20:00:00+01:00", "2026-11-23T20:00+01:00", 0, id="at it"),
        pytest.param(1, 0, "2026-11-22T20:00:00+01:00", "2026-11-23T20:01+01:00", 1, id="no grace"),
        pytest.param(1, 9, "2026-11-22T20:00:00+01:00", "2026-11-24T05:00+01:00", 0, id="9 hours"),
    ],
)
def test_early_and_grace_of_the_settings(
    early: int, grace: int, started: str, now: str, missed: int
) -> None:
    policy = SchedulePolicy(
        zones=(ZURICH,), early=timedelta(hours=early), grace=timedelta(hours=grace)
    )
    one = computer(start=start(started), end=end(started), schedule=AT_20)

    verdict = schedule(EACH, uploads(one), RULES._replace(schedule=policy), at(now))

    assert verdict.metrics[0].value == missed


ONE, TWO, THREE = "2026-11-23T23:00+01:00", "2026-11-24T23:00+01:00", "2026-11-25T23:00+01:00"
BY_COMMAND = PatiencePolicy(numbers=Threshold(Range(end=1), "-w"))
BY_SETTINGS = PatiencePolicy(
    numbers=Threshold(Range(end=1), "settings"), days=4, days_origin="settings"
)
LATE_CRITICAL = PatiencePolicy(critical=Threshold(Range(end=4), "-c"))
BOTH_OFF = PatiencePolicy(days=0)
FROM_TWO = PatiencePolicy(numbers=Threshold(Range(2, 5), "-w"), days=0)
NOT_ONE = PatiencePolicy(numbers=Threshold(Range(0, 1, inverted=True), "-w"), days=0)


@pytest.mark.parametrize(
    ("numbers", "days", "patience", "now", "state", "says"),
    [
        pytest.param(
            None, None, NOTHING, ONE, State.WARNING, ", limit 1 d (default)", id="default: one day"
        ),
        pytest.param(
            None, None, NOTHING, TWO, State.WARNING, ", limit 1 d (default)", id="two missed"
        ),
        pytest.param(
            None, None, NOTHING, THREE, State.CRITICAL, ", limit 1 d (default)", id="three missed"
        ),
        pytest.param(
            None,
            3,
            NOTHING,
            "2026-11-25T20:00:03+01:00",
            State.OK,
            "2 backups missed since 2026-11-23 20:00 +01:00, "
            "within limits number off (default), 3 d (entry)",
            id="within the entry's days",
        ),
        pytest.param(
            None,
            3,
            NOTHING,
            "2026-11-25T20:00:04+01:00",
            State.WARNING,
            ", limit 3 d (entry)",
            id="the entry's days are 24 hours each since the last start",
        ),
        pytest.param(
            2,
            0,
            NOTHING,
            ONE,
            State.OK,
            "within limits 2 backups (entry), days off",
            id="entry's 2",
        ),
        pytest.param(
            2, 0, NOTHING, TWO, State.WARNING, ", limit 2 backups (entry)", id="entry's reached"
        ),
        pytest.param(
            2,
            1,
            NOTHING,
            TWO,
            State.WARNING,
            ", limit 2 backups (entry), limit 1 d (entry)",
            id="both reached",
        ),
        pytest.param(9, 1, NOTHING, ONE, State.WARNING, ", limit 1 d (entry)", id="one of both"),
        pytest.param(
            9, 0, NOTHING, THREE, State.OK, "3 backups missed", id="not critical without a warning"
        ),
        pytest.param(
            None, None, BY_COMMAND, TWO, State.WARNING, "limit 2 backups (-w)", id="command line's"
        ),
        pytest.param(
            3, None, BY_COMMAND, TWO, State.WARNING, ", limit 1 d (default)", id="entry before -w"
        ),
        pytest.param(
            None,
            None,
            BY_SETTINGS,
            ONE,
            State.OK,
            "within limits 2 backups (settings), 4 d (settings)",
            id="within the settings'",
        ),
        pytest.param(
            None, None, BY_SETTINGS, TWO, State.WARNING, "2 backups (settings)", id="settings'"
        ),
        pytest.param(
            0, 2, BY_SETTINGS, TWO, State.WARNING, ", limit 2 d (entry)", id="entry before settings"
        ),
        pytest.param(
            None, None, BOTH_OFF, THREE, State.OK, "within limits number off", id="settings off"
        ),
        pytest.param(
            None, None, LATE_CRITICAL, THREE, State.WARNING, "3 backups missed", id="-c is later"
        ),
        pytest.param(
            None, None, FROM_TWO, ONE, State.WARNING, ", limit 2:5 backups (-w)", id="from two on"
        ),
        pytest.param(
            None, None, NOT_ONE, ONE, State.WARNING, ", limit @0:1 backups (-w)", id="inverted"
        ),
        pytest.param(
            0,
            0,
            NOTHING,
            ONE,
            State.WARNING,
            ", limit 1 d (default); the entry switches the customer's warnings off",
            id="muted: the settings hold",
        ),
        pytest.param(
            0,
            0,
            BY_SETTINGS,
            ONE,
            State.OK,
            "within limits 2 backups (settings), 4 d (settings)",
            id="muted: within the settings'",
        ),
    ],
)
def test_patience(
    numbers: int | None,
    days: int | None,
    patience: PatiencePolicy,
    now: str,
    state: State,
    says: str,
) -> None:
    account = ACCOUNT._replace(warning_numbers=numbers, warning_days=days)
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)

    verdict = schedule(account, uploads(one), RULES._replace(patience=patience), at(now))

    assert verdict.state is state
    assert says in verdict.summary


BY_HAND = Schedule(Unplanned.BY_HAND, None, SUNDAY.modified)
AFTER_STARTUP = Schedule(Unplanned.AFTER_STARTUP, None, SUNDAY.modified)


@pytest.mark.parametrize(
    ("plan", "days", "now", "state", "summary"),
    [
        pytest.param(
            BY_HAND,
            None,
            "2027-11-22T20:00+01:00",
            State.OK,
            "backs up by hand only, last backup 2026-11-22 20:00 +01:00",
            id="by hand",
        ),
        pytest.param(
            AFTER_STARTUP,
            None,
            "2027-11-22T20:00+01:00",
            State.OK,
            "backs up after it is switched on, last backup 2026-11-22 20:00 +01:00",
            id="after startup",
        ),
        pytest.param(
            None,
            None,
            "2027-11-22T20:00+01:00",
            State.OK,
            "no schedule uploaded, last backup 2026-11-22 20:00 +01:00",
            id="no schedule",
        ),
        pytest.param(
            BY_HAND,
            2,
            "2026-11-24T20:00:04+01:00",
            State.OK,
            "backs up by hand only, last backup 2026-11-22 20:00 +01:00",
            id="at the limit",
        ),
        pytest.param(
            BY_HAND,
            2,
            "2026-11-24T20:00:05+01:00",
            State.WARNING,
            "backs up by hand only, last backup 2026-11-22 20:00 +01:00, "
            "limit 2 d ([schedule] report_max_age)",
            id="older",
        ),
        pytest.param(
            AFTER_STARTUP,
            2,
            "2026-11-28T20:00:04+01:00",
            State.WARNING,
            "backs up after it is switched on, last backup 2026-11-22 20:00 +01:00, "
            "limit 2 d ([schedule] report_max_age)",
            id="at three times the limit",
        ),
        pytest.param(
            None,
            2,
            "2026-11-28T20:00:05+01:00",
            State.CRITICAL,
            "no schedule uploaded, last backup 2026-11-22 20:00 +01:00, "
            "limit 2 d ([schedule] report_max_age)",
            id="more than three times as old",
        ),
    ],
)
def test_without_due_times(
    plan: Schedule | None, days: int | None, now: str, state: State, summary: str
) -> None:
    age = None if days is None else timedelta(days=days)
    rules = RULES._replace(schedule=SchedulePolicy(zones=(ZURICH,), report_max_age=age))
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=plan)

    verdict = schedule(ACCOUNT, uploads(one), rules, at(now))

    assert (verdict.state, verdict.summary) == (state, summary)
    assert verdict.metrics == ()


def test_what_a_mail_says_of_an_old_backup() -> None:
    rules = RULES._replace(schedule=SchedulePolicy(report_max_age=timedelta(days=2)))
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=BY_HAND)

    verdict = schedule(ACCOUNT, uploads(one), rules, at("2026-11-25T20:00:04+01:00"))

    assert verdict.facts == {
        "cause": "old",
        "last_backup": at("2026-11-22T20:00:04+01:00"),
        "age": timedelta(days=3),
        "limit_age": timedelta(days=2),
    }


def test_a_schedule_that_never_comes_true() -> None:
    never = daily(20, days=frozenset([30]), months=frozenset([2]))

    verdict = schedule(EACH, uploads(computer(start=SUNDAY, schedule=never)), RULES, at(ONE))

    assert verdict.state is State.OK
    assert verdict.summary == "none missed, last start 2026-11-22 20:00 +01:00"


def test_days_count_from_the_end_where_no_start_is_known() -> None:
    account = ACCOUNT._replace(warning_numbers=0, warning_days=2)
    one = computer(end=end("2026-11-22T20:00:00+01:00"), schedule=AT_20)

    before = schedule(account, uploads(one), RULES, at("2026-11-24T19:59:59+01:00"))
    after = schedule(account, uploads(one), RULES, at("2026-11-24T20:00:00+01:00"))

    assert (before.state, after.state) == (State.OK, State.WARNING)


def test_without_due_times_nor_a_backup() -> None:
    rules = RULES._replace(schedule=SchedulePolicy(report_max_age=timedelta(days=2)))

    verdict = schedule(ACCOUNT, uploads(computer(schedule=BY_HAND)), rules, at(ONE))

    assert (verdict.state, verdict.summary) == (
        State.OK,
        "backs up by hand only, last backup not known",
    )


def test_the_last_backup_by_its_end_where_no_start_is_known() -> None:
    verdict = schedule(ACCOUNT, uploads(computer(end=SUNDAYS_END)), RULES, at(ONE))

    assert verdict.summary == "no schedule uploaded, last backup 2026-11-22 20:41 +01:00"


@pytest.mark.parametrize(
    ("one", "state", "says"),
    [
        pytest.param(
            Computer("web01", SUNDAY, None, Unreadable("/home/s.xml", "hour_selected '<20>'")),
            State.UNKNOWN,
            "not understood: /home/s.xml: hour_selected '<20>'",
            id="schedule",
        ),
        pytest.param(
            Computer("web01", Unreadable("/home/b.xml", "ambiguous offset"), None, AT_20),
            State.UNKNOWN,
            "not understood: /home/b.xml: ambiguous offset",
            id="start",
        ),
        pytest.param(
            computer(start=start("2026-11-23T23:10:00+01:00"), schedule=AT_20),
            State.OK,
            "none missed",
            id="ten minutes ahead",
        ),
        pytest.param(
            computer(start=start("2026-11-23T23:10:01+01:00"), schedule=AT_20),
            State.UNKNOWN,
            "clock: its last start is in the future, 2026-11-23 23:10 +01:00",
            id="further ahead",
        ),
        pytest.param(
            computer(start=SUNDAY, end=end("2036-11-22T20:41:37+01:00"), schedule=AT_20),
            State.UNKNOWN,
            "clock: its last end is in the future, 2036-11-22 20:41 +01:00",
            id="an end of another decade",
        ),
    ],
)
def test_what_cannot_be_judged(one: Computer, state: State, says: str) -> None:
    verdict = schedule(EACH, uploads(one), RULES, at(ONE))

    assert verdict.state is state
    assert says in verdict.summary
    assert verdict.computer == "web01"


def test_nothing_to_count_from() -> None:
    one = computer(schedule=daily(20, modified=at("2027-01-01T00:00+00:00")))

    verdict = schedule(EACH._replace(created=None), uploads(one), RULES, at(ONE))

    assert verdict.state is State.UNKNOWN
    assert verdict.summary == "neither a start nor an age to count from"


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

    verdict = schedule(
        EACH, uploads(on_friday), RULES._replace(schedule=policy), at("2026-11-23T12:00+01:00")
    )

    assert verdict.metrics[0].value == missed
    assert how in verdict.details[0]


def test_weekdays_of_the_computer_go_before_those_of_the_account() -> None:
    weekdays = {"4000101": frozenset([6]), "4000101/web01": frozenset([7])}
    policy = SchedulePolicy(zones=(ZURICH,), weekdays=weekdays)
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)

    verdict = schedule(EACH, uploads(one), RULES._replace(schedule=policy), at(THREE))

    assert "next due 2026-11-29 20:00 +01:00" in verdict.summary


@pytest.mark.parametrize(
    ("plan", "last", "now", "missed", "says"),
    [
        pytest.param(
            HOURLY_IN_SUMMER,
            "2026-10-01T12:00+02:00",
            "2026-11-24T12:00+01:00",
            999,
            "more than 999 backups missed since 2026-10-01 14:00 +02:00",
            id="hourly",
        ),
        pytest.param(
            AT_20,
            "2026-11-22T20:00:04+01:00",
            "2029-08-17T22:30+02:00",
            999,
            "999 backups missed since 2026-11-23 20:00 +01:00",
            id="just told",
        ),
        pytest.param(
            AT_20,
            "1970-01-01T00:00+01:00",
            "2026-11-24T12:00+01:00",
            999,
            "more than 999 backups missed since 2020-01-01 20:00 +01:00",
            id="a clock of 1970",
        ),
        pytest.param(
            daily(20, weekdays=frozenset([7])),
            "2020-11-22T20:00+01:00",
            "2026-11-24T12:00+01:00",
            313,
            "313 backups missed since 2020-11-29 20:00 +01:00",
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
def test_more_than_anyone_wants_to_know(
    plan: Schedule, last: str, now: str, missed: int, says: str
) -> None:
    one = computer(start=start(last), end=end(last), schedule=plan)

    verdict = schedule(EACH, uploads(one), RULES, at(now))

    assert verdict.state is (State.CRITICAL if missed > 2 else State.WARNING)
    assert verdict.summary.startswith(says)
    assert verdict.summary.endswith("; if this computer was retired, remove its folder")
    assert verdict.metrics[0].value == missed


@pytest.mark.parametrize(
    ("now", "told"), [("2026-11-30T20:00+01:00", False), ("2026-11-30T20:01+01:00", True)]
)
def test_how_to_retire_is_told_after_a_week(now: str, told: bool) -> None:
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)

    verdict = schedule(EACH, uploads(one), RULES, at(now))

    assert ("if this computer was retired, remove its folder" in verdict.summary) is told


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
    rules = RULES._replace(schedule=SchedulePolicy(zones=zones))

    details = schedule(EACH, uploads(one), rules, at("2026-11-24T12:00+01:00")).details

    assert f"; zone {zone} by the settings; " in details[0]


def every(minutes: int, number: int) -> tuple[Computer, ...]:
    """Return *number* computers that back up every *minutes*, and just did."""
    pattern = Pattern(frozenset(range(0, 60, minutes)), EVERY_HOUR.hours, timedelta(hours=1))
    plan = Schedule(pattern, None, SUNDAY.modified)
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
def test_dense_schedules_stall_nobody(computers: tuple[Computer, ...], bad: tuple[str]) -> None:
    verdict = schedule(EACH, uploads(*computers), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.state is (State.UNKNOWN if bad else State.OK)
    assert verdict.bad == bad
    told = "more than 20 computers of the account have more than 96 due times a day"
    assert verdict.summary.startswith(told) is bool(bad)


def test_what_a_mail_says_of_missed_backups() -> None:
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)

    missed = schedule(EACH._replace(warning_days=2), uploads(one), RULES, at(TWO))
    kept = schedule(EACH, uploads(one), RULES, at("2026-11-23T21:00+01:00"))

    assert missed.facts == {
        "cause": "missed",
        "missed": 2,
        "limit_numbers": 1,
        "limit_days": 2,
        "first_due": at("2026-11-23T20:00+01:00"),
        "last_backup": at("2026-11-22T20:00:04+01:00"),
        "next_due": at("2026-11-25T20:00+01:00"),
        "zone": ZURICH,
    }
    assert kept.facts == {
        "last_backup": at("2026-11-22T20:00:04+01:00"),
        "next_due": at("2026-11-24T20:00+01:00"),
        "zone": ZURICH,
    }


def test_limits_that_are_off_are_no_facts() -> None:
    account = ACCOUNT._replace(warning_numbers=0, warning_days=1)
    by_days = schedule(
        account,
        uploads(computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)),
        RULES,
        at(ONE),
    )
    by_number = schedule(
        EACH, uploads(computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)), RULES, at(ONE)
    )

    assert "limit_numbers" not in by_days.facts
    assert "limit_days" not in by_number.facts


OLD = computer(
    "old",
    start=start("2026-08-01T20:00:04+02:00"),
    end=end("2026-08-01T20:41:37+02:00"),
    schedule=daily(20, utc=2),
)
ALIVE = computer("web01", start=MONDAY, end=end("2026-11-23T20:41:37+01:00"), schedule=AT_20)


def test_a_retired_computer_is_told() -> None:
    verdict = schedule(EACH, uploads(OLD, ALIVE), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.state is State.OK
    assert "old: OK - no longer here: no upload since 2026-08-01 18:41 +00:00" in verdict.details
    assert (verdict.computer, verdict.retired) == (ALIVE.name, ("old",))
    assert verdict.metrics[0].value == 0
    assert verdict.retired == ("old",)


@pytest.mark.parametrize(
    ("modified", "retired"),
    [
        pytest.param("2026-08-26T11:59+02:00", True, id="90 days ago"),
        pytest.param("2026-11-20T12:00+01:00", False, id="lately"),
        pytest.param("2036-11-20T12:00+01:00", True, id="a time of the future says nothing"),
    ],
)
def test_an_upload_of_the_schedule_is_a_sign_of_life(modified: str, retired: bool) -> None:
    old = OLD._replace(schedule=daily(20, utc=2, modified=at(modified)))

    verdict = schedule(EACH, uploads(old, ALIVE), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.retired == (("old",) if retired else ())


@pytest.mark.parametrize(
    ("past", "retired"),
    [
        (Past(uploaded=at("2026-08-02T12:00+02:00")), ("old",)),
        (Past(uploaded=at("2026-11-20T12:00+01:00")), ()),
        (Past(schedule_changed=at("2026-11-20T12:00+01:00")), ()),
    ],
)
def test_an_upload_that_a_pass_saw_is_a_sign_of_life(past: Past, retired: tuple[str, ...]) -> None:
    old = OLD._replace(past=past)

    verdict = schedule(EACH, uploads(old, ALIVE), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.retired == retired


@pytest.mark.parametrize(
    "others",
    [
        pytest.param((), id="the only one"),
        pytest.param((OLD._replace(name="older"),), id="the others are as silent"),
        pytest.param(
            (Computer("torn", Unreadable("/home/b.xml", "torn")),),
            id="nor does the other one say when it uploaded",
        ),
    ],
)
def test_an_account_that_fell_silent_is_not_retired(others: tuple[Computer, ...]) -> None:
    verdict = schedule(EACH, uploads(OLD, *others), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.state is State.CRITICAL
    assert "114 backups missed since 2026-08-02 20:00 +02:00" in verdict.summary


@pytest.mark.parametrize(
    ("now", "state"),
    [("2026-10-30T19:41:37+01:00", State.OK), ("2026-10-30T19:41:36+01:00", State.CRITICAL)],
)
def test_retired_after_ninety_days(now: str, state: State) -> None:
    alive = computer("web01", start=start("2026-10-29T20:00:04+01:00"), schedule=AT_20)

    assert schedule(EACH, uploads(OLD, alive), RULES, at(now)).state is state


def test_a_folder_that_is_gone() -> None:
    gone = OLD._replace(past=Past(gone=at("2026-08-03T10:00+02:00")))

    verdict = schedule(EACH, uploads(gone), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.state is State.OK
    assert verdict.summary == "no longer here: its folder is gone since 2026-08-03 08:00 +00:00"


def test_the_worst_computer_speaks() -> None:
    late = computer("late", start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)
    later = computer(
        "later",
        start=start("2026-11-19T20:00:04+01:00"),
        end=end("2026-11-19T20:41:37+01:00"),
        schedule=AT_20,
    )
    torn = Computer("torn", Unreadable("/home/b.xml", "torn"))

    verdict = schedule(EACH, uploads(ALIVE, late, later, torn), RULES, at("2026-11-24T12:00+01:00"))

    assert (verdict.state, verdict.computer) == (State.CRITICAL, "later")
    assert verdict.summary.startswith("4 backups missed since 2026-11-20 20:00 +01:00")
    assert verdict.summary.endswith("; 2 more computers")
    assert verdict.metrics[0].value == 4


@pytest.mark.parametrize(
    ("account", "found", "state", "summary"),
    [
        pytest.param(EACH, Uploads(), State.OK, "no report yet", id="nothing"),
        pytest.param(
            EACH._replace(keeping=Keeping.INACTIVE),
            uploads(OLD),
            State.OK,
            "not active",
            id="not active",
        ),
        pytest.param(
            EACH,
            Uploads(missing="/home/a"),
            State.UNKNOWN,
            "its home /home/a is not there",
            id="no home",
        ),
        pytest.param(
            EACH._replace(provisioned=False),
            Uploads(missing="/home/a"),
            State.OK,
            "not provisioned yet",
            id="no home yet",
        ),
        pytest.param(
            EACH,
            Uploads(refused="/home/a: permission denied"),
            State.UNKNOWN,
            "its home may not be read: /home/a: permission denied",
            id="refused",
        ),
        pytest.param(
            EACH,
            Uploads((ALIVE,), cut_short="more than 256 computers"),
            State.UNKNOWN,
            "only a part of incoming was looked through: more than 256 computers",
            id="cut short",
        ),
    ],
)
def test_accounts_without_a_computer_to_judge(
    account: Account, found: Uploads, state: State, summary: str
) -> None:
    verdict = schedule(account, found, RULES, at("2026-11-24T12:00+01:00"))

    assert (verdict.state, verdict.summary) == (state, summary)


def test_days_count_from_the_newest_run_that_is_known() -> None:
    # The uploads of its later starts were lost, those of its ends were not.
    one = computer(
        start=start("2026-11-18T20:00:04+01:00"),
        end=end("2026-11-22T20:41:37+01:00")._replace(id="9"),
        schedule=AT_20,
    )
    account = ACCOUNT._replace(warning_numbers=0, warning_days=2)

    verdict = schedule(account, uploads(one), RULES, at("2026-11-24T12:00+01:00"))
    later = schedule(account, uploads(one), RULES, at("2026-11-24T20:42+01:00"))

    assert verdict.state is State.OK
    assert "last end 2026-11-22 20:41 +01:00" in verdict.details[0]
    assert later.state is State.WARNING


def test_an_end_later_on_is_the_same_run() -> None:
    one = computer(start=SUNDAY, end=end("2026-11-23T10:00+01:00"), schedule=AT_20)
    account = ACCOUNT._replace(warning_numbers=0, warning_days=1)

    verdict = schedule(account, uploads(one), RULES, at("2026-11-23T22:01+01:00"))

    assert verdict.state is State.WARNING
    assert "last start 2026-11-22 20:00 +01:00" in verdict.details[0]


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
    rules = RULES._replace(schedule=SchedulePolicy(zones=zones))
    began = "2026-10-24T20:00:04+03:00" if written == 3 else "2026-10-24T20:00:04+02:00"
    one = computer(start=start(began), schedule=daily(20, utc=written, modified=at(modified)))

    verdict = schedule(EACH, uploads(one), rules, at("2026-10-26T12:00+01:00"))

    assert f"zone Europe/{zone} by the settings" in verdict.details[0]


def test_the_fixed_offset_is_the_newest() -> None:
    one = computer(
        start=start("2026-10-26T20:00:04+01:00"),
        end=end("2026-10-26T20:41:37+01:00"),
        schedule=daily(20, utc=2, modified=at("2026-10-24T20:00:09+02:00")),
    )
    rules = RULES._replace(schedule=SchedulePolicy(zones=()))

    verdict = schedule(EACH, uploads(one), rules, at("2026-10-27T21:30+01:00"))

    assert verdict.state is State.OK
    assert "the file's fixed offset +01:00" in verdict.details[0]


def test_details_say_how() -> None:
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)

    verdict = schedule(EACH, uploads(one), RULES, at(ONE))

    assert verdict.details == (
        "web01: WARNING - 1 backup missed since 2026-11-23 20:00 +01:00, limit 1 backup (entry) "
        "[schedule of its file; zone Europe/Zurich by the settings; "
        "counted from 2026-11-22 21:00 +01:00; limits 1 backup (entry), days off; "
        "last start 2026-11-22 20:00 +01:00]",
    )
