"""Reads the homes of accounts, beside bare expat over the same files; prints seconds as JSON.

Run by the installed environment's interpreter: ROOT HOMES ROUNDS NOW.
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

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.needs import Files
from backup_monitoring.model.uploads import Schedule, Start
from backup_monitoring.settings.homes import HomesSettings
from backup_monitoring.uploads.reader import read_uploads


def bare(paths: list[str]) -> None:
    """Read and parse *paths* with nothing around expat."""
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123 - the quickest way there is
            data = file.read()
        ParserCreate().Parse(data, True)


def ours(accounts: list[Account], settings: HomesSettings, now: datetime) -> None:
    """Read all reports of *accounts*."""
    zones = [ZoneInfo("Europe/Zurich")]
    for account in accounts:
        uploads = read_uploads(account, settings, zones, Files.REPORTS, now)
        for computer in uploads.computers:
            assert isinstance(computer.start, Start)
            assert isinstance(computer.schedule, Schedule)
        assert uploads.computers


def _seconds(job: Callable[[], None]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def _main(root: Path, count: int, rounds: int, now: datetime) -> None:
    homes = sorted((root / "home").iterdir())[:count]
    accounts = [Account(home.name, home.name, home=f"/home/{home.name}") for home in homes]
    paths = [str(path) for home in homes for path in sorted(home.rglob("*.xml"))]
    settings = HomesSettings(root=root)
    times = [
        (_seconds(lambda: ours(accounts, settings, now)), _seconds(lambda: bare(paths)))
        for _ in range(rounds + 1)
    ]
    print(json.dumps([len(paths), *map(median, zip(*times[1:], strict=True))]))


if __name__ == "__main__":
    _, where, number, times, moment = sys.argv
    _main(Path(where), int(number), int(times), datetime.fromisoformat(moment))
