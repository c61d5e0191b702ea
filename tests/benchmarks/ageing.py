"""Measures how the store, and the time of a run, grow with days."""

import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.figures import Figure
from benchmarks.sample_data import FIRST_UID, computers
from benchmarks.stage import Stage
from store.fleet import Fleet, collect_once, entry

_EARLY, _FULL, _LAST = 2, 60, 400  # days: the second, that of full rows, the last
# What a row keeps is of the last 30 days and 50 backups: between these, a run a month is enough.
_DAYS = (*range(1, _FULL + 1), *range(_FULL + 30, _LAST - 35, 30), *range(_LAST - 35, _LAST + 1))
_KEEP = 'keep = "60d"'
_REPLACED_EVERY = 10  # days: one account goes, and another one comes
_MIB = 2**20
_SIZES = (
    ("state", _FULL, 1, 1.3),
    ("state", _LAST, _FULL, 1.05),
    ("past", _FULL, 1, 5),
    ("past", _LAST, _FULL, 1.05),
)


class Played(NamedTuple):
    """The bytes of both files after a run, and how long it took."""

    state: int
    past: int
    seconds: float


class Service:
    """Accounts with one or two computers, each of which backs up at two o'clock every night."""

    def __init__(self, folder: Path, accounts: int, last: datetime) -> None:
        self._fleet = Fleet(folder, ())
        self._fleet.settings_text("", _KEEP)
        self._settings = self._fleet.settings
        self._accounts = accounts
        self._began = last - timedelta(days=_LAST)

    def let_pass(self, day: int) -> datetime:
        """Write what directory and homes show at noon of *day*; return that time."""
        noon = self._began + timedelta(days=day)
        first = day // _REPLACED_EVERY
        numbers = range(first, first + self._accounts)
        names = {str(FIRST_UID + number) for number in numbers}
        for home in self._fleet.home.iterdir():
            if home.name not in names:
                shutil.rmtree(home)
        entries = []
        for number in numbers:
            uid, used = str(FIRST_UID + number), 10**9 + number * 10**7 + day * 10**6
            entries.append(entry(uid, sstBackupSize=used, sstQuota=10**12))
            for computer in range(computers(number)):
                self._back_up(uid, f"host{computer}", noon - timedelta(hours=10))
        self._fleet.entries(*entries)
        return noon

    def _back_up(self, uid: str, name: str, at: datetime) -> None:
        run = str(at.toordinal())
        if not self._fleet.reports(uid, name).joinpath("scheduler.xml").exists():
            self._fleet.plan(uid, 3, name)
        self._fleet.start(uid, at.isoformat(), run, name)
        ended = at + timedelta(minutes=40)
        self._fleet.end(uid, ended.isoformat(), 1, run, name)
        for file, came in (("backupStarted.xml", at), ("backupEnded.xml", ended)):
            path = self._fleet.reports(uid, name) / file
            path.chmod(0o600)  # the time of such a file is when it came
            os.utime(path, (came.timestamp(), came.timestamp()))

    def run(self, now: datetime) -> Played:
        """Run the collector."""
        began = time.process_time()
        done = collect_once(self._settings, now)
        seconds = time.process_time() - began
        assert not done.failed
        return Played(*_measure(self._fleet.store), seconds)

    def save(self, name: str) -> None:
        """Keep a copy of the store under *name*."""
        shutil.copytree(self._fleet.store, self._fleet.folder / name)

    def restore(self, name: str) -> None:
        """Bring back the copy of the store."""
        shutil.rmtree(self._fleet.store)
        shutil.copytree(self._fleet.folder / name, self._fleet.store)


def _measure(store: Path) -> tuple[int, int]:
    """Return the bytes of both files, each with those that SQLite may have left beside it."""
    sizes = [
        sum(file.stat().st_size for file in store.glob(f"{name}*")) for name in ("state", "past")
    ]
    return sizes[0], sizes[1]


def ageing(stage: Stage) -> Iterator[Figure]:
    """Play a run a day for 400 days, and compare the first days with the later ones."""
    accounts = max(2, stage.size.few // 25)
    now = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    service = Service(stage.folder / "ageing", accounts, now - timedelta(days=1))
    played = {}
    for day in _DAYS:
        if day in (_EARLY, _LAST):
            service.save(f"before{day}")
        played[day] = service.run(service.let_pass(day))
    of = f"of {accounts:,} accounts"
    for file, day, before, target in _SIZES:
        what = f"`{file}.sqlite` {of} after {day} days, to that after {before}"
        size, than = (getattr(played[each], file) for each in (day, before))
        how = f"{size / _MIB:.2f} MiB : {than / _MIB:.2f} MiB"
        yield Figure(what, size / than, target, "x", how)
    yield from _compare_runs(service, of, stage.size.rounds)


def _compare_runs(service: Service, of: str, rounds: int) -> Iterator[Figure]:
    """Compare runs of the last day with those of the second; each begins with the same store."""
    seconds: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for day in (_EARLY, _LAST):
            service.restore(f"before{day}")
            noon = service.let_pass(day)
            for minutes, news in ((0, "the first of its day"), (5, "with nothing new")):
                played = service.run(noon + timedelta(minutes=minutes))
                seconds.setdefault((news, day), []).append(played.seconds)
    for news in ("with nothing new", "the first of its day"):
        early, last = (median(seconds[news, day]) for day in (_EARLY, _LAST))
        how = f"{1000 * last:,.0f} ms : {1000 * early:,.0f} ms of the processor"
        what = f"a run {of}, {news}, on day {_LAST}, to day {_EARLY}"
        yield Figure(what, last / early, 1.1, "x", how)
