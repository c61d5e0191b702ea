"""What the notifier handles: events, and the recipients of an event."""

from datetime import datetime
from enum import Enum
from typing import NamedTuple

from backup_monitoring.model.verdicts import State


class EventKind(Enum):
    """What happened."""

    PROBLEM = "PROBLEM"
    RECOVERY = "RECOVERY"
    REMINDER = "REMINDER"
    CUSTOM = "CUSTOM"
    MONITORING_ENDED = "MONITORING_ENDED"  # no longer monitored, which is not a recovery


class Event(NamedTuple):
    """Something to notify people of, about one account and task.

    Args:
        uid: the account. task: for example ``quota``.
        kind: its type. state: the account's state.
        at: when it happened, aware UTC.
        summary: the verdict's sentence, raw text from outside.
        computer: the worst computer, None if the verdict is about the account itself.
        since: when the problem began, aware UTC; None if unknown.
        host: the backup server.
        author, comment: of a CUSTOM event, as the staff wrote them.
        cause: the verdict's, one of the tasks' ``CAUSES``; '' if only the summary is known.
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
    """The first and the last mail that a recipient got about a problem: Message-IDs with ``<>``."""

    first: str
    last: str


class Role(Enum):
    """Why a recipient is notified, which decides the wording and how often."""

    CUSTOMER = "customer"
    RESELLER = "reseller"
    OPERATOR = "operator"


class Recipient(NamedTuple):
    """Who is notified of an event.

    Args:
        address: a valid mail address. name: for the greeting and the header, '' if unknown.
        role: why. language: for example ``de-CH``, '' for that of the settings.
        reseller: the uid of the reseller whose digest contains the event, '' for other roles.
        sender: ``From``, '' for that of the settings.
        gender: of a person, for the greeting. time_zone: of a person.
        reason: the rule, the entry and the attribute that the address comes from.
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
    """Who is notified of an event, and why.

    Args:
        recipients: each address once.
        explained: one line per rule, in order: what decided, its source, and who is left out.
        findings: what an administrator should correct.
        unreached: why the operator must be notified instead; None if there is a recipient.
    """

    recipients: tuple[Recipient, ...]
    explained: tuple[str, ...]
    findings: tuple[str, ...] = ()
    unreached: str | None = None
