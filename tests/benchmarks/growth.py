"""Measures how time grows with accounts."""

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.compared import compare
from benchmarks.figures import Figure
from benchmarks.plot import Point, draw
from benchmarks.stage import Served, Stage

_RUN, *_CHECKS = ("a run", "schedule of all", "quota of all")


def growth(stage: Stage) -> Iterator[Figure]:
    """Measure runs and checks over few and many accounts; draw them if asked to."""
    points = [_point(stage, served) for served in (stage.few, stage.many)]
    for accounts in stage.size.steps:
        with ExitStack() as stack:
            points.append(_point(stage, stack.enter_context(stage.serving(accounts))))
    points.sort()
    if stage.plot is not None:
        stage.plot.write_text(draw(points), encoding="utf-8")
    least, most = points[0], points[-1]
    times = most.accounts / least.accounts
    for name, seconds in most.seconds.items():
        before = least.seconds[name]
        yield Figure(
            f"{name} from {least.accounts:,} to {most.accounts:,} accounts, time to accounts",
            *(seconds / before / times, 1.1, "x"),
            f"{seconds:.2f} s : {before:.2f} s, for {times:g} times the accounts",
        )


def _point(stage: Stage, served: Served) -> Point:
    """Return the seconds of a run with nothing new, and of checks from its store."""
    again = stage.collect(served)
    checks = [stage.check(each.partition(" ")[0], served.stored) for each in _CHECKS]
    used = compare([again, *checks], 1, warm=True)  # a run has just read all of it
    names = (_RUN, *_CHECKS)
    seconds = dict(zip(names, (each.seconds for each in used), strict=True))
    return Point(served.accounts, seconds)
