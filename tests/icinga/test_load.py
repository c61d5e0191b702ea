"""How long a real Icinga 2 takes to load the objects of many accounts, and how much memory.

``--icinga-accounts 10000 -s`` prints the table of docs/icinga.md.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.compared import Command, compare
from benchmarks.sample_data import write_entries
from integration.slapd import SUFFIX
from programs.daemons import Icinga, needed
from programs.in_process import run_program
from programs.test_generate import TEMPLATES

pytestmark = pytest.mark.server
NOW = "2026-11-24T12:00:00+01:00"
FORMS = (
    ("--tasks", "quota"),
    ("--tasks", "quota,status"),
    (),
    ("--tasks", "quota", "--host-per-account"),
    ("--host-per-account",),
)
# Of a service or host, about as much again as measured: what makes objects dearer is found.
MOST_MEMORY, MOST_CPU = 20 / 1024, 0.0006  # MiB, seconds of the processor
BASE_MEMORY, BASE_CPU = 120, 4


class Loaded(NamedTuple):
    """What loading took: seconds of the clock and of the processor, and MiB at the peak."""

    options: tuple[str, ...]
    services: int
    seconds: float
    cpu: float
    memory: float

    def __str__(self) -> str:
        words = " ".join(self.options) or "all five checks"
        return (
            f"{words:35} {self.services:7,} services {self.seconds:6.1f} s {self.cpu:6.1f} s of "
            f"the processor {self.memory:6.0f} MiB"
        )


@pytest.fixture(scope="module")
def accounts(request: pytest.FixtureRequest) -> int:
    number: int = request.config.getoption("--icinga-accounts")
    return number


@pytest.fixture(scope="module")
def settings(accounts: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return settings whose store has that many accounts."""
    needed("icinga2", "openssl")
    folder = tmp_path_factory.mktemp("many")
    (folder / "store").mkdir()
    (folder / "tree").mkdir()
    write_entries(folder / "directory.ldif", accounts)
    file = folder / "settings.toml"
    file.write_text(
        f'[directory]\nuri = "ldif:directory.ldif"\nsuffix = "{SUFFIX}"\n'
        '[homes]\nroot = "tree"\n[store]\nfolder = "store"\n'
        '[icinga]\nnotes_url = "https://noc.example.org/backup/{account}.html"\n'
    )
    # There are no homes: what Icinga loads does not depend on them.
    done = run_program("collect_backup_state", "--config", str(file), "--now", NOW)
    assert f"{accounts} accounts" in done.out, done.out
    return file


@pytest.fixture
def daemons(settings: Path, tmp_path: Path) -> Iterator[tuple[tuple[str, ...], Icinga]]:
    """Return the daemon of each form of the objects, not started."""
    return _make_daemons(settings, tmp_path)


def _make_daemons(settings: Path, folder: Path) -> Iterator[tuple[tuple[str, ...], Icinga]]:
    for number, options in enumerate(FORMS):
        made = folder / f"objects-{number}.conf"
        given = ("--config", str(settings), "--now", NOW, "--output", str(made))
        assert run_program("generate_backup_objects", *given, *options).code == 0
        yield options, Icinga(folder / f"icinga-{number}", folder, TEMPLATES["passive"], made)


def test_loading_costs_a_service_its_share_and_no_more(
    daemons: Iterator[tuple[tuple[str, ...], Icinga]], accounts: int
) -> None:
    for options, daemon in daemons:
        services = accounts * (5 if "--tasks" not in options else len(options[1].split(",")))
        assert f"Instantiated {services} Services" in daemon.check()
        (used,) = compare([Command(daemon.checking())], 1, warm=True)
        loaded = Loaded(options, services, used.seconds, used.cpu, used.memory)
        print(loaded)
        hosts = accounts * ("--host-per-account" in options)
        assert used.memory < BASE_MEMORY + (services + hosts) * MOST_MEMORY, loaded
        assert used.cpu < BASE_CPU + (services + hosts) * MOST_CPU, loaded


def test_the_daemon_runs_with_all_of_them(
    daemons: Iterator[tuple[tuple[str, ...], Icinga]], accounts: int
) -> None:
    daemon = next(daemon for options, daemon in daemons if not options)
    began = time.monotonic()
    daemon.start()
    try:
        took = time.monotonic() - began
        memory = daemon.measure_memory()
        services = 5 * accounts
        status = daemon.ask("/v1/status/CIB")["results"][0]["status"]
        print(f"running: {services:,} services, after {took:.1f} s, {memory:.0f} MiB")
    finally:
        daemon.stop()

    states = ("ok", "warning", "critical", "unknown")
    assert sum(status[f"num_services_{state}"] for state in states) == services
    assert memory < BASE_MEMORY + services * MOST_MEMORY
