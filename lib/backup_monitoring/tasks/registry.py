"""Which tasks exist, and how is what they name loaded?"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any
from zlib import crc32

from backup_monitoring.model import Account, Uploads, Verdict
from backup_monitoring.tasks.client_task import CLIENT
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.quota_task import QUOTA
from backup_monitoring.tasks.schedule_task import SCHEDULE
from backup_monitoring.tasks.status_task import STATUS
from backup_monitoring.tasks.task import Task
from backup_monitoring.tasks.unused_task import UNUSED
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy

# In the order in which documents and programs list them.
TASKS: Mapping[str, Task] = {task.name: task for task in (QUOTA, SCHEDULE, STATUS, CLIENT, UNUSED)}

# The sections of the settings that rules read.
SECTIONS: Mapping[str, type] = {
    "warn_after": WarnAfterPolicy,
    **{name: task.policy for name, task in TASKS.items()},
}


Rule = Callable[[Account, Uploads, Policies, datetime], Verdict]


def fingerprint_policies(policies: Policies) -> str:
    """Return a short text that is the same for policies by which all rules judge alike."""
    return f"{crc32(repr([policies[kind] for kind in SECTIONS.values()]).encode()):08x}"


def load_rule(task: str) -> Rule:
    """Return the rule of *task*; KeyError if there is none.

    Its module is loaded now: a check is a short process and needs only one of them.
    """
    rule: Rule = load_named(TASKS[task].rule)
    return rule


def format_thresholds(task: Task, account: Account, policies: Policies) -> str:
    """Return the thresholds of *account* as text, each with its origin; '' for none."""
    return str(load_named(task.thresholds)(account, policies)) if task.thresholds else ""


def is_covered_elsewhere(task: str, verdict: Verdict) -> bool:
    """Return whether another task's mail covers *verdict*.

    A success that is doubted because the quota is used up is the subject of quota's mail.
    """
    return task == "status" and verdict.facts is not None and verdict.facts.cause == "full"


def is_certainly_ok(task: Task, account: Account, policies: Policies) -> bool:
    """Return whether the rule's answer is OK, False where only the rule can know."""
    return bool(task.shortcut) and bool(load_named(task.shortcut)(account, policies))


@cache
def load_named(reference: str) -> Any:
    """Return what a row names as "module.name", a module of this package, which is loaded now.

    ImportError if it has none: to whom reads a file, AttributeError would mean that it is damaged.
    """
    name, _, attribute = reference.partition(".")
    module = import_module(f"backup_monitoring.tasks.{name}")
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        raise ImportError(str(error)) from None
