"""Delivers what waits in the outbox: storms, digests, mails, retries.

Before the server sees a mail, it is marked as being sent; once the server has accepted it, as sent.
If the process is killed in between, the mark remains and the mail is sent again: nobody can know
whether it arrived, and twice is better than never.
"""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple, Protocol

from backup_monitoring.mail import (
    MailError,
    SendOutcome,
    SendResult,
    Transport,
    TransportError,
    make_return_path,
)
from backup_monitoring.model import (
    MonitoringError,
    Recipient,
    SettingsError,
    advise_on_fault,
    sanitize,
)
from backup_monitoring.outbox import sending, storm_guard
from backup_monitoring.outbox.ahead import work_ahead
from backup_monitoring.outbox.bounces import load_key, make_token
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.outbox.limits import LimitPolicy, apply_limits
from backup_monitoring.outbox.messages import (
    Digest,
    DigestPart,
    OutgoingMail,
    QueuedMail,
    Storm,
)
from backup_monitoring.outbox.outbox_errors import OutboxError, make_error
from backup_monitoring.outbox.outbox_file import name_lock
from backup_monitoring.outbox.progress import Mark, Progress
from backup_monitoring.outbox.queue import queue_mail
from backup_monitoring.outbox.shared_file import create_file
from backup_monitoring.outbox.transaction import Outbox, Transaction
from backup_monitoring.settings import NotifySettings, open_regular

TIME_LIMIT = timedelta(minutes=4)
_UNKNOWN_SERVERS = storm_guard.UnknownServers()
_MAX_LOST = 2  # lost connections in a row: the server has a problem, not a mail
_LOST = (SendOutcome.LOST, SendOutcome.UNANSWERED)
_MARKS = {SendOutcome.ACCEPTED: Mark.SENT, SendOutcome.UNANSWERED: Mark.BEGUN}
_BATCH_SIZE = 100  # mails that have one commit
_BATCH_TIME = 5.0  # seconds; others wait for long to read what became of a mail otherwise
_Message = tuple[bytes, tuple[str, ...]]


class MailWriter(Protocol):
    """Writes mails when they are delivered; each method may raise MonitoringError."""

    def compose_draft(self, text: str) -> tuple[bytes, tuple[str, ...]]:
        """Return the message that the draft *text* is for, and complaints about it."""

    def compose_digest(self, digest: Digest) -> tuple[DigestPart, ...]:
        """Return the mails that show all events of *digest*."""

    def compose_storm(self, storm: Storm) -> QueuedMail:
        """Return the mail to the operator that lists the accounts of *storm*."""

    def find_operator(self) -> Recipient:
        """Return the operator, who is notified of mails that will not arrive."""


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
    zone: tzinfo = UTC,
) -> DeliveryResult:
    """Deliver what is due, after storms are detected and digests are written.

    Args:
        policy: ``settle``, ``storm`` and its keys, ``retry_for``, ``reseller.digest_delay``,
            ``operator``,
            ``return_path``.
        now: aware; the whole delivery happens at this time.
        servers: what is known of the backup servers.
        limit: no further mail is begun after this time.
        zone: whose morning begins a day of `limits`.

    Raises:
        OutboxError: the outbox cannot be written; nothing is lost.
    """
    with _lock(outbox.file) as progress:
        if progress is None:
            return DeliveryResult(busy=True)
        delivery = _Delivery(outbox, transport, policy, now, writer, progress, zone)
        delivery.prepare(servers)
        delivery.deliver(time.monotonic() + limit.total_seconds())
        return delivery.make_result()


