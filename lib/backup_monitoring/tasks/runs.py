"""Which backup of a computer is the newest, and is it still running?"""

from datetime import datetime
from typing import NamedTuple

from backup_monitoring.model import Computer, End, Start
from backup_monitoring.tasks.clocks import ComputerTimes
from backup_monitoring.tasks.status_task import StatusPolicy


class EndedRun(NamedTuple):
    """A run that has ended.

    Args:
        start: None if that report is missing.
        until: when it ended, aware UTC.
    """

    start: Start | None
    end: End
    until: datetime


class OpenRun(NamedTuple):
    """A run that has not ended.

    Args:
        until: how long it may run, aware UTC.
        never_ended: *until* is past, so that it counts as failed.
    """

    start: Start
    until: datetime
    never_ended: bool


BackupRun = EndedRun | OpenRun


def find_newest_run(
    computer: Computer, times: ComputerTimes, policy: StatusPolicy, now: datetime
) -> BackupRun | None:
    """Return the newest run of *computer*, None if it has neither a start nor an end.

    Clients draw ids from a small range, so that time decides: an end that is not older than the
    start belongs to the newest run, whatever its id. An invalid report counts as missing.

    Args:
        times: of *computer*'s reports. policy: how long a run may last. now: aware UTC.
    """
    start = computer.start if isinstance(computer.start, Start) else None
    end = computer.end if isinstance(computer.end, End) else None
    began, ended = times.start, times.end
    if end is not None and ended is not None and (began is None or ended.time >= began.time):
        return EndedRun(start, end, ended.time)
    if start is None or began is None:
        return None
    until = began.time + policy.max_runtime
    if end is None:  # the first upload may take days, and no start has less time than a later one
        first_open = computer.history.first_open if computer.history is not None else None
        first = min(first_open or began.time, began.time)
        until = max(until, first + policy.max_runtime_first)
    return OpenRun(start, until, never_ended=now > until)
