"""Delivers what waits in the outbox: storms, digests, mails, retries.

Before the server sees a mail, it is marked as being sent, in a transaction of its own; once the
server has accepted it, as sent. If the process is killed in between, the mark remains and the mail
is sent again: nobody can know whether it arrived, and twice is better than never.
"""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from backup_monitoring.mail import MailError, SendOutcome, SendResult, Transport, TransportError
from backup_monitoring.model import MonitoringError, SettingsError, sanitize
from backup_monitoring.outbox import sending, storm_guard
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.outbox.messages import (
    Digest,
    DigestPart,
    OutgoingMail,
    QueuedMail,
    RefusedMail,
    Storm,
)
from backup_monitoring.outbox.outbox_errors import OutboxError, make_error
from backup_monitoring.outbox.outbox_file import name_lock
from backup_monitoring.outbox.queue import queue_mail
from backup_monitoring.outbox.shared_file import create_file
from backup_monitoring.outbox.transaction import Outbox, Transaction
from backup_monitoring.settings import NotifySettings, open_regular

TIME_LIMIT = timedelta(minutes=4)
_UNKNOWN_SERVERS = storm_guard.UnknownServers()
_MAX_LOST = 2  # lost connections in a row: the server has a problem, not a mail


class MailWriter(Protocol):
    """Writes mails when they are delivered; each method may raise MonitoringError."""

    def compose_draft(self, text: str) -> tuple[bytes, tuple[str, ...]]:
        """Return the message that the draft *text* is for, and complaints about it."""

    def compose_digest(self, digest: Digest) -> tuple[DigestPart, ...]:
        """Return the mails that show all events of *digest*."""

    def compose_storm(self, storm: Storm) -> QueuedMail:
        """Return the mail to the operator that lists the accounts of *storm*."""

    def compose_refusals(self, mails: tuple[RefusedMail, ...]) -> tuple[QueuedMail, ...]:
        """Return the mails to the operator that list the *mails* that will not arrive."""


class DeliveryResult(NamedTuple):
    """What a delivery did.

    Args:
        sent, retried, refused: numbers of mails.
        busy: another process was delivering, so nothing was done.
        errors: of the mail server or of composing; the mails that they concern wait.
    """

    sent: int = 0
    retried: int = 0
    refused: int = 0
    busy: bool = False
    errors: tuple[MonitoringError, ...] = ()


def deliver(
    outbox: Outbox,
    transport: Transport,
    policy: NotifySettings,
    now: datetime,
    writer: MailWriter,
    servers: storm_guard.Servers = _UNKNOWN_SERVERS,
    limit: timedelta = TIME_LIMIT,
) -> DeliveryResult:
    """Deliver what is due, after storms are detected and digests are written.

    Args:
        policy: ``settle``, ``storm`` and its keys, ``retry_for``, ``reseller.digest_delay``,
            ``operator``.
        now: aware; the whole delivery happens at this time.
        servers: what is known of the backup servers.
        limit: no further mail is begun after this time.

    Raises:
        OutboxError: the outbox cannot be written; nothing is lost.
    """
    with _lock(outbox.file) as is_locked:
        if not is_locked:
            return DeliveryResult(busy=True)
        delivery = _Delivery(outbox, transport, policy, now, writer)
        delivery.prepare(servers)
        delivery.deliver(time.monotonic() + limit.total_seconds())
        return delivery.make_result()


