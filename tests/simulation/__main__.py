"""Plays account-days, and prints the table: `PYTHONPATH=lib:tests python -m simulation`."""

import argparse
import sys
import time

from simulation.play import format_table, simulate


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulation")
    parser.add_argument("--days", type=int, default=10_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--kind", default="", help="only accounts of this kind")
    parser.add_argument("--examples", type=int, default=0, help="of each kind, what was found")
    options = parser.parse_args()
    began = time.monotonic()
    table = simulate(options.days, options.seed, options.kind)
    for tally in table.values():
        for line in tally.examples[: options.examples]:
            print(line)
    print(format_table(table))
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
