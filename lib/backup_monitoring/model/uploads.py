"""What the clients upload: reports, the computers that they describe, and their histories."""

from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from backup_monitoring.model.findings import Finding


class Client(NamedTuple):
    """The backup program that wrote a report; '' where the report does not say it."""

    identifier: str = ""
    version: str = ""
    system: str = ""


class InvalidReport(NamedTuple):
    """A report that is there and is not understood: *where* (file) and *problem*."""

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


class Start(NamedTuple):
    """backupStarted.xml: a backup began.

    Args:
        at: when, UTC. offset: the computer's offset from UTC then, mended.
        id: the client's random number for this backup.
        client: who wrote it, None where it does not say.
        modified: the file's modification time, UTC.
    """

    at: datetime
    offset: timedelta
    id: str
    client: Client | None
    modified: datetime


class End(NamedTuple):
    """backupEnded.xml: a backup ended; fields as of `Start`, *success* as the client says."""

    at: datetime
    offset: timedelta
    id: str
    success: bool
    client: Client | None
    modified: datetime


class Pattern(NamedTuple):
    """When a planned backup starts, as cron has it, in the computer's local time.

    Args:
        minutes: 0 to 59. hours: 0 to 23.
        days: of the month, 1 to 31; None: every. months: 1 to 12; None: every.
        weekdays: 1 (Monday) to 7 (Sunday); None: every. With *days* too, either is enough.
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
    """scheduler.xml: what is planned; *client* and *modified* as of `Start`."""

    plan: Pattern | NoSchedule
    client: Client | None
    modified: datetime


class History(NamedTuple):
    """What earlier looks at a computer have seen, without its present reports.

    Args:
        first_seen: when the computer was first looked at, UTC.
        failed: unsuccessful backups in a row before the newest one.
        at_least: *failed* is a lower bound, since an end may have been overwritten unseen.
        failed_since: when the first of them failed, UTC.
        last_success: end of the last successful backup that was seen, UTC.
        first_open: the first start seen of a computer without any end, UTC.
        schedule_changed: when the present schedule was first seen in place of another, UTC.
        gone: since when the computer's folder is not there any more, UTC.
        uploaded: when a start or an end was last seen that was not there before, UTC by this
            server's clock: the computer's own may be years behind.
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


class Computer(NamedTuple):
    """One computer of an account: its three reports, each None where it is missing.

    Args:
        name: its folder's path below ``incoming``, bytes that are no UTF-8 as surrogates;
            '' where the reports lie directly in ``incoming``.
        history: None without a store.
    """

    name: str
    start: Start | InvalidReport | None = None
    end: End | InvalidReport | None = None
    schedule: Schedule | InvalidReport | None = None
    history: History | None = None


class Uploads(NamedTuple):
    """What lies in an account's home.

    Args:
        computers: those with a report folder, by name.
        data: there is data under ``incoming``, with or without reports.
        missing: the home is not there: the path.
        refused: the home may not be read: path and reason.
        cut_short: the walk reached a bound before its end: which one.
        findings: files not understood, and so on.
    """

    computers: tuple[Computer, ...] = ()
    data: bool = False
    missing: str | None = None
    refused: str | None = None
    cut_short: str | None = None
    findings: tuple[Finding, ...] = ()
