"""The schedule rule: when a missed backup, or an old one without due times, is a warning."""

from datetime import timedelta

import pytest

from backup_monitoring.model.uploads import History, NoSchedule, Schedule
from backup_monitoring.model.verdicts import Range, State, Threshold
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.schedule_facts import ScheduleFacts
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.warn_after import resolve_warn_after
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy
from cases import LONG_AGO, PERL, at, computer, end, start, uploads
from tasks.schedule_cases import (
    ACCOUNT,
    AT_20,
    BY_HAND,
    EACH,
    NOTHING,
    ONE,
    RULES,
    SUNDAY,
    SUNDAYS_END,
    THREE,
    TWO,
    ZURICH,
)

BY_COMMAND = WarnAfterPolicy(backups=Threshold(Range(end=1), "-w"))
BY_SETTINGS = WarnAfterPolicy(
    backups=Threshold(Range(end=1), "settings"), days=4, days_origin="settings"
)
LATE_CRITICAL = WarnAfterPolicy(critical=Threshold(Range(end=4), "-c"))
BOTH_OFF = WarnAfterPolicy(days=0)
FROM_ONE = WarnAfterPolicy(backups=Threshold(Range(1, 5), "-w"), days=0)
FROM_TWO = WarnAfterPolicy(backups=Threshold(Range(2, 5), "-w"), days=0)
NOT_ONE = WarnAfterPolicy(backups=Threshold(Range(0, 1, inverted=True), "-w"), days=0)


@pytest.mark.parametrize(
    ("backups", "days", "warn_after", "now", "state", "says"),
    [
        pytest.param(
            None,
            None,
            NOTHING,
            ONE,
            State.WARNING,
            ", threshold 1 d (default)",
            id="default: one day",
        ),
        pytest.param(
            None, None, NOTHING, TWO, State.WARNING, ", threshold 1 d (default)", id="two missed"
        ),
        pytest.param(
            None,
            None,
            NOTHING,
            THREE,
            State.CRITICAL,
            ", threshold 1 d (default)",
            id="three missed",
        ),
        pytest.param(
            None,
            3,
            NOTHING,
            "2026-11-25T20:00:03+01:00",
            State.OK,
            "2 backups missed since 2026-11-23 20:00 +01:00, "
            "within thresholds backups off (default), 3 d (entry)",
            id="within the entry's days",
        ),
        pytest.param(
            None,
            3,
            NOTHING,
            "2026-11-25T20:00:04+01:00",
            State.WARNING,
            ", threshold 3 d (entry)",
            id="the entry's days are 24 hours each since the last start",
        ),
        pytest.param(
            2,
            0,
            NOTHING,
            ONE,
            State.OK,
            "within thresholds 2 backups (entry), days off",
            id="entry's 2",
        ),
        pytest.param(
            2, 0, NOTHING, TWO, State.WARNING, ", threshold 2 backups (entry)", id="entry's reached"
        ),
        pytest.param(
            2,
            1,
            NOTHING,
            TWO,
            State.WARNING,
            ", threshold 2 backups (entry), threshold 1 d (entry)",
            id="both reached",
        ),
        pytest.param(
            9, 1, NOTHING, ONE, State.WARNING, ", threshold 1 d (entry)", id="one of both"
        ),
        pytest.param(
            9, 0, NOTHING, THREE, State.OK, "3 backups missed", id="not critical without a warning"
        ),
        pytest.param(
            None,
            None,
            BY_COMMAND,
            TWO,
            State.WARNING,
            "threshold 2 backups (-w)",
            id="command line's",
        ),
        pytest.param(
            3,
            None,
            BY_COMMAND,
            TWO,
            State.WARNING,
            ", threshold 1 d (default)",
            id="entry before -w",
        ),
        pytest.param(
            None,
            None,
            BY_SETTINGS,
            ONE,
            State.OK,
            "within thresholds 2 backups (settings), 4 d (settings)",
            id="within the settings'",
        ),
        pytest.param(
            None, None, BY_SETTINGS, TWO, State.WARNING, "2 backups (settings)", id="settings'"
        ),
        pytest.param(
            0,
            2,
            BY_SETTINGS,
            TWO,
            State.WARNING,
            ", threshold 2 d (entry)",
            id="entry before settings",
        ),
        pytest.param(
            None,
            None,
            BOTH_OFF,
            THREE,
            State.OK,
            "within thresholds backups off",
            id="settings off",
        ),
        pytest.param(
            None, None, LATE_CRITICAL, THREE, State.WARNING, "3 backups missed", id="-c is later"
        ),
        pytest.param(
            None,
            None,
            FROM_ONE,
            ONE,
            State.OK,
            "within thresholds 1:5 backups (-w), days off",
            id="from one on",
        ),
        pytest.param(
            None,
            None,
            FROM_TWO,
            ONE,
            State.WARNING,
            ", threshold 2:5 backups (-w)",
            id="from two on",
        ),
        pytest.param(
            None, None, NOT_ONE, ONE, State.WARNING, ", threshold @0:1 backups (-w)", id="inverted"
        ),
        pytest.param(
            0,
            0,
            NOTHING,
            ONE,
            State.WARNING,
            ", threshold 1 d (default); the entry switches the customer's warnings off",
            id="muted: the settings hold",
        ),
        pytest.param(
            0,
            0,
            BY_SETTINGS,
            ONE,
            State.OK,
            "within thresholds 2 backups (settings), 4 d (settings)",
            id="muted: within the settings'",
        ),
    ],
)
def test_thresholds_to_warn(
    backups: int | None,
    days: int | None,
    warn_after: WarnAfterPolicy,
    now: str,
    state: State,
    says: str,
) -> None:
    account = ACCOUNT._replace(warning_numbers=backups, warning_days=days)
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)

    verdict = evaluate_schedule(account, uploads(one), RULES.replace(warn_after), at(now))

    assert verdict.state is state
    assert says in verdict.summary


