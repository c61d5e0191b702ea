"""Clocks: by how much is a computer's own clock wrong, and when did its backups really run?

A report contains only what its computer's clock showed. This server's clock says when it came. For
a report and *now*, these quantities follow:

*at*
    What the report says, by the computer's own clock. Zones are looked up at it.
*arrival*
    When the report came: the earliest of the first collector run that saw it, its file's change
    time and, for the Perl client, its modification time. It is unknown

    - if it is more than `CLOCK_SLACK` later than *now*;
    - if another of the computer's three files came within 0.1 s: they were copied, restored or
      chowned together;
    - if the first run that saw it was in doubt: its time lay before that of one of the 300 runs
      before it, so that this server's clock was wrong in one of them.

*error*
    By how much the computer's clock is ahead: *at* - *arrival*, 0 within `CLOCK_SLACK`. Where the
    arrival is unknown: of a report that a run in doubt saw first, the computer's error before it;
    else *at* - that same moment, though it is not trusted, if that is more than `CLOCK_SLACK`,
    since no report is copied before it is written; else 0.
*time*
    When it was written: its *arrival*, else *at* - *error*. Where that is later than *now*, *at*,
    with error 0. Order, lengths of runs and rules use it.
*shown*
    *at* - *error*: the time that texts show.

The computer's error is that of its newest report. *now* is never shifted.

The arrival is found by `uploads.arrivals`, and kept from run to run by `store.history`: a report
whose *at* and id were seen before keeps what was known of it, and changes nothing.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from backup_monitoring.model import (
    CLOCK_SLACK,
    Account,
    Computer,
    End,
    Finding,
    Receipt,
    Schedule,
    Start,
    format_duration,
)
from backup_monitoring.tasks.aggregate import ComputerVerdict

NO_ERROR = timedelta(0)
SET_RIGHT = timedelta(hours=12)  # a clock that is wrong by more was not set right unnoticed
# A report that is further ahead is not explained by a wrong clock; sums with it might overflow.
_FARTHEST_AHEAD = timedelta(days=36525)
_HALF_A_MINUTE = timedelta(seconds=30)
_LONGEST_RUN = timedelta(days=7)  # whose start may come after its end


class ReportTime(NamedTuple):
    """When a report was written: *at*, *time* (both aware UTC) and *error* of this module."""

    at: datetime
    time: datetime
    error: timedelta

    @property
    def shown(self) -> datetime:
        """The time that texts show, aware UTC."""
        return self.at - self.error


class ComputerTimes(NamedTuple):
    """When a computer's start and end were written, None if missing or invalid; and its *error*."""

    start: ReportTime | None
    end: ReportTime | None
    error: timedelta


def find_arrival(received: Receipt, now: datetime) -> datetime | None:
    """Return the *arrival* of a report, aware UTC, None if it is unknown."""
    known = received.trusted and received.error_before is None
    return received.moment if known and received.moment <= now + CLOCK_SLACK else None


def date_report(report: Start | End, now: datetime) -> ReportTime:
    """Return when *report* was written, as far as it is known at *now*."""
    at, received = report.at, report.received
    if at > now + _FARTHEST_AHEAD:
        return ReportTime(at, at, NO_ERROR)
    arrival = find_arrival(received, now)
    if arrival is not None:
        error = at - arrival
        return ReportTime(at, arrival, error if abs(error) > CLOCK_SLACK else NO_ERROR)
    if received.error_before is not None:
        error = received.error_before
    else:
        error = at - received.moment
        error = error if error > CLOCK_SLACK else NO_ERROR
    time = at - error
    return ReportTime(at, at, NO_ERROR) if time > now else ReportTime(at, time, error)


def is_ahead(report: Start | End, now: datetime) -> bool:
    """Return whether *report* lies in the future of *now*, and no wrong clock explains that."""
    return report.at > now + CLOCK_SLACK and date_report(report, now).time > now + CLOCK_SLACK


def read_times(computer: Computer, now: datetime) -> ComputerTimes:
    """Return when *computer*'s reports were written, and its error."""
    start, end = computer.start, computer.end
    start_time = date_report(start, now) if isinstance(start, Start) else None
    end_time = date_report(end, now) if isinstance(end, End) else None
    if end_time is None:
        newest = start_time
    elif start_time is None or end_time.time >= start_time.time:
        newest = end_time
    else:
        newest = start_time
    return ComputerTimes(start_time, end_time, NO_ERROR if newest is None else newest.error)


def has_ended(began: ReportTime, ended: ReportTime, *, same_id: bool) -> bool:
    """Return whether an end is that of the run that a start began, or of a later one.

    Clients draw ids from a small range: one alone says nothing. But an end of the start's own id
    that is not older by the computer's own clock is that run's, even if the start came after it.
    One that is weeks later by that clock is another's: the clock was ahead, and has been set back.

    Args:
        began, ended: when start and end were written. same_id: whether their ids are the same.
    """
    if not same_id:
        return ended.time > began.time
    return ended.time >= began.time or began.at <= ended.at <= began.at + _LONGEST_RUN


def list_possible_errors(error: timedelta) -> tuple[timedelta, ...]:
    """Return the errors that the clock of a computer may have now, whose last one was *error*."""
    if not error:
        return (NO_ERROR,)
    return (error, NO_ERROR) if abs(error) <= SET_RIGHT else (error,)


def find_schedule_change(schedule: Schedule, error: timedelta) -> datetime:
    """Return when the file of *schedule* was written, of a computer with this *error*; aware UTC.

    Sepiola's has the modification time of its own computer, the Perl client's that of this server.
    """
    return schedule.modified - error if schedule.by_client else schedule.modified


def format_clock_error(error: timedelta) -> str:
    """Return in words that a computer's clock is wrong by *error*, '' if it is right."""
    if not error:
        return ""
    direction = "fast" if error > NO_ERROR else "slow"
    return f"its clock is {format_duration(abs(error) + _HALF_A_MINUTE)} {direction}"


def mention_clock(verdict: ComputerVerdict, error: timedelta) -> ComputerVerdict:
    """Return *verdict*, with a clause if the computer's clock is wrong by *error*."""
    clause = format_clock_error(error)
    return verdict._replace(summary=f"{verdict.summary}; {clause}") if clause else verdict


def find_wrong_clocks(
    account: Account, computers: Iterable[Computer], now: datetime
) -> Iterator[Finding]:
    """Yield a finding for each of *account*'s *computers* whose clock is wrong."""
    for computer in computers:
        if problem := format_clock_error(read_times(computer, now).error):
            where = f"account {account.uid} {computer.name}".rstrip()
            yield Finding("clock", where, problem)
