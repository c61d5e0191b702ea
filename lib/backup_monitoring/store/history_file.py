"""The collector's own file: what it keeps of each computer and of the sizes from run to run.

One run at a time writes it, in one transaction; no other program opens it.
"""

import os
import sqlite3
from collections.abc import Container, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate
from pathlib import Path

from backup_monitoring.model import Account, Codec, Computer, Finding, Growth, Uploads, format_count
from backup_monitoring.store.files import HISTORY, UNREADABLE, StoreError
from backup_monitoring.store.history import TrackedComputer, mark_missing, update_computer
from backup_monitoring.store.history_damage import guard_history, make_history_error, set_aside
from backup_monitoring.store.history_recovery import Recovered, recover_computers
from backup_monitoring.store.history_tables import LAYOUT, open_tables, shrink_file
from backup_monitoring.store.layout import STATE
from backup_monitoring.store.loss_table import LossTable
from backup_monitoring.store.renamed import find_predecessors
from backup_monitoring.store.run_lock import is_used
from backup_monitoring.store.schema import make_key, read_time, write_time
from backup_monitoring.store.size_table import SizeTable

_MOST_RUNS = 300  # whose times are kept, 25 hours of them
MOST_COMPUTERS = 512  # per account, including those whose folders no longer exist
MOST_BYTES = 2**20  # of the latter, per account; 512 have less, unless their texts are strange
_FEW_MISSING = 32  # computers, which never have as many bytes
_TRACKED: Codec[TrackedComputer] = Codec(TrackedComputer)
_RUNS: Codec[tuple[float, ...]] = Codec(tuple[float, ...])
_LOSS: Codec[tuple[str, ...]] = Codec(tuple[str, ...])
_LOSS_SHOWN = timedelta(days=7)
# A row that is replaced would move to the end of the table, away from the account's others.
_WRITE_COMPUTER = """
INSERT INTO computers VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET tracked = excluded.tracked, gone = excluded.gone
"""


