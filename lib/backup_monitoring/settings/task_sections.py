"""The sections of the tasks: [quota], [warn_after], [schedule], [status], [client], [unused]."""

import re
from datetime import timedelta
from math import inf
from typing import cast

from backup_monitoring.model import Range, Threshold
from backup_monitoring.settings.toml_table import (
    Table,
    parse_flag,
    parse_optional_span,
    parse_percent,
    parse_span,
    parse_text,
    parse_whole,
    write_toml,
)
from backup_monitoring.settings.zones import find_local_zone, parse_zones
from backup_monitoring.tasks import (
    ClientPolicy,
    QuotaPolicy,
    SchedulePolicy,
    StatusPolicy,
    UnusedPolicy,
    WarnAfterPolicy,
)


def parse_quota(table: Table) -> QuotaPolicy:
    """Return the policy of section [quota]; SettingsError names the first bad key."""
    default = QuotaPolicy()

    def take_threshold(key: str, threshold: Threshold) -> Threshold:
        end = table.take(key, parse_percent, threshold.good.end)
        return Threshold(Range(end=end), _origin(table, key))

    return QuotaPolicy(
        warning=take_threshold("warning", default.warning),
        critical=take_threshold("critical", default.critical),
        sudden_loss=table.take("sudden_loss", parse_percent, default.sudden_loss),
    )


def _origin(table: Table, key: str) -> str:
    return "settings" if table.has(key) else "default"


def range_below_count(count: int) -> Range:
    """Return the good numbers if *count* and more are bad; 0 is off: all are good."""
    return Range(end=count - 1 if count else inf)


def parse_warn_after(table: Table) -> WarnAfterPolicy:
    """Return the policy of section [warn_after]; SettingsError names the first bad key."""
    backups = table.take("backups", parse_whole(0, 99), 0)
    return WarnAfterPolicy(
        backups=Threshold(range_below_count(backups), _origin(table, "backups")),
        days=table.take("days", parse_whole(0, 99), 1),
        days_origin=_origin(table, "days"),
    )


def parse_schedule(table: Table) -> SchedulePolicy:
    """Return the policy of section [schedule]; SettingsError names the first bad key."""
    default = SchedulePolicy(zones=find_local_zone())
    weekdays = table.take_table("weekdays")
    return SchedulePolicy(
        zones=table.take(
            "zones", parse_zones, default.zones, lambda zones: write_toml([*map(str, zones)])
        ),
        early=table.take("early", parse_span, default.early),
        grace=table.take("grace", parse_span, default.grace),
        max_backup_age=table.take("max_backup_age", parse_optional_span, None),
        retired_after=table.take("retired_after", parse_span, default.retired_after),
        weekdays={
            key: weekdays.take(
                key, _parse_days, frozenset[int](), lambda days: write_toml(sorted(days))
            )
            for key in weekdays.keys()  # noqa: SIM118 - not a dictionary
        },
    )


def _parse_days(value: object) -> frozenset[int]:
    whole = isinstance(value, list) and all(type(day) is int and 1 <= day <= 7 for day in value)
    if not whole or not value:
        raise ValueError("not a list of days; use 1 (Monday) to 7 (Sunday)")
    return frozenset(cast("list[int]", value))


def parse_status(table: Table) -> StatusPolicy:
    """Return the policy of section [status]; SettingsError names the first bad key."""
    default = StatusPolicy()
    return StatusPolicy(
        max_runtime=table.take("max_runtime", parse_span, default.max_runtime),
        max_runtime_first=table.take("max_runtime_first", parse_span, default.max_runtime_first),
        full=table.take("full", parse_percent, default.full),
    )


def _parse_version(value: object) -> str:
    # Only the form is checked: only the client check loads the library that compares versions.
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?", parse_text(value)):
        raise ValueError('not a valid version; write for example "2.0.11"')
    return parse_text(value)


def parse_client(table: Table) -> ClientPolicy:
    """Return the policy of section [client]; SettingsError names the first bad key."""

    def take_versions(key: str) -> dict[str, str]:
        part = table.take_table(key)
        return {name: part.take(name, _parse_version, "") for name in part.keys()}  # noqa: SIM118

    return ClientPolicy(
        minimum=take_versions("minimum"),
        minimum_critical=take_versions("minimum_critical"),
        strict=table.take("strict", parse_flag, False),
    )


def parse_unused(table: Table) -> UnusedPolicy:
    """Return the policy of section [unused]; SettingsError names the first bad key."""
    after = table.take("after", parse_span, timedelta(days=14))
    good = Range(end=after.total_seconds())
    return UnusedPolicy(warning=Threshold(good, _origin(table, "after")))
