"""Which backup of a computer is the newest, and is it still running?"""

from datetime import datetime, timedelta
from typing import NamedTuple

from backup_monitoring.model import End, History, Start
from backup_monitoring.tasks.clocks import ComputerTimes, has_ended
from backup_monitoring.tasks.readable import ReadableComputer, find_invalid_arrival
from backup_monitoring.tasks.status_task import StatusPolicy

# A run may take so much longer than the longest of the last ones, up to the second.
_LONGER = 1.5
_LONGEST_LEARNED = timedelta(days=7)


class EndedRun(NamedTuple):
    """A run that has ended: by *end*; *until* when, aware UTC."""

    end: End
    until: datetime


class OpenRun(NamedTuple):
    """A run that has not ended.

    Args:
        until: how long it may run, aware UTC.
        never_ended: *until* is past, so that it counts as failed.
    """

    until: datetime
    never_ended: bool


class UnreadRun(NamedTuple):
    """A run that has ended, whether well or not: its end cannot be read.

    Args:
        until: when it had ended at the latest, aware UTC.
    """

    until: datetime


BackupRun = EndedRun | OpenRun | UnreadRun


def find_newest_run(
    readable: ReadableComputer, times: ComputerTimes, policy: StatusPolicy, now: datetime
) -> BackupRun | None:
    """Return the newest run of a computer, None if it has neither a start nor an end.

    Which end belongs to which start: see `has_ended`. A start that cannot be read opens no run; an
    end that cannot be read ends one that began before it came.

    Args:
        times: of the reports that can be read. policy: how long a run may last. now: aware UTC.
    """
    computer = readable.computer
    start = computer.start if isinstance(computer.start, Start) else None
    end = computer.end if isinstance(computer.end, End) else None
    began, ended = times.start, times.end
    unread = find_invalid_arrival(readable.end, now)
    if (
        end is not None
        and ended is not None
        and (start is None or began is None or has_ended(began, ended, same_id=start.id == end.id))
    ):
        return EndedRun(end, max(ended.time, unread or ended.time))
    if start is None or began is None:
        return None if unread is None else UnreadRun(unread)
    until = began.time + find_longest_runtime(computer.history, policy)
    if readable.end is not None and readable.end.received is None:
        return UnreadRun(min(now, until))  # its file may be of any time, up to now
    if unread is not None and unread >= began.time:
        return UnreadRun(unread)
    if end is None and readable.end is None:
        # The first upload may take days, and no start has less time than a later one.
        first_open = computer.history.first_open if computer.history is not None else None
        first = min(first_open or began.time, began.time)
        until = max(until, first + policy.max_runtime_first)
    return OpenRun(until, never_ended=now > until)


def find_longest_runtime(history: History | None, policy: StatusPolicy) -> timedelta:
    """Return how long a run may last: ``max_runtime``, or longer if good ones took longer."""
    longest = max(history.lengths, default=timedelta(0)) if history is not None else timedelta(0)
    return max(policy.max_runtime, min(longest * _LONGER, _LONGEST_LEARNED))
