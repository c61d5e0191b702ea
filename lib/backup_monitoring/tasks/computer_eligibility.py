"""Which computers have their verdict before a rule looks at their runs?"""

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
from backup_monitoring.tasks.schedule_task import SchedulePolicy


def check_computer(
    computer: Computer,
    reports: Iterable[object],
    others: Sequence[Computer],
    policy: SchedulePolicy,
    now: datetime,
) -> ComputerVerdict | None:
    """Return the verdict of a *computer* that has no runs to evaluate, None if it has.

    Args:
        reports: those of *computer* that the rule needs; an invalid one is UNKNOWN.
        others: the account's computers, *computer* included.
        policy: when a computer counts as retired.
        now: aware UTC.
    """
    return (
        check_retired(computer, others, policy, now)
        or check_reports(computer, reports)
        or _check_clock_ahead(computer, now)
    )


def check_retired(
    computer: Computer, others: Sequence[Computer], policy: SchedulePolicy, now: datetime
) -> ComputerVerdict | None:
    """Return OK for a *computer* that the customer has retired, None if it is in use.

    It is retired if its folder is missing, or if it has uploaded nothing for ``retired_after``
    while another computer of the account has.
    """
    if (gone := _find_gone(computer)) is not None:
        return _make_retired(computer, f"folder missing since {format_time(gone, UTC)}")
    for report in (computer.start, computer.end, computer.schedule):
        if isinstance(report, InvalidReport):  # it may have been uploaded just now
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


def check_reports(computer: Computer, reports: Iterable[object]) -> ComputerVerdict | None:
    """Return UNKNOWN for the first of *computer*'s *reports* that is invalid, else None."""
    for report in reports:
        if isinstance(report, InvalidReport):
            return ComputerVerdict(computer.name, State.UNKNOWN, f"invalid report {report}")
    return None


def find_last_upload(computer: Computer, now: datetime) -> datetime | None:
    """Return when *computer* last uploaded a report (aware UTC), None if that is unknown.

    The dates in the reports, those of their files and the history count, up to *now*: a date in
    the future shows nothing.
    """
    history = computer.history
    moments = [] if history is None else [history.uploaded, history.schedule_changed]
    for report in (computer.start, computer.end):
        if isinstance(report, Start | End):
            moments += [report.at, report.modified]
    if isinstance(computer.schedule, Schedule):
        moments.append(computer.schedule.modified)
    return max((each for each in moments if each is not None and each <= now), default=None)


def _find_gone(computer: Computer) -> datetime | None:
    return computer.history.gone if computer.history is not None else None


def _make_retired(computer: Computer, reason: str) -> ComputerVerdict:
    return ComputerVerdict(computer.name, State.OK, f"retired: {reason}", retired=True)


def _check_clock_ahead(computer: Computer, now: datetime) -> ComputerVerdict | None:
    # Otherwise its last backup would never become stale.
    for word, report in (("start", computer.start), ("end", computer.end)):
        if isinstance(report, Start | End) and report.at > now + CLOCK_SLACK:
            at = format_time(report.at, timezone(report.offset))
            summary = f"clock: its last {word} is in the future, {at}; set the computer's clock"
            return ComputerVerdict(computer.name, State.UNKNOWN, summary)
    return None
