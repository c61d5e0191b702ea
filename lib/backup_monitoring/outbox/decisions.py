"""The decisions that the outbox remembers: what was queued, held, sent or not, about whom and why.

They are those of the log's lines, and stored with what they are about: after a kill neither is
there without the other. The log may be switched off, rotated, or closed to who asks.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

from backup_monitoring.outbox.columns import (
    read_optional_time,
    read_time,
    write_text,
    write_time,
)
from backup_monitoring.outbox.delivery_log import LogAction, LogLine
from backup_monitoring.outbox.outbox_copy import read_outbox
from backup_monitoring.outbox.outbox_errors import make_error

KEEP_DECISIONS = timedelta(days=30)
# Per account, so that nobody can fill the disk by failing and recovering all the time.
_MOST_KEPT = 1000
_LONGEST = 500  # characters of a text from outside
_PENDING = """
SELECT its.account, its.task, its.kind, its.state, its.address, its.status, its.next_try
FROM mails AS its WHERE its.status IN ('settling', 'held', 'waiting', 'sending') {about}
UNION ALL SELECT its.account, its.task, its.kind, its.state, its.recipient,
    coalesce(mails.status, its.status), mails.next_try
FROM digests AS its LEFT JOIN mails ON its.mail = mails.id WHERE 1 {about}
"""


class PendingMail(NamedTuple):
    """What has not been sent to an *address* yet.

    Args:
        status: ``settling``, ``held``, ``waiting`` or ``sending``.
        next_try: when the next attempt is due, UTC; None if that is not known.
    """

    address: str
    status: str
    next_try: datetime | None


class PastDecision(NamedTuple):
    """A decision about an event, and what has become of it.

    Args:
        at: when, UTC. action: what was decided. reason: why; '' if there is nothing to explain.
        account, task, kind, state: of the event; '' for a mail about many, or none.
        addresses: whom it concerns; empty: nobody, or everybody.
        pending: of these addresses, what has not been sent yet.
    """

    at: datetime
    action: LogAction
    account: str
    task: str
    kind: str
    state: str
    addresses: tuple[str, ...]
    reason: str
    pending: tuple[PendingMail, ...] = ()


def save_decisions(db: sqlite3.Connection, lines: Sequence[LogLine]) -> None:
    """Store the decisions *lines* in the transaction that is open."""
    db.executemany(
        "INSERT INTO decisions (at, action, account, task, kind, state, address, reason) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                write_time(line.time),
                line.what.name,
                *(write_text(text) for text in line[2:7]),
                write_text(line.reason[:_LONGEST]),
            )
            for line in lines
        ],
    )
    for account in {write_text(line.account) for line in lines}:
        db.execute(
            "DELETE FROM decisions WHERE account = ?1 AND id <= (SELECT id FROM decisions "
            "WHERE account = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (account, _MOST_KEPT),
        )


def read_decisions(file: Path, account: str | None, at_most: int) -> list[PastDecision]:
    """Return the decisions about *account*, in any case, the newest first; None: about all.

    Decisions about several addresses, made at once for the same reason, are one.

    Args:
        file: the outbox, which is not changed. at_most: decisions that are read.

    Raises:
        OutboxError: it is missing, empty or damaged. OutboxAccessError: this user cannot read it.
    """
    about, values = (
        ("", ()) if account is None else ("AND its.account = ?1", (write_text(account),))
    )
    try:
        with read_outbox(file) as db:
            db.execute("BEGIN")  # one state of the file, whatever a delivery does meanwhile
            rows = db.execute(
                "SELECT at, action, account, task, kind, state, reason, address "  # noqa: S608 - ours
                f"FROM decisions AS its WHERE 1 {about} ORDER BY id DESC LIMIT {at_most:d}",
                values,
            ).fetchall()
            pending = db.execute(_PENDING.format(about=about), values).fetchall()
    except sqlite3.Error as error:
        raise make_error(file, error) from None
    return _merge(rows, pending)


def _merge(
    rows: Iterable[tuple[float, str, str, str, str, str, str, str]],
    pending: Iterable[tuple[str, str, str, str, str, str, float | None]],
) -> list[PastDecision]:
    """Return the decisions *rows*, newest first, each with the *pending* mails of its event."""
    waiting: dict[tuple[str, ...], PendingMail] = {}
    for account, task, kind, state, address, status, next_try in pending:
        mail = PendingMail(address, status, read_optional_time(next_try))
        waiting[account.lower(), task, kind, state, address.lower()] = mail
    merged: dict[tuple[float, str, str, str, str, str, str], list[str]] = {}
    for *key, address in rows:
        merged.setdefault(cast("Any", tuple(key)), []).append(address)
    decisions = []
    for (at, action, account, task, kind, state, reason), addresses in merged.items():
        event = (account, task, kind, state)
        once = tuple(dict.fromkeys(filter(None, reversed(addresses))))
        # The newest decision about a mail shows what it waits for.
        keys = [(account.lower(), *event[1:], address.lower()) for address in once]
        mails = tuple(waiting.pop(key) for key in keys if key in waiting)
        done = PastDecision(read_time(at), LogAction[action], *event, once, reason, mails)
        decisions.append(done)
    return decisions
