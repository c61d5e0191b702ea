"""Results: the verdicts of all accounts and tasks, as a monitoring system takes them."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from backup_monitoring.icinga.services import host_of, name_of
from backup_monitoring.model.accounts import Account
from backup_monitoring.model.text import clean
from backup_monitoring.model.uploads import Uploads
from backup_monitoring.model.verdicts import State, Verdict
from backup_monitoring.plugin.output import bounded, numbers_of
from backup_monitoring.settings.load import Settings
from backup_monitoring.tasks.judge import judged

_LINES = 20


class Result(NamedTuple):
    """A service's result.

    Args:
        host, service: the object. state: the verdict's.
        output: cleaned lines. numbers: performance data, one a number.
    """

    host: str
    service: str
    state: State
    output: tuple[str, ...]
    numbers: tuple[str, ...]


def results_of(
    account: Account, uploads: Uploads, settings: Settings, now: datetime, host_an_account: bool
) -> Iterator[Result]:
    """Yield the results of *account*, one a task; *host_an_account*: on a host of its own."""
    name = name_of(account.uid)
    server = host_of(account, settings.directory.host, settings.icinga.host_name)
    for task, verdict in judged(account, uploads, settings.policies, now).items():
        yield Result(
            name if host_an_account else server,
            f"{name}-{task}",
            verdict.state,
            tuple(bounded([*map(clean, _lines(account.uid, task, verdict))])),
            tuple(numbers_of(verdict.metrics)),
        )


def _lines(uid: str, task: str, verdict: Verdict) -> Iterator[str]:
    who = f"{uid} {verdict.computer}" if verdict.computer else uid
    yield f"BACKUP {task.upper()} {verdict.state.name} - {who}: {verdict.summary}"
    yield from verdict.details[:_LINES]
    if len(verdict.details) > _LINES:
        yield f"... and {len(verdict.details) - _LINES} more"
