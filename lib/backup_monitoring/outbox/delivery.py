"""Delivers what waits in the outbox: storms, digests, mails, retries.

A mail is marked as being sent, for good, before the server sees it, and as sent once the server
has accepted it. A process that is killed in between leaves the mark, and the mail is sent again:
where nobody can know whether it arrived, it arrives twice rather than not at all.
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
from backup_monitoring.outbox import storm_guard as guard
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.outbox.messages import Digest, OutgoingMail, QueuedMail, RefusedMail, Storm
from backup_monitoring.outbox.outbox_file import OutboxError, make_error, make_file
from backup_monitoring.outbox.queue import Outbox, Transaction
from backup_monitoring.outbox.sending import Queue, clear_up, list_due_digests, list_refusals
from backup_monitoring.settings import NotifySettings

LIMIT = timedelta(minutes=4)
_MOST_LOST = 2  # connections lost in a row: the server is in trouble, not a mail


class MailWriter(Protocol):
    """Writes mails at their delivery; each may raise MonitoringError."""

    def draft(self, text: str) -> tuple[bytes, tuple[str, ...]]:
        """Return the whole message that the draft *text* is for, and complaints about it."""

    def digest(self, digest: Digest) -> QueuedMail:
        """Return the mail that tells a recipient of several events."""

    def storm(self, storm: Storm) -> QueuedMail:
        """Return the mail that tells the provider of a storm, with the list."""

    def refused(self, mails: tuple[RefusedMail, ...]) -> QueuedMail:
        """Return the mail that tells the fallback address which mails will not arrive."""


class DeliveryResult(NamedTuple):
    """What a delivery did.

    Args:
        sent, retried, refused: mails.
        busy: another process delivers at present, so nothing was done.
        errors: what went wrong with the mail server or with composing; what it concerns waits.
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
    composer: MailWriter,
    accounts: guard.Accounts = lambda host: None,
    limit: timedelta = LIMIT,
) -> DeliveryResult:
    """Deliver what is due; judge storms first, then write digests.

    Args:
        policy: ``settle``, ``storm``, ``retry_for``, ``reseller.digest_delay``, ``fallback``.
        now: aware; the whole delivery happens at this moment.
        accounts: how many accounts a backup server has, None where nobody knows.
        limit: begin no further mail after this time.

    Raises:
        OutboxError: the outbox cannot be written; nothing is lost.
    """
    with _alone(outbox.file) as alone:
        if not alone:
            return DeliveryResult(busy=True)
        work = _Delivery(outbox, transport, policy, now, composer)
        work.prepare(accounts)
        work.deliver(time.monotonic() + limit.total_seconds())
        return work.delivered()


@contextmanager
def _alone(file: Path) -> Iterator[bool]:
    """Tell whether nobody else delivers; a process that is killed lets go by itself.

    Not the outbox itself is locked: closing a second handle of it would lose SQLite's own locks.
    """
    name = file.with_name(f"{file.name}.lock")
    try:
        make_file(name)
        lock = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise make_error(name, error) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)


class _Delivery:
    """One delivery, by a process that is alone with it."""

    def __init__(
        self,
        outbox: Outbox,
        transport: Transport,
        policy: NotifySettings,
        now: datetime,
        composer: MailWriter,
    ) -> None:
        self._outbox = outbox
        self._transport = transport
        self._policy = policy
        self._now = now
        self._composer = composer
        self._queue = Queue(policy.retry_for, policy.operator)
        self._errors: list[MonitoringError] = []

    def delivered(self) -> DeliveryResult:
        """Return what was done."""
        done = self._queue
        return DeliveryResult(done.sent, done.retried, done.refused, False, tuple(self._errors))

    def prepare(self, accounts: guard.Accounts) -> None:
        """Take up what a killed process left, judge storms, and write what has to be written."""
        policy = self._policy
        with self._outbox.transaction(self._now) as t:
            clear_up(t)
            guard.watch_storms(
                t,
                guard.StormPolicy(
                    policy.settle,
                    policy.storm_percent if policy.storm else None,
                    policy.storm_min_accounts,
                ),
                accounts,
            )
            storms = guard.list_unannounced_storms(t)
            digests = list_due_digests(t, policy.reseller.digest_delay)
        self._compose_storms(storms)
        self._compose_digests(digests)
        self._compose_refused()

    def _compose_storms(self, storms: Iterable[Storm]) -> None:
        for storm in storms:
            with self._collected("of a storm"), self._outbox.transaction(self._now) as t:
                mail = self._composer.storm(storm)
                t.queue(mail)
                _complain(t, mail, mail.complaints)
                guard.record_announced(t, storm)

    def _compose_digests(self, digests: Iterable[tuple[Digest, tuple[int, ...]]]) -> None:
        for digest, ids in digests:
            to = f"with the list for {digest.recipient.address}"
            with self._collected(to), self._outbox.transaction(self._now) as t:
                mail = self._composer.digest(digest)
                self._queue.take_digest(t, mail, ids)
                _complain(t, mail, mail.complaints)

    def _compose_refused(self) -> None:
        if not self._policy.operator:
            return
        with self._collected("about refusals"), self._outbox.transaction(self._now) as t:
            found = list_refusals(t)
            if found:
                mail = self._composer.refused(found)
                self._queue.take_notice(t, mail)
                _complain(t, mail, mail.complaints)

    @contextmanager
    def _collected(self, which: str) -> Iterator[None]:
        """Let one mail that cannot be written not stop all others: it waits, and is reported."""
        try:
            yield
        except OutboxError:
            raise
        except MonitoringError as error:
            self._errors.append(error)
        except Exception as error:  # told at the end: a fault is one mail's alone
            problem = f"cannot be written ({type(error).__name__}: {sanitize(str(error), 300)})"
            self._errors.append(MailError(f"the mail {which}", problem, "report it"))

    def deliver(self, until: float) -> None:
        """Deliver what is due, until the monotonic time *until*."""
        try:
            self._deliver(until)
            if self._queue.refused:
                self._compose_refused()
                self._deliver(until)
        except (TransportError, SettingsError) as error:  # the password's file, too
            self._errors.append(error)
            with self._outbox.transaction(self._now) as t:
                self._queue.postpone(t, str(error))
            self._compose_refused()
        finally:
            self._transport.close()

    def _deliver(self, until: float) -> None:
        last: tuple[OutgoingMail, SendResult] | None = None
        lost = 0
        while True:
            more = time.monotonic() < until and lost < _MOST_LOST
            # the last answer and the next mail: one commit a mail, and no moment in between
            with self._outbox.transaction(self._now) as t:
                if last is not None:
                    self._queue.note(t, *last)
                mail = self._queue.claim(t) if more else None
            if mail is None:
                return
            answer = self._send(mail.mail)
            last = (mail, answer)
            lost = lost + 1 if answer.outcome is SendOutcome.LOST else 0

    def _send(self, mail: QueuedMail) -> SendResult:
        message = mail.raw
        if mail.draft:
            try:
                message, complaints = self._composer.draft(mail.draft)
            except MonitoringError as error:  # this one waits, and others go
                self._errors.append(error)
                return SendResult(SendOutcome.LATER, str(error))
            if complaints:
                with self._outbox.transaction(self._now) as t:
                    _complain(t, mail, complaints)
        return self._transport.send(mail.sender, mail.address, message)


def _complain(t: Transaction, mail: QueuedMail, complaints: tuple[str, ...]) -> None:
    """Note what an administrator should put right, such as a template that failed."""
    for complaint in complaints:
        t.log(LogAction.COMPLAINT, mail.account, mail.task, reason=complaint)
