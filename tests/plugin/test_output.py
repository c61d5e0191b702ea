"""What a plugin prints: first line, further lines, performance data, bounds."""

import json
from collections.abc import Sequence
from math import inf

import nagiosplugin
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nagiosplugin import Summary

from backup_monitoring.model.verdicts import Metric, Range, State, Verdict
from backup_monitoring.plugin.counter import Evaluation
from backup_monitoring.plugin.output import (
    VerdictSummary,
    limit_size,
    make_metrics,
    render_output,
)
from backup_monitoring.plugin.performance import format_number, format_performance


class Verdicts(nagiosplugin.Resource):
    """Some verdicts, worst first, and some numbers."""

    def __init__(self, verdicts: Sequence[Verdict], numbers: Sequence[Metric] = ()) -> None:
        self._evaluations = [Evaluation("4000101", verdict) for verdict in verdicts]
        self._numbers = numbers

    def probe(self) -> list[nagiosplugin.Metric]:
        return make_metrics(self._evaluations, self._numbers)


@pytest.mark.parametrize(
    ("states", "code", "first"),
    [
        pytest.param([State.OK], 0, "BACKUP QUOTA OK - 4000101: ok", id="ok"),
        pytest.param(
            [State.WARNING, State.OK], 1, "BACKUP QUOTA WARNING - 4000101: warning", id="warning"
        ),
        pytest.param(
            [State.UNKNOWN, State.OK], 3, "BACKUP QUOTA UNKNOWN - 4000101: unknown", id="unknown"
        ),
        pytest.param(
            [State.WARNING, State.UNKNOWN],
            1,
            "BACKUP QUOTA WARNING - 4000101: warning",
            id="unknown hides no warning",
        ),
        pytest.param(
            [State.CRITICAL, State.WARNING, State.UNKNOWN],
            2,
            "BACKUP QUOTA CRITICAL - 4000101: critical",
            id="unknown hides no critical",
        ),
    ],
)
def test_the_worst_state_is_the_outputs(states: list[State], code: int, first: str) -> None:
    verdicts = [Verdict(state, state.name.lower()) for state in states]

    assert render_output("quota", Verdicts(verdicts), VerdictSummary(0)) == (code, first)


def test_numbers_follow_the_first_line_and_text_from_outside_is_sanitized() -> None:
    numbers = [Metric("missed", 2, "", Range(end=0), Range(end=2)), Metric("used", 5, "B")]
    verdict = Verdict(State.CRITICAL, "a|b\n<c>", details=("d|e", "f\x1bg"))

    code, output = render_output("schedule", Verdicts([verdict], numbers), VerdictSummary(1))

    first, *lines = output.split("\n")
    text, _, data = first.partition(" | ")
    assert code == 2
    assert text.startswith("BACKUP SCHEDULE CRITICAL - 4000101: a")
    assert data == "missed=2;0;2;0 used=5B;;;0"
    assert len(lines) == 2
    assert not set("|<\x1b") & set(text + "".join(lines))


@pytest.mark.parametrize(
    ("metric", "printed"),
    [
        pytest.param(
            Metric("used_percent", 85.25, "%", Range(end=80), Range(end=99)),
            "used_percent=85.25%;80;99;0",
            id="plain thresholds",
        ),
        pytest.param(
            Metric("used", 50, "B", None, None, 0, 200.0), "used=50B;;;0;200", id="a maximum"
        ),
        pytest.param(
            Metric("missed", 1, "", Range(1, 5, inverted=True), Range()),
            "missed=1;;;0",
            id="what is not a plain number is left empty",
        ),
        pytest.param(Metric("days", 3, "", Range(start=9), None, None), "days=3", id="no minimum"),
        pytest.param(Metric("part", 0.5, "", None, None, 0.5), "part=0.5;;;0.5", id="a fraction"),
    ],
)
def test_performance_data(metric: Metric, printed: str) -> None:
    assert format_performance(metric) == printed


_NUMBERS = st.floats(-1e15, 1e18) | st.integers(-5, 2**70)
_RANGES = st.none() | st.builds(
    Range, st.floats(-9, 9), st.just(inf) | st.floats(10, 99), st.booleans()
)


@given(
    st.builds(
        Metric,
        st.sampled_from(["used", "used_percent"]),
        _NUMBERS,
        st.sampled_from(["", "%", "B"]),
        *(_RANGES, _RANGES, st.none() | _NUMBERS, st.none() | _NUMBERS),
    )
)
def test_performance_data_is_that_of_nagiosplugin(metric: Metric) -> None:
    _, output = render_output("quota", Verdicts([Verdict(State.OK, "ok")], [metric]), Summary())

    assert output.partition(" | ")[2] == format_performance(metric)
    as_json = json.loads(json.dumps(metric))
    assert format_performance(as_json) == format_performance(metric)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (10, "10"),
        (100.0, "100"),
        (1e21, "1000000000000000000000"),
        (2**53 + 1, "9007199254740993"),
        (0.00001, "0"),
        (12.3456789, "12.3457"),
        (12.5, "12.5"),
        (-1.25, "-1.25"),
    ],
)
def test_numbers_without_an_exponent(value: float, text: str) -> None:
    assert format_number(value) == text


def test_output_ends_before_eight_kilobytes() -> None:
    lines = ["x" * 999] * 8

    assert limit_size(lines) == lines
    assert limit_size([*lines, "y", "z"]) == [*lines, "... and 2 more lines"]
    assert limit_size(["ü" * 500] * 8) == ["ü" * 500] * 7 + ["... and 1 more line"]
