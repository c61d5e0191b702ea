"""Which tasks exist, what does each need, and which rule evaluates it?"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import NamedTuple

from backup_monitoring.model import Account, Files, Need, Uploads, Verdict
from backup_monitoring.tasks.policies import Policies

Rule = Callable[[Account, Uploads, Policies, datetime], Verdict]


class Task(NamedTuple):
    """What a task needs: *need* of the entry, *files* of the home directory (None: nothing)."""

    need: Need
    files: Files | None


TASKS: Mapping[str, Task] = {
    "quota": Task(Need.QUOTA, None),
    "schedule": Task(Need.HOME | Need.WARN_AFTER | Need.CREATED, Files.REPORTS),
    "status": Task(Need.HOME | Need.WARN_AFTER | Need.LAST_SUCCESS | Need.QUOTA, Files.REPORTS),
    "client": Task(Need.HOME, Files.REPORTS),
    "unused": Task(Need.HOME | Need.CREATED, Files.ALL),
}


@cache
def load_rule(task: str) -> Rule:
    """Return the rule of *task*; KeyError if there is none.

    Its module is loaded now: a check is a short process and needs only one of them.
    """
    match task:
        case "quota":
            from backup_monitoring.tasks.quota import evaluate_quota

            return evaluate_quota
        case "schedule":
            from backup_monitoring.tasks.schedule import evaluate_schedule

            return evaluate_schedule
        case "status":
            from backup_monitoring.tasks.status import evaluate_status

            return evaluate_status
        case "client":
            from backup_monitoring.tasks.client import evaluate_client

            return evaluate_client
        case "unused":
            from backup_monitoring.tasks.unused import evaluate_unused

            return evaluate_unused
    raise KeyError(task)
