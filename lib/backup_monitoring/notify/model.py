"""The types of the notifier: events, contacts, recipients."""

from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import NamedTuple

from backup_monitoring.model import State

# The provider's words for problems, in a reseller's settings, by our tasks.
PROBLEM_WORDS = {
    "quota": ("quota",),
    "schedule": ("schedule",),
    "status": ("unsuccessful", "status"),
    "client": ("upgrade", "client"),
    "unused": ("no backup", "unused"),
}


class Kind(Enum):
    """What an event is."""

    PROBLEM = "PROBLEM"
    RECOVERY = "RECOVERY"
    REMINDER = "REMINDER"
    CUSTOM = "CUSTOM"
    UNWATCHED = "UNWATCHED"  # the account is not watched any more: no recovery


class Event(NamedTuple):
    """Something to tell about an account.

    Args:
        uid: the account. task: the check, such as ``quota``.
        kind: what it is. state: the state that is told.
        at: when, aware UTC.
        summary: the verdict's sentence, raw text from outside.
        computer: the worst computer, None where the account itself is judged.
        since: since when the problem holds, UTC; None: not known.
        host: the backup server.
        author, comment: of a CUSTOM event, the NOC's own words.
        cause: of the verdict, see `about.CAUSES`; '' where only the summary is known.
    """

    uid: str
    task: str
    kind: Kind
    state: State
    at: datetime
    summary: str
    computer: str | None = None
    since: datetime | None = None
    host: str = ""
    author: str = ""
    comment: str = ""
    cause: str = ""


class Contact(NamedTuple):
    """What an account's entry says about whom to tell, as it stands there; '' where missing.

    Args:
        uid, dn: of the account. name: its ``cn``.
        warning_on: ``sstBackupWarningOn``. medium: ``sstNotificationWarningMedium``.
        warning_numbers, warning_days: None where missing or out of sense.
        mails: ``mail``. language: ``preferredLanguage``.
        person: ``sstBelongsToPersonUID``.
        customers, resellers: uids of ``sstBelongsToCustomerUID``, ``sstBelongsToResellerUID``.
        host: the backup server.
    """

    uid: str
    dn: str
    name: str = ""
    warning_on: str = ""
    medium: str = ""
    warning_numbers: int | None = None
    warning_days: int | None = None
    mails: tuple[str, ...] = ()
    language: str = ""
    person: str = ""
    customers: tuple[str, ...] = ()
    resellers: tuple[str, ...] = ()
    host: str = ""


class Person(NamedTuple):
    """A person's entry; *gender* is ``m``, ``f`` or ''; *time_zone* such as ``UTC+01``."""

    uid: str
    dn: str
    given_name: str = ""
    surname: str = ""
    title: str = ""
    gender: str = ""
    language: str = ""
    mails: tuple[str, ...] = ()
    time_zone: str = ""

    @property
    def name(self) -> str:
        """The person's name for a greeting."""
        return f"{self.given_name} {self.surname}".strip()

    @property
    def zone(self) -> timezone | None:
        """The person's fixed offset from UTC, None where the entry says none."""
        sign, digits = self.time_zone[3:4], self.time_zone[4:].replace(":", "")
        plain = self.time_zone[:3] == "UTC" and digits.isascii() and digits.isdigit()
        if not plain or sign not in ("+", "-") or len(digits) not in (2, 4):
            return None
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
        return timezone(-offset if sign == "-" else offset) if offset <= _FARTHEST else None


_FARTHEST = timedelta(hours=14)


class Customer(NamedTuple):
    """A customer's entry: *name* is the company, or the person."""

    uid: str
    dn: str
    name: str = ""


class Reseller(NamedTuple):
    """A reseller's settings for the backup service, from below its configuration entry.

    Args:
        uid: the reseller. dn: of its settings.
        mail_to: ``sstMailTo``, each perhaps ``Name <address>``.
        persons: ``sstInformPersonUID``.
        problems: ``sstNotificationWarning``, lower case.
        mail_from: ``sstMailFrom``. language: ``preferredLanguage``.
        is_default: these serve resellers that have none.
    """

    uid: str
    dn: str
    mail_to: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    problems: frozenset[str] = frozenset()
    mail_from: str = ""
    language: str = ""
    is_default: bool = False


class Thread(NamedTuple):
    """The mails that a recipient already has of a problem: Message-IDs with their ``<>``."""

    first: str
    last: str


class Role(Enum):
    """Why somebody is told: in which words, and how often."""

    CUSTOMER = "customer"
    RESELLER = "reseller"
    PROVIDER = "provider"


class Recipient(NamedTuple):
    """Who is told.

    Args:
        address: a valid mail address. name: for the greeting and the header, '' if not known.
        role: why. language: such as ``de-CH``, '' for the settings' own.
        reseller: whose digest it is in, '' for others.
        sender: ``From``, '' for the settings' own.
        gender: of a person, for the greeting. time_zone: of a person.
        reason: the rule, the entry and the attribute that the address came from.
    """

    address: str
    name: str
    role: Role
    language: str = ""
    reseller: str = ""
    sender: str = ""
    gender: str = ""
    time_zone: str = ""
    reason: str = ""


class Decision(NamedTuple):
    """Who is told of an event, and why.

    Args:
        recipients: each address once.
        explained: in order, a line a rule: what decided, from where, and who is not told and why.
        findings: what an administrator should put right.
        unreached: the fallback must be told what happened: why; None if somebody was found.
    """

    recipients: tuple[Recipient, ...]
    explained: tuple[str, ...]
    findings: tuple[str, ...] = ()
    unreached: str | None = None
