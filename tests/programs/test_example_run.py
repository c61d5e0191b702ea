"""examples/run: the first command of a newcomer, on a clone wherever it lies."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from programs.installed import ROOT, copy_clone

pytestmark = pytest.mark.installed
NO_VENV = "#!/bin/sh\n[ \"$2\" != 'import ensurepip, venv' ] || exit 1\n"
FULL_DISK = "#!/bin/sh\n[ \"$2\" != venv ] || { echo 'No space left on device' >&2; exit 1; }\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return copy_clone(tmp_path / "my clone")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> tuple[Path, str]:
    """A clone in which the command was run, and what it printed."""
    clone = copy_clone(tmp_path_factory.mktemp("shown") / "my clone")
    ran = run(clone, wheels)
    assert ran.returncode == 0, ran.stderr
    return clone, ran.stdout


def run(
    clone: Path, wheels: Path, python: str = sys.executable, script: str = "examples/run"
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(clone.parent),
        "PYTHON": python,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
    }
    return subprocess.run(
        [clone / script],
        env=environment,
        cwd=clone.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_what_it_names_to_be_tried_can_be_tried(shown: tuple[Path, str]) -> None:
    clone, printed = shown
    assert (
        "BACKUP QUOTA CRITICAL - 1 critical, 1 warning, 1 unknown of 18; worst 4000103" in printed
    )
    assert "series in overview/backup.prom" in printed
    metrics = (clone / "examples" / "overview" / "backup.prom").read_text()
    assert re.findall(r"^backup_accounts\{task=\"status\".*$", metrics, re.M) == re.findall(
        r"^backup_accounts\{.*$", printed, re.M
    )
    storm = "Subject: Backup server backup-01: 8 of 8 customers with problems, emails held back"
    assert printed.count(storm) == 1
    assert "8 mails are held" in printed
    ended = printed.partition("To try more:")[2]
    more = "\n".join(re.findall(r"^    (cd .*|\.venv/.*)$", ended, flags=re.MULTILINE))
    more_ran = subprocess.run(["sh", "-c", more], cwd=clone, capture_output=True, text=True)

    assert more_ran.stdout.startswith("BACKUP STATUS WARNING - 4000107 files02: ")
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
    programs = copied / "examples" / ".venv" / "bin"  # each runs the Python beside it
    where = "import backup_monitoring; print(backup_monitoring.__file__)"
    python = subprocess.run([programs / "python3", "-c", where], capture_output=True, text=True)
    for text in (python.stdout, (programs / "pip").read_text()):
        assert str(copied) in text
        assert str(clone) not in text


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


@pytest.mark.parametrize("script", ["examples/run", "tests/run"])
def test_without_python_one_line_says_so(clone: Path, wheels: Path, script: str) -> None:
    (clone / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "run", clone / "tests")

    ran = run(clone, wheels, "python3.none", script)

    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr == (
        f"{clone / script}: there is no python3.none; "
        "install Python 3.11 or later, on Debian: apt install python3\n"
    )


def test_without_network_one_line_says_so(clone: Path, tmp_path: Path) -> None:
    ran = run(clone, tmp_path / "no wheels")

    assert ran.returncode == 1
    assert ran.stderr == (
        f"{clone / 'examples' / 'run'}: "
        "cannot download Python packages; the first run needs the network\n"
    )


def test_a_second_run_needs_no_network(shown: tuple[Path, str], tmp_path: Path) -> None:
    clone, _ = shown
    changed = clone / "checks" / "check_backup_quota.py"
    changed.write_text(changed.read_text() + "# changed since\n")

    ran = run(clone, tmp_path / "no wheels")

    assert (ran.returncode, ran.stderr) == (0, "")
    (installed,) = clone.glob("examples/.venv/lib/*/site-packages/check_backup_quota.py")
    assert installed.read_text() == changed.read_text()
