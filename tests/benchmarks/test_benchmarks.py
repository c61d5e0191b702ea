"""The measurements work, at a tiny size; how long anything takes is no test's business."""

from collections.abc import Iterator

import pytest

from benchmarks.measurements import MEASUREMENTS, Line
from benchmarks.stage import Size, Stage, set_up
from integration import slapd

pytestmark = [pytest.mark.server, pytest.mark.installed]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    slapd.needed()
    with set_up(Size(few=2, many=20, computers=3, rounds=1, long_rounds=1)) as stage:
        yield stage


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda measurement: measurement.__name__)
def test_a_measurement_produces_figures(stage: Stage, measurement) -> None:  # type: ignore[no-untyped-def]
    lines: list[Line] = list(measurement(stage))

    assert lines
    for line in lines:
        assert line.value > 0
        assert line.what
        assert line.how
