"""Outcomes: what became of a computer's last backups, whatever its customer wants to know."""

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.uploads import Computer, History, InvalidReport, Receipt
from backup_monitoring.model.verdicts import LastOutcome, State
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.status import evaluate_status
from cases import at, computer, daily, end, hourly, start, uploads
from tasks.schedule_cases import ACCOUNT, AT_20, BY_HAND, MONDAY, RULES, SUNDAY, SUNDAYS_END

TOLERANT = ACCOUNT._replace(warning_numbers=9, warning_days=0)
MONDAYS_END = end("2026-11-23T20:41:37+01:00")
FAILED = end("2026-11-23T20:41:37+01:00", success=False)
TORN = InvalidReport("/home/backupEnded.xml", "torn", Receipt(at("2026-11-23T20:41:37+01:00")))


def good(text: str) -> LastOutcome:
    return LastOutcome(False, at(text))


def bad(text: str) -> LastOutcome:
    return LastOutcome(True, at(text))


@pytest.mark.parametrize(
    ("one", "now", "outcome"),
    [
        pytest.param(
            computer(start=MONDAY, schedule=AT_20),
            *("2026-11-24T12:00+01:00", good("2026-11-23T20:00+01:00")),
            id="kept: its due time",
        ),
        pytest.param(
            computer(start=start("2026-11-23T19:10+01:00"), schedule=AT_20),
            *("2026-11-23T19:30+01:00", good("2026-11-23T20:00+01:00")),
            id="kept early",
        ),
        pytest.param(
            computer(start=start("2026-11-23T21:50+01:00"), schedule=AT_20),
            *("2026-11-23T22:30+01:00", good("2026-11-23T20:00+01:00")),
            id="kept late",
        ),
        pytest.param(
            computer(start=start("2026-11-24T09:30+01:00"), schedule=AT_20),
            *("2026-11-24T12:00+01:00", good("2026-11-24T09:30+01:00")),
            id="started at another time",
        ),
        pytest.param(
            computer(start=start("2026-11-24T11:05+01:00"), schedule=hourly()),
            *("2026-11-24T11:30+01:00", good("2026-11-24T12:00+01:00")),
            id="the newest due time that it keeps",
        ),
        pytest.param(
            computer(end=MONDAYS_END, schedule=AT_20),
            *("2026-11-24T12:00+01:00", good("2026-11-23T20:41:37+01:00")),
            id="no start",
        ),
        pytest.param(
            computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20),
            *("2026-11-23T21:59+01:00", good("2026-11-22T20:00+01:00")),
            id="within grace nothing is known yet",
        ),
        pytest.param(
            computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20),
            *("2026-11-23T22:00+01:00", bad("2026-11-23T20:00+01:00")),
            id="missed, below the threshold",
        ),
        pytest.param(
            computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20),
            *("2026-11-26T12:00+01:00", bad("2026-11-23T20:00+01:00")),
            id="goes on failing: the first of them",
        ),
        pytest.param(
            computer(schedule=AT_20), "2026-11-24T12:00+01:00", bad("2026-01-01T20:00+01:00")
        ),
        pytest.param(
            computer(start=MONDAY, schedule=BY_HAND), "2026-11-24T12:00+01:00", None, id="no plan"
        ),
        pytest.param(
            computer(
                start=start("2026-11-23T23:00:04+01:00", came="2026-11-23T20:00:04+01:00"),
                schedule=daily(23),
            ),
            *("2026-11-24T12:00+01:00", good("2026-11-23T20:00+01:00")),
            id="a clock that is three hours ahead",
        ),
        pytest.param(
            computer(history=History(gone=at("2026-11-23T20:00+01:00")), schedule=AT_20),
            *("2026-11-24T12:00+01:00", None),
            id="retired",
        ),
    ],
)
def test_outcomes_of_schedule(one: Computer, now: str, outcome: LastOutcome | None) -> None:
    verdict = evaluate_schedule(TOLERANT, uploads(one), RULES, at(now))

    assert verdict.outcomes == (() if outcome is None else (outcome,))


@pytest.mark.parametrize(
    ("one", "outcome"),
    [
        pytest.param(
            computer(start=MONDAY, end=MONDAYS_END), good("2026-11-23T20:00:04+01:00"), id="well"
        ),
        pytest.param(
            computer(start=MONDAY, end=FAILED, history=History()),
            bad("2026-11-23T20:00:04+01:00"),
            id="badly, below the threshold",
        ),
        pytest.param(
            computer(end=MONDAYS_END), good("2026-11-23T20:41:37+01:00"), id="without a start"
        ),
        pytest.param(
            computer(start=MONDAY, end=SUNDAYS_END, history=History()),
            good("2026-11-22T20:41:37+01:00"),
            id="running: the one before",
        ),
        pytest.param(
            computer(start=start("2026-11-23T09:00+01:00"), end=SUNDAYS_END, history=History()),
            bad("2026-11-23T09:00+01:00"),
            id="never ended: its start",
        ),
        pytest.param(
            computer(
                start=MONDAY,
                end=FAILED,
                history=History(failed=2, failed_since=at("2026-11-20T20:41+01:00")),
            ),
            bad("2026-11-20T20:41+01:00"),
            id="goes on failing: the first of them",
        ),
        pytest.param(
            computer(
                start=start("2026-11-24T11:00+01:00"),
                end=FAILED,
                history=History(failed=1, failed_since=at("2026-11-23T20:41+01:00")),
            ),
            bad("2026-11-23T20:41+01:00"),
            id="running, and the one before failed",
        ),
        pytest.param(
            computer(start=MONDAY, history=History())._replace(end=TORN),
            None,
            id="how it ended is not known",
        ),
        pytest.param(computer(start=MONDAY), None, id="the first one is running"),
        pytest.param(computer(), None, id="nothing"),
    ],
)
def test_outcomes_of_status(one: Computer, outcome: LastOutcome | None) -> None:
    verdict = evaluate_status(TOLERANT, uploads(one), RULES, at("2026-11-24T12:00+01:00"))

    assert verdict.outcomes == (() if outcome is None else (outcome,))


def test_an_account_has_its_newest_success_and_its_newest_failure() -> None:
    kept = [
        computer(f"ok{day}", start(f"2026-11-2{day}T19:{day}0+01:00"), schedule=AT_20)
        for day in (3, 4)
    ]
    missed = [computer(f"bad{hour}", SUNDAY, SUNDAYS_END, daily(hour)) for hour in (18, 21, 19)]
    everything = uploads(*kept, *missed)

    verdict = evaluate_schedule(TOLERANT, everything, RULES, at("2026-11-24T20:00+01:00"))

    assert verdict.state is State.OK
    assert set(verdict.outcomes) == {
        good("2026-11-24T20:00+01:00"),
        bad("2026-11-23T21:00+01:00"),
    }


def test_an_account_that_is_not_judged_has_none() -> None:
    verdict = evaluate_schedule(
        Account("4000101", "uid=4000101", provisioned=False),
        uploads(),
        RULES,
        at("2026-11-24T12:00Z"),
    )

    assert verdict.outcomes == ()
