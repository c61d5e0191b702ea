"""Which backups of a computer are over, and how did they go, given what two runs saw of it?"""

from collections.abc import Iterator
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple

from backup_monitoring.model import End, Start
from backup_monitoring.tasks import ReportTime, date_report, has_ended


class BackupOutcome(Enum):
    """How a backup went, as far as it is known."""

    SUCCESS = auto()
    FAILED = auto()
    NEVER_ENDED = auto()
    UNKNOWN = auto()  # its end was overwritten, if there was one


class DatedReport(NamedTuple):
    """A report as the rows of backups need it: when it was *written*, *id*, and *success*."""

    written: ReportTime
    id: str
    success: bool

    @property
    def time(self) -> datetime:
        """As of `ReportTime`."""
        return self.written.time

    @property
    def shown(self) -> datetime:
        """As of `ReportTime`."""
        return self.written.shown


class BackupReports(NamedTuple):
    """The last start and the last end; or those of one backup, an open one without an end."""

    start: DatedReport | None
    end: DatedReport | None


def date_last(report: Start | End | None, now: datetime) -> DatedReport | None:
    """Return when *report* was written, as far as it is known at *now*; None if there is none."""
    if report is None:
        return None
    success = isinstance(report, End) and report.success
    return DatedReport(date_report(report, now), report.id, success)


def _find_newest(last: BackupReports) -> BackupReports | None:
    """Return the newest backup that the last start and the last end show."""
    start, end = last
    if start is None:
        return None if end is None else last
    return last if _has_ended(start, end) else BackupReports(start, None)


def _has_ended(start: DatedReport, end: DatedReport | None) -> bool:
    same_id = end is not None and start.id == end.id
    return end is not None and has_ended(start.written, end.written, same_id=same_id)


def list_finished(
    before: BackupReports,
    last: BackupReports,
    never_ended: datetime | None,
    unread_end: datetime | None,
) -> Iterator[tuple[DatedReport, BackupOutcome]]:
    """Yield in order the backups that are now known to be over, other than the newest one.

    Args:
        before: the last start and end that earlier runs saw. last: those of this run.
        never_ended, unread_end: as of `TrackedComputer`.
    """
    old, new = _find_newest(before), _find_newest(last)
    assert new is not None  # noqa: S101 - something was seen, or nothing has changed
    new_end = last.end if last.end != before.end else None
    if old is None:
        if new.end is None and new_end is not None:  # the first run: an end before an open start
            yield new_end, _get_outcome(new_end)
        return
    if old.end is not None:
        if new.end != old.end:
            yield old.end, _get_outcome(old.end)
        if new_end is not None and new.end is None:
            yield new_end, _get_outcome(new_end)
        return
    assert old.start is not None  # noqa: S101 - an open backup has a start
    if last.start == old.start:
        # The same backup, which may have ended; or the end of an earlier one has come late.
        if new_end is not None and new.end is None:
            yield from _count_late_end(never_ended, new_end)
        return
    is_unread = unread_end is not None and unread_end >= old.start.time
    yield from _finish_open(never_ended, old.start, is_unread, new, last.end, new_end)


def _count_late_end(
    never_ended: datetime | None, end: DatedReport
) -> Iterator[tuple[DatedReport, BackupOutcome]]:
    """Yield an *end* older than the open start, which says nothing about the open backup."""
    if not end.success and never_ended is not None and never_ended <= end.time:
        return  # its backup has counted already, as one that never ended
    yield end, _get_outcome(end)


def _finish_open(
    never_ended: datetime | None,
    open_start: DatedReport,
    is_unread: bool,
    new: BackupReports,
    end: DatedReport | None,
    new_end: DatedReport | None,
) -> Iterator[tuple[DatedReport, BackupOutcome]]:
    """Yield what a newer start implies for the backup that was open before it.

    Args:
        is_unread: an end came since then that could not be read.
    """
    if not _has_ended(open_start, end):
        if new_end is not None:
            yield from _count_late_end(never_ended, new_end)
        yield open_start, BackupOutcome.UNKNOWN if is_unread else BackupOutcome.NEVER_ENDED
    elif new_end is None or new.end is not None:
        # The end that is visible is the newest backup's: one of this backup was overwritten.
        yield open_start, BackupOutcome.UNKNOWN
    else:
        if new_end.id != open_start.id:
            yield open_start, BackupOutcome.UNKNOWN
        yield new_end, _get_outcome(new_end)


def _get_outcome(end: DatedReport) -> BackupOutcome:
    return BackupOutcome.SUCCESS if end.success else BackupOutcome.FAILED
