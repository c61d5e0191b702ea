"""Clocks of computers: a date in the future is a fault, not a fresh backup."""

from datetime import datetime, timedelta, timezone

from backup_monitoring.due import say_time
from backup_monitoring.model import Computer, End, Start, State
from backup_monitoring.rules.worst import Judgement

CLOCK_SLACK = timedelta(minutes=10)


def future(computer: Computer, now: datetime) -> Judgement | None:
    """Return UNKNOWN for a *computer* with a date more than 10 minutes in the future."""
    for word, report in (("start", computer.start), ("end", computer.end)):
        if isinstance(report, Start | End) and report.at > now + CLOCK_SLACK:
            at = say_time(report.at, timezone(report.offset))
            summary = f"clock: its last {word} is in the future, {at}; set the computer's clock"
            return Judgement(computer.name, State.UNKNOWN, summary)
    return None
