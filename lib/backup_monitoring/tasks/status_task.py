"""The task status: its settings, facts, options, metrics and causes."""

from datetime import datetime, timedelta, tzinfo
from typing import Annotated, NamedTuple

from backup_monitoring.model import DAY, Files, Key, Need, Needs
from backup_monitoring.tasks.task import SAMPLE_EVENING, SAMPLE_NOON, Cause, Fact, MetricInfo, Task
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


class StatusFacts(NamedTuple):
    """The facts of a verdict on status; None where not known.

    Args:
        failed_since: when the first backup of the row failed.
        zone: the computer's.
    """

    cause: str = ""
    others: Annotated[
        int | None, Fact("further computers of the account with the same problem")
    ] = None
    failed: Annotated[int | None, Fact("failed backups in a row", 3, 0)] = None
    at_least: Annotated[bool | None, Fact("whether there may have been more", True)] = None
    failed_at: Annotated[
        datetime | None,
        Fact(
            "end of the newest finished backup; if it never ended, its start if known",
            SAMPLE_EVENING + 2 * DAY,
        ),
    ] = None
    last_success: Annotated[
        datetime | None,
        Fact("end of the last successful backup", SAMPLE_EVENING - DAY, SAMPLE_NOON - DAY / 2),
    ] = None
    threshold_backups: Annotated[int | None, Fact("so many failed backups are too many", 2)] = None
    threshold_days: Annotated[
        int | None, Fact("so many days without a success are too many", 1)
    ] = None
    failed_since: datetime | None = None
    zone: tzinfo | None = None

    @property
    def since(self) -> datetime | None:
        """When the problem began."""
        return self.failed_since


STATUS = Task(
    name="status",
    question="did the last backup fail, or never end?",
    subject="failed backups",
    description="Checks whether the last backups ended, and ended well.",
    rule="status.evaluate_status",
    thresholds="warn_after.format_account_thresholds",
    needs=Needs(Need.HOME | Need.WARN_AFTER | Need.LAST_SUCCESS | Need.QUOTA, Files.REPORTS),
    policy=StatusPolicy,
    facts=StatusFacts,
    metrics=(
        MetricInfo(
            "failed",
            "",
            "failed backups in a row, the greatest of its computers; without a store 0 or 1",
        ),
    ),
    causes=(
        Cause(
            "errors",
            "the last backup ended with errors",
            "The backup program's log on the computer names the error; often a folder no longer "
            "exists.",
        ),
        Cause(
            "never_ended",
            "a backup started and never ended",
            "The computer was switched off or lost its connection. If it happens every night, the "
            "backup takes too long.",
        ),
        Cause(
            "empty",
            "a success was reported, but the account is empty",
            "Ask the customer which folders are backed up, and to restore a file.",
        ),
        Cause(
            "full",
            "a success was reported, but the quota was used up",
            "The backup is probably incomplete: the customer makes room or orders more space.",
        ),
    ),
    reseller_words=("unsuccessful", "status"),
    options=make_warn_after_options("failed"),
)
