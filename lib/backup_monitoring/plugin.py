"""What all checks share: from the command line to a plugin's output, by nagiosplugin."""

import argparse
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from math import inf
from typing import NamedTuple

import nagiosplugin
from nagiosplugin.state import ServiceState

from backup_monitoring.errors import MonitoringError
from backup_monitoring.launch import Watchdog
from backup_monitoring.model import Account, Metric, Range, State, Threshold, Uploads, Verdict
from backup_monitoring.needs import Files, Need
from backup_monitoring.options import (
    Parser,
    Shown,
    add_account_option,
    add_common_options,
    now_of,
    uids_of,
)
from backup_monitoring.policies import Policies
from backup_monitoring.settings import Settings, read_settings, settings_file
from backup_monitoring.tally import Judged, Tally
from backup_monitoring.text import clean

LISTED = 20
_LONGEST = 8000  # bytes; NRPE and databases cut or drop more than 8 KiB
_KEPT = 400  # lines that could fit into that
_STATES = {
    State.OK: nagiosplugin.Ok,
    State.WARNING: nagiosplugin.Warn,
    State.CRITICAL: nagiosplugin.Critical,
    State.UNKNOWN: nagiosplugin.Unknown,
}


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


class BackupCheck(ABC):
    """One check: what it reads, its thresholds, its rule."""

    task: str
    description: str
    need: Need
    files: Files | None

    def add_options(self, parser: Parser) -> None:
        """Add ``-w`` and ``-c`` where the rule has them."""
        return

    def policies(self, options: argparse.Namespace, policies: Policies) -> Policies:
        """Return *policies* with the thresholds of the command line."""
        return policies

    @abstractmethod
    def judge(
        self, account: Account, uploads: Uploads, policies: Policies, now: datetime
    ) -> Verdict:
        """Return the rule's verdict."""

    def totals(self) -> list[Metric]:
        """Return sums over all accounts that were judged."""
        return []

    def instead(self, request: Request, source: "Source") -> tuple[int, str] | None:
        """Return exit code and output of another job that an option asked for."""
        return None


Source = Callable[[], Iterator[tuple[Account, Uploads]]]


