"""The days of computers in the state file: continued by each run, and kept through outages."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import date

import pytest

from backup_monitoring.store.store_file import open_store
from backup_monitoring.tasks.backup_days import BackupDays
from store.fleet import Fleet, entry

OLD = 'max_age = "3650d"\ndirectory_max_age = "3650d"'


def show(fleet: Fleet) -> dict[str, str]:
    """Return the letters of each computer, by the days of November."""
    state = open_store(fleet.store)
    try:
        first = date(2026, 10, 31).toordinal()
        return {
            f"{key}/{name}": " ".join(
                f"{day - first}{word}" for day, word in BackupDays(*days[:2]).read_days().items()
            )
            for key, found in zip(("4000101", "4000102"), state.days().list_all(), strict=True)
            for name, days in found.items()
        }
    finally:
        state.close()


@pytest.fixture
def night(fleet: Fleet) -> Fleet:
    fleet.settings_text("", OLD)
    fleet.plan("4000101", 20)
    fleet.start("4000101", "2026-11-20T20:00:00+01:00")
    fleet.end("4000101", "2026-11-20T20:40:00+01:00")
    for name in ("backupStarted.xml", "backupEnded.xml", "scheduler.xml"):
        os.utime(fleet.reports("4000101") / name, (1_700_000_000, 1_700_000_000))
    fleet.collect("2026-11-20T21:00+01:00")
    return fleet


def test_a_run_continues_them(night: Fleet) -> None:
    assert show(night) == {"4000101/web01": "20k"}
    night.collect("2026-11-21T22:30+01:00")
    assert show(night) == {"4000101/web01": "20k 21m"}


def test_a_home_that_cannot_be_read_keeps_them(night: Fleet) -> None:
    night.end("4000102", "2026-11-20T20:40:00+01:00")
    night.collect("2026-11-21T08:00+01:00")
    before = show(night)
    night.home.joinpath("4000101").rename(night.folder / "away")
    night.collect("2026-11-22T22:30+01:00")
    assert show(night)["4000101/web01"] == before["4000101/web01"]
    night.folder.joinpath("away").rename(night.home / "4000101")
    night.collect("2026-11-22T22:35+01:00")
    assert show(night)["4000101/web01"] == "20k 21m 22m"


def test_homes_that_are_not_mounted_keep_them(night: Fleet) -> None:
    night.home.rename(night.home.with_name("elsewhere"))
    assert night.collect("2026-11-21T22:30+01:00").failed
    assert show(night) == {"4000101/web01": "20k"}


def test_a_computer_that_is_gone_keeps_them(night: Fleet) -> None:
    night.end("4000101", "2026-11-20T22:00:00+01:00", run="other", name="other")
    night.remove("4000101")
    night.collect("2026-11-21T22:30+01:00")
    assert show(night)["4000101/web01"] == "20k"


def test_a_damaged_row_begins_anew(night: Fleet) -> None:
    with closing(sqlite3.connect(night.store / "state.sqlite")) as db, db:
        db.execute("UPDATE days SET days = 'x', mark = ''")
    night.collect("2026-11-21T21:00+01:00")
    assert show(night) == {"4000101/web01": "20k"}


def test_sizes_are_stored_for_a_page_only(fleet: Fleet) -> None:
    for more, count in (("", 0), ('[overview]\nfolder = "page"', 2)):
        fleet.settings_text(more, OLD)
        fleet.entries(entry("4000101"), entry("4000102", sstBackupSize=600))
        fleet.collect("2026-11-20T21:00+01:00")
        fleet.collect("2026-11-21T21:00+01:00")
        state = open_store(fleet.store)
        sizes = list(state.days().list_sizes())
        state.close()
        assert len(sizes) == 2
        assert sum(map(bool, sizes)) == count
        shutil.rmtree(fleet.store)
        fleet.store.mkdir()
    assert [used for _, used in sizes[1]] == [600, 600]
