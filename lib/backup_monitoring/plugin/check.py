"""What all checks share: from the command line to what a plugin has to say."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from backup_monitoring.model import (
    Account,
    Metric,
    MonitoringError,
    State,
    Uploads,
    Verdict,
    sanitize,
)
from backup_monitoring.plugin.launcher import Watchdog
from backup_monitoring.plugin.options import (
    HelpRequested,
    Parser,
    add_account_option,
    add_common_options,
    choose_now,
    format_no_such_account,
    list_missing,
    parse_uids,
)
from backup_monitoring.plugin.output import PluginOutput, format_number, render_output
from backup_monitoring.plugin.summary import Evaluation, VerdictCounter
from backup_monitoring.settings import Settings, find_settings_file, read_settings
from backup_monitoring.tasks import TASKS, Policies, load_rule

LISTED = 20
SINGLE_LIMIT = 10  # seconds, for one account
LIMIT = 50  # seconds, for many
_ROOM = 6500  # bytes of lines about accounts: what is left out can be counted
_KEPT = 400  # lines that could fit into that
_DETAILS = 8  # lines of one account among many: a customer's 1000 folders must not hide the others


class Request(NamedTuple):
    """A parsed command line, with the settings it names."""

    options: argparse.Namespace
    settings: Settings
    policies: Policies
    uids: list[str] | None
    now: datetime

    @property
    def single(self) -> bool:
        """Whether it is about one account."""
        return self.uids is not None and len(self.uids) == 1


class BackupCheck:
    """One check: its task, its options, its thresholds."""

    task: str
    description: str

    def add_options(self, parser: Parser) -> None:
        """Add ``-w`` and ``-c`` where the rule has them."""
        return

    def policies(self, options: argparse.Namespace, policies: Policies) -> Policies:
        """Return *policies* with the thresholds of the command line."""
        return policies

    def judge(
        self, account: Account, uploads: Uploads, policies: Policies, now: datetime
    ) -> Verdict:
        """Return the verdict of the task's rule."""
        return load_rule(self.task)(account, uploads, policies, now)

    def thresholds(self, account: Account, policies: Policies) -> str:
        """Return the thresholds of *account* in words, each with its origin; '' without any."""
        return ""

    def plainly_ok(self, account: Account, policies: Policies) -> bool:
        """Tell whether `judge` certainly says OK; False where that is not known sooner."""
        return False

    def count(self, account: Account) -> None:
        """Take an account in scope into the sums of `totals`."""
        return

    def totals(self) -> list[Metric]:
        """Return sums over all accounts that were judged."""
        return []

    def instead(self, request: Request, source: "AccountSource") -> tuple[int, str] | None:
        """Return exit code and output of another job that an option asked for."""
        return None


AccountSource = Callable[[], Iterator[tuple[Account, Uploads]]]


