"""Evaluation and presentation: verdicts and numbers become a plugin's output, by nagiosplugin.

Its Runtime is not used: it prints tracebacks and the texts of foreign exceptions, which may hold a
password, and adds warnings of its own to the output.
"""

from collections.abc import Iterable

import nagiosplugin
from nagiosplugin.state import ServiceState

from backup_monitoring.model import Metric, Range, State, format_count, sanitize
from backup_monitoring.plugin.counter import Evaluation, VerdictCounter
from backup_monitoring.plugin.performance import drop_fraction, format_number

LISTED = 20  # accounts at -v
_MOST_BYTES = 8000  # NRPE and databases cut or drop more than 8 KiB
_MOST_BYTES_OF_ACCOUNTS = 6500  # the rest is for the first line and its performance data
_DETAILS = 8  # lines of one account among many: a customer's 1000 folders must not hide the others
_STATES = {
    State.OK: nagiosplugin.Ok,
    State.WARNING: nagiosplugin.Warn,
    State.CRITICAL: nagiosplugin.Critical,
    State.UNKNOWN: nagiosplugin.Unknown,
}
_BADNESS = {code: state.badness for state, code in _STATES.items()}


def render_output(
    name: str, resource: nagiosplugin.Resource, summary: nagiosplugin.Summary
) -> tuple[int, str]:
    """Probe *resource*; return the exit code and the output, all of its text sanitized.

    Args:
        name: the check's, for the heading.
        resource: its probe returns `make_metrics`.
        summary: its first line and further lines.

    Raises:
        MonitoringError: from the probe.
    """
    check = nagiosplugin.Check(
        resource, VerdictContext("verdict"), NumberContext("number"), summary, WorstFirst()
    )
    check()
    heading = f"BACKUP {name.upper()} {State(check.exitcode).name}"
    first = f"{heading} - {sanitize(check.summary_str)}"
    if check.perfdata:
        first += " | " + " ".join(check.perfdata)
    return check.exitcode, "\n".join(limit_size([first, *map(sanitize, check.verbose_str)]))


def make_metrics(
    evaluations: Iterable[Evaluation], numbers: Iterable[Metric]
) -> list[nagiosplugin.Metric]:
    """Return what a probe returns: *evaluations*, worst first, and the *numbers* to keep."""
    return [
        *(nagiosplugin.Metric(item.uid, item, context="verdict") for item in evaluations),
        *(nagiosplugin.Metric(number.name, number, context="number") for number in numbers),
    ]


class VerdictContext(nagiosplugin.Context):
    """Evaluation: the rule has decided; its verdict is only translated."""

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Result:
        """Return the verdict's state and sentence."""
        evaluation: Evaluation = metric.value
        return nagiosplugin.Result(_STATES[evaluation.verdict.state], evaluation.sentence, metric)


class NumberContext(nagiosplugin.Context):
    """Performance data: the numbers change no state, the verdict has already judged them."""

    def performance(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Performance:
        """Return the number with its thresholds."""
        return _make_performance(metric.value)


class WorstFirst(nagiosplugin.Results):
    """Results in our order of states."""

    @property
    def most_significant_state(self) -> ServiceState:
        """The worst state of all results."""
        # nagiosplugin takes the highest exit code: an account that cannot be read
        # (UNKNOWN, 3) would hide another one's lost backups (CRITICAL, 2).
        return max(self.by_state, key=_BADNESS.__getitem__)


class VerdictSummary(nagiosplugin.Summary):
    """Presentation of a single verdict: its sentence, and its details from *verbosity* 1 on."""

    def __init__(self, verbosity: int) -> None:
        self._verbosity = verbosity

    def verbose(self, results: nagiosplugin.Results) -> list[str]:
        """Return the details; from 3 on also the numbers, each with its thresholds."""
        metric = results[0].metric
        if not self._verbosity or metric is None:
            return []
        evaluation: Evaluation = metric.value
        return _format_details(evaluation, self._verbosity, len(evaluation.verdict.details))


class CountsSummary(nagiosplugin.Summary):
    """Presentation of many accounts: the counts and the worst one, then a line for each."""

    def __init__(self, counter: VerdictCounter, verbosity: int) -> None:
        self._counter = counter
        self._verbosity = verbosity

    def ok(self, results: nagiosplugin.Results) -> str:
        """Return the number of accounts."""
        return self._counter.format_summary()

    def problem(self, results: nagiosplugin.Results) -> str:
        """Return the counts, then the worst account."""
        return self._counter.format_summary()

    def verbose(self, results: nagiosplugin.Results) -> list[str]:
        """Return the lines of accounts that are not OK, from 2 on of all, and how many are left."""
        if not self._verbosity:
            return []
        lines: list[str] = []
        shown, room = 0, _MOST_BYTES_OF_ACCOUNTS
        for evaluation in self._counter.worst:
            if self._verbosity == 1 and (evaluation.verdict.state is State.OK or shown == LISTED):
                break  # the worst come first
            of_account = self._format_account(evaluation)
            room -= sum(len(sanitize(line).encode()) + 1 for line in of_account)
            if room < 0 and shown:
                break
            shown += 1
            lines += of_account
        left = (self._counter.not_ok if self._verbosity == 1 else self._counter.total) - shown
        return [*lines, f"... and {left} more"] if left > 0 else lines

    def _format_account(self, evaluation: Evaluation) -> list[str]:
        line = f"{evaluation.verdict.state.name} - {evaluation.sentence}"
        if self._verbosity < 3:
            return [line]
        return [line, *_format_details(evaluation, self._verbosity, _DETAILS)]


def _format_details(evaluation: Evaluation, verbosity: int, at_most: int) -> list[str]:
    verdict = evaluation.verdict
    lines = [f"  {line}" for line in verdict.details[:at_most]]
    if left := len(verdict.details) - len(lines):
        lines.append(f"  ... and {left} more; see -a {evaluation.uid}")
    if verbosity > 2:
        lines += [f"  {_format_metric(metric)}" for metric in verdict.metrics]
    return lines


def _format_metric(metric: Metric) -> str:
    thresholds = [
        f"{word} outside {good}"
        for word, good in (("WARNING", metric.warning), ("CRITICAL", metric.critical))
        if good is not None
    ]
    return ", ".join([f"{metric.name} is {format_number(metric.value)}{metric.unit}", *thresholds])


def _make_performance(number: Metric) -> nagiosplugin.Performance:
    # Icinga keeps a threshold only if it is a plain number.
    return nagiosplugin.Performance(
        number.name,
        format_number(number.value),
        number.unit,
        _find_plain_end(number.warning),
        _find_plain_end(number.critical),
        None if number.minimum is None else drop_fraction(number.minimum),
        None if number.maximum is None else drop_fraction(number.maximum),
    )


def _find_plain_end(good: Range | None) -> str:
    return "" if good is None or good.plain is None else format_number(good.plain)


def limit_size(lines: list[str]) -> list[str]:
    """Return as many of *lines* as every transport carries, and the number of those left out."""
    kept, room = [], _MOST_BYTES
    for number, line in enumerate(lines):
        room -= len(line.encode()) + 1
        if room < 0:
            kept.append(f"... and {format_count(len(lines) - number, 'more line')}")
            break
        kept.append(line)
    return kept
