"""Keeps the daily sizes of each account, and the growth that follows, in the history's file."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import chain
from operator import ge
from typing import Any

from backup_monitoring.model import Account, Codec, Growth
from backup_monitoring.store.files import UNREADABLE
from backup_monitoring.store.growth import DailySize, add_size, estimate_growth
from backup_monitoring.store.schema import make_key

# `growth` follows from `sizes` and from `basis`: the day, its size, and the setting.
SIZE_TABLE = """
CREATE TABLE accounts (
    key TEXT PRIMARY KEY, sizes TEXT, basis TEXT, growth TEXT, seen REAL
) WITHOUT ROWID;
"""
# Into the state file.
COPY_SIZES = (
    "INSERT INTO main.sizes SELECT id, sizes FROM main.accounts "
    "JOIN old.accounts AS kept ON kept.key = accounts.key WHERE in_scope"
)
_NUMBERS: Codec[tuple[int, ...]] = Codec(tuple[int, ...])  # each day, followed by its size
_GROWTH: Codec[Growth] = Codec(Growth)


class SizeTable:
    """The table of an open history.

    Args:
        db: within a transaction. guard: makes errors of SQLite the history's.
        report_damage: called with the name of each cell that cannot be what was written.
        now: of the run, aware UTC.
        sudden_loss: percent of used space; losing more within a day is reported.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        guard: Callable[[], AbstractContextManager[None]],
        report_damage: Callable[[str], None],
        now: datetime,
        sudden_loss: float,
    ) -> None:
        self._db = db
        self._guard = guard
        self._report_damage = report_damage
        self._now = now
        self._sudden_loss = sudden_loss

    def update(self, account: Account) -> Growth:
        """Write the account's size of today; return how it has grown.

        Most runs find the day, the size and the setting of the run before. Then the growth is the
        same, too, and nothing is computed or written.

        Raises:
            StoreError: the file cannot be read or written.
        """
        with self._guard():
            return self._update(account)

    def _update(self, account: Account) -> Growth:
        key, today = make_key(account.uid), self._now.date().toordinal()
        basis = f"{today} {account.used} {self._sudden_loss}"
        query = "SELECT sizes, basis, growth FROM accounts WHERE key = ?"
        row = self._db.execute(query, (key,)).fetchone()
        if row is not None and row[1] == basis:
            try:
                return _GROWTH.decode(row[2])
            except UNREADABLE:
                self._report_damage(f"growth of account {account.uid}")
        sizes = add_size(self._read_sizes(account.uid, row), today, account.used)
        growth = estimate_growth(sizes, today, self._sudden_loss)
        numbers = tuple(chain.from_iterable(sizes))
        texts = (_NUMBERS.encode(numbers), basis, _GROWTH.encode(growth))
        statement = "REPLACE INTO accounts VALUES (?, ?, ?, ?, ?)"
        self._db.execute(statement, (key, *texts, self._now.timestamp()))
        return growth

    def _read_sizes(self, uid: str, row: Sequence[Any] | None) -> list[DailySize]:
        if row is None:
            return []
        try:
            return read_sizes(row[0])
        except UNREADABLE:
            self._report_damage(f"sizes of account {uid}")
            return []

    def keep(self, uid: str) -> None:
        """Keep what the file has of the account *uid* from now on, even if no run sees it again."""
        row = (make_key(uid), _NUMBERS.encode(()), self._now.timestamp())
        self._db.execute("INSERT OR IGNORE INTO accounts (key, sizes, seen) VALUES (?, ?, ?)", row)


def read_sizes(text: str) -> list[DailySize]:
    """Return the daily sizes of a row, by their days; raises what is in UNREADABLE."""
    numbers = _NUMBERS.decode(text)
    days, used = numbers[::2], numbers[1::2]
    # Each pair of days has a slope.
    if len(days) != len(used) or any(map(ge, days, days[1:])):
        raise ValueError("the days are not in order")
    return list(map(DailySize, days, used))
