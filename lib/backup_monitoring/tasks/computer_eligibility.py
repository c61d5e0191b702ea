"""Which computers have their verdict before a rule looks at their runs?"""

from collections.abc import Sequence
from datetime import UTC, datetime, timezone

from backup_monitoring.model import (
    Computer,
    End,
    Schedule,
    Start,
    State,
    format_time,
)
from backup_monitoring.tasks.aggregate import ComputerVerdict
from backup_monitoring.tasks.clocks import find_schedule_change, is_ahead, read_times
from backup_monitoring.tasks.readable import find_invalid_arrival, list_invalid
from backup_monitoring.tasks.schedule_task import SchedulePolicy


def check_computer(
    computer: Computer, others: Sequence[Computer], policy: SchedulePolicy, now: datetime
) -> ComputerVerdict | None:
    """Return the verdict of a *computer* that has no runs to evaluate, None if it has.

    Args:
        others: the account's computers, *computer* included.
        policy: when a computer counts as retired.
        now: aware UTC.
    """
    return check_retired(computer, others, policy, now) or _check_clock_ahead(computer, now)


def check_retired(
    computer: Computer, others: Sequence[Computer], policy: SchedulePolicy, now: datetime
) -> ComputerVerdict | None:
    """Return OK for a *computer* that the customer has retired, None if it is in use.

    It is retired if the provider has retired it, if its folder is missing, or if it has uploaded
    nothing for ``retired_after`` while another computer of the account has.
    """
    if (gone := _find_gone(computer)) is not None:
        return _make_retired(computer, f"folder missing since {format_time(gone, UTC)}")
    history = computer.history
    if history is not None and history.retired is not None and history.is_retired:
        since = format_time(history.retired, UTC)
        return _make_retired(computer, f"by the provider since {since}")
    for report in list_invalid(computer):
        if find_invalid_arrival(report, now) is None:  # it may have been uploaded just now
            return None
    border = now - policy.retired_after
    last = find_last_upload(computer, now)
    if last is None or last > border:
        return None
    for other in others:
        upload = find_last_upload(other, now) if _find_gone(other) is None else None
        if upload is not None and upload > border:
            return _make_retired(computer, f"no upload since {format_time(last, UTC)}")
    return None


def find_last_upload(computer: Computer, now: datetime) -> datetime | None:
    """Return when *computer* last uploaded a report (aware UTC), None if that is unknown.

    The times of its reports, of its schedule's file and the history count, up to *now*: a time in
    the future shows nothing.
    """
    history, times = computer.history, read_times(computer, now)
    moments: list[datetime | None]
    moments = [] if history is None else [history.uploaded, history.schedule_changed]
    moments += [report.time for report in (times.start, times.end) if report is not None]
    if isinstance(computer.schedule, Schedule):
        moments.append(find_schedule_change(computer.schedule, times.error))
    moments += [find_invalid_arrival(report, now) for report in list_invalid(computer)]
    return max((each for each in moments if each is not None and each <= now), default=None)


def _find_gone(computer: Computer) -> datetime | None:
    return computer.history.gone if computer.history is not None else None


def _make_retired(computer: Computer, reason: str) -> ComputerVerdict:
    return ComputerVerdict(computer.name, State.OK, f"retired: {reason}", retired=True)


def _check_clock_ahead(computer: Computer, now: datetime) -> ComputerVerdict | None:
    # Otherwise its last backup would never become stale.
    for word, report in (("start", computer.start), ("end", computer.end)):
        if isinstance(report, Start | End) and is_ahead(report, now):
            at = format_time(report.at, timezone(report.offset))
            remedy = "set the computer's clock, or this server's"
            summary = f"clock: its last {word} is in the future, {at}; {remedy}"
            return ComputerVerdict(computer.name, State.UNKNOWN, summary)
    return None
