"""Reports that cannot be read: what of a computer is known beside them?

A report that is torn or hostile says nothing but when it came, and hides nothing: in its place the
last one that an earlier collector run could read counts, and

- a start that cannot be read serves the due time at its arrival, and opens no run;
- an end that cannot be read ends a run that began before it came, well or not;
- a schedule that cannot be read is the one before it.

A computer with such a start or end is UNKNOWN, unless something worse is known of it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from backup_monitoring.model import (
    CLOCK_SLACK,
    Computer,
    End,
    InvalidReport,
    Schedule,
    Start,
    State,
)
from backup_monitoring.tasks.aggregate import ComputerVerdict


class ReadableComputer(NamedTuple):
    """What is known of a computer.

    Args:
        computer: with reports that could be read, now or by an earlier run; None where none could.
        start, end, schedule: its reports that are not valid, None for the others.
    """

    computer: Computer
    start: InvalidReport | None = None
    end: InvalidReport | None = None
    schedule: InvalidReport | None = None


def separate_invalid(computer: Computer) -> ReadableComputer:
    """Return what is known of *computer*, apart from its reports that are not valid."""
    start, end, schedule = computer.start, computer.end, computer.schedule
    invalid_start = start if isinstance(start, InvalidReport) else None
    invalid_end = end if isinstance(end, InvalidReport) else None
    invalid_schedule = schedule if isinstance(schedule, InvalidReport) else None
    if invalid_start is invalid_end is invalid_schedule is None:
        return ReadableComputer(computer)
    if invalid_start is not None:
        start = invalid_start.known if isinstance(invalid_start.known, Start) else None
    if invalid_end is not None:
        end = invalid_end.known if isinstance(invalid_end.known, End) else None
    if invalid_schedule is not None:
        schedule = invalid_schedule.known if isinstance(invalid_schedule.known, Schedule) else None
    known = computer._replace(start=start, end=end, schedule=schedule)
    return ReadableComputer(known, invalid_start, invalid_end, invalid_schedule)


def list_invalid(computer: Computer) -> list[InvalidReport]:
    """Return the reports of *computer* that are not valid."""
    reports = (computer.start, computer.end, computer.schedule)
    return [report for report in reports if isinstance(report, InvalidReport)]


def find_invalid_arrival(report: InvalidReport | None, now: datetime) -> datetime | None:
    """Return by when *report* had come, aware UTC; None if there is none.

    It is unknown, None, if its file could not be read, or its file's time lies in the future.
    """
    if report is None or report.received is None or report.received.moment > now + CLOCK_SLACK:
        return None
    return min(report.received.moment, now)


def check_reports(computer: Computer, reports: Iterable[object]) -> ComputerVerdict | None:
    """Return UNKNOWN for the first of *computer*'s *reports* that is not valid, else None."""
    for report in reports:
        if isinstance(report, InvalidReport):
            return ComputerVerdict(computer.name, State.UNKNOWN, f"invalid report {report}")
    return None


def weigh_invalid(verdict: ComputerVerdict, report: InvalidReport | None) -> ComputerVerdict:
    """Return *verdict*, UNKNOWN instead of OK if there is an invalid *report*."""
    if report is None or verdict.state is not State.OK:
        return verdict
    known = f"; {verdict.summary}" if verdict.number else ""
    return verdict._replace(
        state=State.UNKNOWN,
        summary=f"invalid report {report}{known}",
        number=verdict.number or None,
        facts=None,
    )
