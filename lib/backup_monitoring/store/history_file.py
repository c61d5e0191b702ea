"""The collector's own file: what it keeps of each computer and of the sizes from run to run.

One run at a time writes it, in one transaction; no other program opens it.
"""

import json
import os
import sqlite3
from collections.abc import Container, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backup_monitoring.model import Account, Codec, Computer, Finding, Growth, Uploads, format_time
from backup_monitoring.store.files import HISTORY, StoreError
from backup_monitoring.store.growth import DailySize, add_size, estimate_growth
from backup_monitoring.store.history import TrackedComputer, mark_missing, update_computer
from backup_monitoring.store.loss_table import LOSS_TABLES, LossTable
from backup_monitoring.store.schema import make_key, read_time, write_time

LAYOUT = 3
_MOST_RUNS = 300  # whose times are kept, 25 hours of them
MOST_COMPUTERS = 512  # per account, including those whose folders no longer exist
_TABLES = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE accounts (key TEXT PRIMARY KEY, sizes TEXT, seen REAL) WITHOUT ROWID;
CREATE TABLE computers (
    key TEXT, name BLOB, tracked TEXT, gone REAL, PRIMARY KEY (key, name)
) WITHOUT ROWID;
{LOSS_TABLES}
"""
_TRACKED: Codec[TrackedComputer] = Codec(TrackedComputer)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class HistoryDamagedError(StoreError):
    """The file can be opened, but not read: it must be replaced by a new one."""


def set_aside(folder: Path) -> str:
    """Move the file of *folder* out of the way; return a line that says so."""
    file, aside = folder / HISTORY, folder / f"{HISTORY}.aside"
    for suffix in ("", "-wal", "-shm"):
        part = folder / f"{HISTORY}{suffix}"
        if part.exists():
            part.replace(folder / f"{aside.name}{suffix}")
    return f"{file} was damaged or has another layout: started a new one, kept the old as {aside}"


class HistoryFile:
    """The open file, within a transaction that `commit` ends.

    Args:
        folder: the store's. now: of the run, aware UTC.
        sudden_loss: percent of used space; losing more within a day is reported.

    Attributes:
        note: a line that says that the file was replaced, None if it was not.
        losses: the accounts that were monitored, and those that are lost.

    Raises:
        StoreError: it cannot be opened or written.
    """

    def __init__(self, folder: Path, now: datetime, sudden_loss: float) -> None:
        self.note: str | None = None
        self._file = folder / HISTORY
        self._now = now
        self._sudden_loss = sudden_loss
        try:
            self._db = self._open()
            self._db.execute("BEGIN IMMEDIATE")
            self._runs = self._read_runs()
        except (OSError, sqlite3.Error) as error:
            raise self.make_error(error) from None
        # A clock that ran backwards was wrong before, or it is now.
        self._in_doubt = now.timestamp() < max(self._runs, default=0)
        self.losses = LossTable(self._db, self.make_error)

    def _read_runs(self) -> list[float]:
        """Return when the last runs that were committed began, in seconds since 1970."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'runs'").fetchone()
        return list(json.loads(row[0])) if row else []

    def make_error(self, error: OSError | sqlite3.Error) -> StoreError:
        """Return *error* as one of ours."""
        # A statement that fails within Python has no code.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            remedy = f"move it away; the counts of failures in it are lost ({error})"
            return HistoryDamagedError(str(self._file), "is damaged", remedy)
        remedy = "check that the disk is not full and that the collector's user can write there"
        return StoreError(str(self._file), f"cannot be written ({error})", remedy)

    def _open(self) -> sqlite3.Connection:
        db = self._connect()
        if db is not None:
            return db
        self.note = set_aside(self._file.parent)
        db = self._connect()
        assert db is not None  # noqa: S101 - a new file has our layout
        return db

    def _connect(self) -> sqlite3.Connection | None:
        """Return the open file, None if it has another layout or is not a database."""
        # Other users need no access; SQLite creates its side files with the same mode.
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

    def read_last_run(self) -> datetime | None:
        """Return when the last run that was committed began; StoreError if it cannot be read."""
        try:
            row = self._db.execute("SELECT value FROM meta WHERE key = 'last_run'").fetchone()
        except sqlite3.Error as error:
            raise self.make_error(error) from None
        return read_time(row[0]) if row else None

    def update_growth(self, account: Account) -> Growth | None:
        """Write the account's size of today; return how it has grown.

        Raises:
            StoreError: the file cannot be read or written.
        """
        try:
            return self._update_growth(account)
        except sqlite3.Error as error:
            raise self.make_error(error) from None

    def _update_growth(self, account: Account) -> Growth | None:
        key, today = make_key(account.uid), self._now.date().toordinal()
        row = self._db.execute("SELECT sizes, seen FROM accounts WHERE key = ?", (key,)).fetchone()
        sizes = [DailySize(*size) for size in json.loads(row[0])] if row else []
        new = add_size(sizes, today, account.used)
        seen = self._now.timestamp()
        if row is None or new != sizes or seen - row[1] > timedelta(days=1).total_seconds():
            self._db.execute("REPLACE INTO accounts VALUES (?, ?, ?)", (key, json.dumps(new), seen))
        return estimate_growth(new, today, self._sudden_loss)

    def read_computers(self, uid: str) -> dict[str, TrackedComputer]:
        """Return what is kept of the computers of the account *uid*, by name.

        Raises:
            StoreError: the file cannot be read.
        """
        query = "SELECT name, tracked FROM computers WHERE key = ? ORDER BY name"
        try:
            rows = self._db.execute(query, (make_key(uid),)).fetchall()
        except sqlite3.Error as error:
            raise self.make_error(error) from None
        computers = {os.fsdecode(name): _TRACKED.decode(text) for name, text in rows}
        return {name: each for name, each in computers.items() if not each.is_blank}

    def list_accounts(self) -> list[str]:
        """Return the keys of the accounts that have computers, sorted.

        Raises:
            StoreError: the file cannot be read.
        """
        query = "SELECT DISTINCT key FROM computers ORDER BY key"
        try:
            return [key for (key,) in self._db.execute(query)]
        except sqlite3.Error as error:
            raise self.make_error(error) from None

    def write_computer(self, uid: str, name: str, tracked: TrackedComputer) -> None:
        """Replace what is kept of a computer; StoreError if the file cannot be written."""
        try:
            self._write(make_key(uid), name, tracked)
        except sqlite3.Error as error:
            raise self.make_error(error) from None

    def update_computers(
        self, account: Account, uploads: Uploads
    ) -> list[tuple[Computer, TrackedComputer]]:
        """Write what the account's home shows; return its computers with what is kept of them.

        Those whose folder no longer exists are among them, unless the home was not read completely.

        Raises:
            StoreError: the file cannot be read or written.
        """
        try:
            return self._update_computers(make_key(account.uid), uploads)
        except sqlite3.Error as error:
            raise self.make_error(error) from None

    def _update_computers(
        self, key: str, uploads: Uploads
    ) -> list[tuple[Computer, TrackedComputer]]:
        rows = self._db.execute("SELECT name, tracked FROM computers WHERE key = ?", (key,))
        known = {os.fsdecode(name): text for name, text in rows}
        computers = [self._update(key, each, known.get(each.name)) for each in uploads.computers]
        names = {computer.name for computer in uploads.computers}
        missing = {name: text for name, text in known.items() if name not in names}
        if not (uploads.missing or uploads.refused or uploads.cut_short or uploads.no_incoming):
            computers += self._mark_missing(key, missing)
        if len(names) + len(missing) > MOST_COMPUTERS:
            self._forget(key, missing.keys(), len(names) + len(missing) - MOST_COMPUTERS)
        return computers

    def _update(
        self, key: str, computer: Computer, text: str | None
    ) -> tuple[Computer, TrackedComputer]:
        before = _TRACKED.decode(text) if text is not None else None
        tracked = update_computer(before, computer, self._now, in_doubt=self._in_doubt)
        if tracked != before:
            self._write(key, computer.name, tracked)
        return tracked.join(computer, self._now), tracked

    def _write(self, key: str, name: str, tracked: TrackedComputer) -> None:
        row = (key, os.fsencode(name), _TRACKED.encode(tracked), write_time(tracked.gone))
        self._db.execute("REPLACE INTO computers VALUES (?, ?, ?, ?)", row)

    def _mark_missing(
        self, key: str, missing: dict[str, str]
    ) -> Iterator[tuple[Computer, TrackedComputer]]:
        for name, text in missing.items():
            before = _TRACKED.decode(text)
            tracked = mark_missing(before, self._now)
            if tracked != before:
                self._write(key, name, tracked)
            # An empty folder, or one that could not be read, was perhaps never a computer's.
            if not tracked.is_blank:
                yield Computer(name, history=tracked.history), tracked

    def _forget(self, key: str, missing: Container[str], count: int) -> None:
        """Forget *count* of the *missing* computers, those first that are missing for longest.

        A customer can make new names at no cost, but each one costs us a row.
        """
        rows = self._db.execute(
            "SELECT name FROM computers WHERE key = ? ORDER BY gone IS NULL, gone", (key,)
        )
        names = [name for (name,) in rows if os.fsdecode(name) in missing]
        for name in names[:count]:
            self._db.execute("DELETE FROM computers WHERE key = ? AND name = ?", (key, name))

    def commit(self, keep: timedelta, *, complete: bool) -> None:
        """Forget what is older than *keep*, and commit the rest.

        Args:
            complete: both parts were read. If not, nothing is forgotten: what could not be read
                only looks old, above all if a wrong clock is the reason.

        Raises:
            StoreError: it cannot be written.
        """
        try:
            if complete:
                self._forget_old((self._now - keep).timestamp())
            now = self._now.timestamp()
            runs = json.dumps([*self._runs, now][-_MOST_RUNS:])
            self._db.execute("REPLACE INTO meta VALUES ('last_run', ?), ('runs', ?)", (now, runs))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self.make_error(error) from None

    def _forget_old(self, oldest: float) -> None:
        for statement in (
            "DELETE FROM computers WHERE gone < ?",
            "DELETE FROM computers WHERE key IN (SELECT key FROM accounts WHERE seen < ?)",
            "DELETE FROM accounts WHERE seen < ?",
        ):
            self._db.execute(statement, (oldest,))

    def commit_change(self) -> None:
        """Commit what was changed without a run; StoreError if it cannot be written."""
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self.make_error(error) from None

    def set_savepoint(self) -> None:
        """Remember this point of the transaction for `roll_back`."""
        self._db.execute("SAVEPOINT part")

    def roll_back(self) -> None:
        """Undo what was written since `set_savepoint`."""
        self._db.execute("ROLLBACK TO part")

    def close(self) -> None:
        """Close the file; what was not committed is lost."""
        self._db.close()


def find_missing_computers(
    account: Account, computers: list[tuple[Computer, TrackedComputer]]
) -> Iterator[Finding]:
    """Yield a finding for each computer whose folder no longer exists, and that is not retired."""
    for computer, tracked in computers:
        if tracked.gone is not None and tracked.retired is None:
            yield Finding(
                "missing_computer",
                f"account {account.uid} {computer.name}".rstrip(),
                f"its folder has been missing since {format_time(tracked.gone, UTC)}",
            )
