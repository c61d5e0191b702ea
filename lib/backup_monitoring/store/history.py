"""A computer's history: what follows from the reports that one collector run after another sees.

A run sees the last start and the last end that were uploaded. What was overwritten between two
runs is not known, and is never counted, neither as a success nor as a failure.
"""

from base64 import b85encode
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

from backup_monitoring.model import (
    CLOCK_SLACK,
    Computer,
    End,
    History,
    InvalidReport,
    Pattern,
    Receipt,
    Schedule,
    Start,
)
from backup_monitoring.store.backup_outcomes import (
    BackupOutcome,
    BackupReports,
    DatedReport,
    date_last,
    list_finished,
)
from backup_monitoring.tasks import (
    date_report,
    find_invalid_arrival,
    find_schedule_change,
    is_ahead,
    list_invalid,
    read_times,
)

# Reports of a computer that are recognized when they are restored: of about 50 backups.
MOST_SEEN = 100
MOST_LENGTHS = 10  # of successful runs, by which it is known how long the next ones may take
_REPORT = TypeVar("_REPORT", Start, End)
_SHOWN = TypeVar("_SHOWN", Start, End, Schedule)
_BY_OUR_CLOCK = (
    "first_seen",
    "schedule_changed",
    "schedule_gone",
    "gone",
    "uploaded",
    "retired",
    "unread_end",
)


class TrackedComputer(NamedTuple):
    """What is kept of a computer from run to run; see `History` for the fields not listed here.

    Args:
        start, end: the last that were seen, with what was known when a run saw them first.
        failed: backups in a row, up to before the newest one.
        schedule: the last that was seen.
        never_ended: when the backup began that was the last to be counted, if it never ended.
        error: by how much the computer's clock was ahead when its newest report came.
        seen: what identifies the last reports, oldest first.
        unread_end: when the last end came that could not be read.
    """

    first_seen: datetime
    start: Start | None = None
    end: End | None = None
    failed: int = 0
    at_least: bool = False
    failed_since: datetime | None = None
    last_success: datetime | None = None
    first_open: datetime | None = None
    schedule: Schedule | None = None
    schedule_changed: datetime | None = None
    gone: datetime | None = None
    uploaded: datetime | None = None
    never_ended: datetime | None = None
    error: timedelta = timedelta(0)
    seen: str = ""
    retired: datetime | None = None
    schedule_gone: datetime | None = None
    unread_end: datetime | None = None
    lengths: tuple[timedelta, ...] = ()

    @property
    def history(self) -> History:
        """The part that the rules use."""
        return History(*(getattr(self, name) for name in History._fields))

    @property
    def is_blank(self) -> bool:
        """Whether no run has understood a report: it may never have been a computer."""
        return self.start is None and self.end is None and self.schedule is None

    def join(self, computer: Computer) -> Computer:
        """Return *computer* for the rules: with its history, and the reports that count.

        Reports that were restored from a snapshot do not: those after them were seen already. What
        is missing or cannot be read hides nothing: the last of its kind that was seen stays known.
        """
        if self.is_blank and computer.start is computer.end is computer.schedule is None:
            return computer  # it was never more than a folder
        schedule = computer.schedule if self.counts_schedule(computer) else self.schedule
        return computer._replace(
            start=self._recall(computer.start, self.start),
            end=self._recall(computer.end, self.end),
            schedule=_fill_in(schedule, self.schedule),
            history=self.history,
        )

    def _recall(
        self, shown: _REPORT | InvalidReport | None, known: _REPORT | None
    ) -> _REPORT | InvalidReport | None:
        return known if self._knows(shown) else _fill_in(shown, known)

    def counts_schedule(self, computer: Computer) -> bool:
        """Return whether *computer*'s schedule counts: it was not restored with older reports.

        It was uploaded after them if its file is newer than they and the known schedule's are.
        """
        came = self._date_restored(computer)
        schedule, known = computer.schedule, self.schedule
        if came is None or not isinstance(schedule, Schedule):
            return came is None
        newer = known is None or schedule.modified > known.modified
        return newer and find_schedule_change(schedule, self.error) > came + CLOCK_SLACK

    def _date_restored(self, computer: Computer) -> datetime | None:
        """Return when the reports came that were seen before the last ones; None if none was."""
        shown = ((self.start, computer.start), (self.end, computer.end))
        return max(
            (
                report.received.moment
                for known, report in shown
                if isinstance(report, Start | End)
                and not _is_same(known, report)
                and self._knows(report)
            ),
            default=None,
        )

    def _knows(self, report: object) -> bool:
        if not isinstance(report, Start | End):
            return False
        return _is_same(self.start if isinstance(report, Start) else self.end, report) or (
            make_mark(report) in self.seen  # all marks have one length, and no blank
        )


