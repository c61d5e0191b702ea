"""The task schedule: its facts, options, metrics and causes."""

from datetime import datetime, timedelta, tzinfo
from typing import Annotated, NamedTuple

from backup_monitoring.model import DAY, Files, Need, Needs
from backup_monitoring.tasks.policies import SchedulePolicy
from backup_monitoring.tasks.task import (
    SAMPLE_EVENING,
    SAMPLE_NOON,
    Cause,
    Fact,
    MetricInfo,
    Task,
)
from backup_monitoring.tasks.warn_after_options import make_warn_after_options


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
    threshold_backups: Annotated[int | None, Fact("this many are too many", 2)] = None
    threshold_days: Annotated[int | None, Fact("this many times 24 h without one are", 1)] = None
    age: Annotated[
        timedelta | None, Fact("of the last backup, if there are no due times", 9 * DAY)
    ] = None
    threshold_age: Annotated[timedelta | None, Fact("its threshold", 7 * DAY)] = None
    zone: tzinfo | None = None

    @property
    def since(self) -> datetime | None:
        """When the problem began."""
        return self.first_due


SCHEDULE = Task(
    name="schedule",
    question="was a backup not executed at its planned time?",
    subject="missed backups",
    description="Checks whether backups were executed at their planned times.",
    rule="schedule.evaluate_schedule",
    thresholds="warn_after.format_account_thresholds",
    needs=Needs(Need.HOME | Need.WARN_AFTER | Need.CREATED, Files.REPORTS),
    policy=SchedulePolicy,
    facts=ScheduleFacts,
    metrics=(MetricInfo("missed", "", "missed backups, the greatest of its computers, up to 99"),),
    causes=(
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
    ),
    reseller_words=("schedule",),
    options=make_warn_after_options("missed"),
)
