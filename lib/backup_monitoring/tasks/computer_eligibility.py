"""Whether a computer can be judged: what holds before any rule looks at its runs."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timezone

from backup_monitoring.model import (
    CLOCK_SLACK,
    Computer,
    End,
    InvalidReport,
    Schedule,
    Start,
    State,
    format_time,
)
from backup_monitoring.tasks.aggregate import ComputerVerdict
from backup_monitoring.tasks.policies import SchedulePolicy


def check_retired(
    computer: Computer, others: Sequence[Computer], policy: SchedulePolicy, now: datetime
) -> ComputerVerdict | None:
    """Return OK for a *computer* that counts as retired by the customer, None if it does not.

    It has uploaded nothing for ``retired_after``, while another one of the account has; or its
    folder is gone.
    """
    if (gone := _gone(computer)) is not None:
        return _retired(computer, f"its folder is gone since {format_time(gone, UTC)}")
    for report in (computer.start, computer.end, computer.schedule):
        if isinstance(report, InvalidReport):  # it may have come just now
            return None
    border = now - policy.retired_after
    last = find_last_upload(computer, now)
    if last is None or last > border:
        return None
    for other in others:
        upload = find_last_upload(other, now) if _gone(other) is None else None
        if upload is not None and upload > border:
            return _retired(computer, f"no upload since {format_time(last, UTC)}")
    return None


def _gone(computer: Computer) -> datetime | None:
    return computer.history.gone if computer.history is not None else None


def _retired(computer: Computer, reason: str) -> ComputerVerdict:
    return ComputerVerdict(computer.name, State.OK, f"no longer here: {reason}", retired=True)


def find_last_upload(computer: Computer, now: datetime) -> datetime | None:
    """Return when *computer* last uploaded a report, by its files' dates and by what was seen."""
    history = computer.history
    moments = [] if history is None else [history.uploaded, history.schedule_changed]
    for report in (computer.start, computer.end):
        if isinstance(report, Start | End):
            moments += [report.at, report.modified]
    if isinstance(computer.schedule, Schedule):
        moments.append(computer.schedule.modified)
    return max((each for each in moments if each is not None and each <= now), default=None)


def check_reports(computer: Computer, reports: Iterable[object]) -> ComputerVerdict | None:
    """Return UNKNOWN for the first of *computer*'s *reports* that is unreadable, else None."""
    for report in reports:
        if isinstance(report, InvalidReport):
            return ComputerVerdict(computer.name, State.UNKNOWN, f"not understood: {report}")
    return None


def check_clock_ahead(computer: Computer, now: datetime) -> ComputerVerdict | None:
    """Return UNKNOWN for a *computer* with a date more than `CLOCK_SLACK` in the future."""
    for word, report in (("start", computer.start), ("end", computer.end)):
        if isinstance(report, Start | End) and report.at > now + CLOCK_SLACK:
            at = format_time(report.at, timezone(report.offset))
            summary = f"clock: its last {word} is in the future, {at}; set the computer's clock"
            return ComputerVerdict(computer.name, State.UNKNOWN, summary)
    return None
