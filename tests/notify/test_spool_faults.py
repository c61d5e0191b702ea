"""Whatever kills a hook, a scan or a delivery at whatever step: nothing is lost, or out of order.

A mail arrives twice only where nobody could know that it had arrived.
"""

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from notify.spool_child import MOVED, PHASES, UIDS

ROOT = Path(__file__).parents[2]
AT_LEAST = {"spool": 10, "outage": 60}  # steps; of the others 100


def _run(folder: str, phase: str, most: int) -> list[Any]:
    """Kill a process at steps of *phase*; return what was printed of each, of no kill first."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT / 'tests'}"}
    done = subprocess.run(
        [sys.executable, "-m", "notify.spool_child", folder, phase, str(most)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def _order(arrived: Sequence[Any]) -> dict[tuple[str, str], list[str]]:
    """Return the kinds of events by address and account; of a mail that came twice only once."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    last: dict[str, str] = {}
    for address, key, events in arrived:
        if last.get(address) != key:
            for uid, kind in events:
                kinds[address, uid].append(kind)
        last[address] = key
    return dict(kinds)


@pytest.mark.parametrize("phase", PHASES)
def test_killed_at_a_step(tmp_path: Path, phase: str, request: pytest.FixtureRequest) -> None:
    # a kill leaves to the next process what was written, synced or not: memory will do
    memory = Path("/dev/shm")
    most = request.config.getoption("--kills")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        (code, steps, *_, arrived, left, waiting), *runs = _run(folder, phase, most)

    print(f"{phase}: killed at {len(runs)} of {steps} steps")
    assert (code, left, waiting) == (0, [], 0)
    assert steps >= AT_LEAST.get(phase, 100)
    assert [code for code, *_ in runs] == [-signal.SIGKILL] * min(most, steps)
    whole = _order(arrived)
    assert {uid for _, uid in whole} == {*UIDS}
    for _, step, is_unknown, arrived, left, waiting in runs:
        assert waiting == 0, step
        # at most a temporary file of the hook, deleted a day later
        assert all(phase == "spool" and name.startswith(".") for name in left), (step, left)
        mails = [(address, key) for address, key, _ in arrived]
        assert len(mails) - len(set(mails)) <= is_unknown, (step, mails)
        order = _order(arrived)
        assert set(order) <= set(whole), step
        for about, kinds in whole.items():
            expected = [kinds]
            if phase == "spool":  # the hook did not end, and said so: Icinga logs it
                expected.append([kind for kind in kinds if kind != "RECOVERY"])
            elif phase.endswith("and over") and about[0] != MOVED:  # before it was sent
                expected.append([kind for kind in kinds if kind == "CUSTOM"])
            assert order.get(about, []) in expected, (step, about)
