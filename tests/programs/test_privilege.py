"""The collector's one privilege, and the checks' none."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.outbox.spool_writer import FOLDER
from backup_monitoring.plugin.launcher import Watchdog
from backup_monitoring.settings.notify import NotifySettings
from backup_monitoring.settings.sections import list_keys
from programs.installed import NOW, ROOT, Programs

pytestmark = pytest.mark.installed
UNITS = ROOT / "examples" / "systemd"
DOCUMENTED = (ROOT / "docs" / "icinga.md").read_text(encoding="utf-8")
NOBODY = ("--reuid=65534", "--regid=65534", "--clear-groups")
CAPABLE = (
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
    "--bounding-set=-all,+dac_read_search",
)
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


@pytest.fixture
def private(example: Path) -> Iterator[Path]:
    """Settings of an example whose homes nobody but root may enter, and a store for nobody."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    shutil.copytree(example.parent, folder / "private", dirs_exist_ok=True)
    for home in (folder / "private" / "tree" / "home").iterdir():
        home.chmod(0o700)
    store = folder / "store"
    store.mkdir()
    os.chown(store, 65534, 65534)
    settings = folder / "private" / "store.toml"
    settings.write_text(f'{example.read_text()}\n[store]\nfolder = "{store}"\n')
    (folder / "private").chmod(0o755)
    yield settings
    shutil.rmtree(folder)


@as_root
def test_the_collector_needs_one_capability(programs: Programs, private: Path) -> None:
    done = subprocess.run(
        [
            "setpriv",
            *NOBODY,
            *CAPABLE,
            str(programs.bin / "collect_backup_state"),
            "--config",
            str(private),
            "--now",
            NOW,
        ],
        capture_output=True,
        text=True,
    )

    # 14 computers of 16 homes: as many as root sees
    assert "20 accounts, 14 computers" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    state = private.parent.parent / "store" / "state.sqlite"
    assert (state.stat().st_uid, state.stat().st_mode & 0o777) == (65534, 0o640)


@as_root
def test_with_the_capability_it_can_write_nowhere_else(programs: Programs, private: Path) -> None:
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('')"

    done = subprocess.run(
        ["setpriv", *NOBODY, *CAPABLE, str(programs.bin / "python"), "-c", code, str(private)],
        capture_output=True,
        text=True,
    )

    assert "PermissionError" in done.stderr


def _tried(tmp_path: Path) -> list[Path]:
    """Return copies of the units, whose programs are there."""
    for unit in UNITS.iterdir():
        text = re.sub(r"/opt/backup-monitoring/bin/\w+", "/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(text)
    return sorted(tmp_path.iterdir())


def test_the_units_are_sound(tmp_path: Path) -> None:
    units = [str(unit) for unit in _tried(tmp_path)]

    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True
    )

    assert len(units) == 13
    assert verified.stderr == ""
    assert verified.returncode == 0


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        *(("collect", 1.7), ("deliver", 1.3), ("objects", 0.9), ("overview", 0.6)),
        *(("scan", 0.6), ("submit", 1.4)),
    ],
    ids=str,
)
def test_the_units_are_closed(tmp_path: Path, name: str, limit: float) -> None:
    (unit,) = (each for each in _tried(tmp_path) if each.name.endswith(f"{name}.service"))

    secure = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(unit)], capture_output=True, text=True
    )

    exposure = re.search(r"exposure level for .*: ([0-9.]+)", secure.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= limit + 0.1  # systemds differ
    documented = re.search(rf"^\| `backup-monitoring-{name}` .* ([0-9.]+) \|$", DOCUMENTED, re.M)
    assert documented is not None
    assert float(exposure[1]) == pytest.approx(float(documented[1]), abs=0.2)  # systemds differ


class _Recorded(Watchdog):
    """Records the time limit."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def limit(self, seconds: float) -> None:
        self.seconds = seconds

    def phase(self, doing: str) -> None:
        assert doing


def _find_limit(program: str, *arguments: str) -> float:
    watchdog = _Recorded()
    with pytest.raises(MonitoringError, match="/none"):
        import_module(program).main([*arguments, "--config", "/none"], watchdog)
    return watchdog.seconds


def test_the_units_wait_longer_than_the_programs() -> None:
    """Otherwise systemd ends a program that could say where it stopped."""
    found = {}
    for unit in UNITS.glob("*.service"):
        text = unit.read_text()
        (command,) = re.findall(r"^ExecStart=(.*)$", text, re.M)
        (number, scale) = re.findall(r"^TimeoutStartSec=([0-9]+)(min|h)$", text, re.M)[0]
        waits = int(number) * {"min": 60, "h": 3600}[scale]
        if command.endswith("/update_objects"):
            calls = (ROOT / "icinga" / "update_objects").read_text().count('\n"$generate" ')
            own = calls * _find_limit("generate_backup_objects")
        else:
            program, *arguments = command.split()
            own = _find_limit(Path(program).name, *arguments)
        found[unit.stem.removeprefix("backup-monitoring-")] = own
        assert waits >= own + 60, unit.name
        assert re.search(r"^MemoryMax=[1-9][0-9]*[MG]$", text, re.M), unit.name

    assert found.pop("collect") == 3600
    assert found.pop("objects") == 600
    assert found.pop("deliver") == 660
    assert found == dict.fromkeys(("overview", "scan", "submit"), 300)


def test_the_units_bound_their_processes() -> None:
    for unit in UNITS.glob("*.service"):
        assert re.search(r"^TasksMax=[1-9][0-9]*$", unit.read_text(), re.M), unit.name


def test_what_a_small_debian_lacks_is_not_needed() -> None:
    # systemd starts no unit that binds a path which is not there
    there = {"/etc/backup-monitoring", "/etc/passwd", "/etc/group", "/home"}
    for unit in UNITS.glob("*.service"):
        bound = re.findall(r"^BindReadOnlyPaths=(.*)$", unit.read_text(), re.M)
        needed = {path for line in bound for path in line.split() if not path.startswith("-")}
        assert needed <= {*there, "/var/lib/backup-monitoring"}, unit.name


@pytest.mark.parametrize("name", ["deliver", "scan"])
def test_the_notifier_has_no_capability(name: str) -> None:
    text = (UNITS / f"backup-monitoring-{name}.service").read_text()

    assert "CAP_" not in text
    assert "CapabilityBoundingSet=\n" in text
    assert "User=backup-notify\n" in text


def test_the_spool_starts_a_delivery() -> None:
    (key,) = [each.key for each in list_keys(NotifySettings) if each.name == "outbox"]
    spool = Path(str(key.example)).with_name(FOLDER)
    text = (UNITS / "backup-monitoring-deliver.service").read_text()
    (states,) = re.findall(r"^StateDirectory=(.*)$", text, re.M)

    assert f"PathChanged={spool}\n" in (UNITS / "backup-monitoring-deliver.path").read_text()
    assert str(spool.relative_to("/var/lib")) in states.split()
    assert "StartLimitIntervalSec=0\n" in text  # else systemd refuses the sixth start in 10 s


def test_the_unit_has_one_capability() -> None:
    text = (UNITS / "backup-monitoring-collect.service").read_text()

    assert set(re.findall(r"CAP_[A-Z_]+", text)) == {"CAP_DAC_READ_SEARCH"}
    assert "~open_by_handle_at" in text
