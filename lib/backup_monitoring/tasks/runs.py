"""Runs: which backup of a computer is the newest, whether it still runs."""

from datetime import datetime
from enum import Enum
from typing import NamedTuple

from backup_monitoring.model import Computer, End, Start
from backup_monitoring.tasks.policies import StatusPolicy


class RunPhase(Enum):
    """What is known of the newest run."""

    ENDED = "ended"
    RUNNING = "running"
    NEVER_ENDED = "never ended"


class BackupRun(NamedTuple):
    """The newest run of a computer.

    Args:
        start: its start, None where that report is missing or belongs to no end.
        end: its end, None while it is open.
        until: up to when it ran, or may run, UTC.
    """

    start: Start | None
    end: End | None
    phase: RunPhase
    until: datetime


def find_newest_run(computer: Computer, policy: StatusPolicy, now: datetime) -> BackupRun | None:
    """Return the newest run of *computer*, None where it has neither a start nor an end.

    Ids are drawn from few numbers, so the newest by time decides: an end that is not older than
    the start is the newest run's, whatever its id. A report that is not understood is none.
    """
    start = computer.start if isinstance(computer.start, Start) else None
    end = computer.end if isinstance(computer.end, End) else None
    if end is not None and (start is None or end.at >= start.at):
        return BackupRun(start, end, RunPhase.ENDED, end.at)
    if start is None:
        return None
    until = start.at + policy.max_runtime
    if end is None:  # a first upload may take days, and no start has less time than a later one's
        first_open = computer.history.first_open if computer.history is not None else None
        first = min(first_open or start.at, start.at)
        until = max(until, first + policy.max_runtime_first)
    phase = RunPhase.RUNNING if now <= until else RunPhase.NEVER_ENDED
    return BackupRun(start, None, phase, until)
