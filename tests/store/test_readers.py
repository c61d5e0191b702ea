"""Readers of the store: another user, who can only read, while collector runs write."""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from backup_monitoring.model.needs import Files
from backup_monitoring.store.collector import collect
from backup_monitoring.store.files import StoreError
from backup_monitoring.store.store_file import StoreFile, open_store
from cases import at
from programs.daemons import until
from store.children import as_nobody, opened
from store.fleet import FIRST, Fleet, collect_once, entry

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


def names(fleet: Fleet) -> list[str]:
    return [
        f"{uid}: {[computer.name for computer in uploads.computers]}"
        for uid, (_, uploads) in fleet.read().items()
    ]


@needs_root
def test_another_user_reads_what_only_the_collector_may_write(fleet: Fleet) -> None:
    fleet.end("4000101", "2026-11-20T20:40:00+01:00")
    fleet.collect()
    opened(fleet.store)
    (fleet.store / "state.sqlite").chmod(0o644)

    assert as_nobody(lambda: names(fleet)) == repr(["4000101: ['web01']", "4000102: []"])
    assert "PermissionError" in as_nobody((fleet.store / "x").touch)
    assert "PermissionError" in as_nobody((fleet.store / "past.sqlite").read_bytes)
    assert sorted(path.name for path in fleet.store.iterdir()) == [
        *("lock", "past.sqlite", "state.sqlite")
    ]


@needs_root
def test_a_user_outside_of_the_group_gets_an_error(fleet: Fleet) -> None:
    fleet.collect()
    opened(fleet.store)

    text = as_nobody(lambda: names(fleet))

    assert "StoreError" in text
    assert "; add this user to the file's group" in text


def test_who_may_read_what(fleet: Fleet) -> None:
    fleet.collect()

    modes = {path.name: path.stat().st_mode & 0o777 for path in fleet.store.iterdir()}
    assert modes == {"state.sqlite": 0o640, "past.sqlite": 0o600, "lock": 0o600}


def test_a_reader_keeps_the_state_that_it_has_opened(fleet: Fleet) -> None:
    fleet.collect()
    state = open_store(fleet.store)
    accounts = state.accounts(Files.ALL, None)
    first, _ = next(accounts)

    fleet.entries(*(entry(uid, sstBackupSize=900) for uid in ("4000101", "4000102")))
    fleet.collect("2026-11-20T21:05+01:00")
    second, _ = next(accounts)
    state.close()

    assert (first.used, second.used) == (500, 500)
    assert {account.used for account, _ in fleet.read().values()} == {900}


def test_readers_see_the_old_or_the_new_while_runs_write(fleet: Fleet) -> None:
    uids = [str(4_000_000 + number) for number in range(200)]

    def directory(size: int) -> None:
        fleet.entries(*(entry(uid, sstBackupSize=size) for uid in uids))

    directory(1)
    fleet.collect()
    over = threading.Event()
    seen: list[set[int | None]] = []

    def read() -> None:
        while not over.is_set():
            seen.append({account.used for account, _ in fleet.read().values()})

    reader = threading.Thread(target=read)
    reader.start()
    until(lambda: {1} in seen)
    for size in range(2, 8):
        directory(size)
        fleet.collect(f"2026-11-20T21:{size:02}+01:00")
    until(lambda: {7} in seen or not reader.is_alive())
    over.set()
    reader.join()

    assert all(len(sizes) == 1 for sizes in seen)
    assert {7} in seen


def test_two_runs_at_once(fleet: Fleet) -> None:
    """The second begins while the first is in the middle of the homes."""
    fleet.collect()
    refused: list[str] = []

    def meanwhile(homes: Iterable[object], total: int) -> Iterator[object]:
        before = (fleet.store / "state.sqlite").read_bytes()
        with pytest.raises(StoreError, match="a collector run is in progress") as caught:
            fleet.collect("2026-11-20T21:06+01:00")
        refused.append(caught.value.remedy)
        assert (fleet.store / "state.sqlite").read_bytes() == before
        yield from homes

    now = at("2026-11-20T21:05+01:00")
    run = collect(fleet.settings, now, lambda _: None, meanwhile, given_time=False)

    assert refused == ["wait, or run it less often"]
    assert (run.accounts, run.failed) == (2, [])
    assert len(fleet.read()) == 2
    assert fleet.collect("2026-11-20T21:10+01:00").failed == []


