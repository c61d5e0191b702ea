"""The task status: its settings, options and metrics."""

from datetime import timedelta
from typing import Annotated, NamedTuple

from backup_monitoring.model import Files, Key, Need, Needs
from backup_monitoring.tasks.task import MetricInfo, Task
from backup_monitoring.tasks.warn_after_policy import make_warn_after_options


class StatusPolicy(NamedTuple):
    """[status]: how long a backup may run, and when a success is doubted."""

    max_runtime: Annotated[
        timedelta, Key("a backup that has not ended after this time has failed")
    ] = timedelta(hours=24)
    max_runtime_first: Annotated[
        timedelta,
        Key(
            "the same for a computer that has never ended a backup, from its first start seen",
            "the same for a computer that has never ended a backup",
        ),
    ] = timedelta(days=7)
    full: Annotated[
        float,
        Key(
            "a reported success is doubted if this much of the quota is used",
            "percent of the quota from which on a success is doubted",
        ),
    ] = 99


STATUS = Task(
    name="status",
    question="did the last backup fail, or never end?",
    description="Checks whether the last backups ended, and ended well.",
    rule="status.evaluate_status",
    thresholds="warn_after.format_account_thresholds",
    needs=Needs(Need.HOME | Need.WARN_AFTER | Need.LAST_SUCCESS | Need.QUOTA, Files.REPORTS),
    policy=StatusPolicy,
    facts="status_facts.StatusFacts",
    metrics=(
        MetricInfo(
            "failed",
            "",
            "failed backups in a row, the greatest of its computers; without a store 0 or 1",
        ),
    ),
    causes="status_facts.CAUSES",
    reseller_words=("unsuccessful", "status"),
    options=make_warn_after_options("failed"),
)
