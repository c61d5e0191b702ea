"""What mails, logs and pages say of a verdict on status: its facts, and what may be wrong."""

from datetime import datetime, tzinfo
from typing import Annotated, NamedTuple

from backup_monitoring.model import DAY
from backup_monitoring.tasks.fact import SAMPLE_EVENING, SAMPLE_NOON, Cause, Fact


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
    unended_hours: Annotated[
        int | None,
        Fact(
            "so many hours after its start the newest backup has not ended; none if it is "
            "certain that it never will, or if it has ended",
            26,
        ),
    ] = None
    last_success: Annotated[
        datetime | None,
        Fact("end of the last successful backup", SAMPLE_EVENING - DAY, SAMPLE_NOON - DAY / 2),
    ] = None
    threshold_backups: Annotated[
        int | None,
        Fact("number of failed backups from which on there is a warning", 2),
    ] = None
    threshold_days: Annotated[
        int | None,
        Fact("number of days without a success from which on there is a warning", 1),
    ] = None
    failed_since: datetime | None = None
    zone: tzinfo | None = None

    @property
    def since(self) -> datetime | None:
        """When the problem began."""
        return self.failed_since


CAUSES: tuple[Cause, ...] = (
    Cause(
        "errors",
        "the last backup ended with errors",
        "The backup program's log on the computer names the error; often a folder no longer "
        "exists.",
    ),
    Cause(
        "never_ended",
        "a backup started and has not ended",
        "The computer was switched off or lost its connection; or the backup is still running, for "
        "much longer than those before it.",
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
)
