"""The task schedule: its settings, options and metrics."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, NamedTuple, cast
from zoneinfo import ZoneInfo

from backup_monitoring.model import Files, Key, Need, Needs
from backup_monitoring.tasks.task import MetricInfo, Task
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


SCHEDULE = Task(
    name="schedule",
    question="was a backup not executed at its planned time?",
    description="Checks whether backups were executed at their planned times.",
    rule="schedule.evaluate_schedule",
    thresholds="warn_after.format_account_thresholds",
    needs=Needs(Need.HOME | Need.WARN_AFTER | Need.CREATED, Files.REPORTS),
    policy=SchedulePolicy,
    facts="schedule_facts.ScheduleFacts",
    metrics=(MetricInfo("missed", "", "missed backups, the greatest of its computers, up to 99"),),
    causes="schedule_facts.CAUSES",
    reseller_words=("schedule",),
    options=make_warn_after_options("missed"),
)
