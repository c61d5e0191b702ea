"""Reads the homes of accounts, beside bare expat over the same files; prints seconds as JSON.

Run by the installed environment's interpreter: ROOT ROUNDS NOW.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median
from xml.parsers.expat import ParserCreate
from zoneinfo import ZoneInfo

from backup_monitoring.model import Account, Schedule, Start
from backup_monitoring.needs import Files
from backup_monitoring.places import StorageSettings
from backup_monitoring.storage import read_uploads


def bare(paths: list[str]) -> None:
    """Read and parse *paths* with nothing around expat."""
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123 - the quickest way there is
            data = file.read()
        ParserCreate().Parse(data, True)


def ours(accounts: list[Account], settings: StorageSettings, now: datetime) -> None:
    """Read all reports of *accounts*."""
    zones = [ZoneInfo("Europe/Zurich")]
    for account in accounts:
        uploads = read_uploads(account, settings, zones, Files.REPORTS, now)
        (computer,) = uploads.computers
        assert isinstance(computer.start, Start) and isinstance(computer.schedule, Schedule)  # noqa: PT018


def _seconds(job: Callable[[], None]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def _main(root: Path, rounds: int, now: datetime) -> None:
    homes = sorted((root / "home").iterdir())
    accounts = [Account(home.name, home.name, home=f"/home/{home.name}") for home in homes]
    paths = [str(path) for home in homes for path in sorted(home.rglob("*.xml"))]
    assert len(paths) == 3 * len(accounts)
    settings = StorageSettings(root=root)
    times = [
        (_seconds(lambda: ours(accounts, settings, now)), _seconds(lambda: bare(paths)))
        for _ in range(rounds + 1)
    ]
    print(json.dumps([median(each) for each in zip(*times[1:], strict=True)]))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))
