"""Events, and the recipients who are notified of them."""

from datetime import datetime, tzinfo
from enum import Enum
from typing import NamedTuple

from backup_monitoring.model.verdicts import State


class EventKind(Enum):
    """The kinds of an event."""

    PROBLEM = "PROBLEM"
    RECOVERY = "RECOVERY"
    REMINDER = "REMINDER"
    CUSTOM = "CUSTOM"
    MONITORING_ENDED = "MONITORING_ENDED"  # the account is no longer monitored: not a recovery


class Ending(Enum):
    """Why a problem is no longer monitored."""

    ACCOUNT = "account"  # it is not active, or no longer exists
    COMPUTER = "computer"  # all computers that failed are retired
    WARNINGS = "warnings"  # they are switched off


class Event(NamedTuple):
    """Something about an account that recipients are notified of.

    Args:
        uid: the account. task: the check, for example ``quota``.
        kind: what it is. state: the state that recipients are notified of.
        at: when, aware UTC.
        summary: the verdict's sentence, raw text from outside.
        computer: the worst computer, None where the account itself is judged.
        since: when the problem began, UTC; None: not known.
        host: the backup server.
        author, comment: of a CUSTOM event, the text of the provider's staff.
        cause: the verdict's, one of its task's; '' where only the summary is known.
        ending: of MONITORING_ENDED, why.
        zone: of the computer; None where there is none, or it is not known.
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
    ending: Ending | None = None
    zone: tzinfo | None = None


class Thread(NamedTuple):
    """The first and the last mail that a recipient has of a problem: Message-IDs with ``<>``."""

    first: str
    last: str


class Role(Enum):
    """Why a recipient is notified; it decides the wording and how often."""

    CUSTOMER = "customer"
    RESELLER = "reseller"
    OPERATOR = "operator"


class Recipient(NamedTuple):
    """Who is notified of an event, and by which rule.

    Args:
        address: a valid mail address. name: the full name, '' if not known.
        role: why. language: tags like ``de-CH``, the most wanted first, separated by commas; ''
            for the settings' own.
        reseller: the reseller whose digest the event is in, '' for other roles.
        sender: ``From``, '' for the settings' own.
        gender, surname, title: of a person, for the greeting; '' if not known.
        reason: the rule, the entry and the attribute that the address comes from.
        entry: that attribute with all its values, as a short text: another one once it changes; ''
            if the address comes from the settings.
        customer: of the role CUSTOMER, whose mails are counted together.
    """

    address: str
    name: str
    role: Role
    language: str = ""
    reseller: str = ""
    sender: str = ""
    gender: str = ""
    reason: str = ""
    surname: str = ""
    title: str = ""
    entry: str = ""
    customer: str = ""


class Decision(NamedTuple):
    """Who is notified of an event, and why.

    Args:
        recipients: each address once per role.
        explanation: one line per rule, in order: what decided, from which entry, and who is not
            notified and why.
        findings: what an administrator should correct.
        operator_reason: why the operator must be notified, too; None if everybody was found.
        missing_resellers: uid and finding of each reseller without settings, of whom the operator
            is notified once, whatever fails.
    """

    recipients: tuple[Recipient, ...]
    explanation: tuple[str, ...]
    findings: tuple[str, ...] = ()
    operator_reason: str | None = None
    missing_resellers: tuple[tuple[str, str], ...] = ()
