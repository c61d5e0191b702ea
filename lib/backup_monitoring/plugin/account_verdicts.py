"""Acquisition: what a check asks for, and the accounts with their verdicts that answer it."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import nagiosplugin

from backup_monitoring.model import (
    Account,
    Metric,
    MonitoringError,
    State,
    Uploads,
    Verdict,
    format_time,
)
from backup_monitoring.plugin.counter import VerdictCounter, rank
from backup_monitoring.plugin.options import format_no_such_account, list_missing
from backup_monitoring.plugin.output import make_metrics
from backup_monitoring.settings import Settings
from backup_monitoring.store import AccountVerdict
from backup_monitoring.tasks import Policies, Task

if TYPE_CHECKING:
    from backup_monitoring.store import StoreFile
    from backup_monitoring.tasks import StateSince

MOST_KEPT = 400  # verdicts: more than fit into an output

AccountSource = Callable[[], Iterator[tuple[Account, Uploads]]]


class Request(NamedTuple):
    """A parsed command line, with what it names.

    Args:
        uids: None: all accounts in scope. now: aware UTC.
        state: the store, None if the accounts are to be read live.
        anew: the accounts are to be judged now; otherwise the store has the verdicts.
    """

    options: argparse.Namespace
    settings: Settings
    policies: Policies
    uids: list[str] | None
    now: datetime
    state: "StoreFile | None"
    anew: bool

    @property
    def single(self) -> bool:
        """Whether it asks for one account."""
        return self.uids is not None and len(self.uids) == 1

    @property
    def as_json(self) -> bool:
        """Whether the output is a document."""
        return bool(self.options.output == "json")

    @property
    def detailed(self) -> bool:
        """Whether the output shows details of verdicts."""
        verbosity = self.options.verbose
        return self.as_json or (bool(verbosity) and (self.single or verbosity > 2))

    @property
    def lists_all(self) -> bool:
        """Whether the output names all accounts, also those that are OK."""
        return self.uids is not None or self.options.verbose > 1


class AccountVerdicts(nagiosplugin.Resource):
    """Acquisition: the accounts in scope, each with its verdict.

    nagiosplugin keeps each metric that a probe returns. Of 100,000 accounts these are the worst
    ones only, and the totals; the others are counted. A document names all that are not OK.
    """

    def __init__(self, task: Task, request: Request) -> None:
        self.counter = VerdictCounter(MOST_KEPT)
        self._found: list[AccountVerdict] = []
        self._task = task
        self._request = request

    def probe(self) -> list[nagiosplugin.Metric]:
        """Read or judge all accounts; return the worst verdicts and the numbers.

        Raises:
            MonitoringError: as of `read`.
        """
        numbers = self.read()
        return make_metrics(self.counter.worst, numbers)

    def read(self) -> list[Metric]:
        """Read or judge all accounts; return the numbers.

        Raises:
            MonitoringError: no account is in scope; or our own failure.
        """
        totals = self._count()
        worst = self.counter.worst
        if not worst:
            raise make_no_account_error(self._request.settings)
        return list(worst[0].verdict.metrics) if self._request.single else self._list_all(totals)

    def list_found(self) -> list[AccountVerdict]:
        """Return what a document names, worst first."""
        return sorted(self._found, key=lambda found: rank(found.verdict), reverse=True)

    def _count(self) -> Mapping[str, int]:
        """Count the verdicts of all accounts; return the sums of the task by name."""
        raise NotImplementedError

    def add(self, found: AccountVerdict) -> None:
        """Count a verdict."""
        self.counter.add(found.uid, self.add_details(found))
        if self._request.as_json:
            self.add_found(found)

    def add_found(self, found: AccountVerdict) -> None:
        """Add a verdict to those that a document names, if it is one of them."""
        if self._request.lists_all or found.verdict.state is not State.OK:
            self._found.append(found)

    def add_details(self, found: AccountVerdict) -> Verdict:
        """Return the verdict with all the details that the text output shows."""
        if self._request.as_json or not self._request.detailed:
            return found.verdict
        details = [
            *([found.thresholds] if found.thresholds and self._request.options.verbose > 2 else []),
            *found.verdict.details,
            *([] if found.since is None else [format_since(found.since)]),
            *(f"finding: {finding}" for finding in found.findings),
        ]
        return found.verdict._replace(details=tuple(details))

    def add_missing(self, found: set[str]) -> None:
        """Count those accounts that were asked for and are not *found* as UNKNOWN."""
        base = self._request.settings.directory.accounts_base
        for uid in list_missing(found, self._request.uids or ()):
            verdict = Verdict(State.UNKNOWN, format_no_such_account(base))
            self.add(AccountVerdict(uid, (), self._task.name, verdict))

    def _list_all(self, totals: Mapping[str, int]) -> list[Metric]:
        counts = self.counter.counts
        numbers = [Metric(state.name.lower(), counts[state]) for state in State]
        for total in self._task.totals:
            maximum = totals.get(total.maximum)
            numbers.append(Metric(total.name, totals[total.name], total.unit, maximum=maximum))
        return numbers


def add_totals(task: Task, accounts: Iterable[Account]) -> Mapping[str, int]:
    """Return the sums of *task* over *accounts*, by name."""
    sums = dict.fromkeys((total.name for total in task.totals), 0)
    for account in accounts:
        for name in sums:
            sums[name] += getattr(account, name) or 0
    return sums


def format_since(since: "StateSince") -> str:
    """Return since when an account has its state, in words."""
    at_least = "at least " if since.at_least else ""
    before = f", {since.before.name} before" if since.before is not None else ""
    return f"{since.state.name} {at_least}since {format_time(since.at, UTC)}{before}"


def make_no_account_error(settings: Settings) -> MonitoringError:
    """Return the error for a run without any account, which must not look healthy."""
    directory = settings.directory
    return MonitoringError(
        directory.accounts_base,
        f"no account in scope below it by {directory.accounts_filter}",
        "check accounts_base, accounts_filter and host in [directory]",
    )
