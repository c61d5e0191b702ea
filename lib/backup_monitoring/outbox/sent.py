"""Who was told what last, of what waits in the outbox and of what arrived."""

from collections.abc import Iterable

from backup_monitoring.model import EventKind, Role, State
from backup_monitoring.outbox.columns import normalize_address, read_time, write_text, write_time
from backup_monitoring.outbox.messages import SentState
from backup_monitoring.outbox.queue import GUARDED, OVER, Transaction

_WHERE = "recipient = ? AND role = ? AND account = ? AND task = ?"
# Newest first: what is on its way, then what arrived. The last column says whether the recipient
# has or certainly gets the mail, so that a reply to it finds its thread.
_LAST_TOLD = f"""
SELECT kind, state, created AS at, iif(thread = '', key, thread), key,
    status IN ('waiting', 'sending'), 1 AS pending FROM mails
WHERE {_WHERE} AND kind NOT IN ('', 'CUSTOM')
    AND status IN ('settling', 'held', 'waiting', 'sending')
UNION ALL SELECT kind, state, at, '', '', 0, 1 FROM digests
WHERE {_WHERE} AND kind NOT IN ('', 'CUSTOM')
UNION ALL SELECT kind, state, at, first_id, last_id, first_id != '', 0 FROM told
WHERE {_WHERE}
ORDER BY pending DESC, at DESC
"""  # noqa: S608 - ours


def record_sent(
    t: Transaction,
    to: tuple[str, Role],
    account: str,
    task: str,
    kind: EventKind,
    state: State,
    key: str = "",
    thread: str = "",
) -> None:
    """Remember that a mail arrived.

    Args:
        to: the address, and the role in which it was told.
        key: the mail's Message-ID. thread: the thread's first; both '' for a digest's line.
    """
    about = _about(to, account, task)
    if kind is EventKind.CUSTOM:  # says nothing about the problem: only the thread goes on
        t.execute(
            f"UPDATE told SET last_id = ? WHERE {_WHERE} AND first_id != ''",  # noqa: S608 - ours
            (key, *about),
        )
        return
    t.execute(
        "INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*about, kind.name, state.name, thread or key, key, write_time(t.now)),
    )


def find_last_sent(
    t: Transaction, to: tuple[str, Role], account: str, task: str
) -> SentState | None:
    """Return the last mail to an address in a role that was or will be delivered, None if none.

    CUSTOM mails do not count. After a RECOVERY the thread is over.
    """
    about = _about(to, account, task)
    rows = t.execute(_LAST_TOLD, about * 3).fetchall()
    if not rows:
        return None
    kind, state, at = rows[0][:3]
    first, last = next((row[3:5] for row in rows if row[5]), ("", ""))
    return SentState(EventKind[kind], State[state], first, last, read_time(at))


def was_sent(t: Transaction, to: tuple[str, Role], account: str, task: str) -> bool:
    """Tell whether a mail of a failure arrived there, or certainly will."""
    about = _about(to, account, task)
    where = f"{_WHERE} AND kind IN ({_named(GUARDED)})"
    row = t.execute(
        f"SELECT 1 FROM told WHERE {where} UNION ALL SELECT 1 FROM mails WHERE {where} "  # noqa: S608 - ours
        f"AND status IN ('waiting', 'sending') UNION ALL SELECT 1 FROM digests WHERE {where} "
        "AND status IN ('waiting', 'composed') LIMIT 1",
        about * 3,
    ).fetchone()
    return row is not None


def forget_sent(t: Transaction, account: str, task: str, but: Iterable[tuple[str, Role]]) -> None:
    """Forget who was told of a problem that is over, but those who are told that it is."""
    kept = {(normalize_address(address), role) for address, role in but}
    for address, role in list_sent_to(t, account, task):
        if (address, role) not in kept:
            about = _about((address, role), account, task)
            t.execute(f"DELETE FROM told WHERE {_WHERE}", about)  # noqa: S608 - ours


def record_refused(
    t: Transaction, to: tuple[str, Role], account: str, task: str, kind: EventKind
) -> None:
    """Forget what a refused mail of *kind* makes untrue; it must not be tried at every scan.

    Whoever refuses to hear that it is over, or that it began again, has heard the last.
    """
    over = _named(OVER)
    t.execute(
        f"DELETE FROM told WHERE {_WHERE} AND (kind IN ({over}) OR ? IN ({over}))",  # noqa: S608
        (*_about(to, account, task), kind.name),
    )


def list_sent_to(t: Transaction, account: str, task: str) -> list[tuple[str, Role]]:
    """Return the addresses, with their roles, whose last delivered mail was of a failure."""
    rows = t.execute(
        "SELECT recipient, role FROM told WHERE account = ? AND task = ? "  # noqa: S608 - ours
        f"AND kind IN ({_named(GUARDED)}) AND role != '{Role.OPERATOR.name}' "
        "ORDER BY recipient, role",
        (write_text(account), write_text(task)),
    )
    return [(str(address), Role[role]) for address, role in rows]


def _about(to: tuple[str, Role], account: str, task: str) -> tuple[str, ...]:
    """Return the values of `_WHERE`."""
    return normalize_address(to[0]), to[1].name, write_text(account), write_text(task)


def _named(kinds: Iterable[EventKind]) -> str:
    return ", ".join(f"'{kind.name}'" for kind in kinds)
