"""Policies: found by their type, with defaults for what is not given."""

from datetime import timedelta

from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.quota_task import QuotaPolicy
from backup_monitoring.tasks.registry import SECTIONS
from backup_monitoring.tasks.status_task import StatusPolicy


def test_a_policy_is_found_by_its_type() -> None:
    policies = Policies(StatusPolicy(full=90))

    assert policies[StatusPolicy].full == 90
    assert policies[QuotaPolicy] == QuotaPolicy()


def test_a_replaced_policy_changes_the_copy_only() -> None:
    policies = Policies(StatusPolicy(full=90), QuotaPolicy(forecast=9))

    changed = policies.replace(StatusPolicy(max_runtime=timedelta(hours=1)))

    assert changed[StatusPolicy] == StatusPolicy(max_runtime=timedelta(hours=1))
    assert changed[QuotaPolicy].forecast == 9
    assert policies[StatusPolicy].full == 90


def test_every_section_has_defaults() -> None:
    for policy in SECTIONS.values():
        assert Policies()[policy] == policy()
