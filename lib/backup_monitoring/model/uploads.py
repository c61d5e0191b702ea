"""What the clients upload: the reports of computers; and the computers' histories."""

from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from backup_monitoring.model.findings import Finding


class Client(NamedTuple):
    """The backup program that wrote a report; '' for what the report does not contain."""

    identifier: str = ""
    version: str = ""
    system: str = ""


class Receipt(NamedTuple):
    """What is known of when a report came, by this server's clock and not by its client's.

    Args:
        moment: it had come by then, aware UTC.
        trusted: it came then. If not, it was perhaps only copied, restored or chowned then.
        error_before: this server's own clock was in doubt when the report was first seen; then
            the error of the computer's clock as it was known before, else None.
    """

    moment: datetime
    trusted: bool = True
    error_before: timedelta | None = None


class Start(NamedTuple):
    """backupStarted.xml: a backup began.

    Args:
        at: when by the computer's own clock, aware UTC.
        offset: the computer's offset from UTC at that time, corrected.
        id: the client's random number for this backup.
        client: who wrote it, None if the report does not name it.
        received: when it came by this server's clock.
    """

    at: datetime
    offset: timedelta
    id: str
    client: Client | None
    received: Receipt


class End(NamedTuple):
    """backupEnded.xml: a backup ended. Fields as of `Start`; *success* as the client reports it."""

    at: datetime
    offset: timedelta
    id: str
    success: bool
    client: Client | None
    received: Receipt


class Pattern(NamedTuple):
    """When scheduled backups start, as in a crontab, in the computer's local time.

    Args:
        minutes: 0 to 59. hours: 0 to 23.
        days: of the month, 1 to 31; None: every. months: 1 to 12; None: every.
        weekdays: 1 (Monday) to 7 (Sunday); None: every. Together with *days*, either is enough.
        offset: the computer's offset from UTC when it wrote this.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    offset: timedelta
    days: frozenset[int] | None = None
    months: frozenset[int] | None = None
    weekdays: frozenset[int] | None = None


class NoSchedule(Enum):
    """Why a schedule has no due times."""

    BY_HAND = "backs up by hand only"
    AFTER_STARTUP = "backs up after it is switched on"


class Schedule(NamedTuple):
    """scheduler.xml: the computer's schedule.

    Args:
        client: as of `Start`.
        modified: the file's modification time, aware UTC.
        by_client: *modified* is by the computer's own clock, not by this server's.
    """

    plan: Pattern | NoSchedule
    client: Client | None
    modified: datetime
    by_client: bool = False


class InvalidReport(NamedTuple):
    """A report that exists and is not valid: *where* (its file) and *problem*.

    Args:
        received: when it came, None if its file could not be read: a valid one may have come.
        known: in its place, the last one of its kind that an earlier collector run could read.
    """

    where: str
    problem: str
    received: Receipt | None = None
    known: Start | End | Schedule | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


class History(NamedTuple):
    """What earlier collector runs saw of a computer, without its current reports; times in UTC.

    Args:
        first_seen: when a run first saw the computer.
        failed: unsuccessful backups in a row before the newest one.
        at_least: *failed* is a lower bound, since an end may have been overwritten unseen.
        failed_since: when the first of them failed.
        last_success: the end of the last successful backup that a run saw.
        first_open: the first start that a run saw, of a computer without any end.
        schedule_changed: when a run first saw the current schedule in place of another one.
        gone: since when the computer's folder is missing.
        uploaded: when a run last saw a new start or end, by this server's clock: the computer's
            own may be years behind.
        retired: when the provider retired the computer, see `is_retired`.
        lengths: of the last successful backups, start and end of one id, oldest first.
        schedule_gone: since when the file of the current schedule is missing.
    """

    first_seen: datetime | None = None
    failed: int = 0
    at_least: bool = False
    failed_since: datetime | None = None
    last_success: datetime | None = None
    first_open: datetime | None = None
    schedule_changed: datetime | None = None
    gone: datetime | None = None
    uploaded: datetime | None = None
    retired: datetime | None = None
    lengths: tuple[timedelta, ...] = ()
    schedule_gone: datetime | None = None

    @property
    def is_retired(self) -> bool:
        """Whether the provider has retired the computer, and it has uploaded nothing since."""
        if self.retired is None:
            return False
        seen = (self.uploaded, self.schedule_changed)
        return all(at is None or at <= self.retired for at in seen)

    @property
    def is_in_use(self) -> bool:
        """Whether the computer's folder exists, and the provider has not retired it."""
        return self.gone is None and not self.is_retired


class Computer(NamedTuple):
    """One computer of an account: its three reports, None if missing.

    Args:
        name: its folder's path below ``incoming``, with surrogates for bytes that are not UTF-8;
            '' if the reports are directly in ``incoming``.
        history: None without a store.
    """

    name: str
    start: Start | InvalidReport | None = None
    end: End | InvalidReport | None = None
    schedule: Schedule | InvalidReport | None = None
    history: History | None = None


class HomeFolder(NamedTuple):
    """A home directory that was opened.

    Args:
        path: without links. device, inode: of the folder, the same by whatever path.
        is_own: whether the user of the account's entry owns it.
    """

    path: str
    device: int
    inode: int
    is_own: bool


class Uploads(NamedTuple):
    """The contents of an account's home directory.

    Args:
        computers: those with a report folder, by name.
        data: there is data below ``incoming``, with or without reports.
        missing: the path of a home directory that does not exist.
        refused: path and reason, if the home directory cannot be read.
        cut_short: the limit that the search for computers reached before its end.
        findings: for example invalid reports.
        no_incoming: the path of ``incoming``, if it does not exist. A new account has none yet.
        home: the home directory that was read, None if none was; never stored.
    """

    computers: tuple[Computer, ...] = ()
    data: bool = False
    missing: str | None = None
    refused: str | None = None
    cut_short: str | None = None
    findings: tuple[Finding, ...] = ()
    no_incoming: str | None = None
    home: HomeFolder | None = None
