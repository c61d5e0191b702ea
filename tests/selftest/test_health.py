"""The health of the monitoring: its store, its runs and its mails."""

from datetime import timedelta

import pytest

from backup_monitoring.model.findings import FINDING_KINDS
from backup_monitoring.model.verdicts import Metric, Range, State
from backup_monitoring.outbox.backlog import OutboxStatus
from backup_monitoring.selftest.health import (
    AffectedAccounts,
    LastRun,
    Routine,
    evaluate_health,
)
from backup_monitoring.settings.monitoring import MonitoringPolicy
from cases import at

NOW = at("2026-11-24T12:00+01:00")
READ = at("2026-11-24T11:50+01:00")
HALF_AN_HOUR = timedelta(minutes=30)
FINE = Routine("storage", "read", READ, None, HALF_AN_HOUR, "[store] max_age")
QUICK = timedelta(seconds=2.5)


@pytest.mark.parametrize(
    ("read", "error", "state", "text"),
    [
        pytest.param(
            "2026-11-24T11:45:00+01:00",
            None,
            State.OK,
            "storage read 2026-11-24 10:45 +00:00, 15 min ago, last run took 2.5 s",
            id="half of its age",
        ),
        pytest.param(
            "2026-11-24T11:44:59+01:00",
            None,
            State.WARNING,
            "storage read 2026-11-24 10:44 +00:00, 15 min ago, "
            "threshold 15m (half of [store] max_age)",
            id="older than half",
        ),
        pytest.param(
            "2026-11-24T11:30:00+01:00",
            None,
            State.WARNING,
            "storage read 2026-11-24 10:30 +00:00, 30 min ago, "
            "threshold 15m (half of [store] max_age)",
            id="its age",
        ),
        pytest.param(
            "2026-11-24T11:29:59+01:00",
            None,
            State.CRITICAL,
            "storage read 2026-11-24 10:29 +00:00, 30 min ago, threshold 30m ([store] max_age)",
            id="older",
        ),
        pytest.param(
            "2026-11-24T11:50:00+01:00",
            "disk gone",
            State.WARNING,
            "storage read 2026-11-24 10:50 +00:00, 10 min ago, "
            "threshold 15m (half of [store] max_age): disk gone",
            id="the last run failed",
        ),
        pytest.param(
            "2026-11-24T11:00:00+01:00",
            "disk gone",
            State.CRITICAL,
            "storage read 2026-11-24 10:00 +00:00, 1 h ago, "
            "threshold 30m ([store] max_age): disk gone",
            id="and for too long",
        ),
        pytest.param(
            None, "disk gone", State.CRITICAL, "storage was never read: disk gone", id="never"
        ),
        pytest.param(
            None, None, State.CRITICAL, "storage was never read: no reason known", id="never, why?"
        ),
        pytest.param(
            "2026-11-24T12:10:00+01:00",
            None,
            State.OK,
            "storage read 2026-11-24 11:10 +00:00, 0 min ago, last run took 2.5 s",
            id="ten minutes ahead",
        ),
        pytest.param(
            "2026-11-24T12:10:01+01:00",
            None,
            State.UNKNOWN,
            "clock: storage read in the future, 2026-11-24 11:10 +00:00; set the clock",
            id="further ahead",
        ),
    ],
)
def test_the_age_of_a_part(read: str | None, error: str | None, state: State, text: str) -> None:
    part = FINE._replace(at=at(read) if read else None, error=error)

    verdict = evaluate_health((part,), LastRun(QUICK), MonitoringPolicy(), NOW)

    assert (verdict.state, verdict.summary) == (state, text)


@pytest.mark.parametrize(
    ("submitted", "state", "text"),
    [
        pytest.param(
            "2026-11-24T11:45+01:00", State.OK, "results submitted 2026-11-24 10:45 +00:00, 15 min"
        ),
        pytest.param(
            "2026-11-24T11:44+01:00",
            State.WARNING,
            "results submitted 2026-11-24 10:44 +00:00, 16 min ago, threshold 15m "
            "(half of [icinga] ttl)",
        ),
        pytest.param(
            "2026-11-24T11:29+01:00",
            State.CRITICAL,
            "results submitted 2026-11-24 10:29 +00:00, 31 min ago, threshold 30m ([icinga] ttl)",
        ),
        pytest.param(
            None, State.CRITICAL, "results were never submitted: see submit_backup_results"
        ),
    ],
)
def test_results_that_are_no_longer_submitted(
    submitted: str | None, state: State, text: str
) -> None:
    why, done = (None, at(submitted)) if submitted else ("see submit_backup_results", None)
    part = Routine("results", "submitted", done, why, HALF_AN_HOUR, "[icinga] ttl")

    verdict = evaluate_health((part,), LastRun(QUICK), MonitoringPolicy(), NOW)

    assert verdict.state is state
    assert verdict.summary.startswith(text)


