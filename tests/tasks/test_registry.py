"""The rows of the registry: what they name exists, and says what the rules say."""

from datetime import UTC

import pytest

from backup_monitoring.model.accounts import GIB, Account, AccountStatus
from backup_monitoring.model.uploads import Uploads
from backup_monitoring.model.verdicts import Range, State, Threshold, Verdict
from backup_monitoring.tasks.fact_kinds import (
    FactKind,
    list_facts,
    load_causes,
    load_facts,
    pack_facts,
    unpack_facts,
)
from backup_monitoring.tasks.judge import evaluate_all
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.quota_facts import QuotaFacts
from backup_monitoring.tasks.registry import (
    SECTIONS,
    TASKS,
    fingerprint_policies,
    format_thresholds,
    is_certainly_ok,
    is_covered_elsewhere,
    load_rule,
)
from backup_monitoring.tasks.status_facts import StatusFacts
from backup_monitoring.tasks.unused_facts import UnusedFacts
from backup_monitoring.tasks.unused_task import UnusedPolicy
from cases import at, computer, daily, end, start, uploads

NOW = at("2026-11-24T12:00+01:00")
ACCOUNT = Account(
    "4000101",
    "uid=4000101",
    created=at("2026-01-01T00:00+01:00"),
    used=9 * GIB,
    capacity=10 * GIB,
)
FAILING = (
    Uploads(),
    uploads(
        computer(
            start=start("2026-11-21T20:00+01:00"),
            end=end("2026-11-21T20:10+01:00", success=False),
            schedule=daily(20, 0),
        )
    ),
)


@pytest.mark.parametrize("name", TASKS)
def test_what_a_row_names_exists(name: str) -> None:
    task = TASKS[name]
    inactive = ACCOUNT._replace(status=AccountStatus.INACTIVE)

    assert load_rule(name)(inactive, Uploads(), Policies(), NOW).summary == "not active"
    assert bool(format_thresholds(task, ACCOUNT, Policies())) is bool(task.thresholds)
    assert not is_certainly_ok(task, inactive, Policies())
    for option in task.options:
        assert option.field in option.policy._fields
        assert option.policy in SECTIONS.values()
    for total in task.totals:
        assert total.name in Account._fields


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("found", FAILING)
def test_a_rule_says_only_what_its_row_declares(name: str, found: Uploads) -> None:
    task = TASKS[name]

    verdict = load_rule(name)(ACCOUNT, found, Policies(), NOW)

    assert {each.name for each in verdict.metrics} <= {each.name for each in task.metrics}
    assert verdict.facts is None or type(verdict.facts) is load_facts(name)
    if verdict.facts is not None and verdict.state.value:
        assert verdict.facts.cause in {cause.name for cause in load_causes(name)}
    packed = pack_facts(name, verdict.facts)
    assert pack_facts(name, unpack_facts(name, packed)) == packed


@pytest.mark.parametrize("name", TASKS)
def test_a_fact_is_shown_by_its_type(name: str) -> None:
    names = [declared.name for declared in list_facts(name)]

    for declared in list_facts(name):
        assert declared.fact.above in ("", *names)
        assert (declared.fact.unit == "B") is (declared.kind is FactKind.SIZE)
    assert load_facts(name)().cause == ""
    assert load_causes(name)


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ("quota", "WARNING threshold 85 % (default), CRITICAL threshold 99 % (default)"),
        (
            "schedule",
            "thresholds backups off (default), 1 d (default), "
            "CRITICAL threshold 3 backups (default)",
        ),
        ("client", ""),
        ("unused", "WARNING threshold 14 d (default), CRITICAL threshold 30 d (-c)"),
    ],
)
def test_the_thresholds_in_words(task: str, says: str) -> None:
    policy = UnusedPolicy(critical=Threshold(Range(end=30 * 86400), "-c"))

    assert format_thresholds(TASKS[task], ACCOUNT, Policies(policy)) == says


@pytest.mark.parametrize(("task", "is_ok"), [("quota", True), ("status", False)])
def test_which_rule_has_a_shortcut(task: str, is_ok: bool) -> None:
    account = ACCOUNT._replace(used=1 * GIB)

    assert is_certainly_ok(TASKS[task], account, Policies()) is is_ok


@pytest.mark.parametrize(
    ("task", "facts", "covered"),
    [
        ("status", StatusFacts("full"), True),
        ("status", StatusFacts("errors"), False),
        ("status", None, False),
        ("quota", QuotaFacts("full"), False),
    ],
)
def test_what_the_mail_of_another_task_covers(
    task: str, facts: StatusFacts | QuotaFacts | None, covered: bool
) -> None:
    assert is_covered_elsewhere(task, Verdict(State.WARNING, "", facts=facts)) is covered


def test_all_rules_are_applied() -> None:
    verdicts = evaluate_all(ACCOUNT, FAILING[1], Policies(), NOW)

    assert verdicts == {
        name: load_rule(name)(ACCOUNT, FAILING[1], Policies(), NOW) for name in TASKS
    }
    assert verdicts["status"].summary.startswith("backup ended 2026-11-21 20:10 +01:00")


def test_other_policies_have_another_fingerprint() -> None:
    other = Policies(UnusedPolicy(critical=Threshold(Range(end=1), "-c")))

    assert fingerprint_policies(Policies()) == fingerprint_policies(Policies(UnusedPolicy()))
    assert fingerprint_policies(Policies()) != fingerprint_policies(other)


def test_what_is_known_is_packed() -> None:
    facts = UnusedFacts("unused", created=NOW, zone=UTC)  # mails do not show the zone alone

    assert pack_facts("unused", facts) == {"cause": "unused", "created": NOW}
    assert pack_facts("unused", facts._replace(cause="")) == {"created": NOW}


def test_a_word_of_the_resellers_is_of_one_task() -> None:
    words = [word for task in TASKS.values() for word in task.reseller_words]

    assert len(words) == len(set(words))
