"""Results: the verdicts of accounts as a monitoring system accepts them."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from backup_monitoring.icinga.services import choose_host, encode_name
from backup_monitoring.model import Account, State, Uploads, Verdict, sanitize
from backup_monitoring.plugin import format_performance_data, limit_size
from backup_monitoring.settings import Settings
from backup_monitoring.tasks import evaluate_all

_MOST_DETAILS = 20


class CheckResult(NamedTuple):
    """A service's result.

    Args:
        host, service: the names of the object. state: the verdict's.
        output: sanitized lines. numbers: performance data, a text per metric.
    """

    host: str
    service: str
    state: State
    output: tuple[str, ...]
    numbers: tuple[str, ...]


def make_results(
    account: Account, uploads: Uploads, settings: Settings, now: datetime, host_per_account: bool
) -> Iterator[CheckResult]:
    """Yield a result per task; with *host_per_account* the account is a host of its own."""
    name = encode_name(account.uid)
    server = choose_host(account, settings.directory.host, settings.icinga.host_name)
    for task, verdict in evaluate_all(account, uploads, settings.policies, now).items():
        yield CheckResult(
            name if host_per_account else server,
            f"{name}-{task}",
            verdict.state,
            tuple(limit_size([*map(sanitize, _format_lines(account.uid, task, verdict))])),
            tuple(format_performance_data(verdict.metrics)),
        )


def _format_lines(uid: str, task: str, verdict: Verdict) -> Iterator[str]:
    who = f"{uid} {verdict.computer}" if verdict.computer else uid
    yield f"BACKUP {task.upper()} {verdict.state.name} - {who}: {verdict.summary}"
    yield from verdict.details[:_MOST_DETAILS]
    if len(verdict.details) > _MOST_DETAILS:
        yield f"... and {len(verdict.details) - _MOST_DETAILS} more"
