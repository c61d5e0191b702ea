"""Compares commands: run by turns in one go, so that a busy machine is equally busy for all."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

_SPAWN = Path(__file__).with_name("spawn.py")


class Command(NamedTuple):
    """A command line; *codes* are the exit codes of a run that did its work.

    ``{turn}`` in a word becomes the number of the turn, from 01 on: not every command does the
    same work twice.
    """

    words: tuple[str, ...]
    codes: tuple[int, ...] = (0,)


class Used(NamedTuple):
    """What a command took.

    Args:
        seconds, cpu: medians; *cpu*: those of the processor.
        memory: the greatest resident one, in MiB.
    """

    seconds: float
    memory: float
    cpu: float = 0.0


def compare(commands: Sequence[Command], rounds: int, *, warm: bool = False) -> list[Used]:
    """Return what each of *commands* uses, of *rounds* by turns.

    Args:
        warm: what they read is in memory; otherwise a round that does not count is the first.
    """
    more = not warm
    turns = [
        [word.replace("{turn}", f"{turn:02}") for word in command.words]
        for turn in range(1, rounds + more + 1)
        for command in commands
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-S", _SPAWN],
        input=json.dumps(turns),
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    results = json.loads(done.stdout)
    for words, (*_, code), command in zip(
        turns, results, [*commands] * (rounds + more), strict=True
    ):
        assert code in command.codes, f"{' '.join(words)}: exit code {code}"
    counted = results[more * len(commands) :]
    of_each = [counted[number :: len(commands)] for number in range(len(commands))]
    return [_used(runs) for runs in of_each]


def _used(runs: list[tuple[float, float, float, int]]) -> Used:
    seconds, cpu, memory, _ = zip(*runs, strict=True)
    return Used(median(seconds), max(memory), median(cpu))