AFTER_STARTUP = Schedule(NoSchedule.AFTER_STARTUP, None, LONG_AGO)


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
            id="at the threshold",
        ),
        pytest.param(
            BY_HAND,
            2,
            "2026-11-24T20:00:05+01:00",
            State.WARNING,
            "backs up by hand only, last backup 2026-11-22 20:00 +01:00, "
            "threshold 2 d ([schedule] max_backup_age)",
            id="older",
        ),
        pytest.param(
            AFTER_STARTUP,
            2,
            "2026-11-28T20:00:04+01:00",
            State.WARNING,
            "backs up after it is switched on, last backup 2026-11-22 20:00 +01:00, "
            "threshold 2 d ([schedule] max_backup_age)",
            id="at three times the threshold",
        ),
        pytest.param(
            None,
            2,
            "2026-11-28T20:00:05+01:00",
            State.CRITICAL,
            "no schedule uploaded, last backup 2026-11-22 20:00 +01:00, "
            "threshold 2 d ([schedule] max_backup_age)",
            id="more than three times as old",
        ),
    ],
)
def test_without_due_times(
    plan: Schedule | None, days: int | None, now: str, state: State, summary: str
) -> None:
    age = None if days is None else timedelta(days=days)
    rules = RULES.replace(SchedulePolicy(zones=(ZURICH,), max_backup_age=age))
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=plan)

    verdict = evaluate_schedule(ACCOUNT, uploads(one), rules, at(now))

    assert (verdict.state, verdict.summary, verdict.computer) == (state, summary, "web01")
    assert verdict.metrics == ()


def test_the_facts_of_an_old_backup() -> None:
    rules = RULES.replace(SchedulePolicy(max_backup_age=timedelta(days=2)))
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=BY_HAND)

    verdict = evaluate_schedule(ACCOUNT, uploads(one), rules, at("2026-11-25T20:00:04+01:00"))

    assert verdict.facts == ScheduleFacts(
        cause="old",
        last_backup=at("2026-11-22T20:00:04+01:00"),
        age=timedelta(days=3),
        threshold_age=timedelta(days=2),
    )


def test_days_count_from_the_end_where_no_start_is_known() -> None:
    account = ACCOUNT._replace(warning_numbers=0, warning_days=2)
    one = computer(end=end("2026-11-22T20:00:00+01:00"), schedule=AT_20)

    before = evaluate_schedule(account, uploads(one), RULES, at("2026-11-24T19:59:59+01:00"))
    after = evaluate_schedule(account, uploads(one), RULES, at("2026-11-24T20:00:00+01:00"))

    assert (before.state, after.state) == (State.OK, State.WARNING)


@pytest.mark.parametrize(
    ("history", "days", "state", "more"),
    [
        pytest.param(None, None, State.OK, "", id="no threshold"),
        pytest.param(None, 2, State.OK, "", id="young, by its schedule's file"),
        pytest.param(
            None,
            1,
            State.WARNING,
            ", computer known since 2026-11-22 19:00 +00:00, "
            "threshold 1 d ([schedule] max_backup_age)",
            id="too old",
        ),
        pytest.param(History(), 1, State.OK, "", id="unknown since when"),
        pytest.param(
            History(first_seen=at("2026-11-20T20:00+01:00")),
            1,
            State.CRITICAL,
            ", computer known since 2026-11-20 19:00 +00:00, "
            "threshold 1 d ([schedule] max_backup_age)",
            id="seen by a run, longer ago than three times the threshold",
        ),
    ],
)
def test_without_due_times_nor_a_backup(
    history: History | None, days: int | None, state: State, more: str
) -> None:
    """Whoever installs the program and never backs up is not healthy."""
    age = None if days is None else timedelta(days=days)
    rules = RULES.replace(SchedulePolicy(zones=(ZURICH,), max_backup_age=age))
    plan = Schedule(NoSchedule.BY_HAND, PERL, at("2026-11-22T20:00+01:00"))
    one = computer(schedule=plan)._replace(history=history)

    verdict = evaluate_schedule(ACCOUNT, uploads(one), rules, at("2026-11-24T12:00+01:00"))

    summary = f"backs up by hand only, last backup unknown{more}"
    assert (verdict.state, verdict.summary) == (state, summary)
    assert (verdict.facts is not None) is bool(more)


