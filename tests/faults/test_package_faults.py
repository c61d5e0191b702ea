"""The programs are replaced or removed while one runs, as by an upgrade: no state is ever wrong."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.injection import Injected, spread
from faults.programs import ROOT
from faults.test_injection import NOW, TRUTH, check_store, read_states, restore, states_of
from faults.test_injection import failing as failing
from store.fleet import Fleet

CHECK, RUN = "check_backup_status", "collect_backup_state"
# Of the program's own modules number COUNT is the first that comes from the other folder.
_REPLACE = """
import os, sys

class Replacement:
    left = int(os.environ["COUNT"])

    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in ("backup_monitoring", sys.argv[0].rpartition("/")[2]):
            self.left -= 1
            if not self.left:
                os.rename("lib", "former")
                os.rename("other", "lib")

replacement = Replacement()
sys.meta_path.insert(0, replacement)
if os.environ.get("TELL"):
    import atexit
    os_exit = os._exit
    def tell(code):
        open("told", "w").write(str(-replacement.left))
        os_exit(code)
    os._exit = tell
"""


class Installation:
    """A copy of the programs whose folder another one replaces during a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("lib", "checks"):
            shutil.copytree(ROOT / name, folder / "kept", dirs_exist_ok=True)
        shutil.copytree(ROOT / "bin", folder / "bin")
        (folder / "hook").mkdir()
        (folder / "hook" / "sitecustomize.py").write_text(_REPLACE)

    def run(self, program: str, *options: str, count: int, version: str = "") -> Injected:
        """Run *program*; from its module number *count* on the other *version* is installed."""
        for name in ("lib", "former", "other"):
            shutil.rmtree(self._folder / name, ignore_errors=True)
        shutil.copytree(self._folder / "kept", self._folder / "lib")
        (self._folder / "other").mkdir()
        if version == "another":
            shutil.copytree(self._folder / "kept", self._folder / "other", dirs_exist_ok=True)
            for module in (self._folder / "other").rglob("*.py"):
                module.write_text("")  # none of the names that this one has
        done = subprocess.run(
            [sys.executable, f"bin/{program}", *options],
            cwd=self._folder,
            env=os.environ
            | {"PYTHONPATH": "hook:lib", "PYTHONDONTWRITEBYTECODE": "1", "COUNT": str(count)}
            | ({} if version else {"TELL": "1"}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Injected(f"{version} {count}", done.returncode, done.stdout, done.stderr)

    def replace_during(self, program: str, *options: str, most: int) -> Iterator[Injected]:
        """Run *program* at most *most* times per version, each replaced at another moment."""
        self.run(program, *options, count=0)
        total = int((self._folder / "told").read_text())
        assert total > 30
        for version in ("no", "another"):
            for count in spread(range(1, total + 1), most):
                yield self.run(program, *options, count=count, version=version)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


@pytest.fixture
def most(pytestconfig: pytest.Config) -> int:
    return 2 * int(pytestconfig.getoption("--injections"))


def test_a_check_whose_programs_are_replaced(
    failing: Fleet, installation: Installation, most: int
) -> None:
    restore(failing, "before")
    failing.collect(NOW)
    options = ("--config", str(failing.file), "--now", NOW, "-vv")
    expected = installation.run(CHECK, *options, count=0)
    assert read_states(expected.out) == TRUTH

    ended = []
    for ran in installation.replace_during(CHECK, *options, most=most):
        ended.append(ran.code)
        if ran[1:] != expected[1:]:
            assert (ran.code, ran.err, ran.out.count("\n")) == (3, "", 1), ran
            assert "install the package again" in ran.out, ran

    assert 3 in ended


def test_a_run_whose_programs_are_replaced(
    failing: Fleet, installation: Installation, most: int
) -> None:
    restore(failing, "before")
    options = ("--config", str(failing.file), "--now", NOW)

    ended = []
    for ran in installation.replace_during(RUN, *options, most=most):
        ended.append(ran.code)
        assert (ran.code in (0, 2, 3), ran.err) == (True, ""), ran
        assert ran.code == 0 or "install the package again" in ran.out, ran
        check_store(failing, ran)
        assert failing.collect("2026-11-20T21:10+01:00").failed == [], ran
        assert states_of(failing) == TRUTH, ran
        restore(failing, "before")

    assert 3 in ended
