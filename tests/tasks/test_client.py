"""The client rule: backup programs that are too old."""

import pytest

from backup_monitoring.model.accounts import Account, AccountStatus
from backup_monitoring.model.uploads import (
    Client,
    Computer,
    InvalidReport,
    NoSchedule,
    Schedule,
    Uploads,
)
from backup_monitoring.model.verdicts import State
from backup_monitoring.tasks.client import evaluate_client
from backup_monitoring.tasks.client_facts import ClientFacts
from backup_monitoring.tasks.client_task import ClientPolicy
from backup_monitoring.tasks.computer_client import find_client
from backup_monitoring.tasks.policies import Policies
from cases import LONG_AGO, at, computer, end, start, uploads

NOW = at("2026-11-24T12:00+01:00")
ACCOUNT = Account("4000101", "uid=4000101,dc=example,dc=org")
PERL, SEPIOLA = "Online Backup Perl Script", "Sepiola Online Backup Client"
POLICY = ClientPolicy(minimum={PERL: "2.0.9", SEPIOLA: "2.7.0"}, minimum_critical={PERL: "2.0.0"})
STRICT = ClientPolicy(minimum=POLICY.minimum, strict=True)


def with_client(identifier: str, version: str, name: str = "web01") -> Computer:
    return computer(name, end=end("2026-11-23T20:41+01:00", client=Client(identifier, version)))


@pytest.mark.parametrize(
    ("uploaded", "policy", "state", "says"),
    [
        ((PERL, "2.0.9"), POLICY, State.OK, "new enough"),
        ((PERL, "2.0.11"), POLICY, State.OK, "new enough"),
        ((PERL, "2.0.8"), POLICY, State.WARNING, "2.0.8 is too old, threshold 2.0.9 (settings)"),
        ((PERL, "2.0.5_pre"), POLICY, State.WARNING, "too old"),
        ((PERL, "1.13.9"), POLICY, State.CRITICAL, "threshold 2.0.0"),
        ((SEPIOLA, "2.7.1-4-g0549bf1"), POLICY, State.OK, "new enough"),
        ((SEPIOLA, "2.7.0-rc.3"), POLICY, State.WARNING, "too old"),
        ((SEPIOLA, "2.10.0"), POLICY, State.OK, "new enough"),
        ((PERL, "nightly"), POLICY, State.OK, "not a valid version"),
        ((PERL, "nightly"), STRICT, State.UNKNOWN, "not a valid version"),
        (("Reseller's Backup", "1.0"), POLICY, State.OK, "no minimum in the settings"),
        (("", ""), STRICT, State.UNKNOWN, "(no identifier): no minimum in the settings"),
    ],
)
def test_versions(uploaded: tuple[str, str], policy: ClientPolicy, state: State, says: str) -> None:
    verdict = evaluate_client(ACCOUNT, uploads(with_client(*uploaded)), Policies(policy), NOW)

    assert (verdict.state, verdict.computer) == (state, "web01")
    assert says in verdict.summary


def test_the_worst_computers_come_first_in_the_details() -> None:
    versions = {"a": "3", "b": "2.0.8", "c": "3", "d": "1.0"}
    uploaded = uploads(*(with_client(PERL, version, name) for name, version in versions.items()))

    verdict = evaluate_client(ACCOUNT, uploaded, Policies(POLICY), NOW)

    assert [detail.split(" - ")[0] for detail in verdict.details] == [
        *("d: CRITICAL", "b: WARNING", "a: OK", "c: OK")
    ]


def test_outdated_computers_are_counted() -> None:
    uploaded = uploads(
        with_client(PERL, "2.0.8", "a"), with_client(PERL, "1.0", "b"), with_client(PERL, "3", "c")
    )

    verdict = evaluate_client(ACCOUNT, uploaded, Policies(POLICY), NOW)

    assert verdict.state is State.CRITICAL
    assert verdict.computer == "b"
    assert verdict.metrics[0].value == 2
    assert verdict.facts == ClientFacts("outdated", 1, PERL, "1.0", "2.0.0")


@pytest.mark.parametrize(
    ("account", "uploaded", "state", "says"),
    [
        (ACCOUNT._replace(status=AccountStatus.INACTIVE), Uploads(), State.OK, "not active"),
        (
            ACCOUNT,
            Uploads(missing="/home/a"),
            State.UNKNOWN,
            "home directory /home/a does not exist",
        ),
        (ACCOUNT, Uploads(), State.OK, "no report yet"),
    ],
)
def test_without_computers(account: Account, uploaded: Uploads, state: State, says: str) -> None:
    verdict = evaluate_client(account, uploaded, Policies(POLICY), NOW)

    assert (verdict.state, verdict.summary, verdict.metrics) == (state, says, ())


def test_a_retired_computer_is_listed_but_not_counted() -> None:
    alive = with_client(PERL, "2.0.9", "alive")
    old = computer("old", end=end("2026-08-01T20:41+02:00", client=Client(PERL, "1.0")))

    verdict = evaluate_client(ACCOUNT, uploads(alive, old), Policies(POLICY), NOW)

    assert verdict.state is State.OK
    assert verdict.retired == ("old",)
    assert verdict.metrics[0].value == 0
    assert "old: OK - retired: no upload since 2026-08-01 18:41 +00:00" in verdict.details


def test_a_client_that_cannot_be_compared_is_not_counted() -> None:
    verdict = evaluate_client(ACCOUNT, uploads(with_client(PERL, "nightly")), Policies(STRICT), NOW)

    assert verdict.metrics[0].value == 0


def test_the_newest_report_that_names_a_client_counts() -> None:
    old, new = Client(PERL, "2.0.8"), Client(PERL, "2.0.11")
    ended, started = "2026-11-22T20:41+01:00", "2026-11-23T20:00+01:00"

    assert find_client(computer(start=start(started, new), end=end(ended, client=old)), NOW) == new
    assert find_client(computer(start=start(started, None), end=end(ended, client=old)), NOW) == old
    assert find_client(computer(start=start(ended, old), end=end(started, client=new)), NOW) == new
    assert (
        find_client(Computer("a", None, None, Schedule(NoSchedule.BY_HAND, new, LONG_AGO)), NOW)
        == new
    )


def test_the_newest_report_is_not_the_one_of_the_fastest_clock() -> None:
    old, new = Client(PERL, "2.0.8"), Client(PERL, "2.0.11")
    fast = end("2027-11-22T20:41+01:00", client=old, came="2026-11-22T20:41+01:00")

    assert find_client(computer(start=start("2026-11-23T20:00+01:00", new), end=fast), NOW) == new


def test_the_client_of_a_computer_that_is_fine_is_known() -> None:
    verdict = evaluate_client(ACCOUNT, uploads(with_client(PERL, "2.0.9")), Policies(POLICY), NOW)

    assert verdict.facts == ClientFacts(identifier=PERL, version="2.0.9")


@pytest.mark.parametrize(
    ("one", "state", "says"),
    [
        (Computer("a", InvalidReport("/f", "torn")), State.UNKNOWN, "invalid report /f: torn"),
        (
            computer(end=end("2026-11-23T20:41+01:00", client=None)),
            State.OK,
            "its reports do not name the client",
        ),
    ],
)
def test_without_a_client(one: Computer, state: State, says: str) -> None:
    verdict = evaluate_client(ACCOUNT, uploads(one), Policies(POLICY), NOW)

    assert (verdict.state, verdict.summary) == (state, says)
