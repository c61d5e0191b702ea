"""The programs of this tree as processes, over a small fleet."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from store.fleet import Fleet

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT / 'checks'}"}
_START = "from backup_monitoring.plugin.launcher import main; main()"


class Output(NamedTuple):
    """What a program printed, and its exit code."""

    code: int
    text: str

    @property
    def first(self) -> str:
        return self.text.partition("\n")[0]


# Root without its capabilities: a user like any other, who can still execute this Python.
WEAK = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


def run(
    fleet: Fleet,
    now: str,
    program: str,
    *options: str,
    before: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Output:
    """Run *program* with the settings of *fleet* at *now*; *before*: what it is called by."""
    command = f"import sys; sys.argv[0] = {program!r}; {_START}"
    done = subprocess.run(
        [
            *(*before, sys.executable, "-c", command),
            *("--config", str(fleet.file), "--now", now, *options),
        ],
        env=os.environ | ENVIRONMENT | dict(environment or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return Output(done.returncode, done.stdout)


def replace_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()
