"""The types of the notifier: events, contacts, recipients."""

from datetime import datetime
from enum import Enum
from typing import NamedTuple

from backup_monitoring.model.verdicts import State


class EventKind(Enum):
    """What an event is."""

    PROBLEM = "PROBLEM"
    RECOVERY = "RECOVERY"
    REMINDER = "REMINDER"
    CUSTOM = "CUSTOM"
    MONITORING_ENDED = "MONITORING_ENDED"  # the account is not watched any more: no recovery


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
    kind: EventKind
    state: State
    at: datetime
    summary: str
    computer: str | None = None
    since: datetime | None = None
    host: str = ""
    author: str = ""
    comment: str = ""
    cause: str = ""


class Thread(NamedTuple):
    """The mails that a recipient already has of a problem: Message-IDs with their ``<>``."""

    first: str
    last: str


class Role(Enum):
    """Why somebody is told: in which words, and how often."""

    CUSTOMER = "customer"
    RESELLER = "reseller"
    OPERATOR = "operator"


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
