"""Writes a new state file beside the old one, and puts it in its place."""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from backup_monitoring.model import (
    Account,
    AccountStatus,
    Computer,
    Contact,
    Customer,
    Finding,
    Need,
    Person,
    Reseller,
    Uploads,
)
from backup_monitoring.store import values as codec
from backup_monitoring.store.files import STATE, StoreError
from backup_monitoring.store.history import TrackedComputer
from backup_monitoring.store.people_rows import PEOPLE_TABLES, make_people_row
from backup_monitoring.store.schema import (
    INDEX,
    LAYOUT,
    PLACES,
    TABLES,
    RunMeta,
    list_columns,
    make_account_row,
    read_account,
)


class StoreWriter:
    """A state file in the making.

    Args:
        folder: the store's.

    Raises:
        StoreError: it cannot be written; every method may.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / STATE
        self._new = folder / f"{STATE}.new"
        try:
            self._new.unlink(missing_ok=True)  # of a pass that was killed
            self._db = sqlite3.connect(self._new, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from None
        try:
            # Nobody reads this file before it is whole, and a torn one is thrown away.
            self._db.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; "
                f"PRAGMA user_version = {LAYOUT}; {TABLES} BEGIN;"
            )
        except sqlite3.Error as error:
            self.abandon()
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> StoreError:
        remedy = "see that the disk is not full and that the collector's user may write there"
        return StoreError(str(self._new), f"cannot be written ({error})", remedy)

    def add_accounts(self, accounts: Iterable[tuple[Account, bool]]) -> int:
        """Write accounts with whether they are in scope; return how many they are."""
        count = 0
        try:
            for account, in_scope in accounts:
                self._db.execute(
                    f"INSERT INTO accounts VALUES (NULL, {PLACES})",  # noqa: S608 - place holders
                    make_account_row(account, in_scope),
                )
                count += 1
        except sqlite3.Error as error:
            raise self._failed(error) from None
        return count

    def accounts(self) -> Iterator[tuple[int, Account]]:
        """Yield the accounts that were written, with their ids."""
        try:
            query = f"SELECT {list_columns(Need.ALL)} FROM accounts ORDER BY id"  # noqa: S608
            for row in self._db.execute(query):
                yield row[0], read_account(row)
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def add_home(
        self, number: int, uploads: Uploads, computers: list[tuple[Computer, TrackedComputer]]
    ) -> None:
        """Write what lies in the home of the account with this id."""
        texts = (uploads.missing, uploads.refused, uploads.cut_short)
        said = [None if text is None else codec.write_text(text) for text in texts]
        findings = codec.write_findings(uploads.findings)
        try:
            self._db.execute(
                "INSERT INTO homes VALUES (?, ?, ?, ?, ?, ?)",
                (number, uploads.data, *said, findings),
            )
            self._db.executemany(
                "INSERT INTO computers VALUES (?, ?, ?, ?, ?, ?, ?)",
                [_computer_row(number, *each) for each in computers],
            )
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def add_people(self, people: Iterable[Contact | Person | Customer | Reseller]) -> None:
        """Write *people*; of two with one uid the first counts."""
        try:
            for each in people:
                self._db.execute(*make_people_row(each))
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def take_over_accounts(self, old: Path) -> int:
        """Copy accounts and people of the state file *old*; return how many accounts they are."""
        tables = ("accounts", *PEOPLE_TABLES)
        copies = [f"INSERT INTO {name} SELECT * FROM old.{name}" for name in tables]  # noqa: S608 - ours
        self._attached(old, *copies)
        return int(self._db.execute("SELECT count(*) FROM accounts").fetchone()[0])

    def take_over_homes(self, old: Path) -> None:
        """Copy homes and computers of the state file *old*, for the accounts that are here.

        An account that is new, or watched again, has none there: its home counts as unreadable.
        """
        self._attached(
            old,
            "DELETE FROM homes",
            "DELETE FROM computers",
            *(
                f"INSERT OR IGNORE INTO {table} SELECT new.id, {list_columns} "  # noqa: S608 - ours
                f"FROM old.{table} JOIN old.accounts AS was ON was.id = {table}.account "
                "JOIN main.accounts AS new ON new.key = was.key"
                for table, list_columns in (
                    ("homes", "data, missing, refused, cut_short, homes.findings"),
                    ("computers", "name, start, end, schedule, history, runs"),
                )
            ),
        )
        self._add_unseen_homes()

    def _add_unseen_homes(self) -> None:
        """Say of the watched accounts without a home here that no pass has looked into it."""
        try:
            self._db.execute(
                "INSERT INTO homes SELECT id, 0, NULL, ?, NULL, NULL FROM accounts "
                "WHERE status = ? AND id NOT IN (SELECT account FROM homes)",
                ("no pass could look into it yet", AccountStatus.ACTIVE.name),
            )
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def _attached(self, old: Path, *statements: str) -> None:
        try:
            self._db.execute("COMMIT")
            self._db.execute("ATTACH ? AS old", (str(old),))
            self._db.execute("BEGIN")
            self._db.execute("CREATE INDEX IF NOT EXISTS main.accounts_key ON accounts (key)")
            for statement in statements:
                self._db.execute(statement)
            self._db.execute("COMMIT")
            self._db.execute("DETACH old")
            self._db.execute("BEGIN")
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def forget_accounts(self) -> None:
        """Take back all accounts and people."""
        self._emptied("accounts", *PEOPLE_TABLES)

    def forget_homes(self) -> None:
        """Take back all homes and computers."""
        self._emptied("homes", "computers")

    def _emptied(self, *tables: str) -> None:
        try:
            for table in tables:
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - ours
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def finish(self, meta: RunMeta, findings: Iterable[Finding]) -> None:
        """Write the rest, make it last, and put the file in the old one's place."""
        values = {
            "directory_read": codec.write_time(meta.directory_read),
            "storage_read": codec.write_time(meta.storage_read),
            "started": codec.write_time(meta.started),
            "seconds": meta.seconds,
            "directory_error": meta.directory_error,
            "storage_error": meta.storage_error,
        }
        try:
            self._db.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
            self._db.executemany(
                "INSERT INTO findings VALUES (?, ?, ?)",
                ([codec.write_text(text) for text in finding] for finding in findings),
            )
            self._db.execute("COMMIT")
            self._db.executescript(INDEX)
            self._db.close()
            self._replace()
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from None

    def _replace(self) -> None:
        self._new.chmod(0o640)
        with self._new.open("rb") as stream:
            os.fsync(stream.fileno())
        self._new.replace(self._file)
        folder = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)  # else the name may be the old file's after a power cut
        finally:
            os.close(folder)

    def abandon(self) -> None:
        """Throw the new file away."""
        self._db.close()
        self._new.unlink(missing_ok=True)


def _computer_row(number: int, computer: Computer, memory: TrackedComputer) -> tuple[object, ...]:
    return (
        number,
        os.fsencode(computer.name),
        codec.write_report(computer.start),
        codec.write_report(computer.end),
        codec.write_report(computer.schedule),
        None if computer.history is None else codec.write_history(computer.history),
        json.dumps([(at.timestamp(), outcome.value) for at, outcome in memory.runs]),
    )
