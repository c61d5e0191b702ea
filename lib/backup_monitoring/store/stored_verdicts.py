"""Reads the verdicts of the last run from the state file."""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import groupby, product
from operator import itemgetter
from typing import Any

from backup_monitoring.model import Finding, State
from backup_monitoring.store.account_verdict import AccountVerdict
from backup_monitoring.store.schema import (
    FINDINGS,
    TOTAL,
    make_key,
    name_changes,
    read_hosts,
    read_name,
    read_time,
    select_keys,
)
from backup_monitoring.store.verdict_rows import (
    SINCE_COLUMNS,
    STATES,
    read_facts,
    read_since,
    read_verdict,
)
from backup_monitoring.tasks import TASKS, StateSince

_COLUMNS = f"task, verdict, facts, {SINCE_COLUMNS}"
_SELECT = (
    f"SELECT account, key, uid, hosts, {_COLUMNS} "  # noqa: S608 - ours
    "FROM verdicts JOIN accounts ON accounts.id = account"
)
_BADNESS = 7  # of `_SELECT`
# In the order of the check's output. The index has it, and is named: SQLite must not sort.
_WORST = (
    f"SELECT account, key, uid, hosts, {_COLUMNS} "  # noqa: S608 - ours
    # LEFT: an account that is missing is damage, which `_read` finds.
    "FROM verdicts INDEXED BY worst_verdicts LEFT JOIN accounts ON accounts.id = account "
    "WHERE task = ? AND verdicts.in_scope = 1 "
)
_ORDER = "ORDER BY badness DESC, number DESC, account"