@pytest.mark.parametrize("name", ["with space", "with?question#mark%41", "ümläut"])
def test_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    fleet = Fleet(tmp_path / name)
    fleet.collect()

    assert len(fleet.read()) == 2


def test_accounts_by_name(fleet: Fleet) -> None:
    fleet.entries(entry("Acme"), entry("4000102"), entry("gone", sstIsActive="FALSE"))
    fleet.collect()

    assert list(fleet.read("ACME", "nobody", "gone")) == ["Acme", "gone"]
    assert list(fleet.read()) == ["Acme", "4000102"]
    assert list(fleet.read(*map(str, range(1200)), "4000102")) == ["4000102"]


def test_one_by_one_and_all_at_once_read_the_same(fleet: Fleet) -> None:
    uids = [str(4_000_000 + number) for number in range(30)]
    fleet.entries(*map(entry, uids))
    for number, uid in enumerate(uids):
        (fleet.home / uid).mkdir()
        for computer in range(number % 4):
            fleet.start(uid, "2026-11-20T20:00:00+01:00", name=f"pc{computer}")
            fleet.end(uid, "2026-11-20T20:40:00+01:00", computer % 2, name=f"pc{computer}")
            fleet.plan(uid, 20, f"pc{computer}")
    fleet.collect()

    at_once = fleet.read()

    assert at_once == fleet.read(*uids)
    assert at_once == {uid: fleet.read(uid)[uid] for uid in uids}


def foreign(file: Path) -> None:
    file.unlink()
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE theirs (a)")
    db.commit()
    db.close()


def of_layout(file: Path, layout: int) -> None:
    db = sqlite3.connect(file)
    db.execute(f"PRAGMA user_version = {layout}")
    db.commit()
    db.close()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwritten(file: Path) -> None:
    """Damage everything but the first page: it opens, and cannot be read."""
    data = file.read_bytes()
    file.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))


DAMAGES = {
    "empty": lambda file: file.write_bytes(b""),
    "no database": lambda file: file.write_text("hello\n" * 1000),
    "foreign": foreign,
    "older": lambda file: of_layout(file, 0),
    "newer": lambda file: of_layout(file, 99),
    "cut": cut,
    "overwritten": overwritten,
}


def read_all(file: Path) -> None:
    state = StoreFile(file)
    state.meta()
    list(state.accounts(Files.ALL, None))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_state_is_one_clear_line_and_is_replaced(fleet: Fleet, damage: object) -> None:
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    assert callable(damage)
    damage(fleet.store / "state.sqlite")

    with pytest.raises(StoreError) as caught:
        read_all(fleet.store / "state.sqlite")
    assert "\n" not in str(caught.value)
    assert str(fleet.store / "state.sqlite") in str(caught.value)

    fleet.end("4000101", "2026-11-21T20:40:00+01:00", 0)
    run = fleet.collect("2026-11-21T21:00+01:00")
    assert run.failed == []
    assert len(run.notes) <= 1
    (computer,) = fleet.read()["4000101"][1].computers
    assert computer.history is not None
    assert computer.history.failed == 1  # the history was never in that file


def test_an_empty_history_is_a_new_one(fleet: Fleet) -> None:
    (fleet.store / "past.sqlite").write_bytes(b"")

    assert fleet.collect().notes == []


def test_the_folder_does_not_exist(fleet: Fleet) -> None:
    fleet.store.rmdir()

    with pytest.raises(StoreError, match="create the folder"):
        fleet.collect()
    with pytest.raises(StoreError, match="run collect_backup_state, or enable its timer"):
        fleet.read()


@needs_root
def test_the_folder_cannot_be_written(fleet: Fleet) -> None:
    fleet.collect()
    opened(fleet.store)
    settings = fleet.settings

    assert "StoreError" in as_nobody(lambda: collect_once(settings, at(FIRST)))
