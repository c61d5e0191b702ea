"""Reads homes and their computers from the state file."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from backup_monitoring.model import Account, AccountStatus, Computer, Files, Uploads
from backup_monitoring.store.files import UNREADABLE
from backup_monitoring.store.schema import COMPUTER_HISTORY, END, FINDINGS, SCHEDULE, START


class StoredHomes:
    """Reads homes and computers for accounts in the order of their ids.

    Args:
        db: the open file. files: the reports that are needed; others are left out.
        one_by_one: for a few accounts, two queries each. Otherwise both tables are read once,
            in step with the accounts.
    """

    def __init__(self, db: sqlite3.Connection, files: Files, one_by_one: bool) -> None:
        self._db = db
        # With SCHEDULE the start is needed too, for its offset.
        self._start = START.decode if files & (Files.START | Files.SCHEDULE) else _skip
        self._end = END.decode if Files.END in files else _skip
        self._schedule = SCHEDULE.decode if Files.SCHEDULE in files else _skip
        self._one_by_one = one_by_one
        if not one_by_one:
            self._homes = db.execute(f"{_HOMES} ORDER BY account")
            self._computers = db.execute(f"{_COMPUTERS} ORDER BY account, name")
            self._next_home = self._homes.fetchone()
            self._next_computer = self._computers.fetchone()

    def read_of(self, number: int, account: Account) -> Uploads:
        """Return the uploads of *account*, whose id is *number*; refused if they are damaged.

        An account that is not active has none.
        """
        return self._read(number) if account.status is AccountStatus.ACTIVE else NO_UPLOADS

    def _read(self, account: int) -> Uploads:
        home, rows = self._query(account) if self._one_by_one else self._advance(account)
        try:
            _, data, missing, refused, cut_short, findings, count = home
            texts = (missing, refused, cut_short)
            if count != len(rows) or not all(isinstance(text, str | None) for text in texts):
                return _DAMAGED
            computers = tuple(map(self._read_computer, rows))
            found = FINDINGS.decode(findings) if findings else ()
        except UNREADABLE:
            return _DAMAGED
        return Uploads(computers, bool(data), missing, refused, cut_short, found)

    def _query(self, account: int) -> tuple[Any, list[Any]]:
        home = self._db.execute(f"{_HOMES} WHERE account = ?", (account,)).fetchone()
        computers = self._db.execute(
            f"{_COMPUTERS} AND account = ? ORDER BY account, name", (account,)
        )
        return home, computers.fetchall()

    def _advance(self, account: int) -> tuple[Any, list[Any]]:
        while self._next_home is not None and self._next_home[0] < account:
            self._next_home = self._homes.fetchone()
        home = self._next_home
        rows = []
        while self._next_computer is not None and self._next_computer[0] <= account:
            if self._next_computer[0] == account:
                rows.append(self._next_computer)
            self._next_computer = self._computers.fetchone()
        return (home if home is not None and home[0] == account else None), rows

    def _read_computer(self, row: Sequence[Any]) -> Computer:
        _, name, start, end, schedule, history = row
        return Computer(
            name.decode("utf-8", "surrogateescape"),
            None if start is None else self._start(start),
            None if end is None else self._end(end),
            None if schedule is None else self._schedule(schedule),
            None if history is None else COMPUTER_HISTORY.decode(history),
        )


_HOMES = "SELECT account, data, missing, refused, cut_short, findings, computers FROM homes"
# An account of another type is damage: the computer is missing where it belongs.
_COMPUTERS = (
    "SELECT account, name, start, end, schedule, history FROM computers "
    "WHERE typeof(account) = 'integer'"
)
NO_UPLOADS = Uploads()
_DAMAGED = Uploads(refused="its data in the store are damaged; run collect_backup_state")


def _skip(text: str) -> None:
    return None
