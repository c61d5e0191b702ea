"""Applies the rules of tasks to one account; one account's fault never ends a run."""

from collections.abc import Iterable
from datetime import datetime

from backup_monitoring.model import Account, MonitoringError, State, Uploads, Verdict
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.registry import TASKS, load_rule


def is_covered_elsewhere(task: str, verdict: Verdict) -> bool:
    """Tell whether the mail about another task says what this verdict says.

    A success that is doubted since the quota is used up: that is what quota's mail is about.
    """
    return task == "status" and verdict.facts.get("cause") == "full"


def evaluate_all(
    account: Account,
    uploads: Uploads,
    policies: Policies,
    now: datetime,
    tasks: Iterable[str] = TASKS,
) -> dict[str, Verdict]:
    """Return the verdict of the rule of each of *tasks*."""
    verdicts = {}
    for task in tasks:
        try:
            verdicts[task] = load_rule(task)(account, uploads, policies, now)
        except MonitoringError:
            raise
        except Exception as error:  # one account's fault never ends a run
            summary = f"internal error: {type(error).__name__}; report it"
            verdicts[task] = Verdict(State.UNKNOWN, summary)
    return verdicts
