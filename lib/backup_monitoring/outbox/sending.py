"""The mails of the outbox during their delivery: claimed, delivered, retried, refused."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from backup_monitoring.mail import AddressError, SendOutcome, SendResult, parse_mailbox
from backup_monitoring.model import Codec, Event, EventKind, Recipient, Role, State, format_count
from backup_monitoring.outbox.bounces import find_bounce
from backup_monitoring.outbox.columns import (
    EVENT,
    RECIPIENT,
    normalize_address,
    read_optional_time,
    read_time,
    write_text,
    write_time,
)
from backup_monitoring.outbox.decisions import KEEP_DECISIONS
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.outbox.limits import record_problem
from backup_monitoring.outbox.messages import OVER, Digest, OutgoingMail, QueuedMail, RefusedMail
from backup_monitoring.outbox.progress import Mark, Progress
from backup_monitoring.outbox.queue import insert_for_digest, queue_mail
from backup_monitoring.outbox.sent import record_refused, record_sent
from backup_monitoring.outbox.transaction import Transaction

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 30, 60, 120, 240))
_LOST: Codec[tuple[Event, ...]] = Codec(tuple[Event, ...])  # the events of a refused digest
_BATCH = "batch"  # of mails that were claimed together
_KEEP_DONE = timedelta(days=30)
_KEEP_EVENTS = timedelta(days=7)
_COLUMNS = (
    "id, key, address, role, raw, account, task, kind, state, thread, draft, attempts, "
    "first_try, person"
)
# No mail about a problem overtakes an older one: "solved" must not arrive after "failed again".
_DUE = (
    "SELECT id FROM mails WHERE status = 'waiting' AND next_try <= ? "
    "AND NOT EXISTS (SELECT 1 FROM mails AS older WHERE older.account = mails.account "
    "AND older.task = mails.task AND older.status IN ('waiting', 'sending') "
    "AND older.account != '' AND older.recipient = mails.recipient AND older.id < mails.id) "
    "ORDER BY next_try, id"
)


def choose_pause(attempts: int) -> timedelta:
    """Return how long to wait before a retry after *attempts*, 1 or more."""
    return PAUSES[min(attempts, len(PAUSES)) - 1]


class SendQueue:
    """The mails that are due, and how many were sent, retried and refused.

    Args:
        retry_for: how long a mail is retried after its first attempt.
        operator: the operator's mailbox, which is not notified of its own refused mails.
    """

    def __init__(self, retry_for: timedelta, operator: str) -> None:
        self.sent = self.retried = self.refused = 0
        self._retry_for = retry_for
        self._operator = _parse_operator(operator)

    def claim(self, transaction: Transaction, at_most: int) -> list[OutgoingMail]:
        """Mark the next mails that are due as being sent, and return them, at most *at_most*.

        No two of them are about the same problem of the same recipient. Those whose address has
        bounced since they were queued are refused.
        """
        claimed: list[OutgoingMail] = []
        values = (write_time(transaction.now), at_most)
        while not claimed and (due := transaction.execute(f"{_DUE} LIMIT ?", values).fetchall()):
            for (number,) in due:
                row = transaction.execute(
                    f"UPDATE mails SET status = 'sending' WHERE id = ? RETURNING {_COLUMNS}",  # noqa: S608 - ours
                    (number,),
                ).fetchone()
                if reason := find_bounce(transaction, number):
                    self._refuse(transaction, _read_outgoing(row), reason)
                else:
                    claimed.append(_read_outgoing(row))
        transaction.set_meta(_BATCH, secrets.token_hex(16))
        return claimed

    def recover(self, transaction: Transaction, progress: Progress) -> None:
        """Return to the queue what a killed process was sending, by the marks that it has left.

        Who may have heard of a problem hears of its end, and after it: a mail that may have arrived
        is retried until it has, whatever happens.
        """
        marks = progress.read(get_batch(transaction))
        rows = transaction.execute(
            f"SELECT {_COLUMNS} FROM mails WHERE status = 'sending'"  # noqa: S608 - ours
        ).fetchall()
        for row in rows:
            mail = _read_outgoing(row)
            mark = marks.get(mail.id, Mark.BEGUN)
            if mark is Mark.SENT:
                self._accept(transaction, mail, "by a process that was killed afterwards")
            elif mark is Mark.BEGUN:
                _record_unanswered(transaction, mail)
        give_back(transaction)

    def record_result(
        self, transaction: Transaction, mail: OutgoingMail, result: SendResult
    ) -> None:
        """Record the *result* of a mail that was being sent."""
        if result.outcome is SendOutcome.ACCEPTED:
            self._accept(transaction, mail, result.reason)
        elif result.outcome is SendOutcome.REFUSED:
            self._refuse(transaction, mail, result.reason)
        else:
            if result.outcome is SendOutcome.UNANSWERED:
                _record_unanswered(transaction, mail)
            self._retry(transaction, mail, result.reason)

    def _accept(self, transaction: Transaction, mail: OutgoingMail, reason: str) -> None:
        _finish(transaction, mail.id, "sent", "")
        to = (mail.address, mail.role)
        if mail.kind and mail.state and mail.account:
            subject = (mail.account, mail.task, mail.kind, mail.state, mail.person)
            record_sent(transaction, to, *subject, mail.key, mail.thread)
            if mail.kind is EventKind.PROBLEM:
                record_problem(transaction, mail.address, mail.account, mail.task)
        events = transaction.execute(
            "DELETE FROM digests WHERE mail = ? RETURNING account, task, kind, state, person",
            (mail.id,),
        ).fetchall()
        for account, task, kind, state, person in events:
            if not account:  # a refused mail, of which the operator is notified
                continue
            about = (account, task, EventKind[kind], State[state], person)
            record_sent(transaction, to, *about, mail.key, in_digest=True)
            if kind == EventKind.PROBLEM.name:
                record_problem(transaction, mail.address, account, task)
            transaction.log(LogAction.SENT, account, task, kind, state, mail.address, "in a digest")
        self.sent += 1
        _log_mail(transaction, LogAction.SENT, mail, reason)

    def _refuse(self, transaction: Transaction, mail: OutgoingMail, reason: str) -> None:
        to = (mail.address, mail.role)
        _finish(transaction, mail.id, "refused", reason)
        rows = transaction.execute("DELETE FROM digests WHERE mail = ? RETURNING event", (mail.id,))
        events = tuple(EVENT.decode(row[0]) for row in rows.fetchall())
        if mail.kind and mail.state and mail.account:
            record_refused(transaction, to, mail.account, mail.task, mail.kind, mail.state)
        for event in events:
            record_refused(transaction, to, event.uid, event.task, event.kind, event.state)
        # A digest's events are kept until the operator is notified of them.
        transaction.execute(
            "UPDATE mails SET draft = ? WHERE id = ?", (_LOST.encode(events), mail.id)
        )
        if normalize_address(mail.address) == self._operator:  # there is nobody else to notify
            transaction.execute("UPDATE mails SET noticed = 1, draft = '' WHERE id = ?", (mail.id,))
        self.refused += 1
        _log_mail(transaction, LogAction.REFUSED, mail, reason)

    def _retry(self, transaction: Transaction, mail: OutgoingMail, reason: str) -> None:
        now = transaction.now
        first = min(mail.first_try or now, now)
        attempts = mail.attempts + 1
        if now - first >= self._retry_for:
            tries = format_count(attempts, "try", "tries")
            self._refuse(transaction, mail, f"given up after {tries}: {reason}")
            return
        next_try = write_time(now + choose_pause(attempts))
        transaction.execute(
            "UPDATE mails SET status = 'waiting', attempts = ?, first_try = ?, next_try = ?, "
            "error = ? WHERE id = ?",
            (attempts, write_time(first), next_try, write_text(reason), mail.id),
        )
        self.retried += 1
        _log_mail(transaction, LogAction.RETRIED, mail, reason)

    def postpone(self, transaction: Transaction, reason: str) -> None:
        """Record that none of the mails that are due or being sent could be delivered."""
        rows = transaction.execute(
            f"SELECT {_COLUMNS} FROM mails WHERE status = 'sending' OR id IN ({_DUE})",  # noqa: S608
            (write_time(transaction.now),),
        ).fetchall()
        for row in rows:
            self._retry(transaction, _read_outgoing(row), reason)


def get_batch(transaction: Transaction) -> str:
    """Return the name of the batch of mails that were claimed last, '' before the first one."""
    return transaction.get_meta(_BATCH) or ""


def give_back(transaction: Transaction) -> None:
    """Return to the queue what was claimed; no attempt is counted."""
    transaction.execute("UPDATE mails SET status = 'waiting' WHERE status = 'sending'")


def _record_unanswered(transaction: Transaction, mail: OutgoingMail) -> None:
    transaction.execute("UPDATE mails SET unanswered = 1 WHERE id = ?", (mail.id,))


def queue_digest(transaction: Transaction, mail: QueuedMail, events: tuple[int, ...]) -> None:
    """Queue *mail*, a digest of *events* (ids of rows)."""
    queue_mail(transaction, mail)
    number = transaction.execute("SELECT last_insert_rowid()").fetchone()[0]
    for event in events:
        transaction.execute(
            "UPDATE digests SET status = 'composed', mail = ? WHERE id = ?", (number, event)
        )


def report_refusals(
    transaction: Transaction, refusals: Iterable[RefusedMail], operator: Recipient
) -> None:
    """Queue *refusals*, all of `list_refusals`, for the operator's next digest, once."""
    no_event = Event("", "", EventKind.PROBLEM, State.UNKNOWN, transaction.now, "")
    for mail in refusals:
        event, note = mail.event or no_event, f"{mail.address}: {mail.reason}"
        # It says nothing about the account: neither a storm nor a recovery concerns it.
        insert_for_digest(transaction, operator, event, ("", ""), "waiting", note)
    transaction.execute("UPDATE mails SET noticed = 1, draft = '' WHERE status = 'refused'")


