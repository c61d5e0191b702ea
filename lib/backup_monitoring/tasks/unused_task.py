"""The task unused: its settings, facts, options, metrics and causes."""

from datetime import datetime, timedelta, tzinfo
from typing import Annotated, NamedTuple

from backup_monitoring.model import AGE, DAY, Files, Key, Need, Needs, Threshold
from backup_monitoring.tasks.task import SAMPLE_EVENING, Cause, Fact, MetricInfo, Option, Task


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


class UnusedFacts(NamedTuple):
    """The facts of a verdict on unused; None where not known."""

    cause: str = ""
    created: Annotated[
        datetime | None, Fact("when the account was created", SAMPLE_EVENING - 20 * DAY)
    ] = None
    age: Annotated[timedelta | None, Fact("age of the account", 22 * DAY)] = None
    threshold_age: Annotated[timedelta | None, Fact("the threshold of this age", 14 * DAY)] = None
    zone: tzinfo | None = None

    @property
    def since(self) -> datetime | None:
        """When the problem began: with the account."""
        return self.created


UNUSED = Task(
    name="unused",
    question="was an account never used?",
    subject="unused accounts",
    description="Checks for accounts that were never used.",
    rule="unused.evaluate_unused",
    thresholds="unused.format_age_thresholds",
    needs=Needs(Need.HOME | Need.CREATED, Files.ALL),
    policy=UnusedPolicy,
    facts=UnusedFacts,
    metrics=(MetricInfo("age", "s", "age of an unused account"),),
    causes=(
        Cause(
            "unused",
            "the account has never been used",
            "Ask the customer to install the backup program, or delete the account.",
        ),
    ),
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
