"""The collector's own memory: every report seen, computers' histories, daily sizes.

Written by one pass at a time, in one transaction; nobody else opens it.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backup_monitoring.model import (
    Account,
    Computer,
    End,
    Finding,
    Growth,
    Start,
    Uploads,
    format_time,
)
from backup_monitoring.store import values as codec
from backup_monitoring.store.files import PAST, StoreError
from backup_monitoring.store.growth import DailySize, add_size, estimate_growth
from backup_monitoring.store.history import TrackedComputer, look, mark_missing
from backup_monitoring.store.history_codec import read_memory, write_memory
from backup_monitoring.store.schema import make_key

LAYOUT = 1
MOST_RUNS = 1000  # of a computer
MOST_COMPUTERS = 512  # of an account, those that are gone included
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE accounts (key TEXT PRIMARY KEY, sizes TEXT, seen REAL) WITHOUT ROWID;
CREATE TABLE computers (
    key TEXT, name BLOB, memory TEXT, gone REAL, PRIMARY KEY (key, name)
) WITHOUT ROWID;
CREATE TABLE sightings (
    id INTEGER PRIMARY KEY, key TEXT, name BLOB, kind TEXT, run TEXT, at REAL, success INTEGER,
    seen REAL, UNIQUE (key, name, kind, run, at)
);
CREATE INDEX sightings_seen ON sightings (seen);
"""


_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class HistoryDamagedError(StoreError):
    """The file can be opened, and not read: only a new one helps."""


def set_aside(folder: Path) -> str:
    """Move the file of *folder* out of the way; return a line that says so."""
    file, aside = folder / PAST, folder / f"{PAST}.aside"
    for suffix in ("", "-wal", "-shm"):
        other = folder / f"{PAST}{suffix}"
        if other.exists():
            other.replace(folder / f"{aside.name}{suffix}")
    return f"{file} was of another layout or damaged: begun anew, kept as {aside}"


