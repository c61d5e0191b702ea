"""The programs are replaced or removed while one runs, as by an upgrade: no state is ever wrong."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from faults.injection import Injected, spread
from faults.programs import ROOT
from faults.test_injection import NOW, TRUTH, check_store, read_states, restore, states_of
from faults.test_injection import failing as failing
from store.fleet import Fleet

CHECK, RUN, NOTIFY = "check_backup_status", "collect_backup_state", "notify_backup"
LATER = "2026-11-20T21:10+01:00"
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


def read_stored(fleet: Fleet) -> list[tuple[object, ...]]:
    """Return the verdicts that the last run has stored."""
    with closing(sqlite3.connect(fleet.store / "state.sqlite")) as db:
        return db.execute("SELECT account, task, verdict FROM verdicts ORDER BY 1, 2").fetchall()


def test_a_run_whose_programs_are_replaced(
    failing: Fleet, installation: Installation, most: int
) -> None:
    restore(failing, "before")
    options = ("--config", str(failing.file), "--now", NOW)
    assert installation.run(RUN, *options, count=0).code == 0
    expected = read_stored(failing)
    restore(failing, "before")

    ended = []
    for ran in installation.replace_during(RUN, *options, most=most):
        ended.append(ran.code)
        assert (ran.code in (0, 2, 3), ran.err) == (True, ""), ran
        assert ran.code == 0 or "install the package again" in ran.out, ran
        check_store(failing, ran)
        if not ran.code:
            assert read_stored(failing) == expected, ran
        assert failing.collect(LATER).failed == [], ran
        assert states_of(failing) == TRUTH, ran
        restore(failing, "before")

    assert 3 in ended


class Provider:
    """A copy of the example whose failures of a night are to be notified; mails are files."""

    def __init__(self, folder: Path, installation: Installation) -> None:
        self._folder, self._installation = folder, installation
        for name in ("notify.toml", "directory.ldif", "sink"):
            shutil.copy(ROOT / "examples" / name, folder)
        shutil.copytree(ROOT / "examples" / "storage", folder / "tree")
        (folder / "store").mkdir()
        self.must(RUN, "2026-11-24T12:00:00+01:00")
        self.must(NOTIFY, "2026-11-24T12:05:00+01:00", "--scan")
        self.must(NOTIFY, "2026-11-24T12:20:00+01:00", "--deliver")
        shutil.rmtree(folder / "mails")
        shutil.copytree(ROOT / "examples" / "night", folder / "tree", dirs_exist_ok=True)
        self.must(RUN, "2026-11-25T08:00:00+01:00")

    def options(self, now: str, *job: str) -> tuple[str, ...]:
        return ("--config", str(self._folder / "notify.toml"), "--now", now, *job)

    def must(self, program: str, now: str, *job: str) -> None:
        ran = self._installation.run(program, *self.options(now, *job), count=0)
        assert (ran.code, ran.err) == (0, ""), ran

    def notify(self) -> list[str]:
        """Scan and deliver; return the addresses of all mails."""
        self.must(NOTIFY, "2026-11-25T08:20:00+01:00", "--scan")
        self.must(NOTIFY, "2026-11-25T08:40:00+01:00", "--deliver")
        return sorted(
            re.sub(r"^\d+-", "", file.stem) for file in (self._folder / "mails").glob("*.txt")
        )

    def keep(self) -> None:
        shutil.copytree(self._folder / "store", self._folder / "saved")

    def restore(self) -> None:
        shutil.rmtree(self._folder / "store")
        shutil.copytree(self._folder / "saved", self._folder / "store")
        shutil.rmtree(self._folder / "mails", ignore_errors=True)


@pytest.mark.parametrize("job", ["--scan", "--deliver"])
def test_a_notifier_whose_programs_are_replaced_sends_each_mail_once(
    installation: Installation, tmp_path: Path, most: int, job: str
) -> None:
    provider = Provider(tmp_path, installation)
    if job == "--deliver":
        provider.must(NOTIFY, "2026-11-25T08:05:00+01:00", "--scan")
    provider.keep()
    expected = provider.notify()
    assert len(expected) == 3
    provider.restore()

    ended = []
    options = provider.options("2026-11-25T08:10:00+01:00", job)
    for ran in installation.replace_during(NOTIFY, *options, most=most):
        ended.append(ran.code)
        assert (ran.code in (0, 1, 2, 3), ran.err) == (True, ""), ran
        assert ran.code == 0 or "install the package again" in ran.out, ran
        assert provider.notify() == expected, ran
        provider.restore()

    assert {*ended} - {0}