def clean_up(transaction: Transaction) -> None:
    """Delete what is old, and correct times that lie in the future."""
    now = write_time(transaction.now)
    # A clock that was set back must not leave mails waiting for the old time to come.
    latest = write_time(transaction.now + PAUSES[-1])
    transaction.execute("UPDATE mails SET next_try = ? WHERE next_try > ?", (now, latest))
    for column in ("created", "ready", "done", "first_try"):
        statement = f"UPDATE mails SET {column} = ?1 WHERE {column} > ?1"  # noqa: S608 - ours
        transaction.execute(statement, (now,))
    transaction.execute("UPDATE digests SET at = ?1 WHERE at > ?1", (now,))
    old = write_time(transaction.now - _KEEP_DONE)
    transaction.execute("DELETE FROM mails WHERE done < ?", (old,))
    over = ", ".join(f"'{kind.name}'" for kind in OVER)  # these threads have ended
    transaction.execute(f"DELETE FROM sent WHERE kind IN ({over}) AND at < ?", (old,))  # noqa: S608
    oldest = write_time(transaction.now - _KEEP_EVENTS)
    transaction.execute("DELETE FROM events WHERE created < ?", (oldest,))
    # Some at a time, the oldest: an index of their times would cost each mail more.
    transaction.execute(
        "DELETE FROM decisions WHERE at < ? "
        "AND id IN (SELECT id FROM decisions ORDER BY id LIMIT 1000)",
        (write_time(transaction.now - KEEP_DECISIONS),),
    )