@pytest.mark.parametrize(
    ("seconds", "state", "text"),
    [
        (120, State.OK, "last run took 120.0 s"),
        (120.1, State.WARNING, "last run took 120.1 s, threshold 2m ([monitoring] duration)"),
    ],
)
def test_the_duration_of_a_run(seconds: float, state: State, text: str) -> None:
    policy = MonitoringPolicy(duration=timedelta(minutes=2))

    verdict = evaluate_health((), LastRun(timedelta(seconds=seconds)), policy, NOW)

    assert (verdict.state, verdict.summary) == (state, text)


@pytest.mark.parametrize(
    ("found", "thresholds", "state", "text"),
    [
        pytest.param({"report": 999}, {}, State.OK, "last run took", id="no threshold"),
        pytest.param({"report": 1}, {"report": 2}, State.OK, "last run took", id="below it"),
        pytest.param({}, {"report": 1}, State.OK, "last run took", id="none"),
        pytest.param(
            {"report": 2},
            {"report": 2},
            State.WARNING,
            "2 findings of kind report (a file is not a valid report), "
            "threshold 2 ([monitoring.findings]); see collect_backup_state -v",
            id="at the threshold",
        ),
        pytest.param(
            {"report": 2, "orphan": 1},
            {"report": 2, "orphan": 1},
            State.WARNING,
            "; 1 more problem",
            id="two kinds",
        ),
        pytest.param(
            {"report": 2, "orphan": 1, "home": 5},
            {"report": 2, "orphan": 1, "home": 1},
            State.WARNING,
            "; 2 more problems",
            id="three kinds",
        ),
    ],
)
def test_findings(
    found: dict[str, int], thresholds: dict[str, int], state: State, text: str
) -> None:
    verdict = evaluate_health((), LastRun(QUICK, found), MonitoringPolicy(findings=thresholds), NOW)

    assert verdict.state is state
    assert verdict.summary.startswith(text) or verdict.summary.endswith(text)


@pytest.mark.parametrize(
    ("accounts", "state", "text"),
    [
        pytest.param((300, "quota", 30, 30, 30), State.OK, "last run took", id="a tenth"),
        pytest.param(
            (300, "quota", 31, 0, 0),
            State.WARNING,
            "31 of 300 accounts UNKNOWN in quota, threshold 10 % ([monitoring] affected)",
            id="more than a tenth",
        ),
        pytest.param(
            (300, "quota", 0, 31, 0),
            State.WARNING,
            "31 of 300 accounts without a readable home, threshold 10 % ([monitoring] affected)",
            id="homes",
        ),
        pytest.param(
            (300, "quota", 0, 0, 31),
            State.WARNING,
            "31 of 300 accounts with a file that is not a valid report, threshold 10 %",
            id="reports",
        ),
        pytest.param((300, "quota", 150, 0, 0), State.WARNING, "threshold 10 %", id="half"),
        pytest.param(
            (300, "schedule", 290, 290, 0),
            State.CRITICAL,
            "290 of 300 accounts without a readable home, threshold 50 % "
            "([monitoring] affected_critical); 1 more problem",
            id="most, with the cause",
        ),
        pytest.param((4, "status", 3, 3, 3), State.OK, "last run took", id="three always may"),
        pytest.param((4, "status", 4, 3, 3), State.CRITICAL, "4 of 4 accounts UNKNOWN", id="four"),
    ],
)
def test_accounts_that_cannot_be_judged(
    accounts: tuple[int, str, int, int, int], state: State, text: str
) -> None:
    run = LastRun(QUICK, {}, AffectedAccounts(*accounts))

    verdict = evaluate_health((), run, MonitoringPolicy(), NOW)

    assert verdict.state is state
    assert text in verdict.summary


