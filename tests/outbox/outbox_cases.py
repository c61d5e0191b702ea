"""Events, mails and a composer for tests of the outbox."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backup_monitoring.mail.transport import Transport
from backup_monitoring.mail.transport_selection import open_transport
from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.model.notices import Event, EventKind, Recipient, Role
from backup_monitoring.model.verdicts import State
from backup_monitoring.outbox.delivery import DeliveryResult, deliver
from backup_monitoring.outbox.delivery_log import DeliveryLog
from backup_monitoring.outbox.messages import Digest, DigestPart, QueuedMail, SentState, Storm
from backup_monitoring.outbox.queue import queue_mail
from backup_monitoring.outbox.sent import read_conversation
from backup_monitoring.outbox.transaction import Outbox, Transaction
from backup_monitoring.settings.notify import NotifySettings

NOW = datetime.fromisoformat("2026-11-25T08:00:00+00:00")
MINUTE = timedelta(minutes=1)
OPERATOR = "noc@example.org"


def event(
    uid: str = "4000101",
    kind: EventKind = EventKind.PROBLEM,
    state: State = State.CRITICAL,
    at: datetime = NOW,
    task: str = "quota",
    host: str = "backup-01",
) -> Event:
    return Event(uid, task, kind, state, at, "99 % used", host=host)


def mail(
    key: str,
    address: str = "anna@example.org",
    about: Event | None = None,
    role: Role = Role.CUSTOMER,
    thread: str = "",
) -> QueuedMail:
    raw = f"Message-ID: <{key}>\r\nTo: {address}\r\nSubject: test\r\n\r\n.\r\nHello\r\n".encode()
    return QueuedMail(f"<{key}>", Recipient(address, "", role), raw, about, thread)


def reseller(address: str = "support@reseller.example.org") -> Recipient:
    return Recipient(address, "Support", Role.RESELLER, reseller="4000000", sender="s@example.org")


def find_last_sent(
    t: Transaction, to: tuple[str, Role], account: str, task: str
) -> SentState | None:
    return read_conversation(t, account, task).find_last(to[0], (to[1],))


class Composer:
    """Writes minimal mails, and keeps what it was given."""

    def __init__(self) -> None:
        self.storms: list[Storm] = []
        self.digests: list[Digest] = []

    def _key(self, kind: str) -> str:
        return f"{kind}-{len(self.storms)}-{len(self.digests)}@tests"

    def compose_draft(self, text: str) -> tuple[bytes, tuple[str, ...]]:
        if "nonsense" in text:
            raise MonitoringError("a draft", "is nonsense", "write another")
        return f"Subject: {text}\r\n\r\n".encode(), ("a complaint",)

    def compose_digest(self, digest: Digest) -> tuple[DigestPart, ...]:
        self.digests.append(digest)
        kind = "refused" if digest.recipient.role is Role.OPERATOR else "digest"
        to = digest.recipient
        written = mail(self._key(kind), to.address, role=to.role)._replace(recipient=to)
        return (DigestPart(written, tuple(range(len(digest.events)))),)

    def compose_storm(self, storm: Storm) -> QueuedMail:
        self.storms.append(storm)
        return mail(self._key("storm"), OPERATOR, role=Role.OPERATOR)

    def find_operator(self) -> Recipient:
        return Recipient(OPERATOR, "", Role.OPERATOR)


class MailHouse:
    """An outbox with a log, and what its mails are delivered with.

    Args:
        policy: keys of [notify], by their names in `NotifySettings`.
    """

    def __init__(self, folder: Path, **policy: Any) -> None:
        self.log = folder / "notify.jsonl"
        self.outbox = Outbox(folder / "outbox", DeliveryLog(self.log))
        self.policy = NotifySettings(operator=OPERATOR, **policy)
        self.composer = Composer()

    def queue(self, *mails: QueuedMail, now: datetime = NOW) -> None:
        with self.outbox.transaction(now) as t:
            for each in mails:
                queue_mail(t, each)

    def deliver_by(self, transport: Transport, minutes: float, **more: Any) -> DeliveryResult:
        """Deliver *minutes* after `NOW`; *more*: arguments of `deliver`."""
        now = NOW + timedelta(minutes=minutes)
        return deliver(self.outbox, transport, self.policy, now, self.composer, **more)

    def read_log(self, *what: str) -> list[dict[str, str]]:
        """Return the lines of the log about *what*."""
        lines = map(json.loads, self.log.read_text().splitlines())
        return [line for line in lines if line["what"] in what]


def deliver_with_another(folder: Path, port: int, begin: Any, sent: Any) -> None:
    """Deliver as a process of its own, which can import this by its name, beside another one."""
    policy = NotifySettings(smtp=f"smtp://localhost:{port}", storm=False)
    with Outbox(folder / "outbox") as outbox:
        begin.wait()
        done = deliver(outbox, open_transport(policy), policy, NOW, Composer())
        sent.put((done.sent, done.busy))
