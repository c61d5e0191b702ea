"""What mails, logs and pages say of a verdict on schedule: its facts, and what may be wrong."""

from datetime import datetime, timedelta, tzinfo
from typing import Annotated, NamedTuple

from backup_monitoring.model import DAY
from backup_monitoring.tasks.fact import SAMPLE_EVENING, SAMPLE_NOON, Cause, Fact


class ScheduleFacts(NamedTuple):
    """The facts of a verdict on schedule; None where not known. *zone*: the computer's."""

    cause: str = ""
    others: Annotated[
        int | None, Fact("further computers of the account with the same problem", 1)
    ] = None
    missed: Annotated[int | None, Fact("missed backups in a row; 100: more than 99", 3, 0)] = None
    first_due: Annotated[datetime | None, Fact("the first missed due time", SAMPLE_EVENING)] = None
    next_due: Annotated[
        datetime | None,
        Fact("the next due time", SAMPLE_NOON + DAY / 3, SAMPLE_NOON + DAY / 3),
    ] = None
    last_backup: Annotated[
        datetime | None,
        Fact("start of the last backup", SAMPLE_EVENING - DAY, SAMPLE_NOON - DAY / 2),
    ] = None
    threshold_backups: Annotated[
        int | None,
        Fact("number of missed backups from which on there is a warning", 2),
    ] = None
    threshold_days: Annotated[
        int | None,
        Fact("number of days without a backup from which on there is a warning", 1),
    ] = None
    age: Annotated[
        timedelta | None, Fact("age of the last backup of a computer without due times", 9 * DAY)
    ] = None
    threshold_age: Annotated[timedelta | None, Fact("the threshold of this age", 7 * DAY)] = None
    zone: tzinfo | None = None

    @property
    def since(self) -> datetime | None:
        """When the problem began."""
        return self.first_due


CAUSES: tuple[Cause, ...] = (
    Cause(
        "missed",
        "no backup started at a due time",
        "The computer was off or offline, or its backup program does not run. If it is no "
        "longer used, retire it.",
    ),
    Cause(
        "old",
        "the last backup of a computer without due times is too old",
        "Ask the customer to start a backup, or to plan one.",
    ),
)
