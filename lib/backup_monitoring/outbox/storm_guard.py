"""The storm guard: holds and releases what waits in the outbox."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from backup_monitoring.model import LastOutcome, format_duration_setting
from backup_monitoring.outbox.columns import read_time, write_text, write_time
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.outbox.messages import ENDED, Storm
from backup_monitoring.outbox.storms import (
    Crowd,
    Failure,
    FailurePhase,
    OngoingStorm,
    choose_oldest,
    decide_storm,
    find_crowd,
    find_mass,
    is_mass,
)
from backup_monitoring.outbox.transaction import Transaction
from backup_monitoring.settings import NotifySettings

_LAST_WARNING = timedelta(hours=4)  # before the mails of a storm are sent
_NO_STORM = "no storm"


class Servers(Protocol):
    """Knows the backup servers; None: it is not known."""

    def list_outcomes(self, host: str, task: str, since: datetime) -> Iterable[LastOutcome] | None:
        """Return what became of the last backups on *host*, of none older than *since*."""

    def count_customers(self, host: str) -> int | None:
        """Return the number of customers of *host*."""


class UnknownServers:
    """The `Servers` of a notifier without a store."""

    def list_outcomes(self, host: str, task: str, since: datetime) -> None:
        """Return None."""

    def count_customers(self, host: str) -> None:
        """Return None."""


class _StormRow(NamedTuple):
    """A storm as it is stored; *by_outcomes*: recognized so."""

    ongoing: OngoingStorm
    by_outcomes: bool


def watch_storms(transaction: Transaction, policy: NotifySettings, servers: Servers) -> None:
    """Decide about all failures that have not been released: hold or release their mails."""
    # A clock that was set back must not leave mails waiting for the old time to come.
    now = write_time(transaction.now)
    transaction.execute("UPDATE failing SET at = ?1 WHERE at > ?1", (now,))
    transaction.execute("UPDATE storms SET began = ?1 WHERE began > ?1", (now,))
    if not policy.storm:
        _release_all(transaction, "the storm guard is off")
        return
    groups = transaction.execute(
        "SELECT DISTINCT host, task FROM failing WHERE phase != ? "
        "UNION SELECT host, task FROM storms WHERE task != ?",
        (FailurePhase.RELEASED.value, ENDED),
    ).fetchall()
    for host, task in groups:
        _watch_server(transaction, policy, servers, host, task)


def _watch_server(
    transaction: Transaction, policy: NotifySettings, servers: Servers, host: str, task: str
) -> None:
    """Decide about the failures of one server in one task."""
    failures = _list_failures(transaction, host, task)
    row = _find_row(transaction, host, task)
    before = None if row is None else row.ongoing
    oldest = choose_oldest(task, transaction.now, before)
    outcomes = None if oldest is None else servers.list_outcomes(host, task, oldest)
    if outcomes is not None and oldest is not None:
        crowd = find_crowd(outcomes, oldest, policy.storm_failures, policy.storm_of)
    elif row is not None and row.by_outcomes and not row.ongoing.sent:
        crowd = _read_crowd(transaction, host, task)  # what is not known changes nothing
    else:
        crowd = _count_failures(failures, row, policy, servers, host)
    decision = decide_storm(
        failures, crowd, before, policy.settle, policy.storm_max_hold, transaction.now
    )
    for account in sorted(decision.hold):
        _change_phase(transaction, account, task, FailurePhase.HELD, f"storm on {host}")
    reason = _explain_release(before, decision.storm, policy)
    for account in sorted(decision.release):
        _change_phase(transaction, account, task, FailurePhase.RELEASED, reason)
    if decision.storm is None or crowd is None:
        _delete_row(transaction, host, task)
    else:
        total = servers.count_customers(host) if row is None else None
        by_outcomes = outcomes is not None if row is None else row.by_outcomes
        new = _StormRow(decision.storm, by_outcomes)
        _save_row(transaction, host, task, new, crowd, total)


def _count_failures(
    failures: Iterable[Failure],
    row: _StormRow | None,
    policy: NotifySettings,
    servers: Servers,
    host: str,
) -> Crowd | None:
    """Return who fails if so many do that it is a storm, where no outcomes are known."""
    waiting = [each for each in failures if each.phase is not FailurePhase.RELEASED]
    if find_mass(waiting, None, timedelta.max) is None:  # spares the look-up
        return None
    settle = policy.settle if row is None else timedelta.max
    return find_mass(waiting, servers.count_customers(host), settle)


def _explain_release(
    before: OngoingStorm | None, after: OngoingStorm | None, policy: NotifySettings
) -> str:
    if before is None:
        return _NO_STORM
    if after is None:
        return "the storm is over"
    return f"the storm lasts longer than {format_duration_setting(policy.storm_max_hold)}"


def _list_failures(transaction: Transaction, host: str, task: str) -> list[Failure]:
    rows = transaction.execute(
        "SELECT account, at, customer, phase FROM failing WHERE host = ? AND task = ?",
        (host, task),
    )
    return [
        Failure(account, read_time(at), customer, FailurePhase(phase))
        for account, at, customer, phase in rows
    ]


def _find_row(transaction: Transaction, host: str, task: str) -> _StormRow | None:
    row = transaction.execute(
        "SELECT began, sent, by_outcomes FROM storms WHERE host = ? AND task = ?", (host, task)
    ).fetchone()
    if row is None:
        return None
    return _StormRow(OngoingStorm(read_time(row[0]), bool(row[1])), bool(row[2]))


def _read_crowd(transaction: Transaction, host: str, task: str) -> Crowd:
    customers, since = transaction.execute(
        "SELECT customers, since FROM storms WHERE host = ? AND task = ?", (host, task)
    ).fetchone()
    return Crowd(customers, read_time(since))


def _save_row(
    transaction: Transaction,
    host: str,
    task: str,
    row: _StormRow,
    crowd: Crowd,
    total: int | None,
    held: Collection[tuple[str, str]] = (),
) -> None:
    """Store a storm: a new one, or what has changed of it.

    Args:
        held: accounts and tasks that are no longer monitored; other ones are in ``failing``.
    """
    began, sent = row.ongoing
    transaction.execute(
        "INSERT INTO storms (host, task, since, began, customers, total, by_outcomes, sent, held) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET "
        "since = min(since, ?3), customers = ?5, sent = ?8, held = ?9",
        (
            *(host, task, write_time(crowd.since), write_time(began), crowd.customers, total),
            *(row.by_outcomes, sent, json.dumps(sorted(held))),
        ),
    )


def _delete_row(transaction: Transaction, host: str, task: str) -> None:
    transaction.execute("DELETE FROM storms WHERE host = ? AND task = ?", (host, task))


def hold_endings(
    transaction: Transaction,
    problems: Collection[tuple[str, str]],
    policy: NotifySettings,
    servers: Servers,
) -> set[tuple[str, str]]:
    """Return those *problems* that end now, so many at once that nobody is notified of it yet.

    The next scan asks again: what is monitored again by then was never said to have ended.

    Args:
        problems: account and task of those that end because they are no longer monitored.
    """
    by_host: dict[str, dict[tuple[str, str], str]] = {}
    for account, task in problems:
        found = transaction.execute(
            "SELECT host, customer FROM failing WHERE account = ? AND task = ?",
            (write_text(account), write_text(task)),
        ).fetchone()
        host, customer = found or ("", f"account {account}".lower())
        by_host.setdefault(host, {})[account, task] = customer
    known = transaction.execute("SELECT host FROM storms WHERE task = ?", (ENDED,)).fetchall()
    for (host,) in known:
        by_host.setdefault(host, {})
    held: set[tuple[str, str]] = set()
    for host, ended in by_host.items():
        if _hold_endings_of(transaction, host, ended, policy, servers):
            held.update(ended)
    return held


def _hold_endings_of(
    transaction: Transaction,
    host: str,
    ended: dict[tuple[str, str], str],
    policy: NotifySettings,
    servers: Servers,
) -> bool:
    """Return whether the problems that *ended* on one server are held; they have customers."""
    now, row = transaction.now, _find_row(transaction, host, ENDED)
    customers = len(set(ended.values()))
    many = policy.storm and is_mass(customers, None)
    if many and row is None:  # those that ended are no longer among the server's
        many = is_mass(customers, (servers.count_customers(host) or 0) + customers)
    if not many:
        _delete_row(transaction, host, ENDED)
        return False
    ongoing = OngoingStorm(now) if row is None else row.ongoing
    if ongoing.sent or now - ongoing.began >= policy.storm_max_hold:
        _delete_row(transaction, host, ENDED)
        return False
    new = _StormRow(ongoing, by_outcomes=False)
    _save_row(transaction, host, ENDED, new, Crowd(customers, ongoing.began), None, ended)
    return True


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

    What fails later in these storms is not held. New failures elsewhere, which may still become a
    storm, continue to wait.
    """
    transaction.execute(
        "UPDATE failing SET phase = ? WHERE phase = ?",
        (FailurePhase.RELEASED.value, FailurePhase.HELD.value),
    )
    transaction.execute("UPDATE storms SET sent = 1")
    return _change_status(transaction, "waiting", "released by hand", "status = 'held'")


