"""What do the rules take from the settings? One policy per section."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from backup_monitoring.tasks.client_task import ClientPolicy
from backup_monitoring.tasks.quota_task import QuotaPolicy
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.unused_task import UnusedPolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy

P = TypeVar("P")

SECTIONS: Mapping[str, type] = {
    "quota": QuotaPolicy,
    "warn_after": WarnAfterPolicy,
    "schedule": SchedulePolicy,
    "status": StatusPolicy,
    "client": ClientPolicy,
    "unused": UnusedPolicy,
}


class Policies:
    """The policies of all rules, each found by its type; one that is not given has its defaults.

    Args:
        policies: at most one of each type.
    """

    def __init__(self, *policies: object) -> None:
        self._by_type: dict[type, Any] = {type(policy): policy for policy in policies}

    def __getitem__(self, policy: type[P]) -> P:
        """Return the policy of this type."""
        try:
            return cast("P", self._by_type[policy])
        except KeyError:
            default = self._by_type[policy] = policy()
            return default

    def replace(self, policy: object) -> "Policies":
        """Return a copy with *policy* in place of the one of its type."""
        return Policies(*(self._by_type | {type(policy): policy}).values())
