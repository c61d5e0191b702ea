"""The types that directory, storage and store give, and that rules and presentation take."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from math import inf
from typing import NamedTuple

GIB = 2**30
DAY = timedelta(days=1)
CLOCK_SLACK = timedelta(minutes=10)  # how far a clock may be ahead before it is a fault


class State(Enum):
    """A monitoring state; its value is the plugin's exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3

    @property
    def badness(self) -> int:
        """0 for the best state to 3 for the worst; CRITICAL is worst, UNKNOWN is no failure."""
        return _BADNESS[self._value_]


# Of OK, WARNING, CRITICAL, UNKNOWN: an account that cannot be read must not hide another one's
# lost backups.
_BADNESS = (0, 2, 3, 1)


class Range(NamedTuple):
    """The good values of a metric: *start* and *end* are good themselves.

    Source: Monitoring Plugins Development Guidelines, "Threshold and Ranges"; `inverted` is its
    ``@``: then the values inside are bad.
    """

    start: float = 0
    end: float = inf
    inverted: bool = False

    def __contains__(self, value: object) -> bool:
        """Tell whether *value*, a number, is good."""
        if not isinstance(value, (int, float)):
            return False
        return (self.start <= value <= self.end) is not self.inverted

    def __str__(self) -> str:
        """Return the range as the guidelines write it, such as ``0:85``, ``@~:5`` or ``10:``."""
        start = "~" if self.start == -inf else f"{self.start:.15g}"
        end = "" if self.end == inf else f"{self.end:.15g}"
        return f"{'@' * self.inverted}{start}:{end}"

    @property
    def off(self) -> bool:
        """Whether no number, however large, is bad."""
        return self.end == inf and not self.inverted

    @property
    def plain(self) -> float | None:
        """The end as the plain number that performance data can hold, None where there is none."""
        return None if self.inverted or self.end == inf else self.end


class Threshold(NamedTuple):
    """A range of good values and its *origin*: entry, option, settings or default."""

    good: Range
    origin: str


class Finding(NamedTuple):
    """Something that an administrator should put right, and that changes no state by itself.

    Args:
        kind: a stable name to count by, such as ``attribute`` or ``report``.
        where: the entry's distinguished name or the file.
        problem: what is wrong with it.
    """

    kind: str
    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


FINDING_KINDS = {
    "attribute": "a value in an entry is out of sense",
    "clock": "this server's clock was set back",
    "gone": "a computer's folder is there no more",
    "home": "an account without a home, or one that may not be read",
    "offset": "a date whose offset is ambiguous",
    "orphan": "a home without an account",
    "people": "people or resellers that the directory does not show",
    "report": "a file is not understood",
    "server": "an account on no backup server",
    "walk": "a home is too large to be looked through",
}


class Keeping(Enum):
    """Whether an account is watched, and if not, why not."""

    ACTIVE = "active"
    INACTIVE = "not active"
    NO_FILES = "keeps no files here"
    UNCLEAR = "whether it is active cannot be told from its entry"


class Shrink(NamedTuple):
    """A sudden loss of used space: *before* and *after* in bytes, seen on *day* (UTC)."""

    before: int
    after: int
    day: date


class Growth(NamedTuple):
    """How an account's used space has changed.

    Args:
        per_day: bytes a day, robust against outliers; None from too few days.
        days: how many daily sizes that rests on.
        shrink: a sudden loss of the last days.
    """

    per_day: float | None = None
    days: int = 0
    shrink: Shrink | None = None


class Account(NamedTuple):
    """A backup account, as its directory entry has it. None: the entry has no (usable) value.

    Args:
        uid: the account's name.
        dn: the entry's distinguished name.
        keeping: whether its backups are watched.
        provisioned: False until the provider's software has set the account up.
        hosts: backup servers that hold it.
        home: ``homeDirectory``.
        created: when the entry was made, UTC.
        used: used space in bytes. capacity: bytes.
        quota_missing: the first attribute without which the quota is not known.
        quota_threshold: percent, 1 to 100.
        warning_on: whether the customer wants to be told.
        warning_numbers, warning_days: patience of the customer, 0 to 99; 0: off.
        last_successes: UTC end of the last successful backup by computer.
        findings: attributes out of sense.
        growth: None where no store has looked before.
    """

    uid: str
    dn: str
    keeping: Keeping = Keeping.ACTIVE
    provisioned: bool = True
    hosts: tuple[str, ...] = ()
    home: str | None = None
    created: datetime | None = None
    used: int | None = None
    capacity: int | None = None
    quota_missing: str | None = None
    quota_threshold: int | None = None
    warning_on: bool | None = None
    warning_numbers: int | None = None
    warning_days: int | None = None
    last_successes: Mapping[str, datetime] = {}
    findings: tuple[Finding, ...] = ()
    growth: Growth | None = None


class Client(NamedTuple):
    """The backup program that wrote a report; '' where the report does not say it."""

    identifier: str = ""
    version: str = ""
    system: str = ""


class Unreadable(NamedTuple):
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


class Unplanned(Enum):
    """Why a schedule has no due times."""

    BY_HAND = "backs up by hand only"
    AFTER_STARTUP = "backs up after it is switched on"


class Schedule(NamedTuple):
    """scheduler.xml: what is planned; *client* and *modified* as of `Start`."""

    plan: Pattern | Unplanned
    client: Client | None
    modified: datetime


class Past(NamedTuple):
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
        past: None where no store has looked before.
    """

    name: str
    start: Start | Unreadable | None = None
    end: End | Unreadable | None = None
    schedule: Schedule | Unreadable | None = None
    past: Past | None = None


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


class Metric(NamedTuple):
    """A measured number for performance data; *unit* is '', 's', '%', 'B' or 'c'."""

    name: str
    value: float
    unit: str = ""
    warning: Range | None = None
    critical: Range | None = None
    minimum: float | None = 0
    maximum: float | None = None


class Verdict(NamedTuple):
    """A rule's answer for an account.

    Args:
        state: the worst of its computers'.
        summary: one sentence for a person, without the account's name, raw text from outside.
        computer: the worst computer, None where the account itself is judged.
        metrics: the rule's numbers.
        details: a line a computer and how each number was found.
        facts: what a mail says about it, by the names of `notify.about`; the worst computer's.
        failing: names of the computers that are WARNING or CRITICAL, and no other task tells why.
        retired: names of those that their customer does not use any more.
    """

    state: State
    summary: str
    computer: str | None = None
    metrics: tuple[Metric, ...] = ()
    details: tuple[str, ...] = ()
    facts: Mapping[str, object] = {}
    failing: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
