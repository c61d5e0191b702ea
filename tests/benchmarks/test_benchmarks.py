"""The measurements work, at a tiny size; how long anything takes is no test's business."""

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from benchmarks.figures import Figure
from benchmarks.growth import growth
from benchmarks.measurements import MEASUREMENTS
from benchmarks.stage import BenchmarkSize, Stage, set_up
from integration import slapd

pytestmark = [pytest.mark.server, pytest.mark.installed]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    slapd.needed()
    size = BenchmarkSize(few=2, many=200, files=2, steps=(20,), rounds=1, long_rounds=1)
    with set_up(size, tmp_path_factory.mktemp("plot") / "growth.svg") as stage:
        yield stage


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda measurement: measurement.__name__)
def test_a_measurement_produces_figures(stage: Stage, measurement) -> None:  # type: ignore[no-untyped-def]
    lines: list[Figure] = list(measurement(stage))

    assert lines
    for line in lines:
        assert line.value > 0
        assert line.what
        assert line.how


def test_growth_is_drawn(stage: Stage) -> None:
    assert stage.plot is not None
    list(growth(stage))

    drawing = ElementTree.parse(stage.plot).getroot()
    points = drawing.findall("{*}circle")
    assert len(points) == 9  # of a run and two checks, each with three sizes
    assert len({point.get("cx") for point in points}) == 3
