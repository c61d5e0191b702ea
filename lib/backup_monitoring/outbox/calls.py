"""The calls of the hook in the outbox: those that wait, and the files that were handled."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from backup_monitoring.outbox.columns import read_time, write_text, write_time
from backup_monitoring.outbox.transaction import Transaction


class WaitingCall(NamedTuple):
    """A call that could not be looked up.

    Args:
        id: grows in the order of the calls. text: as it was spooled.
        attempts: how often its account was looked up. since: when it began to wait, UTC.
    """

    id: int
    text: str
    attempts: int
    since: datetime


def list_waiting(transaction: Transaction) -> list[WaitingCall]:
    """Return the calls that wait, in their order."""
    rows = transaction.execute("SELECT id, text, attempts, since FROM calls ORDER BY id").fetchall()
    return [
        WaitingCall(number, text, attempts, read_time(since))
        for number, text, attempts, since in rows
    ]


def count_waiting(transaction: Transaction) -> int:
    """Return how many calls wait."""
    return int(transaction.execute("SELECT count(*) FROM calls").fetchone()[0])


def save_waiting(transaction: Transaction, text: str) -> int:
    """Let the call that was spooled as *text* wait; return its id."""
    added = transaction.execute(
        "INSERT INTO calls (text, since) VALUES (?, ?)", (text, write_time(transaction.now))
    )
    return int(added.lastrowid or 0)


def count_attempt(transaction: Transaction, number: int) -> None:
    """Note that the account of the call with the id *number* was looked up in vain."""
    transaction.execute("UPDATE calls SET attempts = attempts + 1 WHERE id = ?", (number,))


def delete_waiting(transaction: Transaction, number: int) -> None:
    """Delete the call with the id *number*."""
    transaction.execute("DELETE FROM calls WHERE id = ?", (number,))


def list_handled(transaction: Transaction) -> set[str]:
    """Return the names of spooled files that were handled and may not be deleted yet."""
    return {str(name) for (name,) in transaction.execute("SELECT name FROM spooled")}


def record_handled(transaction: Transaction, name: str) -> None:
    """Record that the spooled file *name* is handled by this transaction."""
    transaction.execute("INSERT OR IGNORE INTO spooled VALUES (?)", (write_text(name),))


def forget_handled(transaction: Transaction, names: Iterable[str]) -> None:
    """Forget the *names* of files that are deleted."""
    for name in names:
        transaction.execute("DELETE FROM spooled WHERE name = ?", (write_text(name),))
