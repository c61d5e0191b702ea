"""The types of what waits in the outbox, and of what it remembers about those who were told."""

from datetime import datetime
from enum import Enum
from typing import NamedTuple

from backup_monitoring.model import Event, EventKind, Recipient, Role, State


class QueuedMail(NamedTuple):
    """A mail to one recipient, ready to be handed over.

    Args:
        key: its Message-ID, with the angle brackets; no other mail to this address has it.
        address: the recipient's. role: why this one is told.
        raw: the whole message, header and body; any line ends; b"" of a draft.
        draft: what it is written from at its delivery, see `drafts`; '' where it is written.
        sender: of the envelope, where bounces go; '' is the null return path.
        account, task, kind, state, host, at: of the event, '' or None for mails about many.
        reseller: whose digest it is.
        thread: the Message-ID that began the thread, '' where it is this mail.
        not_before: deliver it no sooner, at most a day from when it is queued.
        complaints: what an administrator should put right; not kept in the outbox.
    """

    key: str
    address: str
    role: Role
    raw: bytes
    sender: str = ""
    account: str = ""
    task: str = ""
    kind: EventKind | None = None
    state: State | None = None
    host: str = ""
    at: datetime | None = None
    reseller: str = ""
    thread: str = ""
    not_before: datetime | None = None
    draft: str = ""
    complaints: tuple[str, ...] = ()


class OutgoingMail(NamedTuple):
    """A mail in the outbox: its number there, how often and since when (UTC) it was tried."""

    id: int
    mail: QueuedMail
    attempts: int
    first_try: datetime | None


class RefusedMail(NamedTuple):
    """What will not arrive: to whom, the mail server's words, and of which event it told.

    Args:
        reason: raw text from outside.
        event: each of a digest is one; None where the mail was about no account's event.
    """

    address: str
    role: Role
    reason: str
    event: Event | None


class SentState(NamedTuple):
    """The last mail about an account and task to an address, delivered or not yet.

    Args:
        kind, state: what it said.
        first_id: the Message-ID that began the thread, '' where none was or is being delivered.
        last_id: the newest one of the thread, '' as for *first_id*.
        at: when it was queued or delivered, UTC.
    """

    kind: EventKind
    state: State
    first_id: str
    last_id: str
    at: datetime


class Problem(NamedTuple):
    """What the scan remembers of a failing account and task.

    Args:
        state: as last seen. since: of the problem, UTC.
        computers: those that were told.
        find_last_sent: of the last mail or reminder, UTC, None before the first.
        status: the scan's own word for where the problem stands.
    """

    account: str
    task: str
    state: State
    since: datetime
    computers: tuple[str, ...] = ()
    find_last_sent: datetime | None = None
    status: str = ""


class Standing(Enum):
    """What an event changes about an account and task."""

    NEW = "newly failed"
    KNOWN = "failed before"
    OVER = "fails no more"
    NONE = "changes nothing"


class Digest(NamedTuple):
    """Events that one recipient is told in one mail, oldest first."""

    recipient: Recipient
    events: tuple[Event, ...]


class Storm(NamedTuple):
    """So many accounts of one backup server failed that it is most likely the server's fault.

    Args:
        host: the backup server. task: the check.
        since: the first of these failures, UTC.
        accounts: who failed, by name.
        total: how many accounts the server has, None where nobody knows.
    """

    host: str
    task: str
    since: datetime
    accounts: tuple[str, ...]
    total: int | None
