"""Who got the weekly summary of which week, so that it is sent exactly once."""

from datetime import date, timedelta

from backup_monitoring.model import Recipient
from backup_monitoring.outbox.columns import normalize_address, write_text
from backup_monitoring.outbox.transaction import Transaction

_WEEK = timedelta(days=7)


def is_summary_due(transaction: Transaction, recipient: Recipient, week: date) -> bool:
    """Return whether *recipient* has not got the summary of the *week* of this Monday.

    After a clock that has stepped back, a week that seems to come again is not a new one. One that
    was ahead by more than a week is not waited for.
    """
    known = _find_week(transaction, recipient, "sent")
    return known is None or known < week or known > week + _WEEK


def record_summary(transaction: Transaction, recipient: Recipient, week: date) -> None:
    """Record that the summary of *week* is queued for *recipient*."""
    _record_week(transaction, recipient, "sent", week)


def record_objection(transaction: Transaction, recipient: Recipient, week: date) -> bool:
    """Record that the summary of *week* must not be sent yet; return whether that is new."""
    if _find_week(transaction, recipient, "objection") == week:
        return False
    _record_week(transaction, recipient, "objection", week)
    return True


def list_withheld(transaction: Transaction) -> set[tuple[str, str]]:
    """Return accounts, in lower case, and tasks about which mails settle or are held."""
    rows = transaction.execute(
        "SELECT account, task FROM mails WHERE status IN ('settling', 'held') "
        "UNION SELECT account, task FROM digests WHERE status IN ('settling', 'held')"
    )
    return {(str(account).lower(), str(task)) for account, task in rows}


def _find_week(transaction: Transaction, recipient: Recipient, what: str) -> date | None:
    row = transaction.execute(
        "SELECT week FROM summaries WHERE recipient = ? AND role = ? AND reseller = ? AND what = ?",
        (*_make_values(recipient), what),
    ).fetchone()
    return None if row is None else date.fromisoformat(row[0])


def _record_week(transaction: Transaction, recipient: Recipient, what: str, week: date) -> None:
    transaction.execute(
        "INSERT OR REPLACE INTO summaries VALUES (?, ?, ?, ?, ?)",
        (*_make_values(recipient), what, week.isoformat()),
    )


def _make_values(recipient: Recipient) -> tuple[str, str, str]:
    group = recipient.reseller or recipient.sender
    return normalize_address(recipient.address), recipient.role.name, write_text(group)
