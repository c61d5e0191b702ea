"""The history's file: what a run writes into it, how large it gets, and the layout before."""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_monitoring.model.accounts import Account, Growth, SizeDrop
from backup_monitoring.model.codec import Codec
from backup_monitoring.model.uploads import Client, Computer, Uploads
from backup_monitoring.store import size_table
from backup_monitoring.store.growth import DailySize, add_size, estimate_growth
from backup_monitoring.store.history import TrackedComputer
from backup_monitoring.store.history_file import HistoryFile
from cases import at, daily, end, start
from store.fleet import FIRST, Fleet, entry
from store.test_rows import names, tracked_computers

ACCOUNT = Account("4000101", "", used=500)
NEXT, SOON = "2026-11-21T21:00+01:00", "2026-11-21T21:05+01:00"
THIRD = "2026-11-22T21:00+01:00"
KEEP = timedelta(days=400)
DAY = timedelta(days=1)
KIB, MIB = 1024, 1024**2
# As long as a customer can make it; no byte of it is one in JSON.
STRANGE = "\U0001f600"
STRANGE_CLIENT = Client(*[STRANGE * 200] * 3)
STRANGE_START = start("2026-11-20T20:00+01:00", STRANGE_CLIENT)
TRACKED: Codec[TrackedComputer] = Codec(TrackedComputer)
LAYOUT_3 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE accounts (key TEXT PRIMARY KEY, sizes TEXT, seen REAL) WITHOUT ROWID;
CREATE TABLE computers (
    key TEXT, name BLOB, tracked TEXT, gone REAL, PRIMARY KEY (key, name)
) WITHOUT ROWID;
CREATE TABLE monitored (
    key TEXT PRIMARY KEY, uid TEXT, customers TEXT, incoming INTEGER
) WITHOUT ROWID;
CREATE TABLE losses (
    key TEXT PRIMARY KEY, uid TEXT, customers TEXT, since REAL, reason TEXT, verdict TEXT
) WITHOUT ROWID;
PRAGMA user_version = 3;
"""
TABLES = ("meta", "accounts", "computers", "monitored", "losses")


@contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "past.sqlite")) as db, db:
        yield db


@contextmanager
def running(
    folder: Path, now: datetime, sudden_loss: float = 50, keep: timedelta = KEEP
) -> Iterator[HistoryFile]:
    """Give the history in a run that commits it."""
    history = HistoryFile(folder, now, sudden_loss)
    try:
        yield history
        history.commit(keep, complete=True)
    finally:
        history.close()


def size_of(folder: Path) -> int:
    """Return the bytes of the file; a run leaves no other one beside it."""
    assert [file.name for file in folder.iterdir()] == ["past.sqlite"]
    return (folder / "past.sqlite").stat().st_size


def rewrite_as_layout_3(folder: Path) -> None:
    """Let the history be one that the version before has written."""
    file = folder / "past.sqlite"
    file.rename(folder / "now.sqlite")
    with database(folder) as db:
        db.executescript(LAYOUT_3)
        db.execute("ATTACH ? AS now", (str(folder / "now.sqlite"),))
        for table in TABLES:
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
            db.execute(f"INSERT INTO main.{table} SELECT {columns} FROM now.{table}")
        for key, text in db.execute("SELECT key, sizes FROM accounts").fetchall():
            numbers = json.loads(text)
            pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
            before = json.dumps(pairs, separators=(",", ":"))
            db.execute("UPDATE accounts SET sizes = ? WHERE key = ?", (before, key))
    (folder / "now.sqlite").unlink()


def fail(fleet: Fleet, now: str, uid: str = "4000101") -> None:
    """A backup of *uid* has failed an hour before *now*."""
    fleet.end(uid, (at(now) - timedelta(hours=1)).isoformat(), 0, run=now)


def test_the_layout_before_is_taken_over(fleet: Fleet) -> None:
    for now in (FIRST, NEXT):
        fail(fleet, now)
        fleet.collect(now)
    rewrite_as_layout_3(fleet.store)
    fail(fleet, THIRD)
    fleet.entries(entry("4000101", sstBackupSize=100), entry("4000102"))

    run = fleet.collect(THIRD)

    assert (run.failed, run.notes, run.findings) == ([], [], [])
    account, uploads = fleet.read()["4000101"]
    (computer,) = uploads.computers
    assert computer.history is not None
    assert (computer.history.failed, computer.history.first_seen) == (2, at(FIRST))
    assert account.growth is not None
    assert (account.growth.days, account.growth.sudden_loss) == (
        3,
        SizeDrop(500, 100, at(THIRD).date()),
    )
    assert list(fleet.store.glob("*aside*")) == []


computers = st.dictionaries(names, tracked_computers, max_size=9)


@settings(max_examples=10, deadline=None)  # each waits for the disk
@given(computers)
def test_the_layout_before_has_the_same_computers(known: Mapping[str, TrackedComputer]) -> None:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with database(folder) as db:
            db.executescript(LAYOUT_3)
            db.execute("INSERT INTO meta VALUES ('last_run', 0)")
            for name, tracked in known.items():
                row = (ACCOUNT.uid, os.fsencode(name), TRACKED.encode(tracked), None)
                db.execute("INSERT INTO computers VALUES (?, ?, ?, ?)", row)
        with running(folder, at(FIRST)):
            pass
        with running(folder, at(NEXT)) as history:
            found = history.read_computers(ACCOUNT.uid)
        assert found == {name: each for name, each in known.items() if not each.is_blank}


steps = st.lists(
    st.tuples(
        st.sampled_from([0, 5, 5, 60, 1440, 1440, 1440, 3 * 1440, -5, -1440]),
        st.none() | st.integers(0, 9) | st.integers(0, 3 * 10**19),
        st.sampled_from([50, 50, 50, 10, 12.5]),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(steps)
def test_the_growth_is_that_of_the_sizes(runs: list[tuple[int, int | None, float]]) -> None:
    now, sizes = at(FIRST), list[DailySize]()
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(size_table.SIZE_TABLE)
        for minutes, used, sudden_loss in runs:
            now += timedelta(minutes=minutes)
            today = now.date().toordinal()
            sizes = add_size(sizes, today, used)
            table = size_table.SizeTable(db, nullcontext, pytest.fail, now, sudden_loss)
            growth = table.update(ACCOUNT._replace(used=used))
            assert growth == estimate_growth(sizes, today, sudden_loss)


def test_a_growth_is_computed_once_for_a_day_and_a_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = []

    def compute(sizes: list[DailySize], today: int, sudden_loss: float) -> Growth:
        computed.append(sizes[-1].used)
        return estimate_growth(sizes, today, sudden_loss)

    monkeypatch.setattr(size_table, "estimate_growth", compute)
    for now, used in ((FIRST, 1), (NEXT, 1), (SOON, 1), (SOON, 2), (SOON, 2), (THIRD, 2)):
        with running(tmp_path, at(now)) as history:
            history.update_growth(ACCOUNT._replace(used=used))

    assert computed == [1, 1, 2, 2]


@pytest.mark.parametrize("value", [None, "", "[", "null", "[1,2,3]", b"\xff", 17])
def test_a_damaged_growth_is_computed_anew(tmp_path: Path, value: object) -> None:
    with running(tmp_path, at(FIRST)) as history:
        growth = history.update_growth(ACCOUNT)
    with database(tmp_path) as db:
        db.execute("UPDATE accounts SET growth = ?", (value,))

    with running(tmp_path, at(FIRST)) as history:
        assert history.update_growth(ACCOUNT) == growth
        assert ["growth of account" in each.problem for each in history.findings] == [True]


def test_a_run_with_nothing_new_changes_no_row(fleet: Fleet) -> None:
    fleet.entries(*map(entry, ("4000101", "4000102", "4000103")))
    for uid in ("4000101", "4000102"):
        fail(fleet, FIRST, uid)
    fleet.collect(FIRST)
    fleet.entries(*map(entry, ("4000101", "4000102")))  # the third is lost
    fleet.remove("4000102")  # and its computer is gone
    fleet.collect(NEXT)
    with database(fleet.store) as db:
        assert all(db.execute(f"SELECT count(*) FROM {each}").fetchone()[0] for each in TABLES)
        for table in ("accounts", "computers", "monitored", "losses"):
            for change in ("INSERT", "UPDATE", "DELETE"):
                db.execute(
                    f"CREATE TRIGGER {change}_{table} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{change} {table}'); END"
                )

    fleet.collect(SOON)


@pytest.mark.parametrize("before", [None, 3], ids=["this layout", "taken over"])
def test_what_is_forgotten_leaves_the_disk(tmp_path: Path, before: int | None) -> None:
    computers = tuple(Computer(f"pc{number}", STRANGE_START) for number in range(20))
    with running(tmp_path, at(FIRST)) as history:
        for number in range(60):
            account = ACCOUNT._replace(uid=str(number))
            history.update_growth(account)
            history.update_computers(account, Uploads(computers))
    if before is not None:
        rewrite_as_layout_3(tmp_path)
    with running(tmp_path, at(FIRST)) as history:
        kept = history.read_computers("59")
    large = size_of(tmp_path)

    with running(tmp_path, at(FIRST) + 2 * DAY, keep=DAY) as history:
        history.update_growth(ACCOUNT._replace(uid="59"))

    assert size_of(tmp_path) < large / 10
    with running(tmp_path, at(FIRST) + 2 * DAY, keep=DAY) as history:
        assert (history.list_accounts(), history.read_computers("59")) == (["59"], kept)


@pytest.mark.parametrize("new_names", [False, True], ids=["changing reports", "changing names"])
def test_a_hostile_account_fills_nothing(tmp_path: Path, new_names: bool) -> None:
    """256 computers, with the longest texts that are read, change with each run."""
    sizes = []
    for number in range(8):
        now = at(FIRST) + number * timedelta(minutes=5)
        run = f"{number:02}" + STRANGE * 62
        began = start(now.isoformat(), STRANGE_CLIENT)._replace(id=run)
        ended = end(now.isoformat(), client=STRANGE_CLIENT)._replace(id=run)
        plan = daily(20)._replace(client=STRANGE_CLIENT)
        prefix = f"{number if new_names else 0:02}"
        computers = [
            Computer(f"{prefix}{each:03}{'n' * 760}", began, ended, plan) for each in range(256)
        ]
        with running(tmp_path, now) as history:
            history.update_growth(ACCOUNT)
            history.update_computers(ACCOUNT, Uploads(tuple(computers)))
        sizes.append(size_of(tmp_path))

    assert max(sizes) < 8 * MIB
    assert sizes[-1] <= 1.05 * max(sizes[:4])


def test_a_fleet_of_the_same_size_needs_the_same_space(tmp_path: Path) -> None:
    """Each account has a computer with a backup a day; now and then one account is replaced."""
    sizes = []
    for day in range(120):
        now = at(FIRST) + day * DAY
        began = start(now.isoformat())._replace(id=str(day))
        ended = end(now.isoformat())._replace(id=str(day))
        with running(tmp_path, now, keep=10 * DAY) as history:
            for number in range(day // 4, day // 4 + 30):
                account = ACCOUNT._replace(uid=str(4000101 + number), used=10**9 + day * 10**6)
                history.update_growth(account)
                computer = Computer("web01", began, ended, daily(20))
                history.update_computers(account, Uploads((computer,)))
        sizes.append(size_of(tmp_path))

    assert max(sizes[90:]) <= 1.05 * max(sizes[:90])
    assert max(sizes) < 33 * 4 * KIB + 40 * KIB


def test_what_continues_from_the_state_is_not_kept_for_ever(fleet: Fleet) -> None:
    fleet.settings_text("", 'keep = "10d"')
    fail(fleet, FIRST, "4000102")
    fleet.collect(FIRST)
    (fleet.store / "past.sqlite").unlink()
    fleet.entries(entry("4000101"))  # the other one is lost together with the history

    for days, computers in ((1, 1), (10, 1), (12, 0)):
        fleet.collect((at(FIRST) + days * DAY).isoformat())
        with database(fleet.store) as db:
            assert db.execute("SELECT count(*) FROM computers").fetchone() == (computers,)
