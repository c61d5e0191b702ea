"""The state of the outbox: what waits and for how long, and what will not arrive."""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.outbox.columns import read_time, write_time
from backup_monitoring.outbox.outbox_errors import make_damage_error, make_error
from backup_monitoring.outbox.outbox_file import read_outbox

_DAY = timedelta(days=1)


class OutboxStatus(NamedTuple):
    """The mails of the outbox.

    Args:
        waiting: mails that are to be delivered, retried ones included.
        oldest: how long the oldest of them could have been delivered; None if none waits.
        held: mails and digest events that the storm guard holds.
        refused: mails that were refused or given up in the last 24 hours.
    """

    waiting: int = 0
    oldest: timedelta | None = None
    held: int = 0
    refused: int = 0


def read_status(file: Path, now: datetime) -> OutboxStatus:
    """Return the state of the outbox *file* at *now*, without changing it.

    Raises:
        OutboxError: it is missing, empty or damaged. OutboxAccessError: this user cannot read it.
    """
    try:
        db = read_outbox(file)
        try:
            # A page that no count reads may hold the mails themselves.
            answer = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if answer != "ok":
                raise make_damage_error(file, answer)
            return _count_mails(db, now)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise make_error(file, error) from None


def _count_mails(db: sqlite3.Connection, now: datetime) -> OutboxStatus:
    waiting, ready = db.execute(
        "SELECT count(*), min(ready) FROM mails WHERE status IN ('waiting', 'sending')"
    ).fetchone()
    held = db.execute(
        "SELECT count(*) FROM (SELECT status FROM mails UNION ALL SELECT status FROM digests) "
        "WHERE status = 'held'"
    ).fetchone()[0]
    refused = db.execute(
        "SELECT count(*) FROM mails WHERE status = 'refused' AND done > ?",
        (write_time(now - _DAY),),
    ).fetchone()[0]
    oldest = None if ready is None else max(now - read_time(ready), timedelta(0))
    return OutboxStatus(waiting, oldest, held, refused)
