"""Reads the state file.

Each collector run writes a new file and renames it over the old one, so a reader sees the one or
the other, whatever is killed. Nothing is locked: any user that can open the file can read it.
"""

import os
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from backup_monitoring.model import (
    CLOCK_SLACK,
    Account,
    Files,
    Finding,
    LastOutcome,
    Need,
    Uploads,
    format_duration_setting,
    format_time,
)
from backup_monitoring.settings import StoreSettings, refuse_irregular
from backup_monitoring.store.files import (
    DAMAGED,
    UNREADABLE,
    StoreError,
    make_damage_error,
)
from backup_monitoring.store.layout import LAYOUT, STATE
from backup_monitoring.store.schema import (
    FINDINGS,
    RunMeta,
    list_columns,
    make_key,
    read_account,
    read_time,
    select_keys,
)
from backup_monitoring.store.stored_homes import NO_UPLOADS, StoredHomes
from backup_monitoring.store.stored_verdicts import StoredVerdicts

if TYPE_CHECKING:
    from backup_monitoring.store.day_rows import StoredDays
    from backup_monitoring.store.people_rows import StoredPeople


class StoreFile:
    """An open state file, for reading.

    Args:
        file: the state file.

    Raises:
        StoreError: it does not exist, has another layout, or is damaged.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            refuse_irregular(file)
            exists = file.exists()
        except OSError as error:  # this user cannot enter its folder, or it is a pipe
            raise self._make_error(error) from None
        if not exists:
            raise StoreError(
                str(file),
                "the store does not exist",
                "run collect_backup_state, or enable its timer",
            )
        try:
            # No one ever writes to this file: immutable needs neither locks nor a second file.
            uri = f"file:{quote(os.fsencode(file))}?mode=ro&immutable=1"
            self._db = sqlite3.connect(uri, uri=True)
            layout = self._db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise self._make_error(error) from None
        if layout != LAYOUT:
            version = "a newer" if layout > LAYOUT else "an older"
            problem = f"has layout {layout}, written by {version} version"
            if not file.stat().st_size:
                problem = "is empty"
            raise StoreError(str(file), problem, "run this version's collect_backup_state")

    def _make_error(self, error: sqlite3.Error | OSError) -> StoreError:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
            return make_damage_error(self._file, error)
        why = error.strerror if isinstance(error, OSError) else error
        return StoreError(
            str(self._file),
            f"cannot be read ({why})",
            "add this user to the file's group and restart its daemon, or run collect_backup_state",
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def meta(self) -> RunMeta:
        """Return when the last run read its parts; StoreError if the file is damaged."""
        with self._guard():
            return _read_meta(dict(self._db.execute("SELECT key, value FROM meta")))

    def check_age(self, settings: StoreSettings, files: Files | None, now: datetime) -> None:
        """Raise StoreError if a part that is needed is too old.

        Args:
            settings: how old the parts may be. now: aware UTC.
            files: what is read of the homes; None: only the directory's part is needed.
        """
        meta = self.meta()
        parts = [("directory", meta.directory_read, settings.directory_max_age)]
        if files is not None:
            parts.append(("storage", meta.storage_read, settings.max_age))
        for part, read, oldest in parts:
            if read is None:
                problem, remedy = f"the {part} was never read", "see check_backup_monitoring"
            elif read > now + CLOCK_SLACK:
                problem = f"the {part} was read in the future, {format_time(read, UTC)}"
                remedy = "set this server's clock"
            elif now - read > oldest:
                age = format_duration_setting(oldest)
                problem = f"the {part} was last read {format_time(read, UTC)}, more than {age} ago"
                remedy = "see check_backup_monitoring"
            else:
                continue
            raise StoreError(str(self._file), problem, remedy)

    def accounts(
        self, files: Files | None, uids: Sequence[str] | None, need: Need = Need.ALL
    ) -> Iterator[tuple[Account, Uploads]]:
        """Yield accounts with their uploads, as `read_live_accounts` does.

        Raises:
            StoreError: the file is damaged.
        """
        with self._guard():
            count = 0
            for where, values in select_keys(uids):
                for pair in self._accounts(need, files, where, values):
                    yield pair
                    count += 1
            if uids is None:
                self._check_count(count)

    def _check_count(self, count: int) -> None:
        """Raise ValueError if some accounts are missing: that would look as if they were gone."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'in_scope'").fetchone()
        if row is None or row[0] != count:
            raise ValueError(f"{count} accounts, not {row and row[0]}")

    def _accounts(
        self, need: Need, files: Files | None, where: str, values: Sequence[str]
    ) -> Iterator[tuple[Account, Uploads]]:
        rows = self._db.execute(
            f"SELECT {list_columns(need)} FROM accounts WHERE {where} ORDER BY id",  # noqa: S608 - ours
            values,
        )
        if files is None:
            yield from ((read_account(row), NO_UPLOADS) for row in rows)
            return
        homes = StoredHomes(self._db, files, one_by_one=bool(values))
        for row in rows:
            account = read_account(row)
            yield account, homes.read_of(row[0], account)

    def people(self) -> "StoredPeople":
        """Return the people of the accounts."""
        # Loaded here, since checks do not need them.
        from backup_monitoring.store.people_rows import StoredPeople

        return StoredPeople(self._db, str(self._file))

    def verdicts(self) -> StoredVerdicts:
        """Return the verdicts of the accounts."""
        return StoredVerdicts(self._db, self._guard)

    def days(self) -> "StoredDays":
        """Return how the backups of each computer went on the last days."""
        from backup_monitoring.store.day_rows import StoredDays  # checks do not need it

        return StoredDays(self._db, self._guard)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._make_error(error) from None
        except UNREADABLE as error:
            raise make_damage_error(self._file, error) from None

    def read_outcomes(self, host: str, task: str, since: datetime) -> list[LastOutcome]:
        """Return the outcomes of the backup server *host*, as of `outcome_rows.read_outcomes`.

        Raises:
            StoreError: the file is damaged.
        """
        from backup_monitoring.store.outcome_rows import read_outcomes

        with self._guard():
            return list(read_outcomes(self._db, host, task, since))

    def count_customers(self, host: str) -> int:
        """Return how many customers the backup server *host* has; StoreError if damaged."""
        from backup_monitoring.store.outcome_rows import count_customers

        with self._guard():
            return count_customers(self._db, host)

    def find_ended(self, uids: Collection[str]) -> set[str]:
        """Return those of *uids*, none of them in scope, whose accounts are known to have ended.

        Raises:
            StoreError: the file is damaged.
        """
        # An account that is still in the directory has an entry, which says so.
        here = {make_key(account.uid) for account, _ in self.accounts(None, [*uids], Need.NOTHING)}
        ended = {uid for uid in uids if make_key(uid) in here}
        if len(ended) < len(uids):
            lost = {each.where.lower() for each in self.findings() if each.kind == "lost"}
            ended |= {uid for uid in uids if f"account {uid}".lower() in lost}
        return ended

    def count_homes_with(self, kind: str) -> int:
        """Return how many homes have findings of *kind*; StoreError if the file is damaged."""
        with self._guard():
            rows = self._db.execute("SELECT findings FROM homes WHERE findings IS NOT NULL")
            return sum(any(each.kind == kind for each in FINDINGS.decode(text)) for (text,) in rows)

    def findings(self) -> Iterator[Finding]:
        """Yield the findings of the last run; StoreError if the file is damaged."""
        with self._guard():
            for row in self._db.execute("SELECT kind, subject, problem FROM findings"):
                if not all(isinstance(text, str) for text in row):
                    raise TypeError("a finding is not text")
                yield Finding(*row)


def _read_meta(values: Mapping[str, Any]) -> RunMeta:
    errors = values.get("directory_error"), values.get("storage_error")
    if not all(error is None or isinstance(error, str) for error in errors):
        raise TypeError("an error is not text")
    return RunMeta(
        read_time(values.get("directory_read")),
        read_time(values.get("storage_read")),
        read_time(values.get("started")),
        timedelta(seconds=float(values.get("seconds") or 0)).total_seconds(),
        *errors,
        str(values.get("digest")),
        str(values.get("policies")),
        people=str(values.get("people")),
    )


def open_store(folder: Path) -> StoreFile:
    """Open the state file of *folder* for reading; raises as `StoreFile`."""
    return StoreFile(folder / STATE)


def count_findings(findings: Iterable[Finding]) -> dict[str, int]:
    """Return the number of *findings* of each kind."""
    return dict(Counter(finding.kind for finding in findings))