def test_the_last_backup_by_its_end_where_no_start_is_known() -> None:
    verdict = evaluate_schedule(ACCOUNT, uploads(computer(end=SUNDAYS_END)), RULES, at(ONE))

    assert verdict.summary == "no schedule uploaded, last backup 2026-11-22 20:41 +01:00"


RETIRE = "if it is no longer used: collect_backup_state --retire UID/COMPUTER"
REMOVE = "if it is no longer used, remove its folder, which deletes its backup"


@pytest.mark.parametrize(("history", "says"), [(History(), RETIRE), (None, REMOVE)])
@pytest.mark.parametrize(
    ("now", "shown"), [("2026-11-30T20:00+01:00", False), ("2026-11-30T20:01+01:00", True)]
)
def test_how_to_retire_is_shown_after_a_week(
    now: str, shown: bool, history: History | None, says: str
) -> None:
    one = computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20, history=history)

    verdict = evaluate_schedule(EACH, uploads(one), RULES, at(now))

    assert (says in verdict.summary) is shown


def test_thresholds_that_are_off_are_not_facts() -> None:
    account = ACCOUNT._replace(warning_numbers=0, warning_days=1)
    by_days = evaluate_schedule(
        account,
        uploads(computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)),
        RULES,
        at(ONE),
    )
    by_number = evaluate_schedule(
        EACH, uploads(computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20)), RULES, at(ONE)
    )

    assert isinstance(by_days.facts, ScheduleFacts)
    assert (by_days.facts.threshold_backups, by_days.facts.threshold_days) == (None, 1)
    assert isinstance(by_number.facts, ScheduleFacts)
    assert (by_number.facts.threshold_backups, by_number.facts.threshold_days) == (1, None)


def test_days_count_from_the_newest_run_that_is_known() -> None:
    # The uploads of its later starts were lost, those of its ends were not.
    one = computer(
        start=start("2026-11-18T20:00:04+01:00"),
        end=end("2026-11-22T20:41:37+01:00")._replace(id="9"),
        schedule=AT_20,
    )
    account = ACCOUNT._replace(warning_numbers=0, warning_days=2)

    verdict = evaluate_schedule(account, uploads(one), RULES, at("2026-11-24T12:00+01:00"))
    later = evaluate_schedule(account, uploads(one), RULES, at("2026-11-24T20:42+01:00"))

    assert verdict.state is State.OK
    assert "last end 2026-11-22 20:41 +01:00" in verdict.details[0]
    assert later.state is State.WARNING


def test_an_end_later_on_is_the_same_run() -> None:
    one = computer(start=SUNDAY, end=end("2026-11-23T10:00+01:00"), schedule=AT_20)
    account = ACCOUNT._replace(warning_numbers=0, warning_days=1)

    verdict = evaluate_schedule(account, uploads(one), RULES, at("2026-11-23T22:01+01:00"))

    assert verdict.state is State.WARNING
    assert "last start 2026-11-22 20:00 +01:00" in verdict.details[0]


@pytest.mark.parametrize("backups", [None, 0])
@pytest.mark.parametrize("days", [None, 0])
def test_an_entry_that_sets_neither_leaves_both_to_the_settings(
    backups: int | None, days: int | None
) -> None:
    """A customer whose number is hidden, missing or not valid is not one who wants no warnings."""
    account = ACCOUNT._replace(warning_numbers=backups, warning_days=days)
    one = uploads(computer(start=SUNDAY, end=SUNDAYS_END, schedule=AT_20))

    verdict = evaluate_schedule(account, one, RULES, at("2026-12-17T23:00+01:00"))
    by_settings = resolve_warn_after(account, BY_SETTINGS)

    assert (by_settings.backups.origin, by_settings.days_origin) == ("settings", "settings")
    switched_off = "; the entry switches the customer's warnings off" in verdict.summary
    assert verdict.state is State.CRITICAL
    assert "25 backups missed" in verdict.summary
    assert "threshold 1 d (default)" in verdict.summary
    assert switched_off == (backups == 0 and days == 0)
