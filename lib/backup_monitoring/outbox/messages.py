"""The types of what the outbox holds: mails, digests, problems, and what was sent to whom."""

from datetime import datetime
from typing import NamedTuple

from backup_monitoring.model import Event, EventKind, Recipient, Role, State

# What the storm guard holds back, what a recovery drops, and what a newer mail replaces.
GUARDED = (EventKind.PROBLEM, EventKind.REMINDER)
OVER = (EventKind.RECOVERY, EventKind.MONITORING_ENDED)
ENDED = "ended"  # in place of a task: so many are no longer monitored that it is like a storm
# The statuses of a mail that a recovery drops, and a newer mail replaces: nobody has seen it.
UNSENT = ("settling", "held", "waiting")

STATES = "states"  # the purpose of a digest: how deferred problems are now, not what happened


class QueuedMail(NamedTuple):
    """A mail to one recipient, written or as a draft.

    Args:
        key: its Message-ID with ``<>``, unique per address.
        raw: the whole message, header and body, with any line ends; b"" for a draft.
        event: None for a mail about many, or none.
        thread: the Message-ID of the thread's first mail, '' if that is this mail.
        draft: what the mail is written from when it is delivered, see `drafts`; '' if *raw* is
            the message.
        complaints: what an administrator should correct; logged, but not stored.
    """

    key: str
    recipient: Recipient
    raw: bytes = b""
    event: Event | None = None
    thread: str = ""
    draft: str = ""
    complaints: tuple[str, ...] = ()


class OutgoingMail(NamedTuple):
    """A mail that is being delivered.

    Args:
        id: of its row. key, raw, thread, draft: as of a `QueuedMail`.
        address: the recipient's. role: why this recipient is notified.
        account, task, kind, state: of the event; '' or None for a mail about many events.
        attempts: so far. first_try: UTC, None before it.
        person: the recipient, as stored; '' for a mail about many events.
    """

    id: int
    key: str
    address: str
    role: Role
    raw: bytes
    account: str
    task: str
    kind: EventKind | None
    state: State | None
    thread: str
    draft: str
    attempts: int
    first_try: datetime | None
    person: str


class RefusedMail(NamedTuple):
    """A mail, or one event of a digest, that will not arrive.

    Args:
        reason: the mail server's answer, raw text from outside.
        event: what it was about; None for a mail that was about no account's event.
    """

    address: str
    reason: str
    event: Event | None


class SentState(NamedTuple):
    """The last mail about an account and task to an address, delivered or waiting.

    Args:
        kind, state: of its event.
        recipient: to whom, with the language and the sender of that mail.
        first_id: the Message-ID of the thread's first mail; '' if no mail has been or is certain
            to be delivered.
        last_id: the thread's newest Message-ID, '' as for *first_id*.
    """

    kind: EventKind
    state: State
    recipient: Recipient
    first_id: str = ""
    last_id: str = ""


class Problem(NamedTuple):
    """What scan and hook remember of a failing account and task.

    Args:
        state: the worst one that recipients were notified of. since: when it began, UTC.
        computers: names of those that recipients were notified of.
        last_sent: time of the last notification, UTC; None before the first one.
        status: how far the notifications are, see `notify.scan`.
    """

    account: str
    task: str
    state: State
    since: datetime
    computers: tuple[str, ...] = ()
    last_sent: datetime | None = None
    status: str = ""


class Digest(NamedTuple):
    """The events of one recipient's digest, oldest first, each with its note.

    Args:
        notes: for the operator, why nobody else was notified; '' where the event says it.
        drafts: those of the mails that were collected into it, '' where there was none.
        purpose: '' or `STATES`.
    """

    recipient: Recipient
    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()
    drafts: tuple[str, ...] = ()
    purpose: str = ""


class DigestPart(NamedTuple):
    """A *mail* with a part of a digest, and the indexes of the events that it shows."""

    mail: QueuedMail
    shown: tuple[int, ...]


class Storm(NamedTuple):
    """Many customers of one backup server who fail, most likely by the server's fault.

    Args:
        host: the backup server. task: the check, or `ENDED`.
        since: the first of these failures, UTC.
        held: accounts and tasks whose mails are held.
        customers: how many fail. total: how many the server has, None if not known.
        until: when the mails of those that still fail are sent, UTC.
        notified: accounts and tasks that somebody was notified of before it was recognized.
        again: the operator was notified of it before.
    """

    host: str
    task: str
    since: datetime
    held: tuple[tuple[str, str], ...]
    customers: int
    total: int | None
    until: datetime
    notified: tuple[tuple[str, str], ...] = ()
    again: bool = False
