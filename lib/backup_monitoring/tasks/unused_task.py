"""The task unused: its settings, options and metrics."""

from datetime import timedelta
from typing import Annotated, NamedTuple

from backup_monitoring.model import AGE, Files, Key, Need, Needs, Threshold
from backup_monitoring.tasks.task import MetricInfo, Option, Task


class UnusedPolicy(NamedTuple):
    """[unused]: how old an account may be that was never used.

    Args:
        warning, critical: good ages in seconds; critical None: off.
    """

    warning: Annotated[
        Threshold,
        Key(
            "WARNING if an account is older than this and was never used",
            name="after",
            threshold=AGE,
        ),
    ] = Threshold(AGE.make(timedelta(days=14)), "default")
    critical: Threshold | None = None


UNUSED = Task(
    name="unused",
    question="was an account never used?",
    description="Checks for accounts that were never used.",
    rule="unused.evaluate_unused",
    thresholds="unused.format_age_thresholds",
    needs=Needs(Need.HOME | Need.CREATED, Files.ALL),
    policy=UnusedPolicy,
    facts="unused_facts.UnusedFacts",
    metrics=(MetricInfo("age", "s", "age of an unused account"),),
    causes="unused_facts.CAUSES",
    reseller_words=("no backup", "unused"),
    options=(
        Option(
            ("-w", "--warning"),
            "AGE",
            "good age of an unused account, in seconds or like 14d; {default} by default "
            "([unused] after)",
            UnusedPolicy,
            "warning",
        ),
        Option(("-c", "--critical"), "AGE", "as -w; none by default", UnusedPolicy, "critical"),
    ),
    has_computers=False,
)
