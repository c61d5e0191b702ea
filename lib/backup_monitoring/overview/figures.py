"""The figures of all accounts: what the last collector run stored, and what the outbox holds."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from backup_monitoring.model import State
from backup_monitoring.outbox import OutboxError, OutboxStatus, read_status
from backup_monitoring.settings import Settings
from backup_monitoring.store import StoreError, StoreFile, count_findings, open_store
from backup_monitoring.tasks import TASKS, ClientCount, ClientCounts


class Figures(NamedTuple):
    """The figures of all accounts in scope.

    Args:
        at: the time that they are as of, aware UTC.
        accounts: their number by task and state. changes: how often a state has begun, the same.
        failing_for: by task, how long the account that has failed for longest has had its state;
            None if none is WARNING or CRITICAL.
        totals: sums over all accounts, by name.
        ages: how long ago each part of the store was read; None: never.
        duration: of the last collector run.
        findings: their number by kind.
        clients: the backup programs in use.
        mails: the state of the outbox, or why it cannot be read; None without one.
    """

    at: datetime
    accounts: Mapping[str, Mapping[State, int]]
    changes: Mapping[tuple[str, State], int]
    failing_for: Mapping[str, timedelta | None]
    totals: Mapping[str, int]
    ages: Mapping[str, timedelta | None]
    duration: timedelta
    findings: Mapping[str, int]
    clients: tuple[ClientCount, ...]
    mails: OutboxStatus | OutboxError | None


def read_figures(settings: Settings, now: datetime) -> Figures:
    """Read store and outbox; ``store.folder`` is set.

    Raises:
        StoreError: the store cannot be read.
    """
    assert settings.store.folder is not None  # noqa: S101 - the caller has checked it
    state = open_store(settings.store.folder)
    try:
        return _read(state, settings, now)
    finally:
        state.close()


def _read(state: StoreFile, settings: Settings, now: datetime) -> Figures:
    meta, verdicts = state.meta(), state.verdicts()
    since = {task: verdicts.find_oldest_failure(task) for task in TASKS}
    parts = {"directory": meta.directory_read, "storage": meta.storage_read}
    return Figures(
        now,
        {task: _count_accounts(state, settings, task, now) for task in TASKS},
        verdicts.read_changes(),
        {task: None if at is None else _measure_age(at, now) for task, at in since.items()},
        verdicts.read_totals(total.name for task in TASKS.values() for total in task.totals),
        {part: None if at is None else _measure_age(at, now) for part, at in parts.items()},
        timedelta(seconds=meta.seconds),
        count_findings(state.findings()),
        # As check_backup_client --inventory counts them: at the time of the run.
        tuple(_count_clients(state, meta.started or now)),
        _read_mails(settings, now),
    )


def _count_accounts(
    state: StoreFile, settings: Settings, task: str, now: datetime
) -> Mapping[State, int]:
    """Count the accounts as the check of *task* does, which is UNKNOWN if the store is too old."""
    counts = state.verdicts().count(task)
    try:
        state.check_age(settings.store, TASKS[task].needs.files, now)
    except StoreError:
        return {each: sum(counts.values()) * (each is State.UNKNOWN) for each in State}
    return counts


def _count_clients(state: StoreFile, now: datetime) -> ClientCounts:
    needs = TASKS["client"].needs
    counts = ClientCounts(now)
    for account, uploads in state.accounts(needs.files, None, needs.entry):
        counts.add(account, uploads)
    return counts


def _measure_age(since: datetime, now: datetime) -> timedelta:
    return max(now - since, timedelta(0))


def _read_mails(settings: Settings, now: datetime) -> OutboxStatus | OutboxError | None:
    notify = settings.notify
    if notify.outbox is None:
        return None
    try:
        return read_status(notify.outbox, notify, now)
    except OutboxError as error:
        return error
