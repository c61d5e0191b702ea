"""What was sent to whom: recorded, and read as the conversation about an account and task."""

from collections.abc import Iterable

from backup_monitoring.model import EventKind, Role, State
from backup_monitoring.outbox.columns import normalize_address, write_text, write_time
from backup_monitoring.outbox.conversation import Conversation, Message
from backup_monitoring.outbox.messages import GUARDED, OVER
from backup_monitoring.outbox.transaction import Transaction

_WHERE = "account = ? AND task = ? AND recipient = ? AND role = ?"
_ABOUT = "account = ? AND task = ? AND kind NOT IN ('', 'CUSTOM')"
# Newest first: what waits or is being sent, then what arrived or was refused.
_CONVERSATION = f"""
SELECT recipient, role, kind, state,
    iif(status = 'waiting' AND unanswered, 'sending', status), person,
    iif(thread = '', key, thread), key, created AS at, id, 1 AS pending FROM mails
WHERE {_ABOUT} AND status IN ('settling', 'held', 'waiting', 'sending')
UNION ALL SELECT recipient, role, kind, state, status, person, '', '', at, id, 1 FROM digests
WHERE {_ABOUT}
UNION ALL SELECT recipient, role, kind, state, iif(refused, 'refused', 'sent'), person, first_id,
    last_id, at, 0, 0 FROM sent
WHERE account = ? AND task = ?
ORDER BY pending DESC, at DESC, id DESC
"""  # noqa: S608 - ours


def read_conversation(transaction: Transaction, account: str, task: str) -> Conversation:
    """Return what was sent to whom about *account* and *task*, and what waits.

    CUSTOM mails do not count: they say nothing about a problem.
    """
    about = write_text(account), write_text(task)
    rows = transaction.execute(_CONVERSATION, about * 3).fetchall()
    return Conversation(
        tuple(
            Message(address, Role[role], EventKind[kind], State[state], *row)
            for address, role, kind, state, *row in (each[:8] for each in rows)
        )
    )


def record_sent(
    transaction: Transaction,
    to: tuple[str, Role],
    account: str,
    task: str,
    kind: EventKind,
    state: State,
    person: str = "",
    key: str = "",
    thread: str = "",
    *,
    in_digest: bool = False,
) -> None:
    """Record that a mail was delivered.

    Args:
        to: the address, and the role in which it was notified.
        person: the recipient, as it is stored with the mail.
        key: the mail's Message-ID. thread: the thread's first, '' if that is this mail.
        in_digest: the mail is a digest, which continues the threads of its problems.
    """
    subject = _make_values(to, account, task)
    if kind is EventKind.CUSTOM:  # says nothing about the problem: only the thread continues
        transaction.execute(
            f"UPDATE sent SET last_id = ? WHERE {_WHERE} AND first_id != ''",  # noqa: S608 - ours
            (key, *subject),
        )
        return
    if in_digest:
        thread = _find_thread(transaction, subject, kind)
    ids = thread or key, key
    _save(transaction, "REPLACE", subject, kind, state, ids, person, refused=False)


def _find_thread(transaction: Transaction, subject: tuple[str, ...], kind: EventKind) -> str:
    """Return the Message-ID of the first mail about the problem, '' if it begins now."""
    row = transaction.execute(
        f"SELECT first_id FROM sent WHERE {_WHERE} "  # noqa: S608 - ours
        f"AND (? != '{EventKind.PROBLEM.name}' OR kind NOT IN ({_quote_kinds(OVER)}))",
        (*subject, kind.name),
    ).fetchone()
    return "" if row is None else str(row[0])


def record_refused(
    transaction: Transaction,
    to: tuple[str, Role],
    account: str,
    task: str,
    kind: EventKind,
    state: State,
) -> None:
    """Record that a mail was refused for good, so that no scan tries it again.

    An address that refuses to hear of the end, or of a new beginning, hears nothing more.
    """
    over, subject = _quote_kinds(OVER), _make_values(to, account, task)
    transaction.execute(
        f"DELETE FROM sent WHERE {_WHERE} AND (kind IN ({over}) OR ? IN ({over}))",  # noqa: S608
        (*subject, kind.name),
    )
    if kind in GUARDED:  # unless an earlier mail about the same problem arrived
        _save(transaction, "IGNORE", subject, kind, state, ("", ""), "", refused=True)


def _save(
    transaction: Transaction,
    otherwise: str,
    subject: tuple[str, ...],
    kind: EventKind,
    state: State,
    ids: tuple[str, str],
    person: str,
    *,
    refused: bool,
) -> None:
    """Store a row; *otherwise*, SQL, says what happens to the one that may be there."""
    columns = "account, task, recipient, role, kind, state, first_id, last_id, at, person, refused"
    transaction.execute(
        f"INSERT OR {otherwise} INTO sent ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (*subject, kind.name, state.name, *ids, write_time(transaction.now), person, refused),
    )


def forget_sent(
    transaction: Transaction, account: str, task: str, keep: Iterable[tuple[str, Role]]
) -> None:
    """Forget who was notified of a problem that is over, except *keep*, who hear of its end."""
    kept = {(normalize_address(address), role.name) for address, role in keep}
    rows = transaction.execute(
        "SELECT account, task, recipient, role FROM sent WHERE account = ? AND task = ? "  # noqa: S608
        f"AND kind IN ({_quote_kinds(GUARDED)}) AND role != '{Role.OPERATOR.name}'",
        (write_text(account), write_text(task)),
    ).fetchall()
    for row in rows:
        if row[2:] not in kept:
            transaction.execute(f"DELETE FROM sent WHERE {_WHERE}", row)  # noqa: S608 - ours


def _make_values(to: tuple[str, Role], account: str, task: str) -> tuple[str, ...]:
    """Return the values of `_WHERE`."""
    return write_text(account), write_text(task), normalize_address(to[0]), to[1].name


def _quote_kinds(kinds: Iterable[EventKind]) -> str:
    return ", ".join(f"'{kind.name}'" for kind in kinds)
