"""examples/run: the first command of a newcomer, on a clone wherever it lies."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from programs.fresh_debian import write_wheels
from programs.installed import ROOT

pytestmark = pytest.mark.installed
CLONED = ("checks", "docs", "icinga", "lib")
MADE = shutil.ignore_patterns(".venv", "tree", "store", "mails")
NO_VENV = "#!/bin/sh\n[ \"$2\" != 'import ensurepip, venv' ] || exit 1\n"
FULL_DISK = "#!/bin/sh\n[ \"$2\" != venv ] || { echo 'No space left on device' >&2; exit 1; }\n"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where pip finds what it needs, instead of on the internet."""
    folder = tmp_path_factory.mktemp("wheels")
    write_wheels(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return copy_of_this(tmp_path / "my clone")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> tuple[Path, str]:
    """A clone in which the command was run, and what it printed."""
    clone = copy_of_this(tmp_path_factory.mktemp("shown") / "my clone")
    ran = run(clone, wheels)
    assert ran.returncode == 0, ran.stderr
    return clone, ran.stdout


def copy_of_this(folder: Path) -> Path:
    """Copy into *folder* what a clone has."""
    for name in CLONED:
        shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=MADE)
    for file in [*ROOT.glob("*.*"), ROOT / "LICENSE"]:
        if file.is_file():
            shutil.copy(file, folder)
    return folder


def run(
    clone: Path, wheels: Path, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(clone.parent),
        "PYTHON": python,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
    }
    return subprocess.run(
        [clone / "examples" / "run"],
        env=environment,
        cwd=clone.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_what_it_names_to_be_tried_can_be_tried(shown: tuple[Path, str]) -> None:
    clone, printed = shown
    assert "BACKUP QUOTA CRITICAL - 4000103: 99.6 %" in printed
    ended = printed.partition("To try more:")[2]
    more = "\n".join(re.findall(r"^    (cd .*|\.venv/.*)$", ended, flags=re.MULTILINE))
    try_accounts = subprocess.run(["sh", "-c", more], cwd=clone, capture_output=True, text=True)

    assert try_accounts.stdout.startswith("BACKUP STATUS WARNING - 4000107 files02: ")
    (settings,) = re.findall(r"^    (\S+/backup_settings) --test$", ended, flags=re.MULTILINE)
    assert os.access(clone / settings, os.X_OK)


def test_a_copied_clone_runs_its_own_programs(
    shown: tuple[Path, str], wheels: Path, tmp_path: Path
) -> None:
    clone, _ = shown
    copied = tmp_path / "copy"
    shutil.copytree(clone, copied, symlinks=True)

    ran = run(copied, wheels)

    assert ran.returncode == 0, ran.stderr
    program = (copied / "examples" / ".venv" / "bin" / "check_backup_quota").read_text()
    assert str(copied) in program
    assert str(clone) not in program


@pytest.mark.parametrize(
    ("fault", "says", "silent"),
    [
        pytest.param(NO_VENV, "on Debian: apt install python3-venv", "space", id="no venv"),
        pytest.param(FULL_DISK, "No space left on device", "apt install", id="full disk"),
    ],
)
def test_without_an_environment_it_says_why(
    clone: Path, wheels: Path, fault: str, says: str, silent: str
) -> None:
    python = clone.parent / "python3"
    python.write_text(f'{fault}exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)

    ran = run(clone, wheels, str(python))

    assert ran.returncode == 1
    assert says in ran.stderr
    assert silent not in ran.stderr