@contextmanager
def _lock(file: Path) -> Iterator[bool]:
    """Lock out other deliveries; give whether that succeeded. A kill releases the lock.

    The lock is on a file of its own: closing a second handle of the outbox would release SQLite's
    locks.
    """
    name = name_lock(file)
    try:
        create_file(name)
        lock = open_regular(name, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise make_error(name, error) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        except OSError as error:  # for example ENOLCK
            raise make_error(name, error) from None
        else:
            yield True
    finally:
        os.close(lock)


class _Delivery:
    """One delivery, by the process that holds the lock."""

    def __init__(
        self,
        outbox: Outbox,
        transport: Transport,
        policy: NotifySettings,
        now: datetime,
        writer: MailWriter,
    ) -> None:
        self._outbox = outbox
        self._transport = transport
        self._policy = policy
        self._now = now
        self._writer = writer
        self._queue = sending.SendQueue(policy.retry_for, policy.operator)
        self._errors: list[MonitoringError] = []

    def make_result(self) -> DeliveryResult:
        """Return what was done so far."""
        queue = self._queue
        return DeliveryResult(queue.sent, queue.retried, queue.refused, False, tuple(self._errors))

    def prepare(self, servers: storm_guard.Servers) -> None:
        """Clean up after a killed process, detect storms, and write mails about many events."""
        policy = self._policy
        with self._outbox.transaction(self._now) as transaction:
            sending.clean_up(transaction)
            storm_guard.watch_storms(transaction, policy, servers)
            storms = storm_guard.list_unannounced_storms(transaction, policy.storm_max_hold)
            digests = sending.list_due_digests(transaction, policy.reseller.digest_delay)
        self._queue_storms(storms)
        self._queue_digests(digests)
        self._queue_refusals()

    def _queue_storms(self, storms: Iterable[Storm]) -> None:
        for storm in storms:
            with (
                self._collect_error("about a storm"),
                self._outbox.transaction(self._now) as transaction,
            ):
                mail = self._writer.compose_storm(storm)
                queue_mail(transaction, mail)
                _log_complaints(transaction, mail, mail.complaints)
                storm_guard.record_announced(transaction, storm)

    def _queue_digests(self, digests: Iterable[tuple[Digest, tuple[int, ...]]]) -> None:
        for digest, ids in digests:
            with (
                self._collect_error(f"with the digest for {digest.recipient.address}"),
                self._outbox.transaction(self._now) as transaction,
            ):
                for mail, shown in self._writer.compose_digest(digest):
                    sending.queue_digest(transaction, mail, tuple(ids[index] for index in shown))
                    _log_complaints(transaction, mail, mail.complaints)

    def _queue_refusals(self) -> None:
        if not self._policy.operator:
            return
        with (
            self._collect_error("about refused mails"),
            self._outbox.transaction(self._now) as transaction,
        ):
            refusals = sending.list_refusals(transaction)
            if refusals:
                mails = self._writer.compose_refusals(refusals)
                sending.queue_refusals(transaction, mails)
                for mail in mails:
                    _log_complaints(transaction, mail, mail.complaints)

    @contextmanager
    def _collect_error(self, which: str) -> Iterator[None]:
        """Let the others go if one mail cannot be written: it waits, and the result has why."""
        try:
            yield
        except OutboxError:
            raise
        except MonitoringError as error:
            self._errors.append(error)
        except Exception as error:  # also a fault of ours, or of a provider's own template
            problem = f"cannot be written ({type(error).__name__}: {sanitize(str(error), 300)})"
            self._errors.append(MailError(f"the mail {which}", problem, "report it"))

    def deliver(self, until: float) -> None:
        """Deliver what is due, until the monotonic time *until*."""
        try:
            self._send_due(until)
            if self._queue.refused:
                self._queue_refusals()
                self._send_due(until)
        except (TransportError, SettingsError) as error:  # SettingsError: the password's file
            self._errors.append(error)
            with self._outbox.transaction(self._now) as transaction:
                self._queue.postpone(transaction, str(error))
            self._queue_refusals()
        finally:
            self._transport.close()

    def _send_due(self, until: float) -> None:
        last: tuple[OutgoingMail, SendResult] | None = None
        lost = 0
        while True:
            more = time.monotonic() < until and lost < _MAX_LOST
            # The last result and the next mail share a transaction: one commit per mail.
            with self._outbox.transaction(self._now) as transaction:
                if last is not None:
                    self._queue.record_result(transaction, *last)
                mail = self._queue.claim(transaction) if more else None
            if mail is None:
                return
            result = self._send(mail.mail)
            last = (mail, result)
            lost = lost + 1 if result.outcome is SendOutcome.LOST else 0

    def _send(self, mail: QueuedMail) -> SendResult:
        message = mail.raw
        if mail.draft:
            try:
                message, complaints = self._writer.compose_draft(mail.draft)
            except MonitoringError as error:  # this mail waits, the others go
                self._errors.append(error)
                return SendResult(SendOutcome.LATER, str(error))
            if complaints:
                with self._outbox.transaction(self._now) as transaction:
                    _log_complaints(transaction, mail, complaints)
        return self._transport.send(mail.sender, mail.address, message)


def _log_complaints(
    transaction: Transaction, mail: QueuedMail, complaints: tuple[str, ...]
) -> None:
    """Log what an administrator should correct, for example a template that failed."""
    for complaint in complaints:
        transaction.log(LogAction.COMPLAINT, mail.account, mail.task, reason=complaint)
