"""What a plugin prints: first line, performance data, bounds."""

import pytest

from backup_monitoring.model.verdicts import Metric, Range, State, Verdict
from backup_monitoring.plugin.output import (
    PluginOutput,
    format_number,
    format_performance_data,
    limit_size,
    render_output,
)
from backup_monitoring.plugin.summary import Evaluation


def evaluate_all(*states: State) -> list[Evaluation]:
    return [Evaluation(f"a{number}", Verdict(state, "said")) for number, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "code", "first"),
    [
        pytest.param([State.OK], 0, "BACKUP QUOTA OK - as is", id="ok"),
        pytest.param([State.OK, State.WARNING], 1, "BACKUP QUOTA WARNING - as is", id="warning"),
        pytest.param([State.OK, State.UNKNOWN], 3, "BACKUP QUOTA UNKNOWN - as is", id="unknown"),
        pytest.param(
            [State.UNKNOWN, State.WARNING],
            1,
            "BACKUP QUOTA WARNING - as is",
            id="unknown hides no warning",
        ),
        pytest.param(
            [State.CRITICAL, State.UNKNOWN, State.WARNING],
            2,
            "BACKUP QUOTA CRITICAL - as is",
            id="unknown hides no critical",
        ),
    ],
)
def test_the_worst_state_is_the_outputs(states: list[State], code: int, first: str) -> None:
    assert render_output(PluginOutput("quota", evaluate_all(*states), (), "as is", ())) == (
        code,
        first,
    )


def test_numbers_follow_the_first_line_and_text_from_outside_is_neutralised() -> None:
    numbers = [Metric("missed", 2, "", Range(end=0), Range(end=2)), Metric("used", 5, "B")]

    code, output = render_output(
        PluginOutput(
            "schedule", evaluate_all(State.CRITICAL), numbers, "a|b\n<c>", ("d|e", "f\x1bg")
        )
    )

    first, *lines = output.split("\n")
    text, _, data = first.partition(" | ")
    assert code == 2
    assert text.startswith("BACKUP SCHEDULE CRITICAL - a")
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
            id="what is no plain number is left empty",
        ),
        pytest.param(Metric("days", 3, "", Range(start=9), None, None), "days=3", id="no minimum"),
        pytest.param(Metric("part", 0.5, "", None, None, 0.5), "part=0.5;;;0.5", id="a fraction"),
    ],
)
def test_performance_data(metric: Metric, printed: str) -> None:
    assert list(format_performance_data([metric])) == [printed]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ""),
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
def test_numbers_without_an_exponent(value: float | None, said: str) -> None:
    assert format_number(value) == said


def test_output_ends_before_eight_kilobytes() -> None:
    lines = ["x" * 999] * 8

    assert limit_size(lines) == lines
    assert limit_size([*lines, "y", "z"]) == [*lines, "... and 2 more lines"]
    assert limit_size(["ü" * 500] * 8) == ["ü" * 500] * 7 + ["... and 1 more lines"]