class HistoryFile:
    """The open file, within a transaction that `commit` ends.

    Args:
        folder: the store's. now: of the pass, aware UTC.
        sudden_loss: percent of used space whose loss within a day is remembered.

    Attributes:
        remade: a line about a file that was made anew, None where it was not.
        lost: computers whose folders are gone since the last look.

    Raises:
        StoreError: it cannot be opened or written.
    """

    def __init__(self, folder: Path, now: datetime, sudden_loss: float) -> None:
        self.remade: str | None = None
        self.lost = 0
        self._file = folder / PAST
        self._now = now
        self._shrink = sudden_loss
        try:
            self._db = self._opened()
            self._db.execute("BEGIN IMMEDIATE")
        except (OSError, sqlite3.Error) as error:
            raise self.broken(error) from None

    def broken(self, error: OSError | sqlite3.Error) -> StoreError:
        """Return *error* as ours."""
        # A statement that fails within Python has no code.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            remedy = f"move it away: what it remembers of failures is lost ({error})"
            return HistoryDamagedError(str(self._file), "is damaged", remedy)
        remedy = "see that the disk is not full and that the collector's user may write there"
        return StoreError(str(self._file), f"cannot be written ({error})", remedy)

    def _opened(self) -> sqlite3.Connection:
        db = self._connected()
        if db is not None:
            return db
        self.remade = set_aside(self._file.parent)
        made = self._connected()
        assert made is not None  # noqa: S101 - a new file has our layout
        return made

    def _connected(self) -> sqlite3.Connection | None:
        """Return the open file, None if it is not ours."""
        # Nobody else has business with it; SQLite gives its side files the same mode.
        os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(self._file, isolation_level=None, timeout=5)
        try:
            layout = db.execute("PRAGMA user_version").fetchone()[0]
            tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if layout == 0 and tables == 0:
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {LAYOUT}; COMMIT;")
                return db
            if layout == LAYOUT:
                return db
        except sqlite3.DatabaseError as error:
            db.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            return None
        db.close()
        return None

    def last_pass(self) -> datetime | None:
        """Return when the last pass that was committed began; StoreError as `growth`."""
        try:
            row = self._db.execute("SELECT value FROM meta WHERE key = 'last_pass'").fetchone()
        except sqlite3.Error as error:
            raise self.broken(error) from None
        return codec.read_time(row[0]) if row else None

    def growth(self, account: Account) -> Growth | None:
        """Remember the account's size of today; return how it has grown.

        Raises:
            StoreError: the file cannot be read or written.
        """
        try:
            return self._growth(account)
        except sqlite3.Error as error:
            raise self.broken(error) from None

    def _growth(self, account: Account) -> Growth | None:
        key, today = make_key(account.uid), self._now.date().toordinal()
        row = self._db.execute("SELECT sizes, seen FROM accounts WHERE key = ?", (key,)).fetchone()
        sizes = [DailySize(*each) for each in json.loads(row[0])] if row else []
        new = add_size(sizes, today, account.used)
        seen = self._now.timestamp()
        if row is None or new != sizes or seen - row[1] > timedelta(days=1).total_seconds():
            self._db.execute("REPLACE INTO accounts VALUES (?, ?, ?)", (key, json.dumps(new), seen))
        return estimate_growth(new, today, self._shrink)

    def looked(self, account: Account, uploads: Uploads) -> list[tuple[Computer, TrackedComputer]]:
        """Remember what lies in the account's home; return its computers with their memories.

        Those whose folder is gone are among them, unless the home was not seen completely.

        Raises:
            StoreError: the file cannot be read or written.
        """
        try:
            return self._looked(account, uploads)
        except sqlite3.Error as error:
            raise self.broken(error) from None

    def _looked(self, account: Account, uploads: Uploads) -> list[tuple[Computer, TrackedComputer]]:
        key = make_key(account.uid)
        known = {
            os.fsdecode(name): text
            for name, text in self._db.execute(
                "SELECT name, memory FROM computers WHERE key = ?", (key,)
            )
        }
        seen = [self._seen(key, computer, known) for computer in uploads.computers]
        names = {computer.name for computer in uploads.computers}
        others = [name for name in known if name not in names]
        if not (uploads.missing or uploads.refused or uploads.cut_short):
            seen += list(self._gone(key, others, known))
        if len(names) + len(others) > MOST_COMPUTERS:
            self._forget(key, set(others), len(names) + len(others) - MOST_COMPUTERS)
        return seen

    def _seen(
        self, key: str, computer: Computer, known: dict[str, str]
    ) -> tuple[Computer, TrackedComputer]:
        text = known.get(computer.name)
        before = read_memory(text) if text is not None else None
        memory = look(before, computer, self._now)
        if memory != before:
            self._keep(key, computer.name, memory)
            self._sighted(key, computer, memory)
        return computer._replace(history=memory.history_beside(computer)), memory

    def _keep(self, key: str, name: str, memory: TrackedComputer) -> None:
        gone = codec.write_time(memory.gone)
        row = (key, os.fsencode(name), write_memory(memory), gone)
        self._db.execute("REPLACE INTO computers VALUES (?, ?, ?, ?)", row)

    def _gone(
        self, key: str, names: list[str], known: dict[str, str]
    ) -> Iterator[tuple[Computer, TrackedComputer]]:
        for name in names:
            before = read_memory(known[name])
            memory = mark_missing(before, self._now)
            if memory != before:
                self.lost += not memory.blank
                self._keep(key, name, memory)
            if memory.blank:  # an empty folder, or one that could not be looked into: no news
                continue
            yield Computer(name, history=memory.history), memory

    def _forget(self, key: str, others: set[str], count: int) -> None:
        """Forget *count* of the computers that are not here, first those that are longest gone.

        Names cost a customer nothing, and us a row each.
        """
        rows = self._db.execute(
            "SELECT name FROM computers WHERE key = ? ORDER BY gone IS NULL, gone", (key,)
        )
        names = [name for (name,) in rows if os.fsdecode(name) in others]
        for name in names[:count]:
            self._db.execute("DELETE FROM computers WHERE key = ? AND name = ?", (key, name))
            self._db.execute("DELETE FROM sightings WHERE key = ? AND name = ?", (key, name))

    def _sighted(self, key: str, computer: Computer, memory: TrackedComputer) -> None:
        name, seen = os.fsencode(computer.name), self._now.timestamp()
        for kind, report in (("start", computer.start), ("end", computer.end)):
            if isinstance(report, Start | End):
                success = report.success if isinstance(report, End) else None
                run, at = codec.write_text(report.id), report.at.timestamp()
                self._insert((key, name, kind, run, at, success, seen))
        if memory.plan is not None:
            since = memory.schedule_changed or memory.first_seen
            self._insert((key, name, "schedule", memory.plan, since.timestamp(), None, seen))

    def _insert(self, row: tuple[object, ...]) -> None:
        added = self._db.execute(
            "INSERT OR IGNORE INTO sightings (key, name, kind, run, at, success, seen) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        if added.rowcount:
            self._db.execute(
                "DELETE FROM sightings WHERE id IN (SELECT id FROM sightings WHERE key = ? AND "
                "name = ? AND kind = ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
                (*row[:3], MOST_RUNS),
            )

    def commit(self, keep: timedelta, *, whole: bool) -> None:
        """Forget what is older than *keep*, and make the rest last.

        Args:
            whole: all was read. Else nothing is forgotten: what could not be seen only looks old,
                most of all where a wrong clock is why it could not.

        Raises:
            StoreError: it cannot be written.
        """
        try:
            if whole:
                self._forget_old((self._now - keep).timestamp())
            self._db.execute("REPLACE INTO meta VALUES ('last_pass', ?)", (self._now.timestamp(),))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self.broken(error) from None

    def _forget_old(self, border: float) -> None:
        for statement in (
            "DELETE FROM sightings WHERE seen < ?",
            "DELETE FROM computers WHERE gone < ?",
            "DELETE FROM computers WHERE key IN (SELECT key FROM accounts WHERE seen < ?)",
            "DELETE FROM accounts WHERE seen < ?",
        ):
            self._db.execute(statement, (border,))

    def mark(self) -> None:
        """Remember this point of the transaction for `undo`."""
        self._db.execute("SAVEPOINT part")

    def undo(self) -> None:
        """Take back what happened since `mark`."""
        self._db.execute("ROLLBACK TO part")

    def close(self) -> None:
        """Close the file; what is not committed is lost."""
        self._db.close()


def find_missing_computers(
    account: Account, computers: list[tuple[Computer, TrackedComputer]]
) -> Iterator[Finding]:
    """Yield a finding for each computer whose folder is gone."""
    for computer, memory in computers:
        if memory.gone is not None:
            yield Finding(
                "missing_computer",
                f"account {account.uid} {computer.name}".rstrip(),
                f"its folder is gone since {format_time(memory.gone, UTC)}",
            )
