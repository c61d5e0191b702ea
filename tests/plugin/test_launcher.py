"""The launcher: which program it runs, and what becomes of a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LAUNCHER = f"""#!{sys.executable}
import sys
sys.path[:0] = ["{ROOT}/lib", "{ROOT}/checks"]
from backup_monitoring.plugin.launcher import main
main()
"""


def launch(name: str, folder: Path, *arguments: str, link: bool = False) -> tuple[int, str]:
    """Return exit code and output of the launcher as a program called *name*."""
    program = folder / name
    installed = folder / "bin" / name if link else program
    installed.parent.mkdir(exist_ok=True)
    installed.write_text(LAUNCHER)
    installed.chmod(0o755)
    if link:
        program.symlink_to(installed)
    done = subprocess.run(
        [program, *arguments], env=dict(os.environ, LC_ALL="C"), capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize("link", [False, True])
def test_a_program_is_run_by_its_name(tmp_path: Path, link: bool) -> None:
    code, output = launch("check_backup_quota", tmp_path, "--help", link=link)

    assert code == 3
    assert output.startswith("usage: check_backup_quota [-h]")


def test_help_of_a_program_that_is_not_a_check(tmp_path: Path) -> None:
    code, output = launch("backup_settings", tmp_path, "--version")

    assert code == 0
    assert output.startswith("backup_settings ")


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("check_backup_nothing", "BACKUP NOTHING UNKNOWN - check_backup_nothing"),
        ("nothing", "nothing: UNKNOWN - nothing"),
    ],
)
def test_an_unknown_name_is_unknown(tmp_path: Path, name: str, heading: str) -> None:
    assert launch(name, tmp_path) == (
        3,
        f"{heading}: not a program of backup-monitoring; give the link the name of one\n",
    )


def test_a_wrong_option_is_unknown_in_one_line(tmp_path: Path) -> None:
    assert launch("check_backup_unused", tmp_path, "--nonsense") == (
        3,
        "BACKUP UNUSED UNKNOWN - command line: unrecognized argument '--nonsense'; "
        "see check_backup_unused --help\n",
    )
