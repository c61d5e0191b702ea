"""Writes a new state file beside the old one, and then replaces that by it."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar
from zlib import crc32

from backup_monitoring.model import (
    Account,
    AccountStatus,
    Codec,
    Computer,
    Contact,
    Customer,
    Files,
    Finding,
    Loss,
    Need,
    Person,
    Reseller,
    Uploads,
)
from backup_monitoring.store.day_rows import ADD_DAYS, PAGE_TABLES
from backup_monitoring.store.files import UNREADABLE, StoreError, make_damage_error
from backup_monitoring.store.held_rows import COPY_HELD, DELETE_HELD, MARK_HELD
from backup_monitoring.store.judging import AccountJudge
from backup_monitoring.store.layout import LAYOUT, STATE
from backup_monitoring.store.outcome_rows import OUTCOME_TABLE
from backup_monitoring.store.people_rows import make_people_row
from backup_monitoring.store.schema import (
    ACCOUNT_COLUMNS,
    COMPUTER_HISTORY,
    END,
    FINDINGS,
    INDEX,
    PLACES,
    SCHEDULE,
    START,
    TABLES,
    RunMeta,
    list_columns,
    make_account_row,
    read_account,
    write_loss,
    write_text,
    write_time,
)
from backup_monitoring.store.size_table import COPY_SIZES
from backup_monitoring.store.stored_homes import StoredHomes
from backup_monitoring.store.verdict_rows import PLACES_OF_VERDICT, VERDICT_INDEX, VERDICT_TABLE

T = TypeVar("T")
# The accounts may come from this run's directory: the same account can have another id.
_COPY_HOMES = [
    f"INSERT OR IGNORE INTO {table} SELECT new.id, {columns} "  # noqa: S608 - ours
    f"FROM old.{table} JOIN old.accounts AS was ON was.id = {table}.account "
    "JOIN main.accounts AS new ON new.key = was.key"
    for table, columns in (
        ("homes", "data, missing, refused, cut_short, homes.findings, computers"),
        ("computers", "name, start, end, schedule, history"),
    )
]
_ADD_VERDICT = f"INSERT INTO verdicts VALUES ({PLACES_OF_VERDICT})"  # noqa: S608 - place holders
_UNJUDGED = "WHERE NOT EXISTS (SELECT 1 FROM verdicts WHERE account = accounts.id)"
_COLUMNS = ", ".join(ACCOUNT_COLUMNS)
_ADD_BARE = f"INSERT INTO accounts SELECT NULL, {PLACES} WHERE ? NOT IN (SELECT key FROM accounts)"  # noqa: S608
_Rows = Iterable[tuple[object, ...]]


class AccountRow(NamedTuple):
    """An account of the new file, with its id there, and whether it is in scope."""

    number: int
    in_scope: bool
    account: Account


class StoreWriter:
    """A state file that is not complete yet.

    Args:
        folder: the store's.

    Raises:
        StoreError: it cannot be written; every method may.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / STATE
        self._new = folder / f"{STATE}.new"
        try:
            self._new.unlink(missing_ok=True)  # of a run that was killed
            # Nobody else may read it before it is complete, whatever the umask.
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            os.close(os.open(self._new, flags, 0o600))
            self._db = sqlite3.connect(self._new, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            with suppress(OSError):
                self._new.unlink(missing_ok=True)
            raise self._make_error(error) from None
        try:
            # No one reads this file before it is complete, and an incomplete one is deleted.
            self._db.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; "
                f"PRAGMA user_version = {LAYOUT}; {TABLES} {VERDICT_TABLE} {OUTCOME_TABLE} "
                f"{PAGE_TABLES} BEGIN;"
            )
        except sqlite3.Error as error:
            self.abandon()
            raise self._make_error(error) from None

    def _make_error(self, error: Exception) -> StoreError:
        remedy = "check that the disk is not full and that the collector's user can write there"
        return StoreError(str(self._new), f"cannot be written ({error})", remedy)

    def add_accounts(self, accounts: Iterable[tuple[Account, bool]]) -> int:
        """Write accounts, each with whether it is in scope; return their number."""
        count = 0
        try:
            for account, in_scope in accounts:
                self._db.execute(
                    f"INSERT INTO accounts VALUES (NULL, {PLACES})",  # noqa: S608 - place holders
                    make_account_row(account, in_scope),
                )
                count += 1
        except sqlite3.Error as error:
            raise self._make_error(error) from None
        return count

    def accounts(self) -> Iterator[AccountRow]:
        """Yield the accounts that were written."""
        return self._select("")

    def _select(self, where: str) -> Iterator[AccountRow]:
        try:
            query = f"SELECT in_scope, {list_columns(Need.ALL)} FROM accounts {where} ORDER BY id"  # noqa: S608
            for in_scope, *row in self._db.execute(query):
                yield AccountRow(row[0], bool(in_scope), read_account(row))
        except sqlite3.Error as error:
            raise self._make_error(error) from None
        except UNREADABLE as error:  # taken over from a file that was damaged
            raise make_damage_error(self._file, error) from None

    def add_home(self, number: int, uploads: Uploads, computers: Sequence[Computer]) -> Uploads:
        """Write the home of the account with the id *number*, and its *computers*.

        Returns:
            What readers of the file will get.
        """
        texts = (uploads.missing, uploads.refused, uploads.cut_short)
        problems = [None if text is None else write_text(text) for text in texts]
        computers = sorted(computers, key=lambda computer: os.fsencode(computer.name))
        findings = FINDINGS.encode(uploads.findings) if uploads.findings else None
        try:
            self._db.execute(
                "INSERT INTO homes VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, uploads.data, *problems, findings, len(computers)),
            )
            self._db.executemany(
                "INSERT INTO computers VALUES (?, ?, ?, ?, ?, ?)",
                [_make_computer_row(number, computer) for computer in computers],
            )
        except sqlite3.Error as error:
            raise self._make_error(error) from None
        missing, refused, cut_short = problems
        return Uploads(
            tuple(computers), uploads.data, missing, refused, cut_short, uploads.findings
        )

    def add_verdicts(self, row: AccountRow, uploads: Uploads, judge: AccountJudge) -> None:
        """Write the verdicts that *judge* returns for an account with the *uploads* of this run."""
        self._add_judged(judge.judge(*row, uploads))
        self._add(ADD_DAYS, judge.days.follow(row.number, row.account, uploads))

    def _add_judged(self, judged: tuple[_Rows, _Rows]) -> None:
        verdicts, outcomes = judged
        self._add(_ADD_VERDICT, verdicts)
        self._add("INSERT INTO outcomes VALUES (?, ?, ?, ?)", outcomes)

    def _add(self, statement: str, rows: _Rows) -> None:
        try:
            self._db.executemany(statement, rows)
        except sqlite3.Error as error:
            raise self._make_error(error) from None

    def judge_rest(self, judge: AccountJudge) -> None:
        """Write the verdicts of all accounts that have none, with what is written of them."""
        self._add_homes(None)  # of entries with another one's uid
        homes = StoredHomes(self._db, Files.ALL, one_by_one=False)
        for row in self._select(_UNJUDGED):
            uploads = homes.read_of(row.number, row.account)
            self._add_judged(judge.judge(*row, uploads))
            self._add(ADD_DAYS, judge.days.keep(row.number, row.account))

    def refuse_home(self, number: int, problem: str) -> None:
        """Let the home of the account with the id *number*, already written, be refused.

        Its verdicts are of what was written: `judge_rest` writes new ones.
        """
        try:
            for table in ("homes", "computers", "verdicts", "outcomes", "days"):
                self._db.execute(f"DELETE FROM {table} WHERE account = ?", (number,))  # noqa: S608
        except sqlite3.Error as error:
            raise self._make_error(error) from None
        self.add_home(number, Uploads(refused=problem), [])

    def add_people(self, people: Iterable[Contact | Person | Customer | Reseller]) -> None:
        """Write *people*; of two with one uid the first counts."""
        statement = "INSERT OR IGNORE INTO people VALUES (?, ?, ?, ?)"
        self._add(statement, map(make_people_row, people))

    def add_sizes(self, history: Path) -> None:
        """Copy the accounts' daily sizes from the *history* file, which this run has committed."""
        self._run_attached(history, COPY_SIZES)

    def take_over_accounts(self, old: Path) -> int:
        """Copy accounts and people of the state file *old*; return the number of accounts."""
        self._run_attached(
            old,
            "INSERT INTO accounts SELECT * FROM old.accounts",
            "INSERT INTO people SELECT * FROM old.people",
        )
        return self.count_accounts()

    def take_over_homes(self, old: Path) -> None:
        """Copy homes and computers of the state file *old*, for the accounts of this one.

        An account that is new, or monitored again, has none there: its home counts as unreadable.
        """
        self.forget_homes()
        self._run_attached(old, *_COPY_HOMES)
        self._add_homes("no collector run has read it yet")

    def hold_accounts(self, old: Path | None, held: Mapping[str, tuple[str, Loss]]) -> None:
        """Let the accounts that are *held* have what the state file *old* has of them.

        An entry that the directory shows remains as it is.

        Args:
            old: None if there is none; then an account that is not shown has its uid alone.
            held: the uid and the loss of each, by key.
        """
        rows = [(key, *write_loss(loss)) for key, (_, loss) in held.items()]
        bare = [make_account_row(Account(uid, ""), True) for uid, _ in held.values()]
        try:
            self._db.execute("CREATE TEMP TABLE held (key TEXT PRIMARY KEY, since, reason)")
            self._db.executemany("INSERT INTO held VALUES (?, ?, ?)", rows)
            for statement in DELETE_HELD:
                self._db.execute(statement)
        except sqlite3.Error as error:
            raise self._make_error(error) from None
        if old is not None and held:
            copies = [f"{copy} JOIN held ON held.key = new.key" for copy in _COPY_HOMES]
            self._run_attached(old, *COPY_HELD, *copies)
        try:
            self._db.executemany(_ADD_BARE, ((*row, row[0]) for row in bare))
            self._db.execute(MARK_HELD)
        except sqlite3.Error as error:
            raise self._make_error(error) from None

    def held_accounts(self) -> Iterator[Account]:
        """Yield the accounts that are held."""
        for row in self._select("WHERE lost_reason IS NOT NULL"):
            yield row.account

    def count_accounts(self) -> int:
        """Return how many accounts were written."""
        try:
            return int(self._db.execute("SELECT count(*) FROM accounts").fetchone()[0])
        except sqlite3.Error as error:
            raise self._make_error(error) from None

    def _add_homes(self, refused: str | None) -> None:
        """Write a home for each active account without one: a row that is missing is damage."""
        try:
            self._db.execute(
                "INSERT INTO homes SELECT id, 0, NULL, ?, NULL, NULL, 0 FROM accounts "
                "WHERE status = ? AND id NOT IN (SELECT account FROM homes)",
                (refused, AccountStatus.ACTIVE.name),
            )
        except sqlite3.Error as error:
            raise self._make_error(error) from None

    def _run_attached(self, old: Path, *statements: str) -> None:
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
        except sqlite3.DatabaseError as error:
            if not isinstance(error, sqlite3.OperationalError):
                raise make_damage_error(old, error) from None
            raise self._make_error(error) from None

    def forget_accounts(self) -> None:
        """Delete all accounts and people."""
        self._empty("accounts", "people")

    def forget_homes(self) -> None:
        """Delete all homes and computers, and the verdicts on them."""
        self._empty("homes", "computers", "verdicts", "outcomes", "days")

    def _empty(self, *tables: str) -> None:
        try:
            for table in tables:
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - ours
        except sqlite3.Error as error:
            raise self._make_error(error) from None

    def finish(self, meta: RunMeta, sums: Mapping[str, int], findings: Iterable[Finding]) -> None:
        """Write the rest, sync the file to the disk, and replace the old one by it."""
        values = {
            "directory_read": write_time(meta.directory_read),
            "storage_read": write_time(meta.storage_read),
            "started": write_time(meta.started),
            "seconds": meta.seconds,
            "directory_error": meta.directory_error,
            "storage_error": meta.storage_error,
            "digest": meta.digest,
            "policies": meta.policies,
            "directory_max_age": meta.max_ages[0],
            "storage_max_age": meta.max_ages[1],
            # As text: a sum may be more than SQLite's integers hold.
            **{key: str(each) for key, each in sums.items()},
        }
        try:
            in_scope = self._db.execute("SELECT count(*) FROM accounts WHERE in_scope").fetchone()
            self._db.execute("INSERT INTO meta VALUES ('in_scope', ?)", in_scope)
            self._db.execute("INSERT INTO meta VALUES ('people', ?)", (self._digest_people(),))
            self._db.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
            self._db.executemany(
                "INSERT INTO findings VALUES (?, ?, ?)",
                (list(map(write_text, finding)) for finding in findings),
            )
            self._db.execute("COMMIT")
            self._db.executescript(INDEX + VERDICT_INDEX)
            self._db.close()
            self._replace()
        except (OSError, sqlite3.Error) as error:
            raise self._make_error(error) from None

    def _digest_people(self) -> str:
        """Return a text that is the same only while nobody's entry changes."""
        digest = 0
        query = "SELECT kind || ' ' || key || ' ' || is_default || ' ' || entry FROM people"
        for (text,) in self._db.execute(f"{query} ORDER BY kind, key"):
            digest = crc32(text.encode(), digest)
        return f"{digest:08x}"

    def _replace(self) -> None:
        self._new.chmod(0o640)
        with self._new.open("rb") as stream:
            os.fsync(stream.fileno())
        self._new.replace(self._file)
        folder = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)  # otherwise a power cut may bring back the old file
        finally:
            os.close(folder)

    def abandon(self) -> None:
        """Delete the new file."""
        self._db.close()
        self._new.unlink(missing_ok=True)


def _make_computer_row(number: int, computer: Computer) -> tuple[object, ...]:
    return (
        number,
        os.fsencode(computer.name),
        _encode(START, computer.start),
        _encode(END, computer.end),
        _encode(SCHEDULE, computer.schedule),
        _encode(COMPUTER_HISTORY, computer.history),
    )


def _encode(codec: Codec[T], value: T | None) -> str | None:
    return None if value is None else codec.encode(value)
