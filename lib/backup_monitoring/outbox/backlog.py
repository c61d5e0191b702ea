"""The state of the outbox: what waits and for how long, and what will not arrive."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.outbox.columns import read_time, write_time
from backup_monitoring.outbox.outbox_copy import read_outbox
from backup_monitoring.outbox.outbox_errors import make_damage_error, make_error
from backup_monitoring.outbox.spool import Spool, SpoolStatus
from backup_monitoring.settings import NotifySettings

SCANNED = "scanned"  # in the outbox's meta: when the last scan ended
_DAY = timedelta(days=1)
# Since when a delivery could have sent each mail that it has not. If none runs, mails stay with the
# storm guard, and events in no digest. ?1: how long a new problem waits, ?2: an event of a digest,
# ?3: now, later than which are only times from before the clock was set back.
_READY = """
SELECT min(ready, ?3) AS ready FROM mails WHERE status IN ('waiting', 'sending')
UNION ALL SELECT created + ?1 FROM mails WHERE status = 'settling'
UNION ALL SELECT at + ?2 FROM digests WHERE status = 'waiting'
UNION ALL SELECT at + ?1 + ?2 FROM digests WHERE status = 'settling'
"""


class OutboxStatus(NamedTuple):
    """The mails of the outbox.

    Args:
        waiting: mails that are to be delivered, retried ones included, and what no delivery has
            released or written a digest of, though it was due.
        oldest: how long the oldest of them could have been delivered; None if none waits.
        held: mails and digest events that the storm guard holds, and problems that ended.
        refused: mails that were refused or given up in the last 24 hours.
        spooled: calls of the hook that no delivery has handled.
        retried: calls that wait because nobody could be looked up.
        oldest_call: how long the oldest of both has waited; None if there is none.
        reason: why the oldest of the mails that are retried waits, '' if none is; it holds the mail
            server's own text.
        scanned: when the last scan ended, UTC; None: none has.
    """

    waiting: int = 0
    oldest: timedelta | None = None
    held: int = 0
    refused: int = 0
    spooled: int = 0
    retried: int = 0
    oldest_call: timedelta | None = None
    reason: str = ""
    scanned: datetime | None = None


def read_status(file: Path, policy: NotifySettings, now: datetime) -> OutboxStatus:
    """Return the state of the outbox *file* and its spool at *now*, without changing them.

    Args:
        policy: ``settle`` and ``reseller.digest_delay``.

    Raises:
        OutboxError: it is missing, empty or damaged. OutboxAccessError: this user cannot read it.
    """
    try:
        with read_outbox(file) as db:
            # A page that no count reads may hold the mails themselves.
            answer = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if answer != "ok":
                raise make_damage_error(file, answer)
            return _count_mails(db, Spool(file).read_status(now), policy, now)
    except sqlite3.Error as error:
        raise make_error(file, error) from None
    except (ValueError, OverflowError):
        raise make_damage_error(file, "a time in it is not valid") from None


def _count_mails(
    db: sqlite3.Connection, spool: SpoolStatus, policy: NotifySettings, now: datetime
) -> OutboxStatus:
    delays = (policy.settle, policy.reseller.digest_delay)
    waiting, ready = db.execute(
        f"SELECT count(*), min(ready) FROM ({_READY}) WHERE ready <= ?3",  # noqa: S608 - ours
        (*(delay.total_seconds() for delay in delays), write_time(now)),
    ).fetchone()
    held = db.execute(
        "SELECT count(*) FROM (SELECT status FROM mails UNION ALL SELECT status FROM digests) "
        "WHERE status = 'held'"
    ).fetchone()[0]
    held += db.execute(
        "SELECT total(json_array_length(held)) FROM storms WHERE NOT sent"
    ).fetchone()[0]
    refused = db.execute(
        "SELECT count(*) FROM mails WHERE status = 'refused' AND done > ?",
        (write_time(now - _DAY),),
    ).fetchone()[0]
    retried, since = db.execute("SELECT count(*), min(since) FROM calls").fetchone()
    ages = (_measure_age(since, now), spool.oldest)
    oldest_call = max((age for age in ages if age is not None), default=None)
    oldest = _measure_age(ready, now)
    reason = db.execute(
        "SELECT error FROM mails WHERE status IN ('waiting', 'sending') AND attempts > 0 "
        "ORDER BY ready, id LIMIT 1"
    ).fetchone()
    scanned = db.execute("SELECT value FROM meta WHERE key = ?", (SCANNED,)).fetchone()
    return OutboxStatus(
        waiting,
        oldest,
        int(held),
        refused,
        spool.calls,
        retried,
        oldest_call,
        "" if reason is None else reason[0],
        None if scanned is None else datetime.fromisoformat(scanned[0]).astimezone(UTC),
    )


def _measure_age(since: float | None, now: datetime) -> timedelta | None:
    return None if since is None else max(now - read_time(since), timedelta(0))
