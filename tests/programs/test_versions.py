"""The wheel on the other Pythons that this machine has."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from programs.installed import NOW, Programs

pytestmark = pytest.mark.installed
CHECKS = [f"check_backup_{task}" for task in ("client", "quota", "schedule", "status", "unused")]


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_a_wheel_says_the_same_on_each_python(
    programs: Programs, example: Path, wheel: Path, wheels: Path, tmp_path: Path, version: str
) -> None:
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"there is no Python {version} on this machine")
    other = tmp_path / "env"
    subprocess.run([python, "-m", "venv", str(other)], check=True)
    pip = str(other / "bin" / "pip")
    command = [pip, "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    # With its dependencies, as an administrator would.
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    subprocess.run(command, check=True, env=environment)

    for check in CHECKS:
        arguments = ("--config", str(example), "--now", NOW, "-vv")
        expected = programs.run(check, *arguments)
        ran = Programs(other / "bin", other).run(check, *arguments)
        assert ran == expected
