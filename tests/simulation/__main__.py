"""Plays account-days, and prints the table: `PYTHONPATH=lib:tests python -m simulation`."""

import argparse
import sys
import time
from pathlib import Path

from simulation.lives import SHORT, Extent
from simulation.notifying import format_year, play_year
from simulation.play import format_table, simulate
from simulation.year import LENGTH
from tools.catalogs import compile_catalogs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulation")
    parser.add_argument("--days", type=int, default=10_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--kind", default="", help="only accounts of this kind")
    parser.add_argument("--examples", type=int, default=0, help="of each kind, what was found")
    parser.add_argument("--allowed", type=int, default=0, help="of each kind, what was accepted")
    parser.add_argument("--short", action="store_true", help="as the usual tests play it")
    parser.add_argument(
        "--year", type=int, metavar="COMPUTERS", help="a year of so many computers, with mails"
    )
    parser.add_argument("--length", type=int, default=LENGTH, help="days of that year")
    parser.add_argument("--processes", type=int, default=1, help="for that year")
    options = parser.parse_args()
    compile_catalogs(Path(__file__).parent.parent.parent)
    began = time.monotonic()
    if options.year:
        result = play_year(
            options.year,
            options.seed,
            options.length,
            options.processes,
            lambda text: print(text, flush=True),
        )
        print(format_year(result))
    else:
        _play(options)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)


def _play(options: argparse.Namespace) -> None:
    extent = SHORT if options.short else Extent()
    table = simulate(options.days, options.seed, extent, options.kind)
    for tally in table.values():
        for line in tally.examples[: options.examples]:
            print(line)
        for line in tally.allowed[: options.allowed]:
            print(line)
    print(format_table(table))


if __name__ == "__main__":
    main()