class HistoryFile:
    """The open file, within a transaction that `commit` ends.

    Args:
        folder: the store's. now: of the run, aware UTC.
        sudden_loss: percent of used space; losing more within a day is reported.
        loss: what happened to the file that was set aside before, in words; None if none was.

    Attributes:
        loss: why what earlier runs knew is lost, in words; None if it is not.
        note: a line that says from where such a run continues, None if nothing is lost.
        findings: of what is lost, for a week, and of damaged rows.
        losses: the accounts that were monitored, and those that are lost.

    Raises:
        HistoryDamagedError: SQLite reports damage. StoreError: it cannot be opened or written.
    """

    def __init__(
        self, folder: Path, now: datetime, sudden_loss: float, loss: str | None = None
    ) -> None:
        self.loss = loss
        self.note: str | None = None
        self.findings: list[Finding] = []
        self._folder = folder
        self._file = folder / HISTORY
        self._guard = partial(guard_history, self._file)
        self._now = now
        try:
            self._db = self._open()
            self._sizes = SizeTable(self._db, self._guard, self._report_damage, now, sudden_loss)
            self._begin()
        except (OSError, sqlite3.Error) as error:
            raise make_history_error(self._file, error) from None
        # A clock that ran backwards was wrong before, or it is now.
        self._in_doubt = now.timestamp() < max(self._runs, default=0)
        self.losses = LossTable(self._db, self._guard, self._report_damage)

    def _open(self) -> sqlite3.Connection:
        """Return the open file, a new one where it is lost; `loss` says so."""
        if self._had_run() and self.loss is None:
            if not self._file.exists():
                self.loss = "was missing"
            elif not self._file.stat().st_size:
                self.loss = f"was empty, kept as {set_aside(self._folder)}"
        db, layout = open_tables(self._file)
        if layout != LAYOUT:
            db.close()
            aside = set_aside(self._folder)
            version = "a newer" if layout > LAYOUT else "an older"
            self.loss = f"had layout {layout}, written by {version} version, kept as {aside}"
            db, _ = open_tables(self._file)
        return db

    def _had_run(self) -> bool:
        # Each run commits the history before it writes the state file.
        return (self._folder / STATE).exists() or is_used(self._folder)

    def _begin(self) -> None:
        """Begin the transaction, with what must be made up for."""
        query = "SELECT count(*) FROM meta WHERE key = 'last_run'"
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._runs = self._read_runs()
            is_new = not self._db.execute(query).fetchone()[0]
            if is_new and self.loss is None and self._had_run():
                self.loss = "had nothing of an earlier run"
            if self.loss is not None:
                self._go_on_from_state(self.loss)
            self._find_loss()
        except BaseException:
            self.close()
            raise

    def _read_runs(self) -> list[float]:
        """Return when the last runs that were committed began, in seconds since 1970."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'runs'").fetchone()
        try:
            return list(_RUNS.decode(row[0])) if row else []
        except UNREADABLE:
            self._report_damage("the times of the last runs")
            return []

    def _go_on_from_state(self, loss: str) -> None:
        """Write what the last run's state file has of each computer, and that the rest is lost."""
        recovered: list[Recovered] = []
        try:
            recovered = list(recover_computers(self._folder))
            went_on = f"counts of failures continue from {STATE}, forecasts begin anew"
        except StoreError as error:
            went_on = f"counts of failures begin anew, as lower bounds ({STATE}: {error.problem})"
        for uid, name, tracked in recovered:
            self._sizes.keep(uid)
            self._write(make_key(uid), name, tracked)
        continued = format_count(len(recovered), "computer continues", "computers continue")
        self.note = f"{continued} from {STATE}"
        row = ("loss", _LOSS.encode((self._now.isoformat(), f"{loss}; {went_on}")))
        self._db.execute("REPLACE INTO meta VALUES (?, ?)", row)

    def _find_loss(self) -> None:
        row = self._db.execute("SELECT value FROM meta WHERE key = 'loss'").fetchone()
        if row is None:
            return
        try:
            at, text = _LOSS.decode(row[0])
            is_shown = abs(self._now - datetime.fromisoformat(at)) < _LOSS_SHOWN
        except UNREADABLE:
            self._report_damage("why an earlier history was lost")
            is_shown = False
        if is_shown:
            self.findings.append(Finding("history", str(self._file), f"{text} (run of {at})"))
        else:
            self._db.execute("DELETE FROM meta WHERE key = 'loss'")

    def read_last_run(self) -> datetime | None:
        """Return when the last run that was committed began; StoreError if it cannot be read."""
        with self._guard():
            row = self._db.execute("SELECT value FROM meta WHERE key = 'last_run'").fetchone()
        try:
            return read_time(row[0]) if row else None
        except UNREADABLE:
            self._report_damage("the time of the last run")
            return None

    def _report_damage(self, row: str) -> None:
        self.findings.append(Finding("history", str(self._file), f"damaged: {row}"))

    def update_growth(self, account: Account) -> Growth:
        """Write the account's size of today; return how it has grown.

        Raises:
            StoreError: the file cannot be read or written.
        """
        return self._sizes.update(account)

    def read_computers(self, uid: str) -> dict[str, TrackedComputer]:
        """Return what is kept of the computers of the account *uid*, by name.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._guard():
            computers = self._read_known(uid)
        return {name: each for name, each in sorted(computers.items()) if not each.is_blank}

    def list_accounts(self) -> list[str]:
        """Return the keys of the accounts that have computers, sorted.

        Raises:
            StoreError: the file cannot be read.
        """
        query = "SELECT DISTINCT key FROM computers ORDER BY key"
        with self._guard():
            return [key for (key,) in self._db.execute(query)]

    def write_computer(self, uid: str, name: str, tracked: TrackedComputer) -> None:
        """Replace what is kept of a computer; StoreError if the file cannot be written."""
        with self._guard():
            self._write(make_key(uid), name, tracked)

    def update_computers(
        self, account: Account, uploads: Uploads
    ) -> list[tuple[Computer, TrackedComputer]]:
        """Write what the account's home shows; return its computers with what is kept of them.

        Those whose folder no longer exists are among them, unless the home was not read completely.

        Raises:
            StoreError: the file cannot be read or written.
        """
        with self._guard():
            return self._update_computers(account.uid, uploads)

    def _update_computers(
        self, uid: str, uploads: Uploads
    ) -> list[tuple[Computer, TrackedComputer]]:
        key = make_key(uid)
        known = self._read_known(uid)
        is_complete = not (
            uploads.missing or uploads.refused or uploads.cut_short or uploads.no_incoming
        )
        if is_complete:
            self._rename(key, uploads, known)
        computers = [self._update(key, each, known.get(each.name)) for each in uploads.computers]
        names = {computer.name for computer in uploads.computers}
        missing = {name: each for name, each in known.items() if name not in names}
        if is_complete:
            computers += self._mark_missing(key, missing)
        if len(missing) > min(MOST_COMPUTERS - len(names), _FEW_MISSING):
            self._forget(key, missing.keys(), MOST_COMPUTERS - len(names))
        return computers

    def _read_known(self, uid: str) -> dict[str, TrackedComputer]:
        """Return what is kept of the account's computers, a damaged row as the last run saw it."""
        key, known, damaged = make_key(uid), dict[str, TrackedComputer](), list[object]()
        query = "SELECT name, tracked FROM computers WHERE key = ?"
        for name, text in self._db.execute(query, (key,)).fetchall():
            try:
                known[name.decode("utf-8", "surrogateescape")] = _TRACKED.decode(text)
            except UNREADABLE:
                damaged.append(name)
        for name in damaged:
            self._db.execute("DELETE FROM computers WHERE key = ? AND name IS ?", (key, name))
        if damaged:
            self._report_damage(f"{format_count(len(damaged), 'computer')} of account {uid}")
            with suppress(StoreError):  # then these begin anew, their counts are lower bounds
                for _, name, tracked in recover_computers(self._folder, [uid]):
                    if name not in known:
                        known[name] = tracked
                        self._write(key, name, tracked)
        return known

    def _rename(self, key: str, uploads: Uploads, known: dict[str, TrackedComputer]) -> None:
        """Let the computers whose folders were renamed go on with what is *known* of them."""
        for name, former in find_predecessors(uploads.computers, known).items():
            known[name] = known.pop(former)
            statement = "DELETE FROM computers WHERE key = ? AND name = ?"
            self._db.execute(statement, (key, os.fsencode(former)))
            self._write(key, name, known[name])

    def _update(
        self, key: str, computer: Computer, before: TrackedComputer | None
    ) -> tuple[Computer, TrackedComputer]:
        tracked = update_computer(before, computer, self._now, in_doubt=self._in_doubt)
        if tracked != before:
            self._write(key, computer.name, tracked)
        return tracked.join(computer), tracked

    def _write(self, key: str, name: str, tracked: TrackedComputer) -> None:
        row = (key, os.fsencode(name), _TRACKED.encode(tracked), write_time(tracked.gone))
        self._db.execute(_WRITE_COMPUTER, row)

    def _mark_missing(
        self, key: str, missing: dict[str, TrackedComputer]
    ) -> Iterator[tuple[Computer, TrackedComputer]]:
        for name, before in missing.items():
            tracked = mark_missing(before, self._now)
            if tracked != before:
                self._write(key, name, tracked)
            # An empty folder, or one that could not be read, was perhaps never a computer's.
            if not tracked.is_blank:
                yield Computer(name, history=tracked.history), tracked

    def _forget(self, key: str, missing: Container[str], most: int) -> None:
        """Forget *missing* computers, those first that are missing for longest.

        A customer can make new names at no cost, but each one costs us a row, with texts as long as
        reports may have. Up to *most* are kept, as far as they take `MOST_BYTES`.
        """
        query = (
            "SELECT name, length(tracked) FROM computers WHERE key = ? "
            "ORDER BY gone IS NOT NULL, gone DESC"
        )
        rows = self._db.execute(query, (key,)).fetchall()
        sizes = [(name, size) for name, size in rows if os.fsdecode(name) in missing]
        kept = accumulate(size for _, size in sizes)
        for number, ((name, _), total) in enumerate(zip(sizes, kept, strict=True)):
            if number >= most or total > MOST_BYTES:
                self._db.execute("DELETE FROM computers WHERE key = ? AND name = ?", (key, name))

    def commit(self, keep: timedelta, *, complete: bool) -> None:
        """Forget what is older than *keep*, and commit the rest.

        Args:
            complete: both parts were read. If not, nothing is forgotten: what could not be read
                only looks old, above all if a wrong clock is the reason.

        Raises:
            StoreError: it cannot be written.
        """
        with self._guard():
            if complete:
                self._forget_old((self._now - keep).timestamp())
            shrink_file(self._db)
            now = self._now.timestamp()
            runs = _RUNS.encode((*self._runs, now)[-_MOST_RUNS:])
            self._db.execute("REPLACE INTO meta VALUES ('last_run', ?), ('runs', ?)", (now, runs))
            self._db.execute("COMMIT")

    def _forget_old(self, oldest: float) -> None:
        self._db.execute("DELETE FROM computers WHERE gone < ?", (oldest,))
        # Each table has rows of each account; going through one of them is enough.
        old = self._db.execute("SELECT key FROM accounts WHERE seen < ?", (oldest,)).fetchall()
        self._db.executemany("DELETE FROM computers WHERE key = ?", old)
        self._db.executemany("DELETE FROM accounts WHERE key = ?", old)

    def commit_change(self) -> None:
        """Commit what was changed without a run; StoreError if it cannot be written."""
        self._execute("COMMIT")

    def set_savepoint(self) -> None:
        """Remember this point of the transaction for `roll_back`; both raise StoreError."""
        self._execute("SAVEPOINT part")

    def roll_back(self) -> None:
        """Undo what was written since `set_savepoint`."""
        self._execute("ROLLBACK TO part")

    def _execute(self, statement: str) -> None:
        with self._guard():
            self._db.execute(statement)

    def close(self) -> None:
        """Close the file; what was not committed is lost."""
        self._db.close()
