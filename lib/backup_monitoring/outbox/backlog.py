"""How the outbox is: what waits, for how long, and what will not arrive."""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.outbox.columns import read_time, write_time
from backup_monitoring.outbox.outbox_file import make_error, read_outbox

_DAY = timedelta(days=1)


class OutboxStatus(NamedTuple):
    """The outbox at a moment.

    Args:
        waiting: mails to be delivered, those being retried included.
        oldest: since how long the oldest of them could be delivered; None where none waits.
        settling: mails and digests' events that wait for a storm to show.
        held: those that are held, until their storm is over or they are released.
        refused: mails that were refused or given up in the last 24 hours.
    """

    waiting: int = 0
    oldest: timedelta | None = None
    settling: int = 0
    held: int = 0
    refused: int = 0


def read_status(file: Path, now: datetime) -> OutboxStatus:
    """Return how the outbox is; it is not changed.

    Raises:
        OutboxError: it is not there, or cannot be read.
    """
    try:
        db = read_outbox(file)
        try:
            return _status(db, now)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise make_error(file, error) from None


def _status(db: sqlite3.Connection, now: datetime) -> OutboxStatus:
    waiting, ready = db.execute(
        "SELECT count(*), min(max(ready, not_before)) FROM mails "
        "WHERE status IN ('waiting', 'sending') AND not_before <= ?",
        (write_time(now),),
    ).fetchone()
    counts = dict(
        db.execute(
            "SELECT status, count(*) FROM (SELECT status FROM mails UNION ALL "
            "SELECT status FROM digests) WHERE status IN ('settling', 'held') GROUP BY status"
        )
    )
    refused = db.execute(
        "SELECT count(*) FROM mails WHERE status = 'refused' AND done > ?",
        (write_time(now - _DAY),),
    ).fetchone()[0]
    oldest = None if ready is None else max(now - read_time(ready), timedelta(0))
    return OutboxStatus(waiting, oldest, counts.get("settling", 0), counts.get("held", 0), refused)