def _fill_in(shown: _SHOWN | InvalidReport | None, known: _SHOWN | None) -> Any:
    """Return the report that is *shown*; if it is missing or not valid, with the *known* one."""
    if shown is None:
        return known
    return shown._replace(known=known) if isinstance(shown, InvalidReport) else shown


def update_computer(
    before: TrackedComputer | None, computer: Computer, now: datetime, *, in_doubt: bool = False
) -> TrackedComputer:
    """Return what is to be kept after a run that saw *computer*.

    Args:
        before: what was kept until now, None if no run has seen it.
        computer: its reports; one that is missing, invalid, in the future, or was seen before
            changes nothing.
        now: of the run, aware UTC.
        in_doubt: *now* is before one of the last runs: this server's clock was wrong.
    """
    # What failed before the first run is not known: a row that was open then is a lower bound.
    tracked = (
        _clip_times(before, now) if before is not None else TrackedComputer(now, at_least=True)
    )
    start = _choose_report(tracked, tracked.start, computer.start, now, in_doubt)
    end = _choose_report(tracked, tracked.end, computer.end, now, in_doubt)
    if tracked.counts_schedule(computer):
        tracked = _update_schedule(tracked, computer.schedule, now)
    if isinstance(computer.end, InvalidReport):
        tracked = _note_unread_end(tracked, computer.end, now)
    if tracked.history.is_retired and _shows_invalid_since(computer, tracked.retired, now):
        tracked = tracked._replace(uploaded=now)
    if start is tracked.start and end is tracked.end:
        return tracked if tracked.gone is None else tracked._replace(gone=None)
    tracked = _add_length(_update_row(tracked, start, end, now), start, end, now)
    times = read_times(Computer(computer.name, start, end), now)
    first_open = tracked.first_open or (times.start.time if times.start is not None else None)
    return tracked._replace(
        start=start,
        end=end,
        first_open=first_open if end is None else None,
        gone=None,
        uploaded=now if before is not None else None,
        error=tracked.error if in_doubt else times.error,
        seen=_add_marks(tracked, start, end),
    )


def _shows_invalid_since(computer: Computer, since: datetime | None, now: datetime) -> bool:
    """Return whether a report that cannot be read came later than *since*: it was uploaded, too."""
    arrivals = [find_invalid_arrival(report, now) for report in list_invalid(computer)]
    return since is not None and any(at is not None and at > since for at in arrivals)


def _choose_report(
    tracked: TrackedComputer, known: _REPORT | None, report: object, now: datetime, in_doubt: bool
) -> _REPORT | None:
    """Return *report*, with what is known of it, if this run sees it first; else *known*."""
    if not isinstance(report, Start | End) or tracked._knows(report):
        return known
    received = _note_first_run(report.received, now, tracked.error if in_doubt else None)
    new: Any = report._replace(received=received)
    # What is in the future of a wrong clock of ours is not in doubt itself.
    return known if is_ahead(new, now) and not in_doubt else new


def _note_first_run(came: Receipt, now: datetime, error_before: timedelta | None) -> Receipt:
    """Return when a report came that a run sees first."""
    if came.moment > now + CLOCK_SLACK:  # its file's times are of a wrong clock of this server
        return Receipt(came.moment, False, error_before)
    return Receipt(min(came.moment, now), came.trusted, error_before)


def _is_same(known: Start | End | None, report: object) -> bool:
    if known is None or not isinstance(report, Start | End):
        return False
    return known.at == report.at and known.id == report.id


def make_mark(report: Start | End) -> str:
    """Return a short text that identifies *report*, as good as its kind, time and id do."""
    text = f"{type(report).__name__} {report.at.timestamp()} {report.id}"
    return b85encode(blake2b(text.encode(errors="surrogatepass"), digest_size=6).digest()).decode()


def _add_marks(tracked: TrackedComputer, start: Start | None, end: End | None) -> str:
    new = [
        make_mark(report)
        for known, report in ((tracked.start, start), (tracked.end, end))
        if report is not None and report is not known
    ]
    return " ".join([*tracked.seen.split(), *new][-MOST_SEEN:])