def run(check: BackupCheck, arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run *check*; return its exit code and its output.

    Raises:
        MonitoringError: our own failure.
    """
    parser = parser_of(check)
    try:
        options = parser.parse(arguments)
    except HelpRequested as shown:
        return State.UNKNOWN.value, shown.text
    uids = parse_uids(options)
    watchdog.limit(options.timeout or (SINGLE_LIMIT if uids else LIMIT))
    watchdog.phase("reading the settings")
    settings = read_settings(find_settings_file(options.config))
    policies = check.policies(options, settings.policies)
    request = Request(options, settings, policies, uids, choose_now(options))

    def source() -> Iterator[tuple[Account, Uploads]]:
        return _accounts(check, request, watchdog.phase)

    other = check.instead(request, source)
    return (
        other if other is not None else render_output(CheckRun(check, request, source).presented())
    )


def _accounts(
    check: BackupCheck, request: Request, phase: Callable[[str], None]
) -> Iterator[tuple[Account, Uploads]]:
    """Yield the accounts from the store where there is one, else from their sources."""
    settings, options, task = request.settings, request.options, TASKS[check.task]
    if settings.store.folder is None or options.live:
        from backup_monitoring.store import live_accounts

        yield from live_accounts(settings, task.need, task.files, request.uids, request.now, phase)
        return
    from backup_monitoring.store import open_store

    phase("reading the store")
    state = open_store(settings.store.folder)
    state.fresh(settings.store, task.files, request.now)
    yield from state.accounts(task.files, request.uids, task.need)


def parser_of(check: BackupCheck) -> Parser:
    """Return the parser of the command line of *check*."""
    parser = Parser(
        f"check_backup_{check.task}",
        check.description,
        "exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (help and wrong options too)",
    )
    add_account_option(parser)
    add_common_options(parser)
    parser.add_argument(
        "--live",
        action="store_true",
        help="read directory and storage, not the store (as without [store] folder)",
    )
    add_verbosity(parser)
    check.add_options(parser)
    return parser


def add_verbosity(
    parser: Parser,
    levels: str = "-v: affected accounts, -vv: every account, -vvv: how each number was found",
) -> None:
    """Add ``-v``, whose *levels* the help says."""
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help=levels,
    )


class CheckRun:
    """One run: the accounts in scope, each with the rule's verdict."""

    def __init__(self, check: BackupCheck, request: Request, source: AccountSource) -> None:
        self.tally = VerdictCounter(_KEPT)
        self._check = check
        self._request = request
        self._source = source

    def presented(self) -> PluginOutput:
        """Judge all accounts; return what is to be said of them.

        Raises:
            MonitoringError: there is none; or our own failure.
        """
        self._judge_all()
        if not self.tally.total:
            raise no_account_error(self._request.settings)
        worst = self.tally.worst
        numbers = worst[0].verdict.metrics if self._request.single else self._totals()
        return PluginOutput(self._check.task, worst, numbers, self._sentence(), self._lines())

    def _judge_all(self) -> None:
        request, tally, found = self._request, self.tally, set[str]()
        named = request.uids is not None or request.options.verbose > 1
        for account, uploads in self._source():
            self._check.count(account)
            # The first one is judged: somebody must be the worst.
            if not named and tally.total and self._plainly_ok(account):
                tally.add_ok()
                continue
            tally.add(account.uid, self._judge(account, uploads))
            if request.uids is not None:  # of all, nobody needs to know the names
                found.add(account.uid.lower())
        base = request.settings.directory.accounts_base
        for uid in list_missing(found, request.uids or ()):
            tally.add(uid, Verdict(State.UNKNOWN, format_no_such_account(base)))

    def _plainly_ok(self, account: Account) -> bool:
        try:
            return self._check.plainly_ok(account, self._request.policies)
        except Exception:  # the rule will say it
            return False

    def _judge(self, account: Account, uploads: Uploads) -> Verdict:
        try:
            verdict = self._check.judge(account, uploads, self._request.policies, self._request.now)
        except Exception as error:
            return Verdict(State.UNKNOWN, f"internal error: {type(error).__name__}; report it")
        findings = (f"finding: {each}" for each in (*account.findings, *uploads.findings))
        details = (*self._thresholds(account, verdict), *verdict.details, *findings)
        return verdict._replace(details=details)

    def _thresholds(self, account: Account, verdict: Verdict) -> tuple[str, ...]:
        if self._request.options.verbose < 3 or not verdict.metrics:
            return ()
        said = self._check.thresholds(account, self._request.policies)
        return (said,) if said else ()

    def _sentence(self) -> str:
        """Return the worst account's sentence, and how many are as bad."""
        worst, total = self.tally.worst[0], self.tally.total
        said = f"{worst.name}: {worst.verdict.summary}"
        if self._request.single:
            return said
        if not self.tally.bad():
            return f"{total} account{'s' * (total != 1)}, all ok"
        return f"{said}; {self.tally.format_counts()}"

    def _lines(self) -> list[str]:
        """Return the further lines, worst account first."""
        level = self._request.options.verbose
        if not level:
            return []
        lines: list[str] = []
        shown, room = 0, _ROOM
        for evaluate_all in self.tally.worst:
            bad = evaluate_all.verdict.state is not State.OK
            listed = bad or level > 1 or self._request.single
            if not listed or (level == 1 and shown == LISTED):
                break  # the worst come first
            more = account_lines(evaluate_all, level, self._request.single)
            room -= sum(len(sanitize(line).encode()) + 1 for line in more)
            if room < 0 and shown:
                break
            shown += 1
            lines += more
        missing = (self.tally.total if level > 1 else self.tally.bad()) - shown
        return [*lines, f"... and {missing} more"] if missing > 0 else lines

    def _totals(self) -> list[Metric]:
        counts = self.tally.counts
        return [Metric(state.name.lower(), counts[state]) for state in State] + self._check.totals()


def no_account_error(settings: Settings) -> MonitoringError:
    """Return the error of a run without a single account, which must not look healthy."""
    directory = settings.directory
    return MonitoringError(
        directory.accounts_base,
        f"no account in scope below it by {directory.accounts_filter}",
        "check accounts_base, accounts_filter and host in [directory]",
    )


def account_lines(evaluate_all: Evaluation, level: int, single: bool) -> list[str]:
    """Return the lines about one account, as verbose as *level* says."""
    verdict = evaluate_all.verdict
    lines = [] if single else [f"{verdict.state.name} - {evaluate_all.name}: {verdict.summary}"]
    details = verdict.details
    if level > 2 or single:
        lines += [f"  {each}" for each in (details if single else details[:_DETAILS])]
        if not single and len(details) > _DETAILS:
            lines.append(f"  ... and {len(details) - _DETAILS} more; see -a {evaluate_all.uid}")
    if level > 2:
        lines += [f"  {_format_metric(metric)}" for metric in verdict.metrics]
    return lines


def _format_metric(metric: Metric) -> str:
    limits = [
        f"{word} outside {good}"
        for word, good in (("WARNING", metric.warning), ("CRITICAL", metric.critical))
        if good is not None
    ]
    return ", ".join([f"{metric.name} is {format_number(metric.value)}{metric.unit}", *limits])
