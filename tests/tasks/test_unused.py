"""The unused rule: accounts that were never backed up to."""

from datetime import timedelta

import pytest

from backup_monitoring.model.accounts import Account, AccountStatus
from backup_monitoring.model.uploads import History, InvalidReport, Uploads
from backup_monitoring.model.verdicts import Metric, Range, State, Threshold
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.unused import evaluate_unused
from backup_monitoring.tasks.unused_facts import UnusedFacts
from backup_monitoring.tasks.unused_task import UnusedPolicy
from cases import at, computer, end, start, uploads

NOW = at("2026-11-24T12:00+01:00")
DN = "uid=4000101,ou=accounts,dc=example,dc=org"
RETIRED = History(retired=NOW)
CRITICAL = UnusedPolicy(critical=Threshold(Range(end=30 * 86400), "-c"))


@pytest.mark.parametrize(
    ("created", "policy", "state", "says"),
    [
        (
            "2026-11-10T12:00+01:00",
            UnusedPolicy(),
            State.OK,
            "not used yet, created 2026-11-10 11:00",
        ),
        ("2026-11-10T11:59+01:00", UnusedPolicy(), State.WARNING, "threshold 14 d (default)"),
        ("2026-11-10T11:59+01:00", CRITICAL, State.WARNING, "never used, created 2026-11-10 10:59"),
        ("2026-10-25T11:59+01:00", CRITICAL, State.CRITICAL, "threshold 30 d (-c)"),
        ("2026-12-25T11:59+01:00", UnusedPolicy(), State.UNKNOWN, "clock"),
        ("2026-11-24T12:10+01:00", UnusedPolicy(), State.OK, "not used yet"),
        (
            "2026-11-24T12:11+01:00",
            UnusedPolicy(),
            State.UNKNOWN,
            f"{DN} has a creation time in the future, 2026-11-24 11:11 +00:00",
        ),
        (None, UnusedPolicy(), State.UNKNOWN, f"no creation time in the entry {DN}"),
    ],
)
def test_age(created: str | None, policy: UnusedPolicy, state: State, says: str) -> None:
    account = Account("4000101", DN, created=at(created) if created else None)

    verdict = evaluate_unused(account, Uploads(), Policies(policy), NOW)

    assert verdict.state is state
    assert says in verdict.summary


@pytest.mark.parametrize(
    ("good", "says"),
    [
        (Range(end=30), "threshold 30 s (-w)"),
        (Range(end=90), "threshold 90 s (-w)"),
        (Range(end=60), "threshold 1 min (-w)"),
        (Range(end=3600), "threshold 1 h (-w)"),
        (Range(1, 20), "threshold 1:20 s (-w)"),
        (Range(end=1209600, inverted=True), "threshold @0:1209600 s (-w)"),
        (Range(5, inverted=True), "threshold @5: s (-w)"),
    ],
)
def test_the_threshold_is_shown_as_it_was_given(good: Range, says: str) -> None:
    account = Account("4000101", DN, created=at("2026-11-14T12:00+01:00"))
    policy = UnusedPolicy(Threshold(good, "-w"))

    verdict = evaluate_unused(account, Uploads(), Policies(policy), NOW)

    assert verdict.state is State.WARNING
    assert says in verdict.summary


@pytest.mark.parametrize(
    ("seen", "state", "says"),
    [
        (uploads(computer(start=start("2020-01-01T00:00+01:00"))), State.OK, "used by 1 computer"),
        (
            Uploads((computer()._replace(end=InvalidReport("/f", "torn")),)),
            State.OK,
            "used by 1 computer",
        ),
        (
            Uploads((computer(),)),
            State.WARNING,
            "never used, created 2024-12-31 23:00 +00:00, threshold 14 d (default)",
        ),
        (
            uploads(*(computer(name, end=end("2026-11-01T00:00+01:00")) for name in "ab")),
            State.OK,
            "used by 2 computers",
        ),
        (uploads(computer(history=History())), State.OK, "used by 1 computer"),
        (
            Uploads((computer(history=History(gone=NOW)),)),
            State.WARNING,
            "no longer used, all computers' folders are missing, "
            "created 2024-12-31 23:00 +00:00, threshold 14 d (default)",
        ),
        (uploads(computer(history=RETIRED)), State.OK, "all its computers are retired"),
        (
            uploads(computer(history=RETIRED), computer("b", history=History(gone=NOW))),
            State.OK,
            "all its computers are retired",
        ),
        (
            uploads(computer(history=RETIRED), computer("b", history=History())),
            State.OK,
            "used by 1 computer",
        ),
        (Uploads(data=True), State.OK, "has data, but no client that reports"),
        (
            Uploads(cut_short="too many folders"),
            State.UNKNOWN,
            "incoming was not searched completely: too many folders",
        ),
        (Uploads(missing="/home/a"), State.UNKNOWN, "home directory /home/a does not exist"),
    ],
)
def test_use(seen: Uploads, state: State, says: str) -> None:
    account = Account("4000101", DN, created=at("2025-01-01T00:00+01:00"))

    verdict = evaluate_unused(account, seen, Policies(UnusedPolicy()), NOW)

    assert (verdict.state, verdict.summary) == (state, says)


def test_an_account_that_is_not_monitored_is_ok() -> None:
    account = Account("4000101", DN, AccountStatus.INACTIVE, created=at("2025-01-01T00:00+01:00"))

    verdict = evaluate_unused(account, Uploads(), Policies(UnusedPolicy()), NOW)

    assert (verdict.state, verdict.summary) == (State.OK, "not active")


def test_metrics_and_facts_of_what_is_young() -> None:
    """The clock of the directory may be slightly ahead."""
    account = Account("4000101", DN, created=at("2026-11-24T12:10+01:00"))

    verdict = evaluate_unused(account, Uploads(), Policies(UnusedPolicy()), NOW)

    assert verdict.metrics == (Metric("age", 0, "s", Range(end=1209600)),)
    assert verdict.facts == UnusedFacts()


def test_metrics_and_facts() -> None:
    account = Account("4000101", DN, created=at("2026-10-25T11:59+01:00"))

    verdict = evaluate_unused(account, Uploads(), Policies(CRITICAL), NOW)

    good = Range(end=1209600), Range(end=2592000)
    assert verdict.metrics == (Metric("age", 2592060, "s", *good),)
    assert verdict.facts == UnusedFacts(
        "unused", at("2026-10-25T11:59+01:00"), timedelta(seconds=2592060), timedelta(days=14)
    )