class StoredVerdicts:
    """The verdicts of an open state file.

    Args:
        db: the open file.
        guard: makes a StoreError of what SQLite and damaged rows raise; every method may.
    """

    def __init__(
        self, db: sqlite3.Connection, guard: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._db = db
        self._guard = guard

    def count(self, task: str) -> dict[State, int]:
        """Return how many accounts in scope have each state in *task*."""
        query = (
            "SELECT badness, count(*) FROM verdicts INDEXED BY worst_verdicts "
            "WHERE task = ? AND in_scope = 1 GROUP BY badness"
        )
        with self._guard():
            counts = dict(self._db.execute(query, (task,)).fetchall())
            accounts = self.count_accounts()
            # An account that is missing would look as if it were gone.
            if accounts != sum(counts.values()) or not set(counts) <= _BADNESSES:
                raise ValueError(f"verdicts {counts} of {accounts} accounts")
        return {state: counts.get(state.badness, 0) for state in State}

    def count_accounts(self) -> int:
        """Return the number of accounts in scope."""
        with self._guard():
            row = self._db.execute("SELECT value FROM meta WHERE key = 'in_scope'").fetchone()
            return int(row[0])

    def list_worst(
        self, task: str, at_most: int, *, detailed: bool, with_facts: bool = False
    ) -> list[AccountVerdict]:
        """Return the worst verdicts of *task*, as the check sorts them.

        Args:
            detailed: with findings. with_facts: with the facts of each verdict.
        """
        with self._guard():
            rows = self._db.execute(f"{_WORST} {_ORDER} LIMIT ?", (task, at_most)).fetchall()
            return [self._read(row, detailed=detailed, with_facts=with_facts) for row in rows]

    def read_totals(self, names: Iterable[str]) -> dict[str, int]:
        """Return the sums with *names* over all accounts in scope."""
        query = "SELECT value FROM meta WHERE key = ?"
        with self._guard():
            return {
                name: int(self._db.execute(query, (f"{TOTAL}{name}",)).fetchone()[0])
                for name in names
            }

    def read_changes(self) -> dict[tuple[str, State], int]:
        """Return how often accounts in scope have come into each state of each task.

        It counts from the first run of this store on, and begins anew if the store is lost.
        """
        query = "SELECT value FROM meta WHERE key = ?"
        counts = {}
        with self._guard():
            for change in product(TASKS, State):
                row = self._db.execute(query, (name_changes(*change),)).fetchone()
                counts[change] = 0 if row is None else int(row[0])
        return counts

    def find_oldest_failure(self, task: str) -> datetime | None:
        """Return since when the account has its state that has failed in *task* for longest.

        None if no account in scope is WARNING or CRITICAL.
        """
        query = (
            "SELECT min(since) FROM verdicts INDEXED BY worst_verdicts "
            "WHERE task = ? AND in_scope = 1 AND badness >= ?"
        )
        with self._guard():
            [since] = self._db.execute(query, (task, State.WARNING.badness)).fetchone()
            return read_time(since)

    def find(
        self, uids: Sequence[str], task: str, *, detailed: bool = False, with_facts: bool = False
    ) -> Iterator[AccountVerdict]:
        """Yield the verdicts of *task* of the accounts with *uids*, in scope or not."""
        for where, keys in select_keys(uids):
            with self._guard():
                query = f"{_SELECT} WHERE {where} AND task = ? ORDER BY account"
                for row in self._db.execute(query, (*keys, task)).fetchall():
                    yield self._read(row, detailed=detailed, with_facts=with_facts)

    def list_all(
        self, uids: Sequence[str] | None, *, explained: bool = False
    ) -> Iterator[list[AccountVerdict]]:
        """Yield the verdicts of each account in scope, or of each with one of *uids*.

        Args:
            explained: with the facts of those that are not OK.
        """
        count = 0
        for where, keys in select_keys(uids):
            with self._guard():
                query = f"{_SELECT} WHERE {where} ORDER BY account"
                for _, rows in groupby(self._db.execute(query, keys), itemgetter(0)):
                    verdicts = [
                        self._read(row, with_facts=explained and row[_BADNESS] > 0) for row in rows
                    ]
                    found = {each.task: each for each in verdicts}
                    yield [found[task] for task in TASKS]
                    count += 1
        if uids is None:
            with self._guard():
                if count != (accounts := self.count_accounts()):
                    raise ValueError(f"verdicts of {count} of {accounts} accounts")

    def list_failing(self, known: Collection[tuple[str, str]]) -> Iterator[AccountVerdict]:
        """Yield the verdicts of accounts in scope that are not OK, or whose key is *known*.

        Args:
            known: uid in lower case and task.
        """
        self._check_complete()
        seen = set()
        for task in TASKS:
            with self._guard():
                for row in self._db.execute(f"{_WORST} AND badness > 0 {_ORDER}", (task,)):
                    found = self._read(row, with_facts=True)
                    seen.add((found.uid.lower(), task))
                    yield found
        others: dict[str, list[str]] = {}
        for uid, task in known:
            if task in TASKS and (uid, task) not in seen:
                others.setdefault(task, []).append(uid)
        for task, uids in others.items():
            for where, keys in select_keys(uids):
                query = f"{_SELECT} WHERE accounts.in_scope AND {where} AND task = ?"
                with self._guard():
                    for row in self._db.execute(query, (*keys, task)).fetchall():
                        yield self._read(row, with_facts=True)

    def _check_complete(self) -> None:
        """Raise StoreError if verdicts are missing, which would look as if they were OK.

        SQLite counts all rows of a table in a tenth of the time that it takes to count some.
        """
        with self._guard():
            [accounts] = self._db.execute("SELECT count(*) FROM accounts").fetchone()
            [verdicts] = self._db.execute("SELECT count(*) FROM verdicts").fetchone()
            if verdicts != accounts * len(TASKS):
                raise ValueError(f"{verdicts} verdicts on {accounts} accounts")

    def _read(
        self, row: Sequence[Any], *, detailed: bool = False, with_facts: bool = False
    ) -> AccountVerdict:
        number, key, uid, hosts, task, text, facts, *since = row
        name, state = read_name(uid), read_since(*since)
        if make_key(name) != key:
            raise ValueError(f"the row of {name} has another key")
        verdict, thresholds = read_verdict(text, state.state)
        if with_facts and facts is not None:
            verdict = verdict._replace(facts=read_facts(task, facts))
        findings = self._find_findings(number, task) if detailed else ()
        return AccountVerdict(name, read_hosts(hosts), task, verdict, state, thresholds, findings)

    def _find_findings(self, account: int, task: str) -> tuple[Finding, ...]:
        """Return the findings of what *task* reads: the entry, and perhaps the home."""
        of_entry, of_home = self._db.execute(
            "SELECT accounts.findings, homes.findings FROM accounts "
            "LEFT JOIN homes ON homes.account = id WHERE id = ?",
            (account,),
        ).fetchone()
        texts = (of_entry, None if TASKS[task].needs.files is None else of_home)
        return tuple(each for text in texts if text for each in FINDINGS.decode(text))

    def find_states(self, uid: str) -> dict[str, StateSince]:
        """Return the state of the account *uid* in each task, {} if it is not found."""
        query = (
            f"SELECT task, {SINCE_COLUMNS} FROM verdicts WHERE account = "  # noqa: S608 - ours
            "(SELECT id FROM accounts WHERE key = ? ORDER BY id LIMIT 1)"
        )
        with self._guard():
            rows = self._db.execute(query, (make_key(uid),)).fetchall()
            return {task: read_since(*since) for task, *since in rows}


_BADNESSES = set(range(len(STATES)))
