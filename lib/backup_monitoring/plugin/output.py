"""Presentation: verdicts and numbers become a plugin's output, by nagiosplugin."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import nagiosplugin
from nagiosplugin.state import ServiceState

from backup_monitoring.model import Metric, Range, State, sanitize
from backup_monitoring.plugin.summary import Evaluation

_LONGEST = 8000  # bytes; NRPE and databases cut or drop more than 8 KiB
_STATES = {
    State.OK: nagiosplugin.Ok,
    State.WARNING: nagiosplugin.Warn,
    State.CRITICAL: nagiosplugin.Critical,
    State.UNKNOWN: nagiosplugin.Unknown,
}


class PluginOutput(NamedTuple):
    """What is to be said.

    Args:
        task: the check's, for the heading.
        judged: verdicts; the worst state is the output's.
        numbers: performance data.
        sentence: the first line, without heading.
        lines: the further lines.
    """

    task: str
    evaluate_all: Sequence[Evaluation]
    numbers: Sequence[Metric]
    sentence: str
    lines: Sequence[str]


def render_output(presented: PluginOutput) -> tuple[int, str]:
    """Return exit code and output, each text from outside neutralised."""
    plugin = nagiosplugin.Check(
        Verdicts(presented),
        VerdictContext("verdict"),
        NumberContext("number"),
        SummaryText(presented.sentence),
        WorstFirst(),
    )
    plugin()
    heading = f"BACKUP {presented.task.upper()} {State(plugin.exitcode).name}"
    first = f"{heading} - {sanitize(plugin.summary_str)}"
    if plugin.perfdata:
        first += " | " + " ".join(plugin.perfdata)
    return plugin.exitcode, "\n".join(limit_size([first, *map(sanitize, presented.lines)]))


class Verdicts(nagiosplugin.Resource):
    """Acquisition: what has been judged."""

    def __init__(self, presented: PluginOutput) -> None:
        self._presented = presented

    def probe(self) -> list[nagiosplugin.Metric]:
        """Return the verdicts, and the numbers to keep."""
        verdicts = [
            nagiosplugin.Metric(evaluate_all.uid, evaluate_all, context="verdict")
            for evaluate_all in self._presented.evaluate_all
        ]
        return verdicts + [
            nagiosplugin.Metric(metric.name, metric, context="number")
            for metric in self._presented.numbers
        ]


class VerdictContext(nagiosplugin.Context):
    """Evaluation: the rule has decided; its verdict is only translated."""

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Result:
        """Return the verdict's state."""
        evaluate_all: Evaluation = metric.value
        return nagiosplugin.Result(
            _STATES[evaluate_all.verdict.state], evaluate_all.verdict.summary, metric
        )

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
        return _performance(metric.value)


def format_performance_data(metrics: Iterable[Metric]) -> Iterator[str]:
    """Yield the performance data of *metrics*, each as its own text."""
    for metric in metrics:
        yield str(_performance(metric))


def _performance(number: Metric) -> nagiosplugin.Performance:
    return nagiosplugin.Performance(
        number.name,
        format_number(number.value),
        number.unit,
        _plain_end(number.warning),
        _plain_end(number.critical),
        _whole(number.minimum),
        _whole(number.maximum),
    )


def _plain_end(good: Range | None) -> str:
    return format_number(good.plain) if good is not None else ""


def _whole(value: float | None) -> float | None:
    return int(value) if value is not None and value == int(value) else value


def format_number(value: float | None) -> str:
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


class SummaryText(nagiosplugin.Summary):
    """Presentation: the sentence that was found for the worst verdict."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence

    def ok(self, results: nagiosplugin.Results) -> str:
        """Return the sentence."""
        return self._sentence

    def problem(self, results: nagiosplugin.Results) -> str:
        """Return the sentence."""
        return self._sentence


def limit_size(lines: list[str]) -> list[str]:
    """Return as many of *lines* as all that transport them take, and how many are left out."""
    kept, room = [], _LONGEST
    for number, line in enumerate(lines):
        room -= len(line.encode()) + 1
        if room < 0:
            kept.append(f"... and {len(lines) - number} more lines")
            break
        kept.append(line)
    return kept
