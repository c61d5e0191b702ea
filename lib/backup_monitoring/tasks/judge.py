"""Applies the tasks' rules to one account, so that one account's fault never ends a run."""

from collections.abc import Iterable
from datetime import datetime

from backup_monitoring.model import Account, MonitoringError, State, Uploads, Verdict
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.registry import TASKS, load_rule


def evaluate_all(
    account: Account,
    uploads: Uploads,
    policies: Policies,
    now: datetime,
    tasks: Iterable[str] = TASKS,
) -> dict[str, Verdict]:
    """Return the verdict of each of *tasks*, UNKNOWN if its rule fails.

    Raises:
        MonitoringError, ImportError: our own failure, which concerns every account.
    """
    verdicts = {}
    for task in tasks:
        try:
            verdicts[task] = load_rule(task)(account, uploads, policies, now)
        except (MonitoringError, ImportError):
            raise
        except Exception as error:  # a bug that this account's data brought to light
            verdicts[task] = Verdict(State.UNKNOWN, format_fault(error))
    return verdicts


def format_fault(error: Exception) -> str:
    """Return *error*, a fault of this software, in words; its own may be a customer's."""
    return f"internal error: {type(error).__name__}; report it"
