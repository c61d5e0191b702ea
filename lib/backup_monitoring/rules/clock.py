"""Clocks of computers: a date in the future is a fault, not a fresh backup."""

from datetime import datetime, timezone

from backup_monitoring.model import CLOCK_SLACK, Computer, End, Start, State
from backup_monitoring.moments import say_time
from backup_monitoring.rules.worst import Judgement


def future(computer: Computer, now: datetime) -> Judgement | None:
    """Return UNKNOWN for a *computer* with a date more than `CLOCK_SLACK` in the future."""
    for word, report in (("start", computer.start), ("end", computer.end)):
        if isinstance(report, Start | End) and report.at > now + CLOCK_SLACK:
            at = say_time(report.at, timezone(report.offset))
            summary = f"clock: its last {word} is in the future, {at}; set the computer's clock"
            return Judgement(computer.name, State.UNKNOWN, summary)
    return None
