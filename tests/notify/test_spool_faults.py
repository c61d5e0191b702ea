"""Whatever kills a hook or a delivery at whatever step: no call is lost, none is handled twice."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from notify.spool_child import UIDS

ROOT = Path(__file__).parents[2]


def _run(folder: str, phase: str) -> list[Any]:
    """Kill a process at every step of *phase* in turn; return what was printed of each."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT / 'tests'}"}
    done = subprocess.run(
        [sys.executable, "-m", "notify.spool_child", folder, phase],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("phase", "at_least"), [("spool", 15), ("handle", 100), ("outage", 60)], ids=str
)
def test_killed_at_every_step(tmp_path: Path, phase: str, at_least: int) -> None:
    # a kill leaves to the next process what was written, synced or not: memory will do
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        runs = _run(folder, phase)

    assert len(runs) > at_least
    assert [code for code, *_ in runs[:-1]] == [-signal.SIGKILL] * (len(runs) - 1)
    assert runs[-1][0] == 0
    for _, again, step, (mails, left, waiting, twice) in runs:
        assert (again, waiting, twice) == (0, 0, []), step
        if phase == "spool":  # at most a temporary file, deleted a day later
            assert len(left) <= 1, step
            assert all(name.startswith(".") for name in left), step
            continue
        assert left == [], step
        for uid in UIDS:  # each once, in order
            kinds = [kind for account, kind in mails if account == uid]
            assert list(dict.fromkeys(kinds)) == ["PROBLEM", "CUSTOM"], (step, mails)
            addresses = kinds.count("PROBLEM")
            assert kinds.count("CUSTOM") == addresses * (1 + (uid == UIDS[1])), (step, mails)
            assert kinds == ["PROBLEM"] * addresses + ["CUSTOM"] * kinds.count("CUSTOM")
