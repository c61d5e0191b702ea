"""What all checks share: the command line, and the accounts in scope with their verdicts."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

import nagiosplugin

from backup_monitoring.model import (
    Account,
    Metric,
    MonitoringError,
    Needs,
    State,
    Uploads,
    Verdict,
)
from backup_monitoring.plugin.counter import VerdictCounter
from backup_monitoring.plugin.launcher import Watchdog
from backup_monitoring.plugin.options import (
    Parser,
    add_account_option,
    add_common_options,
    choose_now,
    format_no_such_account,
    list_missing,
    parse_uids,
)
from backup_monitoring.plugin.output import (
    CountsSummary,
    VerdictSummary,
    make_metrics,
    render_output,
)
from backup_monitoring.plugin.start import start_run
from backup_monitoring.plugin.thresholds import add_task_options, apply_options
from backup_monitoring.settings import Settings
from backup_monitoring.tasks import (
    TASKS,
    Policies,
    evaluate_all,
    format_thresholds,
    is_certainly_ok,
)

EXIT_CODES = "exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (help and wrong options too)"
SINGLE_LIMIT = 10  # seconds, for named accounts
LIMIT = 50  # seconds, for all
_KEPT = 400  # verdicts: more than fit into an output


class Request(NamedTuple):
    """A parsed command line, with the settings it names; *stored*: the store is to be read."""

    options: argparse.Namespace
    settings: Settings
    policies: Policies
    uids: list[str] | None
    now: datetime
    stored: bool

    @property
    def single(self) -> bool:
        """Whether it asks for one account."""
        return self.uids is not None and len(self.uids) == 1


AccountSource = Callable[[], Iterator[tuple[Account, Uploads]]]


class BackupCheck:
    """The check of a task: what the task's row says, and another job if an option asks for it.

    Args:
        task: the name of the task.
    """

    def __init__(self, task: str) -> None:
        self.task = TASKS[task]

    def add_options(self, parser: Parser) -> None:
        """Add options that the task's row does not have."""
        return

    def run_instead(self, request: Request, source: AccountSource) -> tuple[int, str] | None:
        """Return the exit code and output of another job that an option asks for; else None."""
        return None


