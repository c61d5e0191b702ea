"""Measures the programs, and prints a Markdown table for the README."""

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.measurements import MEASUREMENTS
from benchmarks.stage import FULL, QUICK, set_up


def table(lines: list[Figure]) -> Iterator[str]:
    """Yield the table's lines of text."""
    yield "| what | measured | target | reached | |"
    yield "| --- | --- | --- | --- | --- |"
    for line in lines:
        measured, target = (f"{_short(number)} {line.unit}" for number in (line.value, line.target))
        yield f"| {line.what} | {measured} | at most {target} | {_yes(line)} | {line.how} |"
    yield ""
    python, cores = platform.python_version(), os.cpu_count()
    yield f"{datetime.now(UTC):%Y-%m-%d}, {cores} cores, Python {python}, medians, all warm."


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".") if number < 10 else f"{number:.0f}"


def _yes(line: Figure) -> str:
    return "yes" if line.reached else "**no**"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="tests/benchmarks/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, fewer rounds")
    parser.add_argument("--plot", metavar="FILE", type=Path, help="draw growth there, as SVG")
    parser.add_argument("only", nargs="*", help="these measurements; default: all")
    options = parser.parse_args()
    known = {measurement.__name__: measurement for measurement in MEASUREMENTS}
    if unknown := set(options.only) - set(known):
        parser.error(f"no measurement {min(unknown)!r}: there are {', '.join(known)}")
    lines: list[Figure] = []
    with set_up(QUICK if options.quick else FULL, options.plot) as stage:
        for name in options.only or known:
            print(f"measuring {name} ...", file=sys.stderr)
            lines += known[name](stage)
    print("\n".join(table(lines)))


main()
