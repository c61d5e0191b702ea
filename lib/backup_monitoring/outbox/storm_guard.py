"""The storm guard: holds, lets through and releases what waits in the outbox."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from backup_monitoring.outbox.columns import read_time, write_time
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.outbox.messages import Storm
from backup_monitoring.outbox.queue import Transaction
from backup_monitoring.outbox.storms import (
    Failure,
    FailurePhase,
    StormThreshold,
    evaluate_storm,
    max_failures,
)

# How many accounts a backup server has, None where nobody knows; asked only if many failed.
Accounts = Callable[[str], int | None]


class StormPolicy(NamedTuple):
    """How the guard judges: by the settings; *percent* None: it is off."""

    settle: timedelta
    percent: float | None
    at_least: int


def watch_storms(transaction: Transaction, guard: StormPolicy, accounts: Accounts) -> None:
    """Judge all failures that are not settled, and act on it."""
    # A clock that was set back must not leave mails waiting for the old time to come.
    now = write_time(transaction.now)
    transaction.execute("UPDATE failing SET at = ? WHERE at > ?", (now, now))
    if guard.percent is None:
        _let_through(transaction, "the storm guard is off")
        return
    groups = transaction.execute(
        "SELECT DISTINCT host, task FROM failing WHERE phase != ? "
        "UNION SELECT host, task FROM storms",
        (FailurePhase.PASSED.value,),
    ).fetchall()
    for host, task in groups:
        _watch_one(transaction, guard, accounts, host, task)


def _watch_one(
    transaction: Transaction, guard: StormPolicy, accounts: Accounts, host: str, task: str
) -> None:
    failures = _failures(transaction, host, task)
    standing = transaction.execute(
        "SELECT 1 FROM storms WHERE host = ? AND task = ?", (host, task)
    ).fetchone()
    total = accounts(host) if len(failures) > guard.at_least else None
    rule = StormThreshold(max_failures(guard.percent or 0, guard.at_least, total), guard.settle)
    judgement = evaluate_storm(failures, rule, transaction.now, standing=standing is not None)
    for account in sorted(judgement.hold):
        _move(transaction, account, task, FailurePhase.STORM, f"{host} has a storm")
    for account in sorted(judgement.tell):
        _move(transaction, account, task, FailurePhase.PASSED, _why(standing is not None))
    if judgement.storm and standing is None:
        since = min(each.at for each in failures if each.account in judgement.accounts)
        transaction.execute(
            "INSERT INTO storms VALUES (?, ?, ?, ?, ?, 0)",
            (host, task, write_time(since), json.dumps(sorted(judgement.accounts)), total),
        )
    elif not judgement.storm:
        transaction.execute("DELETE FROM storms WHERE host = ? AND task = ? AND told", (host, task))


def _why(was_storm: bool) -> str:
    return "the storm is over" if was_storm else "no storm"


def _failures(transaction: Transaction, host: str, task: str) -> list[Failure]:
    rows = transaction.execute(
        "SELECT account, at, phase FROM failing WHERE host = ? AND task = ?", (host, task)
    )
    return [Failure(account, read_time(at), FailurePhase(phase)) for account, at, phase in rows]


def _move(
    transaction: Transaction, account: str, task: str, phase: FailurePhase, reason: str
) -> None:
    """Put a failure into *phase*, and what waits for it where it belongs then."""
    transaction.execute(
        "UPDATE failing SET phase = ? WHERE account = ? AND task = ?", (phase.value, account, task)
    )
    old, new = ("settling", "held") if phase is FailurePhase.STORM else ("settling", "waiting")
    statuses = (old, "held") if phase is FailurePhase.PASSED else (old, old)
    _change(
        transaction,
        new,
        reason,
        "account = ? AND task = ? AND status IN (?, ?)",
        account,
        task,
        *statuses,
    )


def _change(transaction: Transaction, new: str, reason: str, where: str, *values: object) -> int:
    """Set the status of mails and digests' events; return how many they were."""
    now = write_time(transaction.now)
    # what waits to be told is due from now on, however long it was held
    mails = transaction.execute(
        "UPDATE mails SET status = ?, error = ?, next_try = ?, "  # noqa: S608 - ours
        f"ready = iif(?1 = 'waiting', ?3, NULL) WHERE {where} RETURNING account, task, kind, "
        "state, address",
        (new, reason, now, *values),
    ).fetchall()
    events = transaction.execute(
        f"UPDATE digests SET status = ? WHERE {where} "  # noqa: S608 - ours
        "RETURNING account, task, kind, state, recipient",
        (new, *values),
    ).fetchall()
    what = LogAction.HELD if new == "held" else LogAction.RELEASED
    for account, task, kind, state, address in mails + events:
        transaction.log(what, account, task, kind, state, address, reason)
    return len(mails) + len(events)


def _let_through(transaction: Transaction, reason: str) -> None:
    waiting = transaction.execute(
        "SELECT account, task FROM failing WHERE phase != ?", (FailurePhase.PASSED.value,)
    ).fetchall()
    for account, task in waiting:
        _move(transaction, account, task, FailurePhase.PASSED, reason)
    transaction.execute("DELETE FROM storms")


def release_held(transaction: Transaction) -> int:
    """Let all that is held be told; return how many mails and digests' events that were.

    What only waits for a storm to show goes on waiting.
    """
    transaction.execute(
        "UPDATE failing SET phase = ? WHERE phase = ?",
        (FailurePhase.PASSED.value, FailurePhase.STORM.value),
    )
    transaction.execute("DELETE FROM storms WHERE told")
    return _change(transaction, "waiting", "released by hand", "status = 'held'")


def list_unannounced_storms(transaction: Transaction) -> list[Storm]:
    """Return the storms that the provider was not told of yet."""
    rows = transaction.execute(
        "SELECT host, task, since, accounts, total FROM storms WHERE NOT told"
    ).fetchall()
    return [
        Storm(host, task, read_time(since), tuple(json.loads(accounts)), total)
        for host, task, since, accounts, total in rows
    ]


def record_announced(transaction: Transaction, storm: Storm) -> None:
    """Remember that a mail about *storm* is queued."""
    transaction.execute(
        "UPDATE storms SET told = 1 WHERE host = ? AND task = ?", (storm.host, storm.task)
    )