def run(check: BackupCheck, arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run *check*; return its exit code and its output.

    Raises:
        MonitoringError: our own failure.
    """
    parser = _parser(check)
    try:
        options = parser.parse(arguments)
    except Shown as shown:
        return State.UNKNOWN.value, shown.text
    uids = uids_of(options)
    watchdog.limit(options.timeout or (10 if uids else 50))
    watchdog.phase("reading the settings")
    settings = read_settings(settings_file(options.config))
    policies = check.policies(options, settings.policies)
    request = Request(options, settings, policies, uids, now_of(options))

    def source() -> Iterator[tuple[Account, Uploads]]:
        from backup_monitoring.live import live_accounts

        return live_accounts(settings, check.need, check.files, uids, request.now, watchdog.phase)

    other = check.instead(request, source)
    return other if other is not None else _output(check, request, source)


def _parser(check: BackupCheck) -> Parser:
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
        help="read directory and storage themselves (they are, as long as there is no store)",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="-v: affected accounts, -vv: every account, -vvv: how each number was found",
    )
    check.add_options(parser)
    return parser


class Accounts(nagiosplugin.Resource):
    """Acquisition: the accounts in scope, each with the rule's verdict."""

    def __init__(self, check: BackupCheck, request: Request, source: Source) -> None:
        self.tally = Tally(_KEPT)
        self._check = check
        self._request = request
        self._source = source

    def probe(self) -> list[nagiosplugin.Metric]:
        """Judge all accounts; give the worst verdicts, and the numbers to keep."""
        self._judge_all()
        if not self.tally.total:
            directory = self._request.settings.directory
            raise MonitoringError(
                directory.accounts_base,
                f"no account in scope below it by {directory.accounts_filter}",
                "check accounts_base, accounts_filter and host in [directory]",
            )
        verdicts = [
            nagiosplugin.Metric(judged.uid, judged, context="verdict")
            for judged in self.tally.worst
        ]
        numbers = self.tally.worst[0].verdict.metrics if self._request.single else self._totals()
        return verdicts + [
            nagiosplugin.Metric(
                metric.name, metric, min=metric.minimum, max=metric.maximum, context="number"
            )
            for metric in numbers
        ]

    def _judge_all(self) -> None:
        request, tally = self._request, self.tally
        asked = {uid.lower() for uid in request.uids or ()}
        for account, uploads in self._source():
            tally.add(account.uid, self._judge(account, uploads))
            asked.discard(account.uid.lower())
        base = request.settings.directory.accounts_base
        for uid in request.uids or ():
            if uid.lower() in asked:
                tally.add(uid, Verdict(State.UNKNOWN, f"no such account below {base}"))

    def _judge(self, account: Account, uploads: Uploads) -> Verdict:
        try:
            verdict = self._check.judge(account, uploads, self._request.policies, self._request.now)
        except Exception as error:
            return Verdict(State.UNKNOWN, f"internal error: {type(error).__name__}; report it")
        findings = (*account.findings, *uploads.findings)
        if not findings:
            return verdict
        return verdict._replace(
            details=(*verdict.details, *(f"finding: {each}" for each in findings))
        )

    def _totals(self) -> list[Metric]:
        counts = self.tally.counts
        return [Metric(state.name.lower(), counts[state]) for state in State] + self._check.totals()


class VerdictContext(nagiosplugin.Context):
    """Evaluation: the rule has decided; its verdict is only translated."""

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Result:
        """Return the verdict's state."""
        judged: Judged = metric.value
        return nagiosplugin.Result(_STATES[judged.verdict.state], judged.verdict.summary, metric)

    def performance(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Performance | None:
        """Return nothing: an account's name is no label."""
        return None


class NumberContext(nagiosplugin.Context):
    """Performance data: numbers that Icinga keeps, with thresholds as plain numbers."""

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Result:
        """Return OK: the verdict has said the rest."""
        return nagiosplugin.Result(nagiosplugin.Ok, None, metric)

    def performance(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Performance | None:
        """Return the number with its thresholds."""
        number: Metric = metric.value
        return nagiosplugin.Performance(
            number.name,
            _plain(number.value),
            number.unit,
            _plain_end(number.warning),
            _plain_end(number.critical),
            _whole(number.minimum),
            _whole(number.maximum),
        )


def _plain_end(good: Range | None) -> str:
    return _plain(good.plain) if good is not None else ""


def _whole(value: float | None) -> float | None:
    return int(value) if value is not None and value == int(value) else value


def _plain(value: float | None) -> str:
    """Return *value* without an exponent, which Icinga would not read."""
    if value is None:
        return ""
    return str(int(value)) if value == int(value) else f"{value:.4f}".rstrip("0").rstrip(".")


class WorstFirst(nagiosplugin.Results):
    """Results in our order of states."""

    @property
    def most_significant_state(self) -> ServiceState:
        """Return the worst state there is."""
        # nagiosplugin takes the highest exit code: an account that cannot be read
        # (UNKNOWN, 3) would hide another one's lost backups (CRITICAL, 2).
        codes = {_STATES[state]: state.badness for state in State}
        return max(self.by_state, key=lambda state: codes[state])


class WorstAccount(nagiosplugin.Summary):
    """Presentation: the worst account's sentence, the counts, and more lines on demand."""

    def __init__(self, tally: Tally, request: Request) -> None:
        self._tally = tally
        self._request = request

    def ok(self, results: nagiosplugin.Results) -> str:
        """Return the sentence of a run without a problem."""
        if self._request.single:
            return self.problem(results)
        total = self._tally.total
        return f"{total} account{'s' * (total != 1)}, all ok"

    def problem(self, results: nagiosplugin.Results) -> str:
        """Return the worst account's sentence."""
        worst = self._tally.worst[0]
        said = f"{worst.name}: {worst.verdict.summary}"
        return said if self._request.single else f"{said}; {self._tally.say_counts()}"

    def verbose(self, results: nagiosplugin.Results) -> list[str]:
        """Return the further lines, worst account first."""
        level = min(self._request.options.verbose, 3)
        if not level:
            return []
        lines: list[str] = []
        shown = 0
        for judged in self._tally.worst:
            listed = level > 1 or judged.verdict.state is not State.OK
            if listed and (level > 1 or shown < LISTED):
                shown += 1
                lines += _account_lines(judged, level, self._request.single)
        missing = (self._tally.total if level > 1 else self._tally.bad()) - shown
        return [*lines, f"... and {missing} more"] if missing > 0 else lines


def _account_lines(judged: Judged, level: int, single: bool) -> list[str]:
    verdict = judged.verdict
    lines = [] if single else [f"{verdict.state.name} - {judged.name}: {verdict.summary}"]
    if level > 2 or single:
        lines += [f"  {each}" for each in verdict.details]
    if level > 2:
        lines += [f"  {_say_metric(metric)}" for metric in verdict.metrics]
    return lines


def _say_metric(metric: Metric) -> str:
    limits = [
        f"{word} outside {_say_range(good)}"
        for word, good in (("WARNING", metric.warning), ("CRITICAL", metric.critical))
        if good is not None
    ]
    return ", ".join([f"{metric.name} is {_plain(metric.value)}{metric.unit}", *limits])


def _say_range(good: Range) -> str:
    start = "~" if good.start == -inf else f"{good.start:g}"
    end = "" if good.end == inf else f"{good.end:g}"
    return f"{'@' * good.inverted}{start}:{end}"


def _output(check: BackupCheck, request: Request, source: Source) -> tuple[int, str]:
    accounts = Accounts(check, request, source)
    summary = WorstAccount(accounts.tally, request)
    plugin = nagiosplugin.Check(
        accounts, VerdictContext("verdict"), NumberContext("number"), summary, WorstFirst()
    )
    plugin()
    heading = f"BACKUP {check.task.upper()} {State(plugin.exitcode).name}"
    first = f"{heading} - {clean(plugin.summary_str)}"
    if plugin.perfdata:
        first += " | " + " ".join(plugin.perfdata)
    return plugin.exitcode, _bounded([first, *map(clean, summary.verbose(plugin.results))])


def _bounded(lines: list[str]) -> str:
    """Return *lines* as one text, short enough for all that transport it."""
    kept, room = [], _LONGEST
    for number, line in enumerate(lines):
        room -= len(line.encode()) + 1
        if room < 0:
            kept.append(f"... and {len(lines) - number} more lines")
            break
        kept.append(line)
    return "\n".join(kept)


def range_option(text: str) -> Range:
    """Return the good values that *text*, a range of the guidelines, says."""
    # nagiosplugin reads "85%" as no number and fails with a text that helps nobody.
    if not re.fullmatch(r"@?(?:(?:~|-?[0-9.]+)?:)?(?:-?[0-9.]+)?", text) or text in ("", "@"):
        raise argparse.ArgumentTypeError(f"{text!r} is no range such as 85, 10:85 or @90:100")
    try:
        parsed = nagiosplugin.Range(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no range: its start is behind its end"
        ) from None
    return Range(float(parsed.start), float(parsed.end), bool(parsed.invert))


def add_thresholds(parser: Parser, warning: str, critical: str) -> None:
    """Add ``-w`` and ``-c`` with the given help."""
    entry = "; for accounts whose entry sets none: most entries do"
    parser.add_argument("-w", "--warning", metavar="RANGE", type=range_option, help=warning + entry)
    parser.add_argument("-c", "--critical", metavar="RANGE", type=range_option, help=critical)


def given(good: Range | None, option: str, otherwise: Threshold) -> Threshold:
    """Return the threshold of the command line, else *otherwise*."""
    return Threshold(good, option) if good is not None else otherwise


def add_patience(parser: Parser, metric: str) -> None:
    """Add ``-w`` and ``-c`` for the number of *metric* backups in a row."""
    add_thresholds(
        parser,
        f"good number of {metric} backups in a row",
        "CRITICAL outside of it while WARNING holds, 2 by default (from 3 on)",
    )


def patience_given(options: argparse.Namespace, policies: Policies) -> Policies:
    """Return *policies* with the patience of the command line."""
    patience = replace(
        policies.patience,
        numbers=given(options.warning, "-w", policies.patience.numbers),
        critical=given(options.critical, "-c", policies.patience.critical),
    )
    return replace(policies, patience=patience)
