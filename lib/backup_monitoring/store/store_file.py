"""The file that readers open: its layout, and reading it.

Each pass writes a new file beside it and renames it, so a reader sees the old or the new one,
whatever is killed; and may be any user who can read the file, since nothing is locked.
"""

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from backup_monitoring.model import (
    CLOCK_SLACK,
    Account,
    AccountStatus,
    Computer,
    Files,
    Finding,
    Need,
    Uploads,
    format_duration_setting,
    format_time,
)
from backup_monitoring.settings import StoreSettings
from backup_monitoring.store import values as codec
from backup_monitoring.store.files import STATE, StoreError
from backup_monitoring.store.schema import LAYOUT, RunMeta, list_columns, make_key, read_account

if TYPE_CHECKING:
    from backup_monitoring.store.people_rows import StoredPeople


class StoreFile:
    """An open state file, for reading.

    Args:
        file: the state file.

    Raises:
        StoreError: it is not there, of another layout, or damaged.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            there = file.exists()
        except OSError as error:  # its folder is closed to this user
            raise self._broken(error) from None
        if not there:
            raise StoreError(
                str(file), "the store is not there", "run collect_backup_state, or use --live"
            )
        try:
            # Nobody ever writes to this file: immutable needs neither locks nor a second file.
            uri = f"file:{quote(os.fsencode(file))}?mode=ro&immutable=1"
            self._db = sqlite3.connect(uri, uri=True)
            layout = self._db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise self._broken(error) from None
        if layout != LAYOUT:
            raise StoreError(
                str(file),
                f"of layout {layout}, made by another version",
                "run this version's collect_backup_state",
            )

    def _broken(self, error: sqlite3.Error | OSError) -> StoreError:
        why = error.strerror if isinstance(error, OSError) else error
        return StoreError(
            str(self._file),
            f"cannot be read ({why})",
            "let this user's group read it, or run collect_backup_state again",
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def meta(self) -> RunMeta:
        """Return what the last pass says of itself; StoreError if the file is damaged."""
        try:
            values = dict(self._db.execute("SELECT key, value FROM meta"))
        except sqlite3.Error as error:
            raise self._broken(error) from None
        return RunMeta(
            codec.read_time(values.get("directory_read")),
            codec.read_time(values.get("storage_read")),
            codec.read_time(values.get("started")),
            float(values.get("seconds") or 0),
            values.get("directory_error"),
            values.get("storage_error"),
        )

    def fresh(self, settings: StoreSettings, files: Files | None, now: datetime) -> None:
        """Raise StoreError if a part is too old that must not be; *files* None: no storage."""
        meta = self.meta()
        parts = [("directory", meta.directory_read, settings.directory_max_age)]
        if files is not None:
            parts.append(("storage", meta.storage_read, settings.max_age))
        for part, read, oldest in parts:
            if read is None:
                problem, reason = f"the {part} was never read", "see check_backup_monitoring"
            elif read > now + CLOCK_SLACK:
                problem = f"the {part} was read in the future, {format_time(read, UTC)}"
                reason = "set this server's clock"
            elif now - read > oldest:
                limit = format_duration_setting(oldest)
                problem = (
                    f"the {part} was last read {format_time(read, UTC)}, longer ago than {limit}"
                )
                reason = "see check_backup_monitoring"
            else:
                continue
            raise StoreError(str(self._file), problem, reason)

    def accounts(
        self, files: Files | None, uids: Sequence[str] | None, need: Need = Need.ALL
    ) -> Iterator[tuple[Account, Uploads]]:
        """Yield accounts with their uploads, as `live_accounts` does.

        Raises:
            StoreError: the file is damaged.
        """
        try:
            for where, values in _chosen(uids):
                yield from self._accounts(need, files, where, values)
        except sqlite3.Error as error:
            raise self._broken(error) from None

    def _accounts(
        self, need: Need, files: Files | None, where: str, values: Sequence[str]
    ) -> Iterator[tuple[Account, Uploads]]:
        # the names of columns and the place holders are ours
        found = self._db.execute(
            f"SELECT {list_columns(need)} FROM accounts WHERE {where} ORDER BY id",  # noqa: S608
            values,
        )
        if files is None:
            nothing = Uploads()
            for row in found:
                yield read_account(row), nothing
            return
        homes = _Homes(self._db, files, one_by_one=bool(values))
        for row in found:
            account = read_account(row)
            watched = account.status is AccountStatus.ACTIVE
            yield account, homes.uploads(row[0]) if watched else Uploads()

    def people(self) -> "StoredPeople":
        """Return where people are looked up; no check needs them."""
        from backup_monitoring.store.people_rows import StoredPeople

        return StoredPeople(self._db, str(self._file))

    def count_accounts_of_host(self, host: str) -> int:
        """Return how many accounts the backup server *host* has; StoreError if damaged."""
        try:
            row = self._db.execute(
                "SELECT count(*) FROM accounts WHERE in_scope AND "
                "instr(char(10) || coalesce(hosts, '') || char(10), char(10) || ? || char(10))",
                (codec.write_text(host),),
            ).fetchone()
        except sqlite3.Error as error:
            raise self._broken(error) from None
        return int(row[0])

    def findings(self) -> Iterator[Finding]:
        """Yield the findings of the last pass; StoreError if the file is damaged."""
        try:
            for row in self._db.execute("SELECT kind, subject, problem FROM findings"):
                yield Finding(*row)
        except sqlite3.Error as error:
            raise self._broken(error) from None


def _chosen(uids: Sequence[str] | None) -> Iterator[tuple[str, list[str]]]:
    if uids is None:
        yield "in_scope", []
        return
    for first in range(0, len(uids), 500):
        keys = [make_key(uid) for uid in uids[first : first + 500]]
        yield f"key IN ({', '.join('?' * len(keys))})", keys


class _Homes:
    """Reads homes and computers beside a run over accounts in the order of their ids."""

    def __init__(self, db: sqlite3.Connection, files: Files, one_by_one: bool) -> None:
        self._db = db
        self._readers = (
            codec.read_start if files & (Files.START | Files.SCHEDULE) else _nothing,
            codec.read_end if Files.END in files else _nothing,
            codec.read_schedule if Files.SCHEDULE in files else _nothing,
        )
        self._one_by_one = one_by_one
        if not one_by_one:  # one merge instead of two queries an account
            self._homes = db.execute(f"{_HOMES} ORDER BY account")
            self._computers = db.execute(f"{_COMPUTERS} ORDER BY account, name")
            self._next_home = self._homes.fetchone()
            self._next_computer = self._computers.fetchone()

    def uploads(self, account: int) -> Uploads:
        """Return what lies in the home of the account with this id."""
        home, rows = self._queried(account) if self._one_by_one else self._merged(account)
        computers = tuple(map(self._computer, rows))
        if home is None:
            return Uploads(computers)
        _, data, missing, refused, cut_short, findings = home
        found = codec.read_findings(findings)
        return Uploads(computers, bool(data), missing, refused, cut_short, found)

    def _queried(self, account: int) -> tuple[Any, list[Any]]:
        home = self._db.execute(f"{_HOMES} WHERE account = ?", (account,)).fetchone()
        computers = self._db.execute(
            f"{_COMPUTERS} WHERE account = ? ORDER BY account, name", (account,)
        )
        return home, computers.fetchall()

    def _merged(self, account: int) -> tuple[Any, list[Any]]:
        while self._next_home is not None and self._next_home[0] < account:
            self._next_home = self._homes.fetchone()
        home = self._next_home
        rows = []
        while self._next_computer is not None and self._next_computer[0] <= account:
            if self._next_computer[0] == account:
                rows.append(self._next_computer)
            self._next_computer = self._computers.fetchone()
        return (home if home is not None and home[0] == account else None), rows

    def _computer(self, row: Sequence[Any]) -> Computer:
        _, name, start, end, schedule, history = row
        read_start, read_end, read_schedule = self._readers
        return Computer(
            os.fsdecode(name),
            read_start(start),
            read_end(end),
            read_schedule(schedule),
            codec.read_history(history),
        )


_HOMES = "SELECT account, data, missing, refused, cut_short, findings FROM homes"
_COMPUTERS = "SELECT account, name, start, end, schedule, history FROM computers"


def _nothing(text: str | None) -> None:
    return None


def open_store(folder: Path) -> StoreFile:
    """Return the state file of *folder*; StoreError as `StoreFile`."""
    return StoreFile(folder / STATE)


def count_findings(findings: Sequence[Finding]) -> dict[str, int]:
    """Return how many *findings* there are of each kind."""
    counts: defaultdict[str, int] = defaultdict(int)
    for finding in findings:
        counts[finding.kind] += 1
    return dict(counts)