def _update_row(
    tracked: TrackedComputer, start: Start | None, end: End | None, now: datetime
) -> TrackedComputer:
    """Return *tracked* with the backups that are over, now that its last reports are these."""
    old = BackupReports(date_last(tracked.start, now), date_last(tracked.end, now))
    new = BackupReports(date_last(start, now), date_last(end, now))
    for report, outcome in list_finished(old, new, tracked.never_ended, tracked.unread_end):
        tracked = _count(tracked, report, outcome)
    if new.end is not None and new.end != old.end:
        tracked = _record_end(tracked, new.end, now)
    return tracked


def mark_missing(before: TrackedComputer, now: datetime) -> TrackedComputer:
    """Return what is to be kept after a run that did not find the computer's folder."""
    tracked = _clip_times(before, now)
    return tracked if tracked.gone is not None else tracked._replace(gone=now)


def _clip_times(tracked: TrackedComputer, now: datetime) -> TrackedComputer:
    """Return *tracked* without times that a wrong clock of this server has set in the future.

    Rules count from them: a schedule that "changes" in a year would not be missed for a year.
    """
    times = {name: getattr(tracked, name) for name in _BY_OUR_CLOCK}
    ahead: dict[str, Any] = {name: now for name, at in times.items() if at is not None and at > now}
    return tracked._replace(**ahead) if ahead else tracked


def _count(
    tracked: TrackedComputer, report: DatedReport, outcome: BackupOutcome
) -> TrackedComputer:
    """Return *tracked* with a backup that is over."""
    if outcome is BackupOutcome.NEVER_ENDED:
        tracked = tracked._replace(never_ended=report.time)
    if outcome is BackupOutcome.SUCCESS:
        return tracked._replace(failed=0, at_least=False, failed_since=None)
    if outcome is BackupOutcome.UNKNOWN:
        return tracked._replace(at_least=True)
    since = tracked.failed_since or report.shown
    return tracked._replace(failed=tracked.failed + 1, failed_since=since)


def _record_end(tracked: TrackedComputer, end: DatedReport, now: datetime) -> TrackedComputer:
    """Return *tracked* with an end that no earlier run saw."""
    if not end.success:
        return tracked._replace(never_ended=None)
    before = tracked.last_success
    # One in the future is of a wrong clock of this server: it would be the last one for long.
    last = end.shown if before is None or before > now else max(before, end.shown)
    return tracked._replace(last_success=last, never_ended=None)


def _note_unread_end(
    tracked: TrackedComputer, end: InvalidReport, now: datetime
) -> TrackedComputer:
    """Return *tracked* with an *end* that cannot be read; one of any time if its file cannot."""
    came = now if end.received is None else find_invalid_arrival(end, now)
    return tracked if came is None else tracked._replace(unread_end=came)


def _add_length(
    tracked: TrackedComputer, start: Start | None, end: End | None, now: datetime
) -> TrackedComputer:
    """Return *tracked* with the length of the run that *end* shows to be successful, if it is new.

    The first run of a computer transfers everything, and says nothing about later ones.
    """
    if end is None or end is tracked.end or tracked.end is None or not end.success:
        return tracked
    if start is None or start.id != end.id:
        return tracked
    length = date_report(end, now).time - date_report(start, now).time
    if length < timedelta(0):
        return tracked
    return tracked._replace(lengths=(*tracked.lengths, length)[-MOST_LENGTHS:])


def _update_schedule(tracked: TrackedComputer, schedule: object, now: datetime) -> TrackedComputer:
    """Return *tracked* with the schedule; the first one, or a new offset, is not a change.

    A client that stops having a schedule says so: one whose file is gone stays in use.
    """
    is_gone = schedule is None and tracked.schedule is not None
    tracked = tracked._replace(schedule_gone=(tracked.schedule_gone or now) if is_gone else None)
    if not isinstance(schedule, Schedule) or schedule == tracked.schedule:
        return tracked
    before = tracked.schedule
    changed = tracked.schedule_changed
    if before is not None and _drop_offset(schedule) != _drop_offset(before):
        changed = now
    return tracked._replace(schedule=schedule, schedule_changed=changed)


def _drop_offset(schedule: Schedule) -> object:
    plan = schedule.plan
    return plan._replace(offset=timedelta(0)) if isinstance(plan, Pattern) else plan