class DueDigest(NamedTuple):
    """A digest to write: its recipient's *address*, the *purpose*, and the *rows* of its events."""

    address: str
    purpose: str
    rows: Sequence[Sequence[Any]]

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the rows."""
        return tuple(row[0] for row in self.rows)

    def read(self) -> Digest:
        """Return what it is written from; raises what `Codec.decode` raises."""
        _, persons, events, notes, drafts = zip(*self.rows, strict=True)
        recipient = RECIPIENT.decode(persons[-1])
        return Digest(recipient, tuple(map(EVENT.decode, events)), notes, drafts, self.purpose)


def list_due_digests(transaction: Transaction, delay: timedelta) -> list[DueDigest]:
    """Return the digests whose oldest event has waited for *delay*.

    A recipient whose last digest has not arrived is left out: a new one must not overtake it.
    """
    groups = transaction.execute(
        "SELECT role, reseller, recipient, purpose FROM digests WHERE status = 'waiting' "
        "AND NOT EXISTS (SELECT 1 FROM digests AS older WHERE older.status = 'composed' "
        "AND older.role = digests.role AND older.reseller = digests.reseller AND older.recipient = "
        "digests.recipient) GROUP BY role, reseller, recipient, purpose HAVING min(at) <= ?",
        (write_time(transaction.now - delay),),
    ).fetchall()
    digests = []
    for role, reseller, recipient, purpose in groups:
        rows = transaction.execute(
            "SELECT id, person, event, note, draft FROM digests WHERE status = 'waiting' "
            "AND role = ? AND reseller = ? AND recipient = ? AND purpose = ? ORDER BY at, id",
            (role, reseller, recipient, purpose),
        ).fetchall()
        digests.append(DueDigest(recipient, purpose, rows))
    return digests


def are_waiting(transaction: Transaction, events: Iterable[int]) -> bool:
    """Return whether all *events* (ids of rows) still wait for a digest."""
    rows = transaction.execute("SELECT id FROM digests WHERE status = 'waiting'")
    return {number for (number,) in rows}.issuperset(events)


def list_refusals(transaction: Transaction) -> tuple[RefusedMail, ...]:
    """Return what was in the refused mails that the operator has not been notified of."""
    rows = transaction.execute(
        "SELECT address, error, draft, account, task, kind, state, host, created FROM mails "
        "WHERE status = 'refused' AND NOT noticed ORDER BY done, id"
    ).fetchall()
    return tuple(
        RefusedMail(address, error, event)
        for address, error, lost, *values in rows
        for event in _LOST.decode(lost) or [_make_event(*values)]
    )


def _parse_operator(mailbox: str) -> str:
    """Return the address of *mailbox* for comparisons, '' if it is not valid."""
    try:
        return normalize_address(parse_mailbox(mailbox).address)
    except AddressError:  # then nothing was sent there
        return ""


def _make_event(
    account: str, task: str, kind: str, state: str, host: str, created: float
) -> Event | None:
    if not account:
        return None
    return Event(account, task, EventKind[kind], State[state], read_time(created), "", host=host)


def _finish(transaction: Transaction, number: int, status: str, error: str) -> None:
    """Set the final *status* of a mail, and delete its text."""
    transaction.execute(
        "UPDATE mails SET status = ?, error = ?, done = ?, raw = x'', draft = '' WHERE id = ?",
        (status, write_text(error), write_time(transaction.now), number),
    )


def _read_outgoing(row: Sequence[Any]) -> OutgoingMail:
    number, key, address, role, raw, account, task, kind, state, *rest = row
    thread, draft, attempts, first_try, person = rest
    return OutgoingMail(
        number,
        key,
        address,
        Role[role],
        raw,
        account,
        task,
        EventKind[kind] if kind else None,
        State[state] if state else None,
        thread,
        draft,
        attempts,
        read_optional_time(first_try),
        person,
    )


def _log_mail(transaction: Transaction, action: LogAction, mail: OutgoingMail, reason: str) -> None:
    kind = mail.kind.name if mail.kind else ""
    state = mail.state.name if mail.state else ""
    transaction.log(action, mail.account, mail.task, kind, state, mail.address, reason)
