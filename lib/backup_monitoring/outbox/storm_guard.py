"""The storm guard: holds and releases what waits in the outbox."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from backup_monitoring.outbox.columns import read_time, write_time
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.outbox.messages import Storm
from backup_monitoring.outbox.storms import (
    Failure,
    FailurePhase,
    StormDecision,
    StormThreshold,
    evaluate_storm,
    max_failures,
)
from backup_monitoring.outbox.transaction import Transaction

# Returns the number of a backup server's accounts, None if not known; called only if many failed.
CountAccounts = Callable[[str], int | None]


class StormPolicy(NamedTuple):
    """The settings of the storm guard; *percent* None switches it off."""

    settle: timedelta
    percent: float | None
    at_least: int


def watch_storms(
    transaction: Transaction, policy: StormPolicy, count_accounts: CountAccounts
) -> None:
    """Decide about all failures that have not been released: hold or release their mails."""
    # A clock that was set back must not leave mails waiting for the old time to come.
    now = write_time(transaction.now)
    transaction.execute("UPDATE failing SET at = ? WHERE at > ?", (now, now))
    if policy.percent is None:
        _release_all(transaction, "the storm guard is off")
        return
    groups = transaction.execute(
        "SELECT DISTINCT host, task FROM failing WHERE phase != ? "
        "UNION SELECT host, task FROM storms",
        (FailurePhase.RELEASED.value,),
    ).fetchall()
    for host, task in groups:
        _watch_server(transaction, policy, count_accounts, host, task)


def _watch_server(
    transaction: Transaction,
    policy: StormPolicy,
    count_accounts: CountAccounts,
    host: str,
    task: str,
) -> None:
    """Decide about the failures of one server in one task."""
    failures = _list_failures(transaction, host, task)
    storm = transaction.execute(
        "SELECT 1 FROM storms WHERE host = ? AND task = ?", (host, task)
    ).fetchone()
    ongoing = storm is not None
    total = count_accounts(host) if len(failures) > policy.at_least else None
    rule = StormThreshold(max_failures(policy.percent or 0, policy.at_least, total), policy.settle)
    decision = evaluate_storm(failures, rule, transaction.now, ongoing=ongoing)
    for account in sorted(decision.hold):
        _change_phase(transaction, account, task, FailurePhase.HELD, f"storm on {host}")
    reason = "the storm is over" if ongoing else "no storm"
    for account in sorted(decision.release):
        _change_phase(transaction, account, task, FailurePhase.RELEASED, reason)
    if decision.storm and not ongoing:
        _record_storm(transaction, host, task, failures, decision, total)
    elif not decision.storm:
        transaction.execute(
            "DELETE FROM storms WHERE host = ? AND task = ? AND announced", (host, task)
        )


def _list_failures(transaction: Transaction, host: str, task: str) -> list[Failure]:
    rows = transaction.execute(
        "SELECT account, at, phase FROM failing WHERE host = ? AND task = ?", (host, task)
    )
    return [Failure(account, read_time(at), FailurePhase(phase)) for account, at, phase in rows]


def _record_storm(
    transaction: Transaction,
    host: str,
    task: str,
    failures: list[Failure],
    decision: StormDecision,
    total: int | None,
) -> None:
    since = min(failure.at for failure in failures if failure.account in decision.accounts)
    transaction.execute(
        "INSERT INTO storms VALUES (?, ?, ?, ?, ?, 0)",
        (host, task, write_time(since), json.dumps(sorted(decision.accounts)), total),
    )


def _change_phase(
    transaction: Transaction, account: str, task: str, phase: FailurePhase, reason: str
) -> None:
    """Set the *phase* of a failure, and the status of the mails and digest events about it."""
    transaction.execute(
        "UPDATE failing SET phase = ? WHERE account = ? AND task = ?", (phase.value, account, task)
    )
    held = phase is FailurePhase.HELD
    statuses = ("settling",) if held else ("settling", "held")
    where = f"account = ? AND task = ? AND status IN ({', '.join('?' * len(statuses))})"
    _change_status(
        transaction, "held" if held else "waiting", reason, where, account, task, *statuses
    )


def _change_status(
    transaction: Transaction, status: str, reason: str, where: str, *values: object
) -> int:
    """Set the status of mails and digest events; return how many there were."""
    now = write_time(transaction.now)
    # "ready": what was released waits from now on, however long it was held
    mails = transaction.execute(
        "UPDATE mails SET status = ?, error = ?, next_try = ?, "  # noqa: S608 - ours
        f"ready = iif(?1 = 'waiting', ?3, NULL) WHERE {where} RETURNING account, task, kind, "
        "state, address",
        (status, reason, now, *values),
    ).fetchall()
    events = transaction.execute(
        f"UPDATE digests SET status = ? WHERE {where} "  # noqa: S608 - ours
        "RETURNING account, task, kind, state, recipient",
        (status, *values),
    ).fetchall()
    action = LogAction.HELD if status == "held" else LogAction.RELEASED
    for account, task, kind, state, address in mails + events:
        transaction.log(action, account, task, kind, state, address, reason)
    return len(mails) + len(events)


def _release_all(transaction: Transaction, reason: str) -> None:
    failures = transaction.execute(
        "SELECT account, task FROM failing WHERE phase != ?", (FailurePhase.RELEASED.value,)
    ).fetchall()
    for account, task in failures:
        _change_phase(transaction, account, task, FailurePhase.RELEASED, reason)
    transaction.execute("DELETE FROM storms")


def release_held(transaction: Transaction) -> int:
    """Release everything that is held; return the number of mails and digest events.

    New failures, which may still become a storm, continue to wait.
    """
    transaction.execute(
        "UPDATE failing SET phase = ? WHERE phase = ?",
        (FailurePhase.RELEASED.value, FailurePhase.HELD.value),
    )
    transaction.execute("DELETE FROM storms WHERE announced")
    return _change_status(transaction, "waiting", "released by hand", "status = 'held'")


def list_unannounced_storms(transaction: Transaction) -> list[Storm]:
    """Return the storms that the operator has not been notified of."""
    rows = transaction.execute(
        "SELECT host, task, since, accounts, total FROM storms WHERE NOT announced"
    ).fetchall()
    return [
        Storm(host, task, read_time(since), tuple(json.loads(accounts)), total)
        for host, task, since, accounts, total in rows
    ]


def record_announced(transaction: Transaction, storm: Storm) -> None:
    """Record that a mail about *storm* is queued."""
    transaction.execute(
        "UPDATE storms SET announced = 1 WHERE host = ? AND task = ?", (storm.host, storm.task)
    )
