"""Which backup of a computer is the newest, and is it still running?"""

from datetime import datetime
from typing import NamedTuple

from backup_monitoring.model import Computer, End, Start
from backup_monitoring.tasks.status_task import StatusPolicy


class EndedRun(NamedTuple):
    """A run that has ended; *start* is None if that report is missing."""

    start: Start | None
    end: End

    @property
    def until(self) -> datetime:
        """When it ended, aware UTC."""
        return self.end.at


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


def find_newest_run(computer: Computer, policy: StatusPolicy, now: datetime) -> BackupRun | None:
    """Return the newest run of *computer*, None if it has neither a start nor an end.

    Clients draw ids from a small range, so that time decides: an end that is not older than the
    start belongs to the newest run, whatever its id. An invalid report counts as missing.
    """
    start = computer.start if isinstance(computer.start, Start) else None
    end = computer.end if isinstance(computer.end, End) else None
    if end is not None and (start is None or end.at >= start.at):
        return EndedRun(start, end)
    if start is None:
        return None
    until = start.at + policy.max_runtime
    if end is None:  # the first upload may take days, and no start has less time than a later one
        first_open = computer.history.first_open if computer.history is not None else None
        first = min(first_open or start.at, start.at)
        until = max(until, first + policy.max_runtime_first)
    return OpenRun(start, until, never_ended=now > until)
