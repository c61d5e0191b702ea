"""The table of each computer's last days in the state file, and how a run continues it."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from backup_monitoring.model import Account, AccountStatus, Codec, Computer, End, Start, Uploads
from backup_monitoring.store.files import UNREADABLE, StoreError
from backup_monitoring.store.schema import make_key
from backup_monitoring.tasks import BackupDays, Policies, follow_days

# What only pages show. *mark* changes with the reports, *until* is when time alone may change the
# days: most runs copy most rows as they are.
PAGE_TABLES = """
CREATE TABLE days (
    account INTEGER, name BLOB, until REAL, mark TEXT, days TEXT, PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE TABLE sizes (account INTEGER PRIMARY KEY, sizes TEXT);
"""
ADD_DAYS = "INSERT OR REPLACE INTO days VALUES (?, ?, ?, ?, ?)"
_DAYS: Codec[BackupDays] = Codec(BackupDays)


class _Row(NamedTuple):
    """What the last run wrote of a computer."""

    name: bytes
    until: float
    mark: str
    days: str


class DayLetters(NamedTuple):
    """The days of a computer as a page shows them: *first* and *letters* as of `BackupDays`.

    Args:
        is_open: the run of the capital letter may still go on.
    """

    first: int
    letters: str
    is_open: bool


class StoredDays:
    """The days of an open state file.

    Args:
        db: the open file. guard: makes a StoreError of what SQLite and damaged rows raise.
    """

    def __init__(
        self, db: sqlite3.Connection, guard: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._db = db
        self._guard = guard

    def find_rows(self, uid: str) -> Mapping[bytes, _Row]:
        """Return the rows of the account *uid*, by the computers' names; StoreError if damaged."""
        query = (
            "SELECT name, until, mark, days FROM days WHERE account = "
            "(SELECT id FROM accounts WHERE key = ? ORDER BY id LIMIT 1)"
        )
        with self._guard():
            rows = self._db.execute(query, (make_key(uid),)).fetchall()
            return {row[0]: _Row._make(row) for row in rows}

    def list_all(self) -> Iterator[Mapping[str, DayLetters]]:
        """Yield the days of each account in scope, by its computers; StoreError if damaged."""
        query = (
            "SELECT id, name, days.days FROM accounts LEFT JOIN days ON account = id "
            "WHERE in_scope ORDER BY id"
        )
        with self._guard():
            for _, rows in groupby(self._db.execute(query), itemgetter(0)):
                yield {
                    os.fsdecode(name): _read_letters(text)
                    for _, name, text in rows
                    if name is not None
                }

    def list_sizes(self) -> Iterator[list[tuple[int, int]]]:
        """Yield day and used bytes of each account in scope, if the last run had to show them.

        Raises:
            StoreError: the file is damaged.
        """
        query = (
            "SELECT sizes FROM accounts LEFT JOIN sizes ON account = id WHERE in_scope ORDER BY id"
        )
        with self._guard():
            for (text,) in self._db.execute(query):
                numbers = [] if text is None else json.loads(text)
                if not {*map(type, numbers)} <= {int} or len(numbers) % 2:
                    raise TypeError("a size is not a number")
                yield [*zip(numbers[::2], numbers[1::2], strict=True)]


def _read_letters(text: str) -> DayLetters:
    # By hand, as verdicts are read: a page of all accounts needs three of all fields.
    first, letters, _, start, _ = json.loads(text)
    if type(first) is not int or type(letters) is not str:
        raise TypeError("the days are of another type")
    return DayLetters(first, letters, start is not None and not start[-1])


class DayFollower:
    """Continues the days of accounts at the time of a run.

    Args:
        policies: of the tasks. now: of the run, aware UTC.
        before: the days of the last run; None: they are not known.
    """

    def __init__(self, policies: Policies, now: datetime, before: StoredDays | None) -> None:
        self._policies = policies
        self._now = now
        self._before = before

    def follow(
        self, number: int, account: Account, uploads: Uploads
    ) -> Iterator[tuple[object, ...]]:
        """Yield the rows of the account with the id *number*, whose home this run has read."""
        if account.status is not AccountStatus.ACTIVE:
            return
        known = self._find_known(account.uid)
        shown = set()
        for computer in uploads.computers:
            name = os.fsencode(computer.name)
            shown.add(name)
            yield number, *self._follow(known.get(name), account, computer, uploads.computers)
        if uploads.missing or uploads.refused or uploads.cut_short or uploads.no_incoming:
            # What could not be read says nothing.
            yield from ((number, *row) for name, row in known.items() if name not in shown)

    def keep(self, number: int, account: Account) -> Iterator[tuple[object, ...]]:
        """Yield the rows that the last run had of an account whose home this run has not read."""
        for row in self._find_known(account.uid).values():
            yield number, *row

    def _find_known(self, uid: str) -> Mapping[bytes, _Row]:
        if self._before is None:
            return {}
        try:
            return self._before.find_rows(uid)
        except StoreError:  # a damaged row: as if the file were missing
            return {}

    def _follow(
        self,
        known: _Row | None,
        account: Account,
        computer: Computer,
        others: Sequence[Computer],
    ) -> _Row:
        mark = _make_mark(computer)
        if known is not None and known.mark == mark and self._now.timestamp() < known.until:
            return known
        before = None
        if known is not None:
            try:
                before = _DAYS.decode(known.days)
            except UNREADABLE:
                before = None  # these are a picture for people: no state follows from them
        days = follow_days(before, account, computer, others, self._policies, self._now)
        until = 0.0 if days.until is None else days.until.timestamp()
        return _Row(os.fsencode(computer.name), until, mark, _DAYS.encode(days))


def _make_mark(computer: Computer) -> str:
    """Return a text that changes when *computer* has uploaded something, or is used no more."""
    reports = [
        f"{each.at.timestamp()} {each.id}" if isinstance(each, Start | End) else repr(each)
        for each in (computer.start, computer.end)
    ]
    history = computer.history
    used = None if history is None else (history.schedule_changed, history.is_in_use)
    return f"{reports} {used}"
