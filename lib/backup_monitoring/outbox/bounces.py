"""Mails that came back after a server had accepted them, and the addresses that are to blame.

The return path of a mail has a token that only this outbox can make: it belongs to one mail to one
address. Who was sent it can report that this mail failed, once, and nobody can for another one.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.model import Role, format_time
from backup_monitoring.outbox.columns import normalize_address, read_time, write_text, write_time
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.outbox.outbox_copy import read_outbox
from backup_monitoring.outbox.transaction import Transaction

UNDELIVERABLE_FOR = timedelta(days=30)
_KEY = "bounce key"
_DIGITS = 24  # of a token's code, 96 bits: a local part has at most 64 characters
_TOKEN = re.compile(rf"([0-9]{{1,18}})-([0-9a-f]{{{_DIGITS}}})")


class Undeliverable(NamedTuple):
    """The addresses that bounced.

    Args:
        reasons: why and since when, by address and entry: those of one entry concern no other one.
    """

    reasons: Mapping[tuple[str, str], str] = {}

    def find(self, address: str, entry: str) -> str:
        """Return why *address* of *entry* is undeliverable, '' if it is not."""
        return self.reasons.get((normalize_address(address), entry), "")


def make_entry(dn: str, attribute: str, values: tuple[str, ...]) -> str:
    """Return the text for the *values* of *attribute* in the entry *dn*, another one for others."""
    text = repr((dn.lower(), attribute, sorted(values)))
    return sha256(write_text(text).encode()).hexdigest()[:16]


class BouncedMail(NamedTuple):
    """A mail that came back: its *address*, and the *account* that it was about, '' for many."""

    address: str
    account: str


def load_key(transaction: Transaction) -> bytes:
    """Return the secret of the outbox for tokens; the first call makes it."""
    key = transaction.get_meta(_KEY)
    if key is None:
        key = secrets.token_hex(32)
        transaction.set_meta(_KEY, key)
    return bytes.fromhex(key)


def make_token(key: bytes, number: int, message_id: str, address: str) -> str:
    """Return the token of the mail with the id *number*."""
    text = f"{number}\n{write_text(message_id)}\n{normalize_address(address)}".encode()
    return f"{number}-{hmac.digest(key, text, sha256).hex()[:_DIGITS]}"


def record_bounce(transaction: Transaction, token: str, reason: str) -> BouncedMail | None:
    """Record that the mail of *token* came back because its address does not exist.

    The address is undeliverable while its entry stays as it was, and the operator is notified with
    the next delivery, unless it was known.

    Args:
        reason: the server's, as one line.

    Returns:
        The mail; None if the token is not valid, or has been used.
    """
    form = _TOKEN.fullmatch(token)
    row = transaction.execute(
        "SELECT id, key, address, recipient, role, entry, account, task, kind, state FROM mails "
        "WHERE id = ? AND (status = 'sent' OR status = 'waiting' AND unanswered)",
        (int(form[1]) if form else 0,),
    ).fetchone()
    if row is None:
        return None
    number, key, address, recipient, role, entry, account, task, kind, state = row
    if not hmac.compare_digest(token, make_token(load_key(transaction), number, key, address)):
        return None
    reason = write_text(f"bounced: {reason}")
    known = _mark(transaction, recipient, entry, account, reason) if entry else False
    transaction.execute(
        "UPDATE mails SET status = 'refused', error = ?, noticed = ?, done = ?, raw = x'', "
        "draft = '[]' WHERE id = ?",  # no events of a digest that is lost
        (reason, known or role == Role.OPERATOR.name, write_time(transaction.now), number),
    )
    # A digest whose answer was lost will not be tried again; the address's next one waits for it.
    transaction.execute("DELETE FROM digests WHERE mail = ?", (number,))
    transaction.execute(  # nobody there has heard of the problem
        "DELETE FROM sent WHERE recipient = ? AND role = ? AND last_id = ?",
        (recipient, role, key),
    )
    transaction.log(LogAction.BOUNCED, account, task, kind, state, address, reason)
    return BouncedMail(address, account)


def _mark(transaction: Transaction, address: str, entry: str, account: str, reason: str) -> bool:
    """Mark *address* of *entry* as undeliverable; return whether it was."""
    _forget_old(transaction)
    values = (address, entry, write_time(transaction.now), account, reason)
    done = transaction.execute("INSERT OR IGNORE INTO undeliverable VALUES (?, ?, ?, ?, ?)", values)
    return done.rowcount == 0


def _forget_old(transaction: Transaction) -> None:
    old = write_time(transaction.now - UNDELIVERABLE_FOR)
    transaction.execute("DELETE FROM undeliverable WHERE since <= ?", (old,))


def find_bounce(transaction: Transaction, number: int) -> str:
    """Return why the address of the mail with the id *number* is undeliverable, '' if it is not."""
    row = transaction.execute(
        "SELECT reason FROM undeliverable JOIN mails USING (recipient, entry) "
        "WHERE id = ? AND since > ?",
        (number, write_time(transaction.now - UNDELIVERABLE_FOR)),
    ).fetchone()
    return "" if row is None else str(row[0])


def list_undeliverable(transaction: Transaction) -> Undeliverable:
    """Return the addresses that bounced in the last 30 days."""
    _forget_old(transaction)
    return _make_undeliverable(transaction.execute(_UNDELIVERABLE).fetchall())


def read_undeliverable(file: Path, now: datetime) -> Undeliverable:
    """Return the same of the outbox *file*, without changing it; OutboxError if it is unusable."""
    with read_outbox(file) as db:
        old = write_time(now - UNDELIVERABLE_FOR)
        rows = db.execute(f"{_UNDELIVERABLE} WHERE since > ?", (old,)).fetchall()
        return _make_undeliverable(rows)


_UNDELIVERABLE = "SELECT recipient, entry, since, reason FROM undeliverable"


def _make_undeliverable(rows: list[tuple[str, str, float, str]]) -> Undeliverable:
    return Undeliverable(
        {
            (address, entry): f"{reason} ({format_time(read_time(since), UTC)})"
            for address, entry, since, reason in rows
        }
    )


def forget_bounces(transaction: Transaction) -> int:
    """Let mails be sent to all addresses again; return how many were undeliverable."""
    return transaction.execute("DELETE FROM undeliverable").rowcount