def list_unannounced_storms(transaction: Transaction, max_hold: timedelta) -> list[Storm]:
    """Return the storms that the operator is to be notified of.

    That is each when it begins, and again before its mails are sent, which they are after
    *max_hold*.
    """
    rows = transaction.execute(
        "SELECT host, task, since, began, customers, total, held, announced FROM storms "
        "WHERE NOT sent AND announced < 2"
    ).fetchall()
    storms = []
    for host, task, since, began, customers, total, held, announced in rows:
        until = read_time(began) + max_hold
        if announced and (transaction.now < until - _LAST_WARNING or max_hold <= _LAST_WARNING):
            continue
        ended = tuple((account, its) for account, its in json.loads(held))
        storm = Storm(host, task, read_time(since), ended, customers, total, until)
        if task != ENDED:
            storm = storm._replace(
                held=_list_accounts(transaction, host, task, FailurePhase.HELD, 0),
                notified=_list_accounts(transaction, host, task, FailurePhase.RELEASED, since),
            )
        storms.append(storm._replace(again=bool(announced)))
    return storms


def _list_accounts(
    transaction: Transaction, host: str, task: str, phase: FailurePhase, since: float
) -> tuple[tuple[str, str], ...]:
    """Return the accounts in *phase* that fail since then, each with *task*."""
    rows = transaction.execute(
        "SELECT account, task FROM failing WHERE host = ? AND task = ? AND phase = ? AND at >= ? "
        "ORDER BY account",
        (host, task, phase.value, since),
    ).fetchall()
    return tuple((account, its) for account, its in rows)


def record_announced(transaction: Transaction, storm: Storm) -> None:
    """Record that a mail about *storm* is queued."""
    transaction.execute(
        "UPDATE storms SET announced = announced + 1 WHERE host = ? AND task = ?",
        (storm.host, storm.task),
    )