def run(check: BackupCheck, arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run *check*; return its exit code and its output.

    Raises:
        MonitoringError: our own failure.
        HelpRequested: the command line asks for help or version.
    """
    options = make_parser(check).parse(arguments)
    uids = parse_uids(options)
    settings = start_run(options, watchdog, SINGLE_LIMIT if uids else LIMIT)
    stored = settings.store.folder is not None and not options.live
    policies = apply_options(check.task, options, settings.policies, stored=stored)
    request = Request(options, settings, policies, uids, choose_now(options), stored)
    source = partial(_read_accounts, check.task.needs, request, watchdog.phase)
    other = check.run_instead(request, source)
    return other if other is not None else judge_accounts(check, request, source)


def make_parser(check: BackupCheck) -> Parser:
    """Return the parser of the command line of *check*."""
    parser = Parser(f"check_backup_{check.task.name}", check.task.description, EXIT_CODES)
    add_account_option(parser)
    add_common_options(parser)
    parser.add_argument(
        "--live",
        action="store_true",
        help="read the directory and the homes, not the store (as without [store] folder)",
    )
    add_verbosity(parser)
    add_task_options(parser, check.task)
    check.add_options(parser)
    return parser


def add_verbosity(
    parser: Parser,
    levels: str = "-v: affected accounts, -vv: every account, -vvv: how each number was found",
) -> None:
    """Add ``-v``; *levels* is its help."""
    parser.add_argument("-v", "--verbose", action="count", default=0, help=levels)


def _read_accounts(
    needs: Needs, request: Request, phase: Callable[[str], None]
) -> Iterator[tuple[Account, Uploads]]:
    """Yield the accounts from the store if the settings name one, else from their sources."""
    settings, folder = request.settings, request.settings.store.folder
    if folder is None or not request.stored:
        from backup_monitoring.store import read_live_accounts

        yield from read_live_accounts(
            settings, needs.entry, needs.files, request.uids, request.now, phase
        )
        return
    from backup_monitoring.store import open_store

    phase("reading the store")
    state = open_store(folder)
    state.check_age(settings.store, needs.files, request.now)
    yield from state.accounts(needs.files, request.uids, needs.entry)


def judge_accounts(check: BackupCheck, request: Request, source: AccountSource) -> tuple[int, str]:
    """Return the exit code and output of *check* over the accounts that *source* yields.

    Raises:
        MonitoringError: no account is in scope; or our own failure.
    """
    accounts, verbosity = AccountVerdicts(check, request, source), request.options.verbose
    if request.single:
        return render_output(check.task.name, accounts, VerdictSummary(verbosity))
    return render_output(check.task.name, accounts, CountsSummary(accounts.counter, verbosity))


class AccountVerdicts(nagiosplugin.Resource):
    """Acquisition: the accounts in scope, each with the rule's verdict.

    nagiosplugin keeps each metric that a probe returns. Of 100,000 accounts these are the worst
    ones only, and the totals; the others are counted.
    """

    def __init__(self, check: BackupCheck, request: Request, source: AccountSource) -> None:
        self.counter = VerdictCounter(_KEPT)
        self._task = check.task
        self._totals = [0] * len(check.task.totals)
        self._request = request
        self._source = source

    def probe(self) -> list[nagiosplugin.Metric]:
        """Judge all accounts; return the worst verdicts and the numbers.

        Raises:
            MonitoringError: no account is in scope; or our own failure.
        """
        self._judge_all()
        worst = self.counter.worst
        if not worst:
            raise make_no_account_error(self._request.settings)
        single = self._request.single
        return make_metrics(worst, worst[0].verdict.metrics if single else self._list_totals())

    def _judge_all(self) -> None:
        request, counter, found = self._request, self.counter, set[str]()
        all_named = request.uids is not None or request.options.verbose > 1
        for account, uploads in self._source():
            for index, total in enumerate(self._task.totals):
                self._totals[index] += getattr(account, total.name) or 0
            # The first one is judged: the output names a worst one.
            if not all_named and counter.total and self._is_certainly_ok(account):
                counter.add_ok()
                continue
            counter.add(account.uid, self._judge(account, uploads))
            if request.uids is not None:  # else nobody asks for the names
                found.add(account.uid.lower())
        base = request.settings.directory.accounts_base
        for uid in list_missing(found, request.uids or ()):
            counter.add(uid, Verdict(State.UNKNOWN, format_no_such_account(base)))

    def _is_certainly_ok(self, account: Account) -> bool:
        try:
            return is_certainly_ok(self._task, account, self._request.policies)
        except Exception:  # the rule will fail as well, and make the account UNKNOWN
            return False

    def _judge(self, account: Account, uploads: Uploads) -> Verdict:
        request, task = self._request, self._task.name
        verdict = evaluate_all(account, uploads, request.policies, request.now, (task,))[task]
        if not request.options.verbose:
            return verdict
        thresholds = ""
        if request.options.verbose > 2 and verdict.metrics:
            thresholds = format_thresholds(self._task, account, request.policies)
        findings = (f"finding: {finding}" for finding in (*account.findings, *uploads.findings))
        details = (*filter(None, [thresholds]), *verdict.details, *findings)
        return verdict._replace(details=details)

    def _list_totals(self) -> list[Metric]:
        counts = self.counter.counts
        numbers = [Metric(state.name.lower(), counts[state]) for state in State]
        sums = {total.name: sum for total, sum in zip(self._task.totals, self._totals, strict=True)}
        for total in self._task.totals:
            maximum = sums.get(total.maximum)
            numbers.append(Metric(total.name, sums[total.name], total.unit, maximum=maximum))
        return numbers


def make_no_account_error(settings: Settings) -> MonitoringError:
    """Return the error for a run without any account, which must not look healthy."""
    directory = settings.directory
    return MonitoringError(
        directory.accounts_base,
        f"no account in scope below it by {directory.accounts_filter}",
        "check accounts_base, accounts_filter and host in [directory]",
    )
