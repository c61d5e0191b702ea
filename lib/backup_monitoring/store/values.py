"""Our types as texts that SQLite can hold, and back.

A text is JSON, because names of files and folders need not be Unicode; None stays None.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from backup_monitoring.model import (
    Client,
    End,
    Finding,
    Growth,
    History,
    InvalidReport,
    NoSchedule,
    Pattern,
    Schedule,
    SizeDrop,
    Start,
)

_UNREADABLE = "!"


def write_time(moment: datetime | None) -> float | None:
    """Return *moment* in seconds since 1970."""
    return None if moment is None else moment.timestamp()


def read_time(seconds: float | None) -> datetime | None:
    """Return the UTC time of `write_time`."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def parse_time_value(seconds: float) -> datetime:
    """Return the UTC time that is *seconds* after the beginning of 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def write_text(text: str) -> str:
    """Return *text* without surrogates, which SQLite refuses."""
    return text.encode("utf-8", "backslashreplace").decode()


def write_findings(findings: Sequence[Finding]) -> str | None:
    """Return *findings* as text, None for none."""
    return json.dumps(findings) if findings else None


def read_findings(text: str | None) -> tuple[Finding, ...]:
    """Return the findings of `write_findings`."""
    return tuple(Finding(*each) for each in json.loads(text)) if text else ()


def write_times(times: Mapping[str, datetime]) -> str | None:
    """Return times by name as text, None for none."""
    return json.dumps({name: at.timestamp() for name, at in times.items()}) if times else None


def read_times(text: str | None) -> dict[str, datetime]:
    """Return the times of `write_times`."""
    return {name: parse_time_value(at) for name, at in json.loads(text).items()} if text else {}


def write_growth(growth: Growth | None) -> tuple[float | None, int | None, str | None]:
    """Return *growth* as three values, since each account has one; days None: there is none."""
    if growth is None:
        return None, None, None
    sudden_loss = growth.sudden_loss
    lost = (
        (sudden_loss.before, sudden_loss.after, sudden_loss.day.isoformat())
        if sudden_loss
        else None
    )
    return growth.per_day, growth.days, json.dumps(lost) if lost else None


def read_growth(per_day: float | None, days: int | None, sudden_loss: str | None) -> Growth | None:
    """Return the growth of `write_growth`."""
    if days is None:
        return None
    if sudden_loss is None:
        return Growth(per_day, days)
    before, after, day = json.loads(sudden_loss)
    return Growth(per_day, days, SizeDrop(before, after, date.fromisoformat(day)))


def write_report(report: Start | End | Schedule | InvalidReport | None) -> str | None:
    """Return a report as text."""
    match report:
        case None:
            return None
        case InvalidReport():
            return json.dumps((_UNREADABLE, report.where, report.problem))
        case Schedule():
            return json.dumps((_plan(report.plan), report.client, report.modified.timestamp()))
    values = (
        report.at.timestamp(),
        report.offset.total_seconds(),
        report.id,
        report.client,
        report.modified.timestamp(),
    )
    return json.dumps((*values, report.success) if isinstance(report, End) else values)


def _plan(plan: Pattern | NoSchedule) -> object:
    if isinstance(plan, NoSchedule):
        return plan.name
    sets = (plan.minutes, plan.hours, plan.days, plan.months, plan.weekdays)
    return (plan.offset.total_seconds(), *(None if s is None else sorted(s) for s in sets))


def read_start(text: str | None) -> Start | InvalidReport | None:
    """Return the start of `write_report`."""
    if text is None:
        return None
    values = json.loads(text)
    if values[0] == _UNREADABLE:
        return InvalidReport(values[1], values[2])
    at, offset, run, client, modified = values
    return Start(
        parse_time_value(at),
        timedelta(seconds=offset),
        run,
        _client(client),
        parse_time_value(modified),
    )


def read_end(text: str | None) -> End | InvalidReport | None:
    """Return the end of `write_report`."""
    if text is None:
        return None
    values = json.loads(text)
    if values[0] == _UNREADABLE:
        return InvalidReport(values[1], values[2])
    at, offset, run, client, modified, success = values
    return End(
        parse_time_value(at),
        timedelta(seconds=offset),
        run,
        success,
        _client(client),
        parse_time_value(modified),
    )


def read_schedule(text: str | None) -> Schedule | InvalidReport | None:
    """Return the schedule of `write_report`."""
    if text is None:
        return None
    values = json.loads(text)
    if values[0] == _UNREADABLE:
        return InvalidReport(values[1], values[2])
    plan, client, modified = values
    return Schedule(_read_plan(plan), _client(client), parse_time_value(modified))


def _read_plan(plan: Any) -> Pattern | NoSchedule:
    if isinstance(plan, str):
        return NoSchedule[plan]
    offset, minutes, hours, days, months, weekdays = plan
    return Pattern(
        frozenset(minutes),
        frozenset(hours),
        timedelta(seconds=offset),
        *(None if each is None else frozenset(each) for each in (days, months, weekdays)),
    )


def _client(values: list[str] | None) -> Client | None:
    return None if values is None else Client(*values)


def write_history(history: History) -> str:
    """Return *history* as text."""
    return json.dumps(
        [each.timestamp() if isinstance(each, datetime) else each for each in history]
    )


def read_history(text: str | None) -> History | None:
    """Return the history of `write_history`."""
    if text is None:
        return None
    first_seen, failed, at_least, *times = json.loads(text)
    return History(read_time(first_seen), failed, at_least, *map(read_time, times))
