"""Whatever kills a process at whatever step: no mail is lost."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mail import mailserver
from mail.mailserver import Behaviour

ROOT = Path(__file__).parents[2]
EXPECTED = ("anna", "berta", "digest", "refused")


def _run(folder: Path, port: int, phase: str) -> list[tuple[int, int, int, str, bool]]:
    """Kill a process at every step of *phase* in turn; return what was printed of each."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT / 'tests'}"}
    done = subprocess.run(
        [sys.executable, "-m", "outbox.outbox_child", str(folder), str(port), phase],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("phase", "at_least"), [("queue", 15), ("deliver", 100)])
def test_killed_at_every_step(tmp_path: Path, phase: str, at_least: int) -> None:
    # a kill leaves to the next process what was written, synced or not: memory will do
    memory = Path("/dev/shm")
    with (
        TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder,
        mailserver.running() as (behaviour, port),
    ):
        behaviour.answers["RCPT refused@example.org"] = "550 5.1.1 no such user"
        runs = _run(Path(folder), port, phase)

    assert len(runs) > at_least
    assert [code for _, code, _, _, _ in runs[:-1]] == [-signal.SIGKILL] * (len(runs) - 1)
    assert runs[-1][1] == 0
    twice = 0
    for number, _, again, step, unknown in runs:
        assert again == 0
        counts = _counts(behaviour, number)
        assert set(counts) == set(EXPECTED), (step, counts)
        extra = sum(counts.values()) - len(EXPECTED)
        # twice only where nobody could know that it was accepted, and then one mail alone
        assert extra <= unknown, (step, counts)
        twice += extra
    assert (twice > 0) is (phase == "deliver")


def _counts(behaviour: Behaviour, number: int) -> Counter[str]:
    keys = (each.key.strip("<>").removesuffix("@tests") for each in behaviour.got)
    parts = (key.partition("-") for key in keys)
    return Counter(name for before, _, name in parts if before == str(number))
