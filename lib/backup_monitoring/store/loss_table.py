"""Keeps the monitored accounts and the lost ones from run to run, in the history's file."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeVar

from backup_monitoring.store.files import UNREADABLE
from backup_monitoring.store.losses import LossVerdict, LostAccount
from backup_monitoring.store.schema import read_loss, write_text

T = TypeVar("T")
_LOSSES = "SELECT key, uid, customers, since, reason, verdict FROM losses ORDER BY key"
LOSS_TABLES = """
CREATE TABLE monitored (
    key TEXT PRIMARY KEY, uid TEXT, customers TEXT, incoming INTEGER
) WITHOUT ROWID;
CREATE TABLE losses (
    key TEXT PRIMARY KEY, uid TEXT, customers TEXT, since REAL, reason TEXT, verdict TEXT
) WITHOUT ROWID;
"""


class MonitoredAccount(NamedTuple):
    """What a run keeps of an account that it monitors, for the case that the next one misses it.

    Args:
        uid: its name. customers: their uids, in lower case and sorted.
        incoming: whether its folder ``incoming`` was ever seen.
    """

    uid: str
    customers: tuple[str, ...] = ()
    incoming: bool = False


class LossTable:
    """The two tables of an open history.

    Args:
        db: within a transaction. guard: makes errors of SQLite the history's.
        report_damage: called with the name of each row that cannot be what was written.

    Raises:
        StoreError: the file cannot be read or written; every method may.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        guard: Callable[[], AbstractContextManager[None]],
        report_damage: Callable[[str], None],
    ) -> None:
        self._db = db
        self._guard = guard
        self._report_damage = report_damage

    def read_monitored(self) -> dict[str, MonitoredAccount]:
        """Return the accounts that the last run monitored, those that are held included."""
        query = "SELECT key, uid, customers, incoming FROM monitored"
        return dict(self._read_rows(query, _read_monitored))

    def _read_rows(self, query: str, read: Callable[[Sequence[Any]], T]) -> Iterator[tuple[str, T]]:
        """Yield key and value of each row; one that is damaged is reported."""
        with self._guard():
            for row in self._db.execute(query).fetchall():
                try:
                    yield row[0], read(row)
                except UNREADABLE:
                    self._report_damage(f"what was known of the account {row[0]}")

    def change_monitored(
        self, changed: Mapping[str, MonitoredAccount], ended: Iterable[str]
    ) -> None:
        """Write the *changed* accounts, and delete the *ended* ones."""
        with self._guard():
            self._db.executemany("DELETE FROM monitored WHERE key = ?", ((key,) for key in ended))
            self._db.executemany(
                "REPLACE INTO monitored VALUES (?, ?, ?, ?)",
                (
                    (key, write_text(each.uid), _write_names(each.customers), each.incoming)
                    for key, each in changed.items()
                ),
            )

    def read_losses(self) -> dict[str, LostAccount]:
        """Return the accounts that are lost."""
        return dict(self._read_rows(_LOSSES, _read_lost))

    def write_losses(self, losses: Mapping[str, LostAccount]) -> None:
        """Replace the accounts that are lost, unless they are the same."""
        rows = {
            (
                key,
                write_text(lost.uid),
                _write_names(lost.customers),
                lost.since.timestamp(),
                lost.reason.name,
                lost.verdict.name,
            )
            for key, lost in losses.items()
        }
        with self._guard():
            if set(self._db.execute(_LOSSES)) == rows:
                return
            self._db.execute("DELETE FROM losses")
            self._db.executemany("INSERT INTO losses VALUES (?, ?, ?, ?, ?, ?)", rows)


def _read_monitored(row: Sequence[Any]) -> MonitoredAccount:
    _, uid, customers, incoming = row
    return MonitoredAccount(str(uid), _read_names(customers), incoming == 1)


def _read_lost(row: Sequence[Any]) -> LostAccount:
    _, uid, customers, since, reason, verdict = row
    loss = read_loss(since, reason)
    return LostAccount(str(uid), _read_names(customers), *loss, LossVerdict[verdict])


def _read_names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text != "[]" else ()


def _write_names(names: tuple[str, ...]) -> str:
    return json.dumps(names)
