"""The mails of the outbox on their way: claimed, noted, postponed, given up."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from backup_monitoring.mail import AddressError, SendOutcome, SendResult, parse_mailbox
from backup_monitoring.model import Event, EventKind, Role, State
from backup_monitoring.outbox.columns import (
    normalize_address,
    read_event,
    read_optional_time,
    read_recipient,
    read_time,
    write_text,
    write_time,
)
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.outbox.messages import Digest, OutgoingMail, QueuedMail, RefusedMail
from backup_monitoring.outbox.queue import Transaction
from backup_monitoring.outbox.sent import record_refused, record_sent

PAUSES = tuple(timedelta(minutes=each) for each in (1, 2, 5, 15, 30, 60, 120, 240))
FARTHEST = timedelta(days=1)  # that a mail may be queued for
_KEEP_DONE = timedelta(days=30)
_KEEP_EVENTS = timedelta(days=7)
_COLUMNS = (
    "id, key, address, role, raw, sender, account, task, kind, state, thread, draft, attempts, "
    "first_try"
)


def choose_pause(attempts: int) -> timedelta:
    """Return how long a mail rests after so many *attempts*, 1 or more."""
    return PAUSES[min(attempts, len(PAUSES)) - 1]


class Queue:
    """The mails that are due; counts what became of them.

    Args:
        retry_for: how long a mail is retried, from its first try on.
        fallback: the provider's mailbox, which is not told about mails to itself.
    """

    def __init__(self, retry_for: timedelta, operator: str) -> None:
        self.sent = self.retried = self.refused = 0
        self._keep_trying = retry_for
        self._fallback = _address(operator)

    def claim(self, t: Transaction) -> OutgoingMail | None:
        """Mark the next mail that is due as being sent, and return it; None if none is due."""
        now = write_time(t.now)
        row = t.execute(
            f"UPDATE mails SET status = 'sending' WHERE id = ({_DUE} LIMIT 1) "  # noqa: S608 - ours
            f"RETURNING {_COLUMNS}",
            (now, now),
        ).fetchone()
        return None if row is None else _outgoing(row)

    def note(self, t: Transaction, outgoing: OutgoingMail, answer: SendResult) -> None:
        """Note what became of a mail that was being sent."""
        if answer.outcome is SendOutcome.ACCEPTED:
            self._accepted(t, outgoing, answer.reason)
        elif answer.outcome is SendOutcome.REFUSED:
            self._refuse(t, outgoing, answer.reason)
        else:
            self._retry(t, outgoing, answer.reason)

    def _accepted(self, t: Transaction, outgoing: OutgoingMail, reason: str) -> None:
        mail = outgoing.mail
        _done(t, outgoing.id, "sent", "")
        to = (mail.address, mail.role)
        if mail.kind and mail.state and mail.account:
            about = (mail.account, mail.task, mail.kind, mail.state)
            record_sent(t, to, *about, mail.key, mail.thread)
        events = t.execute(
            "DELETE FROM digests WHERE mail = ? RETURNING account, task, kind, state",
            (outgoing.id,),
        ).fetchall()
        for account, task, kind, state in events:
            record_sent(t, to, account, task, EventKind[kind], State[state])
            t.log(LogAction.TOLD, account, task, kind, state, mail.address, "in a digest")
        self.sent += 1
        _audit(t, LogAction.TOLD, mail, reason)

    def _refuse(self, t: Transaction, outgoing: OutgoingMail, reason: str) -> None:
        _done(t, outgoing.id, "refused", reason)
        rows = t.execute("DELETE FROM digests WHERE mail = ? RETURNING event", (outgoing.id,))
        events = [row[0] for row in rows.fetchall()]
        mail, to = outgoing.mail, (outgoing.mail.address, outgoing.mail.role)
        if mail.kind and mail.account:
            record_refused(t, to, mail.account, mail.task, mail.kind)
        for event in map(read_event, events):
            record_refused(t, to, event.uid, event.task, event.kind)
        # kept until the provider is told what nobody reads now
        t.execute("UPDATE mails SET draft = ? WHERE id = ?", (_write_lost(events), outgoing.id))
        if normalize_address(mail.address) == self._fallback:  # there is nobody else to tell
            t.execute("UPDATE mails SET noticed = 1, draft = '' WHERE id = ?", (outgoing.id,))
        self.refused += 1
        _audit(t, LogAction.REFUSED, mail, reason)

    def _retry(self, t: Transaction, outgoing: OutgoingMail, reason: str) -> None:
        first = min(outgoing.first_try or t.now, t.now)
        if t.now - first >= self._keep_trying:
            self._refuse(t, outgoing, f"given up after {outgoing.attempts + 1} tries: {reason}")
            return
        attempts = outgoing.attempts + 1
        next_try = t.now + choose_pause(attempts)
        t.execute(
            "UPDATE mails SET status = 'waiting', attempts = ?, first_try = ?, next_try = ?, "
            "error = ? WHERE id = ?",
            (attempts, write_time(first), write_time(next_try), write_text(reason), outgoing.id),
        )
        self.retried += 1
        _audit(t, LogAction.RETRIED, outgoing.mail, reason)

    def postpone(self, t: Transaction, reason: str) -> None:
        """Note that none of the mails that are due, or being sent, could be handed over."""
        now = write_time(t.now)
        rows = t.execute(
            f"SELECT {_COLUMNS} FROM mails WHERE status = 'sending' OR id IN ({_DUE})",  # noqa: S608
            (now, now),
        ).fetchall()
        for row in rows:
            self._retry(t, _outgoing(row), reason)

    def take_digest(self, t: Transaction, mail: QueuedMail, events: tuple[int, ...]) -> None:
        """Queue *mail*, which tells of these *events*, by number."""
        t.queue(mail)
        number = t.execute("SELECT last_insert_rowid()").fetchone()[0]
        for event in events:
            t.execute(
                "UPDATE digests SET status = 'composed', mail = ? WHERE id = ?", (number, event)
            )

    def take_notice(self, t: Transaction, mail: QueuedMail) -> None:
        """Queue *mail*, which tells of all that was refused; no notice is written about it."""
        t.queue(mail)
        t.execute("UPDATE mails SET noticed = 1 WHERE id = last_insert_rowid()")
        t.execute("UPDATE mails SET noticed = 1, draft = '' WHERE status = 'refused'")


def _address(mailbox: str) -> str:
    """Return the address of *mailbox* for comparisons, '' where it has none."""
    try:
        return normalize_address(parse_mailbox(mailbox).address)
    except AddressError:  # then nothing was sent there
        return ""


# No mail about a problem overtakes an older one: "solved" must not arrive after "failed again".
_DUE = (
    "SELECT id FROM mails WHERE status = 'waiting' AND next_try <= ? AND not_before <= ? "
    "AND NOT EXISTS (SELECT 1 FROM mails AS older WHERE older.account = mails.account "
    "AND older.task = mails.task AND older.status IN ('waiting', 'sending') "
    "AND older.account != '' AND older.recipient = mails.recipient AND older.id < mails.id) "
    "ORDER BY next_try, id"
)


def clear_up(t: Transaction) -> None:
    """Take up what a killed process was sending, mend times to come, and forget what is old."""
    now = write_time(t.now)
    t.execute("UPDATE mails SET status = 'waiting' WHERE status = 'sending'")
    # Times that cannot be: the clock was set back since. No mail waits for the old time to come.
    late, far = write_time(t.now + PAUSES[-1]), write_time(t.now + FARTHEST)
    t.execute("UPDATE mails SET next_try = ? WHERE next_try > ?", (now, late))
    t.execute("UPDATE mails SET not_before = ? WHERE not_before > ?", (now, far))
    for column in ("created", "ready", "done", "first_try"):
        t.execute(f"UPDATE mails SET {column} = ?1 WHERE {column} > ?1", (now,))  # noqa: S608
    t.execute("UPDATE digests SET at = ?1 WHERE at > ?1", (now,))
    old = write_time(t.now - _KEEP_DONE)
    t.execute("DELETE FROM mails WHERE done < ? AND (status != 'refused' OR noticed)", (old,))
    # such a thread is at its end
    over = f"'{EventKind.RECOVERY.name}', '{EventKind.MONITORING_ENDED.name}'"
    t.execute(f"DELETE FROM told WHERE kind IN ({over}) AND at < ?", (old,))  # noqa: S608
    t.execute("DELETE FROM events WHERE created < ?", (write_time(t.now - _KEEP_EVENTS),))


def list_due_digests(t: Transaction, after: timedelta) -> list[tuple[Digest, tuple[int, ...]]]:
    """Return the digests whose oldest event has waited for *after*, each with its events' ids.

    None for whom the last one did not reach yet: it must not be overtaken.
    """
    groups = t.execute(
        "SELECT role, reseller, recipient FROM digests WHERE status = 'waiting' AND NOT EXISTS "
        "(SELECT 1 FROM digests AS older WHERE older.status = 'composed' AND older.role = "
        "digests.role AND older.reseller = digests.reseller AND older.recipient = "
        "digests.recipient) GROUP BY role, reseller, recipient HAVING min(at) <= ?",
        (write_time(t.now - after),),
    ).fetchall()
    found = []
    for group in groups:
        rows = t.execute(
            "SELECT id, person, event FROM digests WHERE status = 'waiting' AND role = ? "
            "AND reseller = ? AND recipient = ? ORDER BY at, id",
            group,
        ).fetchall()
        events = tuple(read_event(row[2]) for row in rows)
        found.append((Digest(read_recipient(rows[-1][1]), events), tuple(row[0] for row in rows)))
    return found


def list_refusals(t: Transaction) -> tuple[RefusedMail, ...]:
    """Return what was in the mails that were refused and that nobody was told of."""
    rows = t.execute(
        "SELECT address, role, error, draft, account, task, kind, state, host, created FROM mails "
        "WHERE status = 'refused' AND NOT noticed ORDER BY done, id"
    ).fetchall()
    return tuple(
        RefusedMail(address, Role[role], error, event)
        for address, role, error, lost, *about in rows
        for event in _read_lost(lost) or [_event(*about)]
    )


def _write_lost(events: Sequence[str]) -> str:
    return json.dumps(events) if events else ""


def _read_lost(written: str) -> list[Event | None]:
    return [read_event(event) for event in json.loads(written)] if written else []


def _event(
    account: str, task: str, kind: str, state: str, host: str, created: float
) -> Event | None:
    if not account:
        return None
    return Event(account, task, EventKind[kind], State[state], read_time(created), "", host=host)


def _done(t: Transaction, number: int, status: str, error: str) -> None:
    t.execute(
        "UPDATE mails SET status = ?, error = ?, done = ?, raw = x'', draft = '' WHERE id = ?",
        (status, write_text(error), write_time(t.now), number),
    )


def _outgoing(row: Sequence[Any]) -> OutgoingMail:
    number, key, address, role, raw, sender, account, task, kind, state, thread, draft = row[:12]
    mail = QueuedMail(
        key,
        address,
        Role[role],
        raw,
        sender,
        account,
        task,
        EventKind[kind] if kind else None,
        State[state] if state else None,
        thread=thread,
        draft=draft,
    )
    return OutgoingMail(number, mail, row[12], read_optional_time(row[13]))


def _audit(t: Transaction, what: LogAction, mail: QueuedMail, reason: str) -> None:
    kind = mail.kind.name if mail.kind else ""
    state = mail.state.name if mail.state else ""
    t.log(what, mail.account, mail.task, kind, state, mail.address, reason)
