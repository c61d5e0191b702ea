"""Results: the verdicts of accounts as a monitoring system accepts them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from backup_monitoring.icinga.services import name_service
from backup_monitoring.model import State, Verdict, choose_host, encode_name, sanitize
from backup_monitoring.plugin import format_performance, limit_size
from backup_monitoring.settings import Settings
from backup_monitoring.store import AccountVerdict

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
    verdicts: Iterable[AccountVerdict], settings: Settings, host_per_account: bool
) -> Iterator[CheckResult]:
    """Yield the result of each verdict; with *host_per_account* each account is a host."""
    for uid, hosts, task, verdict, *_ in verdicts:
        name = encode_name(uid)
        server = choose_host(hosts, settings.directory.host, settings.icinga.host_name)
        yield CheckResult(
            name if host_per_account else server,
            name_service(name, task, host_per_account),
            verdict.state,
            tuple(limit_size([*map(sanitize, _format_lines(uid, task, verdict))])),
            tuple(map(format_performance, verdict.metrics)),
        )


def _format_lines(uid: str, task: str, verdict: Verdict) -> Iterator[str]:
    who = f"{uid} {verdict.computer}" if verdict.computer else uid
    yield f"BACKUP {task.upper()} {verdict.state.name} - {who}: {verdict.summary}"
    yield from verdict.details[:_MOST_DETAILS]
    if len(verdict.details) > _MOST_DETAILS:
        yield f"... and {len(verdict.details) - _MOST_DETAILS} more"