@contextmanager
def _lock(file: Path) -> Iterator[Progress | None]:
    """Lock out other deliveries; give the marks in the lock's file, None if another one has it.

    A kill releases the lock.

    The lock is on a file of its own: closing a second handle of the outbox would release SQLite's
    locks.
    """
    name = name_lock(file)
    try:
        create_file(name)
        lock = open_regular(name, os.O_RDWR | os.O_NOFOLLOW)
    except OSError as error:
        raise make_error(name, error) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        except OSError as error:  # for example ENOLCK
            raise make_error(name, error) from None
        else:
            yield Progress(name, lock)
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
        progress: Progress,
        zone: tzinfo,
    ) -> None:
        self._zone = zone
        self._outbox = outbox
        self._transport = transport
        self._policy = policy
        self._now = now
        self._writer = writer
        self._progress = progress
        self._queue = sending.SendQueue(policy.retry_for, policy.operator)
        self._errors: list[MonitoringError] = []
        self._bounce_key = b""
        self._seen = -1  # the outbox as it was when the limits were applied
        self._results: list[tuple[OutgoingMail, SendResult]] = []

    def make_result(self) -> DeliveryResult:
        """Return what was done so far."""
        queue = self._queue
        return DeliveryResult(queue.sent, queue.retried, queue.refused, False, tuple(self._errors))

    def prepare(self, servers: storm_guard.Servers) -> None:
        """Clean up after a killed process, detect storms, and write mails about many events."""
        policy = self._policy
        self._report_refusals()
        with self._outbox.transaction(self._now) as transaction:
            self._queue.recover(transaction, self._progress)
            sending.clean_up(transaction)
            storm_guard.watch_storms(transaction, policy, servers)
            storms = storm_guard.list_unannounced_storms(transaction, policy.storm_max_hold)
            self._bounce_key = load_key(transaction)
            self._apply_limits(transaction)
            digests = sending.list_due_digests(transaction, policy.reseller.digest_delay)
        self._queue_storms(storms)
        self._queue_digests(digests)

    def _apply_limits(self, transaction: Transaction) -> None:
        """Collect or defer what is too much, if there may be anything new: others queue, too."""
        seen = transaction.execute("PRAGMA data_version").fetchone()[0]
        if seen != self._seen:
            apply_limits(transaction, LimitPolicy(self._policy.reseller.digest_delay, self._zone))
            self._seen = seen

    def _queue_storms(self, storms: Iterable[Storm]) -> None:
        for storm in storms:
            with (
                self._collect_error("about a storm"),
                self._outbox.transaction(self._now) as transaction,
            ):
                mail = self._writer.compose_storm(storm)
                queue_mail(transaction, mail)
                _log_complaints(transaction, mail.complaints)
                storm_guard.record_announced(transaction, storm)

    def _queue_digests(self, digests: Iterable[sending.DueDigest]) -> None:
        for digest in digests:
            with self._collect_error(f"with the digest for {digest.address}"):
                # Not within the transaction: thousands of events take a while, and others wait.
                parts, ids = self._writer.compose_digest(digest.read()), digest.ids
                with self._outbox.transaction(self._now) as transaction:
                    if not sending.are_waiting(transaction, ids):
                        continue  # one is over: the next delivery writes it without
                    for mail, shown in parts:
                        events = tuple(ids[index] for index in shown)
                        sending.queue_digest(transaction, mail, events)
                        _log_complaints(transaction, mail.complaints)

    def _report_refusals(self) -> None:
        """Let the operator's next digest list the mails that were refused by earlier deliveries."""
        if not self._policy.operator:
            return
        with (
            self._collect_error("about refused mails"),
            self._outbox.transaction(self._now) as transaction,
        ):
            if refusals := sending.list_refusals(transaction):
                sending.report_refusals(transaction, refusals, self._writer.find_operator())

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
            self._errors.append(MailError(f"the mail {which}", problem, advise_on_fault(error)))

    def deliver(self, until: float) -> None:
        """Deliver what is due, until the monotonic time *until*."""
        try:
            self._send_due(until)
        except (TransportError, SettingsError) as error:  # SettingsError: the password's file
            self._errors.append(error)
            with self._outbox.transaction(self._now) as transaction:
                self._record(transaction)
                self._queue.postpone(transaction, str(error))
        finally:
            self._transport.close()

    def _send_due(self, until: float) -> None:
        lost = 0
        while True:
            more = time.monotonic() < until and lost < _MAX_LOST
            with self._outbox.transaction(self._now) as transaction:
                self._record(transaction)
                self._apply_limits(transaction)
                batch = self._queue.claim(transaction, _BATCH_SIZE) if more else []
                name = sending.get_batch(transaction)
            if not batch:
                break
            # Not before the commit: until then the marks of the last batch count.
            self._progress.begin(name, [each.id for each in batch])
            lost = self._send_batch(batch, until, lost)

    def _record(self, transaction: Transaction) -> None:
        """Record what became of a batch; what was not tried returns to the queue."""
        for outgoing, result in self._results:
            self._queue.record_result(transaction, outgoing, result)
        self._results.clear()
        sending.give_back(transaction)

    def _send_batch(self, batch: Sequence[OutgoingMail], until: float, lost: int) -> int:
        """Send a batch until the time is up; return how many were lost in a row, *lost* before."""
        until = min(until, time.monotonic() + _BATCH_TIME)
        reason = ""
        for outgoing, message in work_ahead(batch, self._write):
            self._progress.mark(outgoing.id, Mark.BEGUN)
            result = self._send(outgoing, message)
            self._results.append((outgoing, result))
            self._progress.mark(outgoing.id, _MARKS.get(result.outcome, Mark.NOT_SENT))
            self._note(result.error)
            reason = result.reason
            lost = lost + 1 if result.outcome in _LOST else 0
            if time.monotonic() >= until or lost >= _MAX_LOST:
                break
        if lost:  # and nothing was delivered after it
            self._note(TransportError(self._policy.smtp, reason, "check the mail server's log"))
        return lost

    def _note(self, error: TransportError | None) -> None:
        """Keep what the administrator should correct, once for all mails that it concerns."""
        known = {(each.where, each.remedy) for each in self._errors}
        if error is not None and (error.where, error.remedy) not in known:
            self._errors.append(error)

    def _write(self, outgoing: OutgoingMail) -> _Message | MonitoringError:
        """Return the message of a mail and complaints about it, or why it cannot be written."""
        if not outgoing.draft:
            return outgoing.raw, ()
        try:
            return self._writer.compose_draft(outgoing.draft)
        except MonitoringError as error:
            return error

    def _send(self, outgoing: OutgoingMail, message: _Message | MonitoringError) -> SendResult:
        if isinstance(message, MonitoringError):  # this mail waits, the others go
            self._errors.append(message)
            return SendResult(SendOutcome.LATER, str(message))
        content, complaints = message
        if complaints:
            with self._outbox.transaction(self._now) as transaction:
                _log_complaints(transaction, complaints, outgoing.account, outgoing.task)
        token = make_token(self._bounce_key, outgoing.id, outgoing.key, outgoing.address)
        # Of the settings as they are now: mails that wait because of a wrong one must not keep it.
        return_path = make_return_path(self._policy.return_path, token)
        return self._transport.send(return_path, outgoing.address, content)


def _log_complaints(
    transaction: Transaction, complaints: tuple[str, ...], account: str = "", task: str = ""
) -> None:
    """Log what an administrator should correct, for example a template that failed."""
    for complaint in complaints:
        transaction.log(LogAction.COMPLAINT, account, task, reason=complaint)
