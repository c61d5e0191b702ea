"""The task schedule: its settings, facts, options, metrics and causes."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Annotated, NamedTuple, cast
from zoneinfo import ZoneInfo

from backup_monitoring.model import DAY, Files, Key, Need, Needs
from backup_monitoring.tasks.task import SAMPLE_EVENING, SAMPLE_NOON, Cause, Fact, MetricInfo, Task
from backup_monitoring.tasks.warn_after_policy import make_warn_after_options


def _parse_days(value: object) -> frozenset[int]:
    whole = isinstance(value, list) and all(type(day) is int and 1 <= day <= 7 for day in value)
    if not whole or not value:
        raise ValueError("not a list of days; use 1 (Monday) to 7 (Sunday)")
    return frozenset(cast("list[int]", value))


class SchedulePolicy(NamedTuple):
    """[schedule]: how far from its due time a backup may start."""

    zones: Annotated[
        tuple[ZoneInfo, ...],
        Key(
            "IANA names of the zones that your customers' computers are in, most likely first. "
            "[Why](rules.md#daylight-saving)",
            "where your customers' computers are, most likely first",
            unset="the server's own",
            example=("Europe/Zurich",),
            preset=True,
        ),
    ] = ()
    early: Annotated[
        timedelta, Key("how early a backup may start and still count for its due time")
    ] = timedelta(hours=1)
    grace: Annotated[
        timedelta, Key("how late a backup may start before its due time counts as missed")
    ] = timedelta(hours=2)
    max_backup_age: Annotated[
        timedelta | None,
        Key(
            "for computers without due times: WARNING if the last backup is older than this, "
            "CRITICAL if it is older than three times this",
            "for computers without due times; default: not judged",
            unset="not judged",
            example=timedelta(days=7),
        ),
    ] = None
    retired_after: Annotated[
        timedelta,
        Key(
            "a computer without an upload for this long, while others of the account upload, is "
            "retired",
            "without an upload, while others of the account upload",
        ),
    ] = timedelta(days=90)
    weekdays: Annotated[
        Mapping[str, frozenset[int]],
        Key(
            "for clients that cannot write their days. A key is an account or "
            '`"account/computer"`, its value a list of days, 1 (Monday) to 7 (Sunday).',
            "for clients that cannot write their days; 1 is Monday",
            parse=_parse_days,
            example={"4000101": [1, 2, 3, 4, 5], "4000102/web01": [6, 7]},
        ),
    ] = {}


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
    threshold_backups: Annotated[int | None, Fact("so many missed backups are too many", 2)] = None
    threshold_days: Annotated[int | None, Fact("so many days without a backup are too many", 1)] = (
        None
    )
    age: Annotated[
        timedelta | None, Fact("age of the last backup of a computer without due times", 9 * DAY)
    ] = None
    threshold_age: Annotated[timedelta | None, Fact("the threshold of this age", 7 * DAY)] = None
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
