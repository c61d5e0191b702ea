"""The status rule: failed and never ended backups."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from backup_monitoring.model.accounts import Account, AccountStatus
from backup_monitoring.model.uploads import (
    Computer,
    History,
    InvalidReport,
    NoSchedule,
    Pattern,
    Receipt,
    Schedule,
    Uploads,
)
from backup_monitoring.model.verdicts import Range, State, Threshold
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status import evaluate_status
from backup_monitoring.tasks.status_facts import StatusFacts
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy
from cases import LONG_AGO, at, computer, daily, end, hourly, start, uploads

DN = "uid=4000101,ou=accounts,dc=example,dc=org"
NOW = at("2026-11-24T12:00+01:00")
ENTRY = Account("4000101", DN, warning_numbers=0, warning_days=1)
ZURICH = ZoneInfo("Europe/Zurich")
RULES = Policies(WarnAfterPolicy(), SchedulePolicy(zones=(ZURICH,)), StatusPolicy())
YESTERDAY = "2026-11-23T20:00:04+01:00"
FAILED = end("2026-11-23T20:41:37+01:00", success=False)
LATELY, BEFORE = "2026-11-22T12:00+01:00", "2026-11-22T11:59+01:00"  # two days are the border
EVERY_QUARTER = Schedule(
    Pattern(frozenset([0, 15, 30, 45]), frozenset(range(24)), timedelta(hours=1)), None, LONG_AGO
)
EVERY_MINUTE = Schedule(
    Pattern(frozenset(range(60)), frozenset(range(24)), timedelta(hours=1)), None, LONG_AGO
)


@pytest.mark.parametrize(
    ("one", "state", "says"),
    [
        pytest.param(
            computer(start=start(YESTERDAY), end=end("2026-11-23T20:41:37+01:00")),
            State.OK,
            "successful 2026-11-23 20:41 +01:00",
            id="ended well",
        ),
        pytest.param(
            computer(start=start(YESTERDAY), end=end("2026-11-23T20:41:37+01:00", success=False)),
            State.WARNING,
            "backup ended 2026-11-23 20:41 +01:00 with errors (without a store consecutive",
            id="ended badly",
        ),
        pytest.param(
            computer(end=end("2026-11-23T20:41:37+01:00")), State.OK, "successful", id="no start"
        ),
        pytest.param(
            computer(start=start(YESTERDAY), end=end("2026-11-22T20:41:37+01:00")),
            State.OK,
            "running since 2026-11-23 20:00 +01:00",
            id="running",
        ),
        pytest.param(
            computer(
                start=start("2026-11-23T12:00:00+01:00"), end=end("2026-11-22T20:41:37+01:00")
            ),
            State.OK,
            "running since 2026-11-23 12:00 +01:00",
            id="as long as it may",
        ),
        pytest.param(
            computer(
                start=start(YESTERDAY),
                end=end("2026-11-20T20:41:37+01:00"),
                schedule=Schedule(NoSchedule.BY_HAND, None, LONG_AGO),
            ),
            State.OK,
            "running since 2026-11-23 20:00 +01:00",
            id="by hand: nothing was due in between",
        ),
        pytest.param(
            computer(
                start=start("2026-11-23T11:59:00+01:00"), end=end("2026-11-22T20:41:37+01:00")
            ),
            State.WARNING,
            "backup started 2026-11-23 11:59 +01:00 has not ended after 24 h",
            id="longer than any backup",
        ),
        pytest.param(
            computer(
                start=start("2026-11-20T08:00:00+01:00"), end=end("2026-11-19T20:41:37+01:00")
            ),
            State.WARNING,
            "backup started 2026-11-20 08:00 +01:00 has not ended after 4 d",
            id="a hundred hours are days",
        ),
        pytest.param(
            computer(
                start=start("2026-11-20T08:01:00+01:00"), end=end("2026-11-19T20:41:37+01:00")
            ),
            State.WARNING,
            "backup started 2026-11-20 08:01 +01:00 has not ended after 99 h",
            id="99 hours are hours",
        ),
        pytest.param(
            computer(start=start("2026-11-18T12:00:00+01:00"), schedule=daily(20)),
            State.OK,
            "running",
            id="the first",
        ),
        pytest.param(
            computer(
                start=start(YESTERDAY),
                end=end("2026-11-20T20:41:37+01:00"),
                schedule=daily(20),
                history=History(),
            ),
            State.OK,
            "backup running since",
            id="killed every day is counted by the runs if there is a history",
        ),
        pytest.param(
            computer(start=start("2026-11-17T11:59:00+01:00")),
            State.WARNING,
            "backup started 2026-11-17 11:59 +01:00 has not ended after 7 d",
            id="too long for a first",
        ),
        pytest.param(
            computer(
                start=start(YESTERDAY), end=end("2026-11-20T20:41:37+01:00"), schedule=daily(20)
            ),
            State.WARNING,
            "but none ended for the previous due time",
            id="killed every day",
        ),
        pytest.param(
            computer(
                start=start(YESTERDAY), end=end("2026-11-22T20:41:37+01:00"), schedule=daily(20)
            ),
            State.OK,
            "running",
            id="running, the one before ended",
        ),
        pytest.param(
            computer(start=start("2027-01-01T00:00+01:00")),
            State.UNKNOWN,
            "clock",
            id="future",
        ),
        pytest.param(
            computer(end=end("2026-11-24T12:09:00+01:00")), State.OK, "successful", id="slack"
        ),
        pytest.param(
            computer(
                start=start("2026-11-23T19:00:04+00:00"),
                end=end("2026-11-23T19:41:37+00:00"),
                schedule=daily(20),
            ),
            State.OK,
            "successful 2026-11-23 20:41 +01:00",
            id="shown in the zone of its schedule",
        ),
        pytest.param(
            Computer("web01", None, FAILED, InvalidReport("/home/s.xml", "torn")),
            State.WARNING,
            "backup ended 2026-11-23 20:41 +01:00 with errors",
            id="an invalid schedule hides no failure",
        ),
        pytest.param(
            Computer("web01", None, InvalidReport("/home/f.xml", "torn")),
            State.UNKNOWN,
            "invalid report /home/f.xml: torn",
            id="unreadable end",
        ),
        pytest.param(
            computer(schedule=daily(20)), State.OK, "no report of a backup yet", id="plan"
        ),
    ],
)
def test_a_single_check(one: Computer, state: State, says: str) -> None:
    verdict = evaluate_status(ENTRY, uploads(one), RULES, NOW)

    assert verdict.state is state
    assert says in verdict.summary
    assert verdict.computer == "web01"
    failed = {State.OK: 0, State.WARNING: 1, State.UNKNOWN: None}[state]
    assert [each.value for each in verdict.metrics] in ([failed], [])


@pytest.mark.parametrize(
    ("account", "history", "state", "says"),
    [
        pytest.param(
            Account("a", DN, warning_numbers=3, warning_days=0),
            History(failed=1),
            State.OK,
            "2 failed: backup ended 2026-11-23 20:41 +01:00 with errors, "
            "within thresholds 3 backups",
            id="within the entry's number",
        ),
        pytest.param(
            Account("a", DN, warning_numbers=2, warning_days=0),
            History(failed=1),
            State.WARNING,
            "threshold 2 backups (entry)",
            id="the entry's number",
        ),
        pytest.param(
            Account("a", DN, warning_numbers=2, warning_days=0),
            History(failed=2),
            State.CRITICAL,
            "3 failed",
            id="critical from 3 on",
        ),
        pytest.param(
            Account("a", DN, warning_numbers=9, warning_days=0),
            History(failed=5),
            State.OK,
            "6 failed",
            id="never critical before warning",
        ),
        pytest.param(
            Account("a", DN, warning_numbers=0, warning_days=2),
            History(failed=1, last_success=at("2026-11-22T12:01+01:00")),
            State.OK,
            "2 d (entry)",
            id="within the entry's days",
        ),
        pytest.param(
            Account("a", DN, warning_numbers=0, warning_days=2),
            History(failed=1, last_success=at("2026-11-22T12:00+01:00")),
            State.WARNING,
            "threshold 2 d (entry)",
            id="the entry's days",
        ),
        pytest.param(
            Account("a", DN, warning_numbers=0, warning_days=2),
            History(failed=1),
            State.WARNING,
            "threshold 2 d (entry)",
            id="no success known: reached",
        ),
        pytest.param(
            Account(
                "a",
                DN,
                warning_numbers=0,
                warning_days=2,
                last_successes={"web01": at("2026-11-23T08:00+01:00")},
            ),
            History(failed=1),
            State.OK,
            "within",
            id="the entry knows a success",
        ),
        pytest.param(
            Account(
                "a",
                DN,
                warning_numbers=0,
                warning_days=2,
                last_successes={"web01": at("2026-11-01T08:00+01:00")},
            ),
            History(failed=1, last_success=at("2026-11-23T08:00+01:00")),
            State.OK,
            "within",
            id="the last success that any source knows",
        ),
        pytest.param(
            Account(
                "a",
                DN,
                warning_numbers=0,
                warning_days=2,
                last_successes={"web01": at("2026-11-25T08:00+01:00")},
            ),
            History(failed=1),
            State.WARNING,
            "threshold 2 d (entry)",
            id="a success of the future is none",
        ),
        pytest.param(
            Account("a", DN, warning_numbers=0, warning_days=0),
            History(failed=1),
            State.WARNING,
            "threshold 1 d (default); the entry switches the customer's warnings off",
            id="both off: the settings",
        ),
        pytest.param(
            Account("a", DN, warning_numbers=4, warning_days=0),
            History(failed=3, at_least=True),
            State.CRITICAL,
            "at least 4 failed",
            id="lower bound",
        ),
    ],
)
def test_with_a_past(account: Account, history: History, state: State, says: str) -> None:
    verdict = evaluate_status(account, uploads(computer(end=FAILED, history=history)), RULES, NOW)

    assert verdict.state is state
    assert says in verdict.summary


def test_a_success_ends_the_row() -> None:
    one = computer(end=end("2026-11-23T20:41:37+01:00"), history=History(failed=7))

    verdict = evaluate_status(ENTRY, uploads(one), RULES, NOW)

    assert verdict.state is State.OK
    assert verdict.metrics[0].value == 0


def test_a_running_backup_does_not_end_the_row() -> None:
    history = History(failed=3, last_success=at("2026-11-01T00:00+01:00"))
    one = computer(start=start("2026-11-24T11:00+01:00"), end=FAILED, history=history)

    verdict = evaluate_status(ENTRY, uploads(one), RULES, NOW)

    assert verdict.state is State.CRITICAL
    assert verdict.summary.startswith("3 failed: backup running since 2026-11-24 11:00 +01:00")


@pytest.mark.parametrize(
    ("used", "state"), [(98, State.OK), (99, State.WARNING), (120, State.WARNING)]
)
def test_a_success_with_the_quota_used_up_is_doubted(used: int, state: State) -> None:
    account = ENTRY._replace(used=used, capacity=100)
    one = computer(end=end("2026-11-23T20:41:37+01:00"))

    verdict = evaluate_status(account, uploads(one), RULES, NOW)

    assert verdict.state is state
    assert ("the quota was used up" in verdict.summary) == (state is State.WARNING)
    assert verdict.metrics[0].value == 0


@pytest.mark.parametrize("history", [None, History(last_success=at("2026-11-23T20:41:37+01:00"))])
def test_the_doubt_holds_while_the_next_backup_runs(history: History | None) -> None:
    account = ENTRY._replace(used=99, capacity=100)
    one = computer(
        start=start("2026-11-24T11:00+01:00"), end=end("2026-11-23T20:41:37+01:00"), history=history
    )

    verdict = evaluate_status(account, uploads(one), RULES, NOW)

    assert verdict.state is State.WARNING
    assert verdict.summary == (
        "backup running since 2026-11-24 11:00 +01:00, the previous one reported as successful "
        "2026-11-23 20:41 +01:00, but the quota was used up (99.0 %, "
        "threshold 99 % ([status] full))"
    )
    assert verdict.facts == StatusFacts(
        "full", failed=0, last_success=at("2026-11-23T20:41:37+01:00"), zone=ZURICH
    )


def test_a_first_backup_that_fills_the_quota_is_not_doubted_before_its_end() -> None:
    account = ENTRY._replace(used=99, capacity=100)
    one = computer(start=start("2026-11-24T11:00+01:00"))

    assert evaluate_status(account, uploads(one), RULES, NOW).state is State.OK


def at_hours(*hours: int) -> Schedule:
    return Schedule(Pattern(frozenset([0]), frozenset(hours), timedelta(hours=1)), None, LONG_AGO)


@pytest.mark.parametrize(
    ("plan", "ended", "started", "state"),
    [
        pytest.param(
            daily(20), "2026-11-23T19:58+01:00", "2026-11-24T19:55+01:00", State.OK, id="early"
        ),
        pytest.param(
            hourly(), "2026-11-24T18:10+01:00", "2026-11-24T19:00:04+01:00", State.OK, id="hourly"
        ),
        pytest.param(
            hourly(), "2026-11-24T15:10+01:00", "2026-11-24T19:00:04+01:00", State.WARNING, id="gap"
        ),
        pytest.param(
            hourly(),
            "2026-11-24T16:40+01:00",
            "2026-11-24T19:00+01:00",
            State.WARNING,
            id="hourly, one killed",
        ),
        pytest.param(
            daily(20),
            "2026-11-22T20:40+01:00",
            "2026-11-24T19:55+01:00",
            State.WARNING,
            id="killed",
        ),
        pytest.param(
            daily(20, modified=at("2026-11-24T20:05+01:00")),
            "2026-11-22T20:40+01:00",
            "2026-11-24T20:00:04+01:00",
            State.WARNING,
            id="killed, by a client that uploads its plan with each start",
        ),
        pytest.param(
            daily(20), "2026-11-23T20:40+01:00", "2026-11-24T23:30+01:00", State.OK, id="late"
        ),
        pytest.param(
            at_hours(13, 17, 18),
            "2026-11-24T13:20+01:00",
            "2026-11-24T17:49+01:00",
            State.OK,
            id="late for one, not early for the next",
        ),
        pytest.param(
            at_hours(10, 13, 17, 18),
            "2026-11-24T10:20+01:00",
            "2026-11-24T17:49+01:00",
            State.WARNING,
            id="late or early, and a gap",
        ),
        pytest.param(
            at_hours(13, 17, 18),
            "2026-11-24T13:20+01:00",
            "2026-11-24T18:00:04+01:00",
            State.WARNING,
            id="killed an hour ago",
        ),
        pytest.param(
            at_hours(9, 20),
            "2026-11-23T20:40+01:00",
            "2026-11-24T19:55+01:00",
            State.WARNING,
            id="killed in the morning, and early in the evening",
        ),
        pytest.param(
            daily(20),
            "2026-11-22T20:40+01:00",
            "2026-11-24T23:30+01:00",
            State.WARNING,
            id="killed, and late",
        ),
        pytest.param(
            daily(20), "2026-11-24T19:50+01:00", "2026-11-24T20:00:04+01:00", State.OK, id="again"
        ),
        pytest.param(
            EVERY_QUARTER,
            "2026-11-24T18:50+01:00",
            "2026-11-24T19:30:04+01:00",
            State.OK,
            id="every quarter of an hour",
        ),
        pytest.param(
            EVERY_QUARTER,
            "2026-11-24T17:40+01:00",
            "2026-11-24T19:30:04+01:00",
            State.WARNING,
            id="every quarter of an hour, killed",
        ),
        pytest.param(
            EVERY_MINUTE,
            "2026-11-23T17:40+01:00",
            "2026-11-24T19:30:04+01:00",
            State.OK,
            id="every minute: no backup keeps that",
        ),
    ],
)
def test_a_running_backup_serves_one_due_time(
    plan: Schedule, ended: str, started: str, state: State
) -> None:
    one = computer(start=start(started), end=end(ended), schedule=plan)

    verdict = evaluate_status(ENTRY, uploads(one), RULES, at(started) + timedelta(minutes=5))

    assert verdict.state is state


@pytest.mark.parametrize(
    ("ended", "really", "started", "then", "state"),
    [
        pytest.param("26T20:40", "23T20:40", "27T20:00", "24T20:00", State.OK, id="3 days fast"),
        pytest.param(
            "25T20:40", "22T20:40", "27T20:00", "24T20:00", State.WARNING, id="3 days fast, killed"
        ),
        pytest.param(
            "23T20:40", "23T15:40", "24T20:00", "24T20:00", State.OK, id="5 h fast, set right"
        ),
        pytest.param(
            "25T20:40",
            "22T20:40",
            "24T20:00",
            "24T20:00",
            State.WARNING,
            id="3 days fast, set right, killed",
        ),
    ],
)
def test_a_running_backup_of_a_computer_whose_clock_was_wrong(
    ended: str, really: str, started: str, then: str, state: State
) -> None:
    ended, really, started, then = (
        f"2026-11-{each}+01:00" for each in (ended, really, started, then)
    )
    plan = daily(20)._replace(by_client=True)
    before = end(ended, came=really)._replace(id="before")
    one = computer(start=start(started, came=then), end=before, schedule=plan)

    verdict = evaluate_status(ENTRY, uploads(one), RULES, at(then) + timedelta(minutes=5))

    assert verdict.state is state


def test_what_the_entry_says_by_a_wrong_clock_does_not_count() -> None:
    account = ENTRY._replace(warning_days=2, last_successes={"web01": at("2026-11-23T08:00+01:00")})
    slow = end("2026-11-23T20:41:37+01:00", success=False, came="2026-11-23T23:41:37+01:00")
    one = computer(end=slow, history=History(failed=1))

    assert evaluate_status(account, uploads(one), RULES, NOW).state is State.WARNING


@pytest.mark.parametrize(
    ("used", "capacity", "one", "state"),
    [
        pytest.param(
            0, 100, computer(start=start(YESTERDAY), end=end(BEFORE)), State.WARNING, id="running"
        ),
        pytest.param(None, 100, computer(end=end(LATELY)), State.OK, id="use not known"),
        pytest.param(500, None, computer(end=end(LATELY)), State.OK, id="capacity not known"),
        pytest.param(0, None, computer(end=end(LATELY)), State.OK, id="two days, perhaps measured"),
        pytest.param(50, 100, computer(end=end(BEFORE)), State.OK, id="something is used"),
        pytest.param(0, 100, computer(end=end(BEFORE)), State.WARNING, id="nothing is used"),
        pytest.param(
            0,
            100,
            computer(end=end(LATELY), history=History(first_seen=at(BEFORE))),
            State.WARNING,
            id="nothing is used, and not by the backups before either",
        ),
    ],
)
def test_a_success_is_doubted(
    used: int | None, capacity: int | None, one: Computer, state: State
) -> None:
    verdict = evaluate_status(
        ENTRY._replace(used=used, capacity=capacity), uploads(one), RULES, NOW
    )

    assert verdict.state is state
    assert ("no space is used: is anything backed up?" in verdict.summary) == bool(state.value)
    assert verdict.facts is not None
    assert verdict.facts.cause == ("empty" if state.value else "")


def test_a_single_check_does_not_forget_a_failure_while_the_next_backup_runs() -> None:
    one = computer(start=start("2026-11-24T11:00+01:00"), end=FAILED)

    verdict = evaluate_status(ENTRY, uploads(one), RULES, NOW)

    assert verdict.state is State.WARNING
    assert "ended 2026-11-23 20:41 +01:00 with errors, another is running" in verdict.summary


def test_of_a_success_beside_a_torn_report_nothing_is_said() -> None:
    one = Computer("web01", InvalidReport("/home/s.xml", "torn"), SUCCESS)

    verdict = evaluate_status(ENTRY, uploads(one), RULES, NOW)

    assert (verdict.state, verdict.summary) == (State.UNKNOWN, "invalid report /home/s.xml: torn")
    assert (verdict.metrics, verdict.facts) == ((), None)


def test_a_report_that_is_not_understood_is_no_retirement() -> None:
    alive = computer("web01", end=end("2026-11-23T20:41:37+01:00"))
    torn = Computer("web02", InvalidReport("/f", "torn"), end("2026-08-01T20:41+02:00"))

    assert evaluate_status(ENTRY, uploads(alive, torn), RULES, NOW).state is State.UNKNOWN


def test_a_torn_report_of_long_ago_is_no_sign_of_life() -> None:
    alive = computer("web01", end=end("2026-11-23T20:41:37+01:00"))
    torn = InvalidReport("/f", "torn", Receipt(at("2026-08-02T20:41+02:00")))
    old = Computer("web02", torn, end("2026-08-01T20:41+02:00"))

    verdict = evaluate_status(ENTRY, uploads(alive, old), RULES, NOW)

    assert (verdict.state, verdict.retired) == (State.OK, ("web02",))


def test_the_failed_backup_is_dated_while_the_next_one_runs() -> None:
    history = History(failed=1, failed_since=at("2026-11-23T20:41:37+01:00"))
    one = computer(start=start("2026-11-24T11:00+01:00"), end=FAILED, history=history)

    summary = evaluate_status(ENTRY, uploads(one), RULES, NOW).summary

    assert summary.startswith("1 failed since 2026-11-23 20:41 +01:00: backup running")


def test_the_worst_computer_speaks() -> None:
    good = computer("web01", end=end("2026-11-23T20:41:37+01:00"))
    bad = computer("web02", end=FAILED)
    torn = Computer("web03", InvalidReport("/f", "torn"))

    verdict = evaluate_status(ENTRY, uploads(good, bad, torn), RULES, NOW)

    assert verdict.state is State.WARNING
    assert verdict.computer == "web02"
    assert verdict.summary.endswith("; 1 more computer")


def test_a_success_that_only_the_quota_spoils_is_no_computer_that_fails() -> None:
    account = ENTRY._replace(used=99, capacity=100)
    full, bad = computer("web01", end=SUCCESS), computer("web02", end=FAILED)

    verdict = evaluate_status(account, uploads(full, bad), RULES, NOW)

    assert (verdict.state, verdict.computer) == (State.WARNING, "web02")
    assert verdict.failing == ("web02",)
    assert isinstance(verdict.facts, StatusFacts)
    assert verdict.facts.others is None


def test_the_settings_off_too_never_warn() -> None:
    account = Account("a", DN, warning_numbers=0, warning_days=0)
    rules = RULES.replace(WarnAfterPolicy(days=0, days_origin="settings"))

    verdict = evaluate_status(account, uploads(computer(end=FAILED)), rules, NOW)

    assert verdict.state is State.OK


def test_a_range_from_inside_is_not_off() -> None:
    warn_after = WarnAfterPolicy(backups=Threshold(Range(1, 5, inverted=True), "-w"), days=0)
    account = Account("a", DN)

    verdict = evaluate_status(
        account, uploads(computer(end=FAILED)), RULES.replace(warn_after), NOW
    )

    assert verdict.state is State.WARNING


@pytest.mark.parametrize(("good", "state"), [(0, State.CRITICAL), (1, State.WARNING)])
def test_critical_by_the_option(good: int, state: State) -> None:
    warn_after = WarnAfterPolicy(critical=Threshold(Range(end=good), "-c"))

    verdict = evaluate_status(ENTRY, uploads(computer(end=FAILED)), RULES.replace(warn_after), NOW)

    assert verdict.state is state


def test_a_retired_computer_is_listed_without_an_alert() -> None:
    alive = computer("web01", end=end("2026-11-23T20:41:37+01:00"))
    old = computer("web02", end=end("2026-08-25T20:41:37+02:00", success=False))

    assert evaluate_status(ENTRY, uploads(alive, old), RULES, NOW).state is State.OK
    assert evaluate_status(ENTRY, uploads(alive, old), RULES, NOW).retired == ("web02",)
    assert evaluate_status(ENTRY, uploads(old), RULES, NOW).state is State.WARNING


def test_a_walk_cut_short_is_unknown_beside_what_was_found() -> None:
    cut = Uploads((computer(end=FAILED),), cut_short="more than 256 computers")
    fine = Uploads((computer(end=end(YESTERDAY)),), cut_short="more than 256 computers")

    assert evaluate_status(ENTRY, cut, RULES, NOW).state is State.WARNING
    assert evaluate_status(ENTRY, fine, RULES, NOW).summary == (
        "incoming was not searched completely: more than 256 computers"
    )
    assert evaluate_status(ENTRY, fine, RULES, NOW).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("seen", "account", "state", "says"),
    [
        (Uploads(), ENTRY, State.OK, "no report yet"),
        (
            uploads(computer(end=FAILED)),
            ENTRY._replace(status=AccountStatus.INACTIVE),
            State.OK,
            "not active",
        ),
        (Uploads(missing="/home/a"), ENTRY, State.UNKNOWN, "home directory /home/a does not exist"),
        (
            Uploads(refused="/home/a: denied"),
            ENTRY,
            State.UNKNOWN,
            "cannot read home directory: /home/a",
        ),
        (
            Uploads(refused="/home/a: denied"),
            ENTRY._replace(provisioned=False),
            State.OK,
            "not provisioned yet",
        ),
        (
            uploads(computer(end=FAILED)),
            ENTRY._replace(provisioned=False),
            State.WARNING,
            "with errors",
        ),
        (
            Uploads(missing="/home/a"),
            ENTRY._replace(provisioned=False),
            State.OK,
            "not provisioned yet",
        ),
    ],
)
def test_without_computers(seen: Uploads, account: Account, state: State, says: str) -> None:
    verdict = evaluate_status(account, seen, RULES, NOW)

    assert verdict.state is state
    assert says in verdict.summary


def test_max_runtime_is_a_setting() -> None:
    one = computer(start=start("2026-11-24T02:00+01:00"), end=end("2026-11-23T02:30+01:00"))
    rules = RULES.replace(StatusPolicy(max_runtime=timedelta(hours=8)))

    assert "has not ended" in evaluate_status(ENTRY, uploads(one), rules, NOW).summary


def test_days_that_the_settings_know_better_are_not_due() -> None:
    # Friday's end, Monday's start: a job for Monday to Friday, written as daily.
    one = computer(
        start=start("2026-11-23T20:00:04+01:00"),
        end=end("2026-11-20T20:30:00+01:00"),
        schedule=daily(20),
    )
    weekdays = SchedulePolicy(weekdays={"4000101": frozenset({1, 2, 3, 4, 5})})

    assert evaluate_status(ENTRY, uploads(one), RULES, NOW).state is State.WARNING
    assert evaluate_status(ENTRY, uploads(one), RULES.replace(weekdays), NOW).state is State.OK


RUNNING = start("2026-11-24T11:00+01:00")
SUCCESS = end("2026-11-22T20:41:37+01:00")


@pytest.mark.parametrize(
    ("one", "facts"),
    [
        pytest.param(
            computer(end=FAILED),
            StatusFacts(
                cause="errors",
                failed=1,
                at_least=True,
                failed_at=FAILED.at,
                failed_since=FAILED.at,
            ),
            id="a single check",
        ),
        pytest.param(
            computer(
                end=FAILED,
                history=History(failed=2, failed_since=at("2026-11-21T20:41+01:00")),
            ),
            StatusFacts(
                cause="errors",
                failed=3,
                at_least=False,
                failed_at=FAILED.at,
                failed_since=at("2026-11-21T20:41+01:00"),
            ),
            id="the third in a row",
        ),
        pytest.param(
            computer(start=start("2026-11-23T11:00+01:00"), end=SUCCESS, history=History(failed=1)),
            StatusFacts(
                cause="never_ended",
                failed=2,
                at_least=False,
                failed_at=at("2026-11-23T11:00+01:00"),
                unended_hours=25,
                failed_since=at("2026-11-23T11:00+01:00"),
                last_success=SUCCESS.at,
            ),
            id="has not ended",
        ),
        pytest.param(
            computer(start=RUNNING, end=FAILED),
            StatusFacts(
                cause="errors",
                failed=1,
                at_least=True,
                failed_at=FAILED.at,
                failed_since=FAILED.at,
            ),
            id="a single check: ended with errors, and the next is running",
        ),
        pytest.param(
            computer(
                start=RUNNING,
                end=FAILED,
                history=History(failed=2, at_least=True, failed_since=at("2026-11-21T20:41+01:00")),
            ),
            StatusFacts(
                cause="errors",
                failed=2,
                at_least=True,
                failed_at=FAILED.at,
                failed_since=at("2026-11-21T20:41+01:00"),
            ),
            id="ended with errors, and the next is running",
        ),
        pytest.param(
            computer(start=RUNNING, end=end("2026-11-21T20:41+01:00"), schedule=daily(20)),
            StatusFacts(
                cause="never_ended",
                failed=1,
                at_least=True,
                last_success=at("2026-11-21T20:41+01:00"),
            ),
            id="a single check: killed, and the next is running",
        ),
        pytest.param(
            computer(
                start=RUNNING,
                end=SUCCESS,
                history=History(failed=1, failed_since=at("2026-11-23T20:00+01:00")),
            ),
            StatusFacts(
                cause="never_ended",
                failed=1,
                at_least=False,
                failed_at=at("2026-11-23T20:00+01:00"),
                failed_since=at("2026-11-23T20:00+01:00"),
                last_success=SUCCESS.at,
            ),
            id="killed, and the next is running",
        ),
        pytest.param(
            computer(
                start=RUNNING,
                history=History(failed=2, failed_since=at("2026-11-22T20:00+01:00")),
            ),
            StatusFacts(
                cause="never_ended",
                failed=2,
                at_least=False,
                failed_since=at("2026-11-22T20:00+01:00"),
            ),
            id="killed twice: when the second began is not known",
        ),
    ],
)
def test_the_facts_of_failed_backups(one: Computer, facts: StatusFacts) -> None:
    account = ENTRY._replace(warning_numbers=1)

    verdict = evaluate_status(account, uploads(one), RULES, NOW)

    assert verdict.facts == facts._replace(threshold_backups=1, threshold_days=1, zone=ZURICH)


def test_the_facts_of_a_success() -> None:
    fine = evaluate_status(ENTRY, uploads(computer(end=SUCCESS)), RULES, NOW)
    full = evaluate_status(
        ENTRY._replace(used=99, capacity=100), uploads(computer(end=SUCCESS)), RULES, NOW
    )

    assert fine.facts == StatusFacts(failed=0, last_success=SUCCESS.at, zone=ZURICH)
    assert full.facts == StatusFacts("full", failed=0, last_success=SUCCESS.at, zone=ZURICH)


@pytest.mark.parametrize(
    ("one", "at_least", "uncertain"),
    [
        pytest.param(computer(start=RUNNING, end=SUCCESS), True, ("web01",), id="running"),
        pytest.param(computer(start=RUNNING, end=SUCCESS), False, (), id="running, all known"),
        pytest.param(computer(end=SUCCESS), True, (), id="a success says enough"),
        pytest.param(computer(end=FAILED), True, ("web01",), id="one failed, two are too many"),
        pytest.param(computer(end=FAILED), False, (), id="only one failed"),
    ],
)
def test_what_is_ok_only_by_a_lower_bound_is_uncertain(
    one: Computer, at_least: bool, uncertain: tuple[str, ...]
) -> None:
    account = ENTRY._replace(warning_numbers=2, warning_days=0)
    known = one._replace(history=History(at_least=at_least))

    verdict = evaluate_status(account, uploads(known), RULES, NOW)

    assert (verdict.state, verdict.uncertain) == (State.OK, uncertain)


def test_what_is_a_problem_already_is_not_uncertain() -> None:
    known = computer(end=FAILED, history=History(at_least=True))

    verdict = evaluate_status(ENTRY, uploads(known), RULES, NOW)

    assert (verdict.state, verdict.uncertain) == (State.WARNING, ())


def test_details_explain_the_number() -> None:
    history = History(failed=1, last_success=at("2026-11-22T20:41:37+01:00"))

    known = evaluate_status(ENTRY, uploads(computer(end=FAILED, history=history)), RULES, NOW)
    not_known = evaluate_status(ENTRY, uploads(computer(end=FAILED)), RULES, NOW)

    thresholds = "thresholds backups off (entry), 1 d (entry)"
    assert f"[last success 2026-11-22 20:41 +01:00; {thresholds}]" in known.details[0]
    assert f"[last success unknown; {thresholds}]" in not_known.details[0]


def test_a_first_backup_may_take_a_week_from_the_first_start_seen() -> None:
    again = start("2026-11-20T20:00+01:00")
    history = History(first_open=at("2026-11-17T11:59+01:00"))

    late = evaluate_status(ENTRY, uploads(computer(start=again, history=history)), RULES, NOW)
    fine = evaluate_status(ENTRY, uploads(computer(start=again, history=History())), RULES, NOW)

    assert late.summary.startswith(
        "1 failed: backup started 2026-11-20 20:00 +01:00 has not ended after 88 h"
    )
    assert late.metrics[0].value == 1
    assert fine.state is State.OK


@pytest.mark.parametrize(
    ("one", "used", "summary"),
    [
        pytest.param(
            computer(start=RUNNING, end=SUCCESS),
            50,
            "backup running since 2026-11-24 11:00 +01:00",
            id="running, nothing in doubt",
        ),
        pytest.param(
            computer(end=SUCCESS),
            99,
            "last backup reported as successful 2026-11-22 20:41 +01:00, "
            "but the quota was used up (99.0 %, "
            "threshold 99 % ([status] full))",
            id="in doubt",
        ),
        pytest.param(
            computer(start=RUNNING, end=SUCCESS),
            99,
            "backup running since 2026-11-24 11:00 +01:00, "
            "the previous one reported as successful 2026-11-22 20:41 +01:00, "
            "but the quota was used up (99.0 %, "
            "threshold 99 % ([status] full))",
            id="in doubt, and running again",
        ),
        pytest.param(
            computer(start=RUNNING),
            99,
            "backup running since 2026-11-24 11:00 +01:00",
            id="the first",
        ),
    ],
)
def test_a_success_in_words(one: Computer, used: int, summary: str) -> None:
    account = ENTRY._replace(used=used, capacity=100)

    assert evaluate_status(account, uploads(one), RULES, NOW).summary == summary


def test_a_plan_that_changes_during_a_backup_reveals_no_killed_ones() -> None:
    """Sepiola uploads a changed schedule at once: due times before that are not its own."""
    uploaded = at("2026-11-23T21:00+01:00")
    twice = Pattern(frozenset([0]), frozenset([6, 20]), timedelta(hours=1))
    running = computer(
        start=start("2026-11-23T20:00:04+01:00"),
        end=end("2026-11-22T20:41:37+01:00"),
        schedule=Schedule(twice, None, uploaded),
    )

    verdict = evaluate_status(ENTRY, uploads(running), RULES, uploaded + timedelta(minutes=5))

    assert verdict.state is State.OK