@pytest.mark.parametrize(
    ("mails", "state", "text"),
    [
        pytest.param(
            OutboxStatus(waiting=3, oldest=timedelta(hours=1)),
            State.OK,
            "last run took",
            id="in time",
        ),
        pytest.param(
            OutboxStatus(waiting=3, oldest=timedelta(hours=1, seconds=60)),
            State.CRITICAL,
            "3 mails wait, the oldest for 1 h 1 min, threshold 1h ([monitoring] outbox)",
            id="too long",
        ),
        pytest.param(
            OutboxStatus(waiting=1, oldest=timedelta(hours=2), reason="refuses; check return_path"),
            State.CRITICAL,
            "1 mail waits, the oldest for 2 h, threshold 1h ([monitoring] outbox): refuses; check "
            "return_path",
            id="with the reason",
        ),
        pytest.param(
            OutboxStatus(spooled=3, retried=1, oldest_call=timedelta(hours=1)),
            State.OK,
            "last run took",
            id="calls in time",
        ),
        pytest.param(
            OutboxStatus(spooled=3, retried=1, oldest_call=timedelta(days=1)),
            State.CRITICAL,
            "4 calls of the hook wait (3 of them spooled), the oldest for 1 d, "
            "threshold 1h ([monitoring] outbox)",
            id="no delivery for a day",
        ),
        pytest.param(
            OutboxStatus(held=2),
            State.WARNING,
            "2 mails are held; see notify_backup --release",
            id="held",
        ),
        pytest.param(
            OutboxStatus(refused=1),
            State.WARNING,
            "1 mail of the last 24 h could not be delivered; see [notify] log",
            id="refused",
        ),
        pytest.param(
            OutboxStatus(waiting=9, oldest=timedelta(hours=2), held=2, refused=1),
            State.CRITICAL,
            "9 mails wait, the oldest for 2 h, threshold 1h ([monitoring] outbox); 2 more problems",
            id="all of it",
        ),
    ],
)
def test_mails(mails: OutboxStatus, state: State, text: str) -> None:
    verdict = evaluate_health((FINE,), LastRun(QUICK), MonitoringPolicy(), NOW, mails)

    assert verdict.state is state
    assert text in verdict.summary


def test_the_summary_is_the_worst_parts_and_the_details_name_all() -> None:
    directory = Routine(
        "directory", "read", None, "server down", timedelta(hours=4), "[store] directory_max_age"
    )

    verdict = evaluate_health(
        (FINE, directory), LastRun(QUICK), MonitoringPolicy(), NOW, OutboxStatus()
    )

    assert verdict.summary == "directory was never read: server down"
    assert verdict.details[:4] == (
        "OK - storage read 2026-11-24 10:50 +00:00, 10 min ago",
        "CRITICAL - directory was never read: server down",
        "OK - last run took 2.5 s",
        "OK - 0 of 0 accounts without a readable home",
    )
    assert verdict.details[-4:] == (
        "OK - 0 mails wait, the oldest for 0 min",
        "OK - 0 calls of the hook wait (0 of them spooled), the oldest for 0 min",
        "OK - 0 mails are held; see notify_backup --release",
        "OK - 0 mails of the last 24 h could not be delivered; see [notify] log",
    )


def test_what_is_measured() -> None:
    never = Routine(
        "directory", "read", None, None, timedelta(hours=4), "[store] directory_max_age"
    )
    policy = MonitoringPolicy(findings={"report": 3})
    accounts = AffectedAccounts(300, "schedule", 30, 1, 2)
    run = LastRun(timedelta(seconds=2.51249), {"report": 2}, accounts)
    mails = OutboxStatus(waiting=3, oldest=timedelta(minutes=5), held=2, refused=1)
    mails = mails._replace(spooled=7, retried=4, oldest_call=timedelta(minutes=6))

    verdict = evaluate_health((FINE, never), run, policy, NOW, mails)

    none = Range(end=0)
    assert verdict.metrics == (
        Metric("storage_age", 600, "s", Range(end=900), Range(end=1800)),
        Metric("run_duration", 2.512, "s", Range(end=600)),
        Metric("accounts_unknown", 30, "", Range(end=30), Range(end=150), maximum=300),
        Metric("accounts_without_home", 1, "", Range(end=30), Range(end=150), maximum=300),
        Metric("accounts_invalid_report", 2, "", Range(end=30), Range(end=150), maximum=300),
        *(
            Metric(
                f"findings_{kind}",
                2 if kind == "report" else 0,
                "",
                {"report": Range(end=2), "held": Range(end=0)}.get(kind),
            )
            for kind in FINDING_KINDS
        ),
        Metric("mails_waiting", 3),
        Metric("mails_oldest", 300, "s", None, Range(end=3600)),
        Metric("calls_spooled", 7),
        Metric("calls_retried", 4),
        Metric("calls_oldest", 360, "s", None, Range(end=3600)),
        Metric("mails_held", 2, "", none),
        Metric("mails_refused", 1, "", none),
    )


def test_a_part_read_ahead_of_the_clock_has_age_0() -> None:
    ahead = FINE._replace(at=at("2026-11-24T12:05+01:00"))

    assert evaluate_health((ahead,), LastRun(QUICK), MonitoringPolicy(), NOW).metrics[0].value == 0


def test_without_an_outbox_no_mail_is_measured() -> None:
    names = [
        each.name
        for each in evaluate_health((FINE,), LastRun(QUICK), MonitoringPolicy(), NOW).metrics
    ]

    assert not [name for name in names if name.startswith("mails")]
