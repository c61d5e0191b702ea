"""What was sent to whom last: mails that arrived, and those that wait in the outbox."""

from collections.abc import Iterable

from backup_monitoring.model import EventKind, Role, State
from backup_monitoring.outbox.columns import normalize_address, read_time, write_text, write_time
from backup_monitoring.outbox.messages import GUARDED, OVER, SentState
from backup_monitoring.outbox.transaction import Transaction

_WHERE = "recipient = ? AND role = ? AND account = ? AND task = ?"
_MAY_HAVE_ARRIVED = "(status = 'sending' OR status = 'waiting' AND unanswered)"
# Newest first: what waits or is being sent, then what arrived. The sixth column says whether the
# recipient has the mail or certainly gets it, so that a reply to it finds its thread.
_LAST_SENT = f"""
SELECT kind, state, created AS at, iif(thread = '', key, thread), key,
    status IN ('waiting', 'sending'), 1 AS pending FROM mails
WHERE {_WHERE} AND kind NOT IN ('', 'CUSTOM')
    AND status IN ('settling', 'held', 'waiting', 'sending')
UNION ALL SELECT kind, state, at, '', '', 0, 1 FROM digests
WHERE {_WHERE} AND kind NOT IN ('', 'CUSTOM')
UNION ALL SELECT kind, state, at, first_id, last_id, first_id != '', 0 FROM sent
WHERE {_WHERE}
ORDER BY pending DESC, at DESC
"""  # noqa: S608 - ours


def record_sent(
    transaction: Transaction,
    to: tuple[str, Role],
    account: str,
    task: str,
    kind: EventKind,
    state: State,
    key: str = "",
    thread: str = "",
) -> None:
    """Record that a mail was delivered.

    Args:
        to: the address, and the role in which it was notified.
        key: the mail's Message-ID. thread: the thread's first; both '' for a digest's event.
    """
    subject = _make_values(to, account, task)
    if kind is EventKind.CUSTOM:  # says nothing about the problem: only the thread continues
        transaction.execute(
            f"UPDATE sent SET last_id = ? WHERE {_WHERE} AND first_id != ''",  # noqa: S608 - ours
            (key, *subject),
        )
        return
    transaction.execute(
        "INSERT OR REPLACE INTO sent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*subject, kind.name, state.name, thread or key, key, write_time(transaction.now)),
    )


def find_last_sent(
    transaction: Transaction, to: tuple[str, Role], account: str, task: str
) -> SentState | None:
    """Return the last mail to an address in a role that was or will be delivered, None if none.

    CUSTOM mails do not count. A RECOVERY ends the thread.
    """
    subject = _make_values(to, account, task)
    rows = transaction.execute(_LAST_SENT, subject * 3).fetchall()
    if not rows:
        return None
    kind, state, at = rows[0][:3]
    first, last = next((row[3:5] for row in rows if row[5]), ("", ""))
    return SentState(EventKind[kind], State[state], first, last, read_time(at))


def is_notified(transaction: Transaction, to: tuple[str, Role], account: str, task: str) -> bool:
    """Return whether a mail about a failure arrived, or certainly will."""
    subject = _make_values(to, account, task)
    where = f"{_WHERE} AND kind IN ({_quote_kinds(GUARDED)})"
    row = transaction.execute(
        f"SELECT 1 FROM sent WHERE {where} UNION ALL SELECT 1 FROM mails WHERE {where} "  # noqa: S608 - ours
        f"AND status IN ('waiting', 'sending') UNION ALL SELECT 1 FROM digests WHERE {where} "
        "AND status IN ('waiting', 'composed') LIMIT 1",
        subject * 3,
    ).fetchone()
    return row is not None


def is_anybody_notified(transaction: Transaction, account: str, task: str) -> bool:
    """Return whether a mail about a failure arrived anywhere, or is on its way."""
    where = f"account = ? AND task = ? AND kind IN ({_quote_kinds(GUARDED)})"
    row = transaction.execute(
        f"SELECT 1 FROM sent WHERE {where} UNION ALL SELECT 1 FROM mails WHERE {where} "  # noqa: S608 - ours
        f"AND {_MAY_HAVE_ARRIVED} UNION ALL SELECT 1 FROM digests WHERE {where} "
        "AND status = 'composed' LIMIT 1",
        (write_text(account), write_text(task)) * 3,
    ).fetchone()
    return row is not None


def forget_sent(
    transaction: Transaction, account: str, task: str, keep: Iterable[tuple[str, Role]]
) -> None:
    """Forget who was notified of a problem that is over, except *keep*, who hear of its end."""
    kept = {(normalize_address(address), role) for address, role in keep}
    for address, role in list_notified(transaction, account, task):
        if (address, role) not in kept:
            subject = _make_values((address, role), account, task)
            transaction.execute(f"DELETE FROM sent WHERE {_WHERE}", subject)  # noqa: S608 - ours


def record_refused(
    transaction: Transaction, to: tuple[str, Role], account: str, task: str, kind: EventKind
) -> None:
    """Forget what a refused mail of *kind* makes untrue, so that no scan tries it again.

    An address that refuses to hear of the end, or of a new beginning, hears nothing more.
    """
    over = _quote_kinds(OVER)
    transaction.execute(
        f"DELETE FROM sent WHERE {_WHERE} AND (kind IN ({over}) OR ? IN ({over}))",  # noqa: S608
        (*_make_values(to, account, task), kind.name),
    )


def list_notified(transaction: Transaction, account: str, task: str) -> list[tuple[str, Role]]:
    """Return the addresses, with their roles, whose last delivered mail was about a failure.

    A mail that may have arrived counts.
    """
    where = (
        f"account = ? AND task = ? AND kind IN ({_quote_kinds(GUARDED)}) "
        f"AND role != '{Role.OPERATOR.name}'"
    )
    rows = transaction.execute(
        f"SELECT recipient, role FROM sent WHERE {where} UNION SELECT recipient, role FROM mails "  # noqa: S608 - ours
        f"WHERE {where} AND {_MAY_HAVE_ARRIVED} ORDER BY recipient, role",
        (write_text(account), write_text(task)) * 2,
    )
    return [(str(address), Role[role]) for address, role in rows]


def _make_values(to: tuple[str, Role], account: str, task: str) -> tuple[str, ...]:
    """Return the values of `_WHERE`."""
    return normalize_address(to[0]), to[1].name, write_text(account), write_text(task)


def _quote_kinds(kinds: Iterable[EventKind]) -> str:
    return ", ".join(f"'{kind.name}'" for kind in kinds)
