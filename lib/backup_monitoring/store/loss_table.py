"""Keeps the monitored accounts and the lost ones from run to run, in the history's file."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from backup_monitoring.store.files import StoreError
from backup_monitoring.store.losses import LossVerdict, LostAccount
from backup_monitoring.store.schema import read_loss, write_text

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
        db: within a transaction. make_error: returns the history's error for SQLite's.

    Raises:
        StoreError: the file cannot be read or written; every method may.
    """

    def __init__(
        self, db: sqlite3.Connection, make_error: Callable[[sqlite3.Error], StoreError]
    ) -> None:
        self._db = db
        self._make_error = make_error

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._make_error(error) from None

    def read_monitored(self) -> dict[str, MonitoredAccount]:
        """Return the accounts that the last run monitored, those that are held included."""
        query = "SELECT key, uid, customers, incoming FROM monitored"
        with self._guard():
            return {
                key: MonitoredAccount(uid, _read_names(customers), incoming == 1)
                for key, uid, customers, incoming in self._db.execute(query)
            }

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
        query = "SELECT key, uid, customers, since, reason, verdict FROM losses ORDER BY key"
        with self._guard():
            return {
                key: LostAccount(
                    uid, _read_names(customers), *read_loss(since, reason), LossVerdict[verdict]
                )
                for key, uid, customers, since, reason, verdict in self._db.execute(query)
            }

    def write_losses(self, losses: Mapping[str, LostAccount]) -> None:
        """Replace the accounts that are lost."""
        rows = [
            (
                key,
                write_text(lost.uid),
                _write_names(lost.customers),
                lost.since.timestamp(),
                lost.reason.name,
                lost.verdict.name,
            )
            for key, lost in losses.items()
        ]
        with self._guard():
            self._db.execute("DELETE FROM losses")
            self._db.executemany("INSERT INTO losses VALUES (?, ?, ?, ?, ?, ?)", rows)


def _read_names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text != "[]" else ()


def _write_names(names: tuple[str, ...]) -> str:
    return json.dumps(names)
