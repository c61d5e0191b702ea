"""Plays account-days, and prints the table: `PYTHONPATH=lib:tests python -m simulation`."""

import argparse
import sys
import time

from simulation.lives import SHORT, Extent
from simulation.play import format_table, simulate


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulation")
    parser.add_argument("--days", type=int, default=10_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--kind", default="", help="only accounts of this kind")
    parser.add_argument("--examples", type=int, default=0, help="of each kind, what was found")
    parser.add_argument("--allowed", type=int, default=0, help="of each kind, what was accepted")
    parser.add_argument("--short", action="store_true", help="as the usual tests play it")
    options = parser.parse_args()
    began = time.process_time()
    table = simulate(options.days, options.seed, SHORT if options.short else Extent(), options.kind)
    for tally in table.values():
        for line in tally.examples[: options.examples]:
            print(line)
        for line in tally.allowed[: options.allowed]:
            print(line)
    print(format_table(table))
    print(f"{time.process_time() - began:.0f} s of CPU", file=sys.stderr)


if __name__ == "__main__":
    main()
