"""The history's file itself: opened, damaged, set aside, forgotten and committed."""

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backup_monitoring.model.accounts import Account, LossReason
from backup_monitoring.model.uploads import Computer, Uploads
from backup_monitoring.settings.regular_file import IrregularFileError
from backup_monitoring.store import history_damage, history_file, history_tables
from backup_monitoring.store.files import StoreError
from backup_monitoring.store.history import TrackedComputer
from backup_monitoring.store.history_damage import (
    HistoryDamagedError,
    guard_history,
    make_history_error,
    set_aside,
    set_damaged_aside,
)
from backup_monitoring.store.history_file import HistoryFile
from backup_monitoring.store.history_recovery import recover_computers
from backup_monitoring.store.history_tables import open_tables, shrink_file
from backup_monitoring.store.loss_table import MonitoredAccount
from backup_monitoring.store.losses import LossVerdict, LostAccount
from cases import at, end, start
from store.fleet import FIRST, Fleet

ACCOUNT = Account("4000101", "", used=500)
NOW = at(FIRST)
KEEP = timedelta(days=10)
SECOND = timedelta(seconds=1)
TRACKED = TrackedComputer(NOW, start=start("2026-11-20T20:00+01:00"))
NEW_INSTALLATION: tuple[str, ...] = ()
AFTER_A_RUN = ("state.sqlite",)


@contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "past.sqlite")) as db, db:
        yield db


@contextmanager
def opened(folder: Path, now: datetime = NOW) -> Iterator[HistoryFile]:
    history = HistoryFile(folder, now, 50)
    try:
        yield history
    finally:
        history.close()


def run(folder: Path, now: datetime = NOW, *names: str, complete: bool = True) -> None:
    """Let a run see these computers of the account."""
    with opened(folder, now) as history:
        history.update_growth(ACCOUNT)
        computers = [Computer(name, start("2026-11-20T20:00+01:00")) for name in names]
        history.update_computers(ACCOUNT, Uploads(tuple(computers)))
        history.commit(KEEP, complete=complete)


def names_in(folder: Path) -> list[str]:
    with database(folder) as db:
        return [os.fsdecode(name) for (name,) in db.execute("SELECT name FROM computers")]


def problems(history: HistoryFile) -> list[str]:
    assert {(each.kind, Path(each.where).name) for each in history.findings} <= {
        ("history", "past.sqlite")
    }
    return [each.problem for each in history.findings]


def error_of(code: int | None) -> sqlite3.Error:
    error = sqlite3.DatabaseError("malformed")
    if code is not None:
        error.sqlite_errorcode = code
    return error


# Errors


@pytest.mark.parametrize(
    ("error", "damaged"),
    [
        (error_of(sqlite3.SQLITE_CORRUPT), True),
        (error_of(sqlite3.SQLITE_CORRUPT_INDEX), True),
        (error_of(sqlite3.SQLITE_NOTADB), True),
        (error_of(sqlite3.SQLITE_FULL), False),
        (error_of(sqlite3.SQLITE_IOERR_WRITE), False),
        (error_of(sqlite3.SQLITE_CORRUPT | 0x0F00), True),
        (error_of(sqlite3.SQLITE_FULL | 0x0B00), False),
        (error_of(None), False),
        (OSError("malformed"), False),
    ],
    ids=str,
)
def test_what_looks_like_damage(error: OSError | sqlite3.Error, damaged: bool) -> None:
    made = make_history_error(Path("/store/past.sqlite"), error)

    assert isinstance(made, HistoryDamagedError) is damaged
    assert str(made) == (
        "/store/past.sqlite: is damaged (malformed); see the disk's health"
        if damaged
        else "/store/past.sqlite: cannot be read or written (malformed); check that the disk is "
        "not full and that the collector's user can write there"
    )


def test_an_error_of_sqlite_names_the_file() -> None:
    with (
        pytest.raises(
            StoreError, match=r"^/store/past\.sqlite: cannot be read or written \(bad\);"
        ),
        guard_history(Path("/store/past.sqlite")),
    ):
        raise sqlite3.OperationalError("bad")


# What is set aside


def damage_index(folder: Path) -> None:
    """A row that its index does not have: only `quick_check` finds it."""
    with database(folder) as db:
        db.executescript("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1), (2);")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE t (a NOT NULL)' WHERE name = 't'")
        db.execute("DELETE FROM sqlite_master WHERE type = 'index'")
    with database(folder) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE t (a)' WHERE name = 't'")
    with database(folder) as db:
        db.execute("INSERT INTO t VALUES (NULL)")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE t (a NOT NULL)' WHERE name = 't'")


def damage_head(folder: Path) -> None:
    (folder / "past.sqlite").write_bytes(b"damaged " * 99)


@pytest.mark.parametrize("damage", [damage_head, damage_index])
@pytest.mark.parametrize("name", ["store", "a?b=1&mode=ro#c%20 d", "caf\u00e9\udcff"])
def test_a_damaged_file_is_set_aside(
    tmp_path: Path, damage: Callable[[Path], None], name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    damage(folder)
    content = (folder / "past.sqlite").read_bytes()
    error = HistoryDamagedError(str(folder / "past.sqlite"), "is damaged (it is not)", "")

    said = set_damaged_aside(folder, error)

    aside = folder / "past.sqlite.aside-1"
    assert said == f"was damaged (it is not), kept as {aside}"
    assert [(each, each.read_bytes()) for each in folder.iterdir()] == [(aside, content)]


def test_a_file_that_is_not_damaged_stays(tmp_path: Path) -> None:
    run(tmp_path)
    error = HistoryDamagedError("", "is damaged (malformed)", "")

    with pytest.raises(StoreError) as raised:
        set_damaged_aside(tmp_path, error)

    assert type(raised.value) is StoreError
    assert str(raised.value) == (
        f"{tmp_path}/past.sqlite: is damaged (malformed), SQLite reported, but it is not; "
        "the next run reads it again; if this comes back, check the disk (dmesg)"
    )
    assert (tmp_path / "past.sqlite").exists()


def test_a_file_that_cannot_be_opened_again_stays(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read or written") as raised:
        set_damaged_aside(tmp_path, HistoryDamagedError("", "is damaged", ""))

    assert type(raised.value) is StoreError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("there", "number"),
    [
        ([], 1),
        (["past.sqlite.aside-1"], 2),
        (["past.sqlite.aside-1-wal"], 2),
        (["past.sqlite.aside-1-shm", "past.sqlite.aside-3"], 2),
        ([f"past.sqlite.aside-{number}" for number in range(1, 9)], 9),
    ],
)
def test_the_name_that_is_free(tmp_path: Path, there: list[str], number: int) -> None:
    for name in there:
        (tmp_path / name).write_text("before")
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"past.sqlite{suffix}").write_text(suffix)

    aside = set_aside(tmp_path)

    assert aside == tmp_path / f"past.sqlite.aside-{number}"
    kept = {each.name: each.read_text() for each in tmp_path.iterdir()}
    moved = {f"{aside.name}{suffix}": suffix for suffix in ("", "-wal", "-shm")}
    assert kept == dict.fromkeys(there, "before") | moved


def test_when_no_name_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_damage, "_MOST_ASIDE", 2)
    for name in ("past.sqlite", "past.sqlite.aside-1", "past.sqlite.aside-2"):
        (tmp_path / name).touch()

    with pytest.raises(StoreError) as raised:
        set_aside(tmp_path)

    assert str(raised.value) == (
        f"{tmp_path}/past.sqlite: cannot be set aside: there are 2 already; "
        f"check disk and memory, then delete {tmp_path}/past.sqlite.aside-*"
    )


# The file and its layout


def test_only_its_user_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        db, _ = open_tables(tmp_path / "past.sqlite")
        db.execute("INSERT INTO meta VALUES ('last_run', 0)")
        modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
        db.close()
    finally:
        os.umask(before)

    assert modes == dict.fromkeys(("past.sqlite", "past.sqlite-wal", "past.sqlite-shm"), 0o600)


@pytest.mark.parametrize("suffix", ["", "-journal", "-wal", "-shm"])
def test_a_pipe_in_its_place_is_refused(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"past.sqlite{suffix}")

    with pytest.raises(IrregularFileError):
        open_tables(tmp_path / "past.sqlite")


def test_a_new_file(tmp_path: Path) -> None:
    db, layout = open_tables(tmp_path / "past.sqlite")

    pragmas = [
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("user_version", "auto_vacuum", "journal_mode")
    ]
    db.close()
    assert (layout, pragmas) == (4, [4, 2, "wal"])


@pytest.mark.parametrize("version", [0, 2, 5])
def test_a_file_of_another_layout_is_left_alone(tmp_path: Path, version: int) -> None:
    with database(tmp_path) as db:
        db.executescript(f"CREATE TABLE meta (a); PRAGMA user_version = {version}")
    content = (tmp_path / "past.sqlite").read_bytes()

    db, layout = open_tables(tmp_path / "past.sqlite")
    db.close()

    assert (layout, (tmp_path / "past.sqlite").read_bytes()) == (version, content)


def test_a_file_that_cannot_end_earlier_is_rewritten(tmp_path: Path) -> None:
    run(tmp_path, NOW, "web01")
    with database(tmp_path) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA auto_vacuum = NONE")
        db.commit()
        db.execute("VACUUM")
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (0,)

    with opened(tmp_path) as history:
        assert list(history.read_computers("4000101")) == ["web01"]

    with database(tmp_path) as db:
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)


@pytest.mark.parametrize(
    ("few", "most", "left"),
    [
        pytest.param(1000, 1000, "all", id="few pages are left"),
        pytest.param(0, 1000, 0, id="much of the file is given back"),
        pytest.param(0, 3, "all but 3", id="as much as one run has time for"),
    ],
)
def test_how_far_the_file_is_shortened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, most: int, left: int | str
) -> None:
    monkeypatch.setattr(history_tables, "_FEW_PAGES", few)
    monkeypatch.setattr(history_tables, "_MOST_FREED_PAGES", most)
    db, _ = open_tables(tmp_path / "past.sqlite")
    db.execute("BEGIN")
    db.executemany("INSERT INTO meta VALUES (?, ?)", [(n, "x" * 3000) for n in range(60)])
    db.execute("COMMIT")
    db.execute("DELETE FROM meta")
    (unused,) = db.execute("PRAGMA freelist_count").fetchone()
    assert unused > 50

    db.execute("BEGIN")
    shrink_file(db)
    db.execute("COMMIT")

    found = db.execute("PRAGMA freelist_count").fetchone()
    db.close()
    assert found == ({"all": unused, "all but 3": unused - 3, 0: 0}[left],)


@pytest.mark.parametrize(("quarter", "shortened"), [(True, False), (False, True)])
def test_a_quarter_of_the_file_may_be_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quarter: bool, shortened: bool
) -> None:
    monkeypatch.setattr(history_tables, "_FEW_PAGES", 0)
    db, _ = open_tables(tmp_path / "past.sqlite")
    db.execute("BEGIN")
    db.executemany("INSERT INTO meta VALUES (?, ?)", [(n, "x" * 3000) for n in range(100)])
    db.execute("COMMIT")
    for number in range(100):
        (unused,) = db.execute("PRAGMA freelist_count").fetchone()
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        if unused == pages // 4 + (not quarter):
            break
        db.execute("DELETE FROM meta WHERE key = ?", (str(number),))
    assert unused == pages // 4 + (not quarter)

    db.execute("BEGIN")
    shrink_file(db)
    db.execute("COMMIT")

    (now,) = db.execute("PRAGMA freelist_count").fetchone()
    db.close()
    assert (now < unused) is shortened


# What is lost


@pytest.mark.parametrize(
    ("there", "content", "loss"),
    [
        (NEW_INSTALLATION, None, None),
        (NEW_INSTALLATION, "", None),
        (AFTER_A_RUN, None, "was missing"),
        (AFTER_A_RUN, "", "was empty, kept as {}/past.sqlite.aside-1"),
    ],
)
def test_why_what_was_known_is_lost(
    tmp_path: Path, there: tuple[str, ...], content: str | None, loss: str | None
) -> None:
    for name in there:
        (tmp_path / name).touch()
    if content is not None:
        (tmp_path / "past.sqlite").write_text(content)

    with opened(tmp_path) as history:
        assert history.loss == (loss and loss.format(tmp_path))


@pytest.mark.parametrize(("version", "words"), [(2, "an older"), (5, "a newer")])
def test_a_history_of_another_version_is_set_aside(
    tmp_path: Path, version: int, words: str
) -> None:
    with database(tmp_path) as db:
        db.executescript(f"CREATE TABLE meta (a); PRAGMA user_version = {version}")

    with opened(tmp_path) as history:
        assert history.loss == (
            f"had layout {version}, written by {words} version, "
            f"kept as {tmp_path}/past.sqlite.aside-1"
        )
        assert history.note == "0 computers continue from state.sqlite"
        assert problems(history) == [
            f"{history.loss}; counts of failures begin anew, as lower bounds "
            "(state.sqlite: the store does not exist) (run of 2026-11-20T20:00:00+00:00)"
        ]
        assert history.list_accounts() == []


def test_a_loss_that_is_known_is_not_another_one(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").touch()

    history = HistoryFile(tmp_path, NOW, 50, "was damaged")
    history.close()

    assert history.loss == "was damaged"
    assert [each.name for each in tmp_path.glob("*aside*")] == []


@pytest.mark.parametrize(
    ("after", "shown"),
    [
        (timedelta(days=7) - SECOND, True),
        (timedelta(days=7), False),
        (-timedelta(days=7) + SECOND, True),
        (-timedelta(days=7), False),
    ],
)
def test_a_loss_is_shown_for_a_week(tmp_path: Path, after: timedelta, shown: bool) -> None:
    """Also by a clock that was ahead when it was noted."""
    (tmp_path / "state.sqlite").touch()
    run(tmp_path)

    with opened(tmp_path, NOW + after) as history:
        assert [each.startswith("was missing; ") for each in problems(history)] == [True] * shown
        history.commit(KEEP, complete=False)

    with database(tmp_path) as db:
        rows = db.execute("SELECT count(*) FROM meta WHERE key = 'loss'").fetchone()
    assert rows == (int(shown),)


# Damaged cells


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (
            "UPDATE computers SET tracked = '[' WHERE name = CAST('a' AS BLOB)",
            ["damaged: 1 computer of account 4000101"],
        ),
        ("UPDATE computers SET tracked = '['", ["damaged: 2 computers of account 4000101"]),
        ("UPDATE accounts SET sizes = '[1]', basis = ''", ["damaged: sizes of account 4000101"]),
        ("UPDATE accounts SET growth = '['", ["damaged: growth of account 4000101"]),
        ("UPDATE meta SET value = '[' WHERE key = 'runs'", ["damaged: the times of the last runs"]),
        (
            "UPDATE meta SET value = '[' WHERE key = 'last_run'",
            ["damaged: the time of the last run"],
        ),
        (
            "INSERT INTO meta VALUES ('loss', '[')",
            ["damaged: why an earlier history was lost"],
        ),
        (
            "INSERT INTO monitored VALUES ('4000101', '4000101', '[', 1)",
            ["damaged: what was known of the account 4000101"],
        ),
    ],
)
def test_damaged_cells_are_named_once(tmp_path: Path, statement: str, says: list[str]) -> None:
    run(tmp_path, NOW, "a", "b")
    with database(tmp_path) as db:
        db.execute(statement)

    for expected in (says, []):
        with opened(tmp_path, NOW) as history:
            history.read_last_run()
            history.update_growth(ACCOUNT)
            history.read_computers("4000101")
            history.losses.read_monitored()
            history.losses.change_monitored({}, ["4000101"])
            history.commit(KEEP, complete=True)
            assert problems(history) == expected


# Runs


def test_the_last_runs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_file, "_MOST_RUNS", 2)
    moments = [NOW + number * SECOND for number in range(3)]
    for now in moments:
        run(tmp_path, now)

    with database(tmp_path) as db:
        (text,) = db.execute("SELECT value FROM meta WHERE key = 'runs'").fetchone()
    assert [float(each) for each in re.findall(r"[0-9.]+", text)] == [
        each.timestamp() for each in moments[1:]
    ]
    with opened(tmp_path) as history:
        assert history.read_last_run() == moments[-1]


def test_a_new_history_has_no_last_run(tmp_path: Path) -> None:
    with opened(tmp_path) as history:
        assert history.read_last_run() is None


@pytest.mark.parametrize(
    ("before", "in_doubt"),
    [([], False), ([0], False), ([-SECOND.seconds, 1], True), ([1, -1], True)],
)
def test_a_run_before_one_of_the_last_is_in_doubt(
    tmp_path: Path, before: list[int], in_doubt: bool
) -> None:
    """What it sees first has not arrived by a clock that is right: the error before it is kept."""
    for number in before:
        run(tmp_path, NOW + number * SECOND)

    with opened(tmp_path) as history:
        computer = Computer("web01", start("2026-11-20T20:00+01:00"))
        ((_, tracked),) = history.update_computers(ACCOUNT, Uploads((computer,)))

    assert tracked.start is not None
    assert tracked.start.received.error_before == (timedelta(0) if in_doubt else None)


# What is written, undone and forgotten


def test_what_is_not_committed_is_lost(tmp_path: Path) -> None:
    with opened(tmp_path) as history:
        history.write_computer("4000101", "web01", TRACKED)
    with opened(tmp_path) as history:
        assert history.list_accounts() == []
        history.write_computer("4000102", "web01", TRACKED)
        history.write_computer("4000101", "web01", TRACKED)
        history.commit_change()

    with opened(tmp_path) as history:
        assert history.list_accounts() == ["4000101", "4000102"]
        assert history.read_computers("4000101") == {"web01": TRACKED}
        assert history.read_last_run() is None


def test_a_part_that_fails_is_undone_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as history:
        history.write_computer("4000101", "before", TRACKED)
        history.set_savepoint()
        history.write_computer("4000101", "after", TRACKED)
        history.roll_back()
        history.commit(KEEP, complete=False)

    assert names_in(tmp_path) == ["before"]


def test_what_is_known_of_a_folder_without_a_report_is_not_shown(tmp_path: Path) -> None:
    run(tmp_path, NOW, "web02", "web01")
    with opened(tmp_path) as history:
        history.write_computer("4000101", "empty", TrackedComputer(NOW))

        assert list(history.read_computers("4000101")) == ["web01", "web02"]
        found = history.update_computers(ACCOUNT, Uploads())

    assert sorted(computer.name for computer, _ in found) == ["web01", "web02"]


@pytest.mark.parametrize(
    ("after", "complete", "kept"),
    [
        (KEEP, True, ["web01"]),
        (KEEP + SECOND, True, []),
        (KEEP + SECOND, False, ["web01"]),
    ],
)
def test_how_long_a_missing_computer_is_kept(
    tmp_path: Path, after: timedelta, complete: bool, kept: list[str]
) -> None:
    run(tmp_path, NOW - SECOND, "web01")
    run(tmp_path, NOW)  # gone

    run(tmp_path, NOW + after, complete=complete)

    assert names_in(tmp_path) == kept


@pytest.mark.parametrize(
    ("after", "complete", "kept"),
    [
        (KEEP, True, ["4000101"]),
        (KEEP + SECOND, True, []),
        (KEEP + SECOND, False, ["4000101"]),
    ],
)
def test_how_long_a_missing_account_is_kept(
    tmp_path: Path, after: timedelta, complete: bool, kept: list[str]
) -> None:
    run(tmp_path, NOW, "web01")

    with opened(tmp_path, NOW + after) as history:
        history.commit(KEEP, complete=complete)

    with opened(tmp_path, NOW + after) as history:
        assert history.list_accounts() == kept
    with database(tmp_path) as db:
        assert [key for (key,) in db.execute("SELECT key FROM accounts")] == kept


@pytest.mark.parametrize(
    ("few", "kept"),
    [
        pytest.param(2, ["c", "b"], id="counted"),
        pytest.param(3, ["a", "b", "c"], id="too few to be counted"),
    ],
)
def test_missing_computers_may_take_so_many_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, kept: list[str]
) -> None:
    run(tmp_path, NOW, "a", "b", "c")
    run(tmp_path, NOW + 1 * SECOND, "b", "c")
    run(tmp_path, NOW + 2 * SECOND, "c")
    run(tmp_path, NOW + 3 * SECOND)
    with database(tmp_path) as db:
        sizes = [size for (size,) in db.execute("SELECT length(tracked) FROM computers")]
    monkeypatch.setattr(history_file, "MOST_BYTES", sizes[0] + sizes[1])
    monkeypatch.setattr(history_file, "_FEW_MISSING", few)
    assert len(set(sizes)) == 1

    run(tmp_path, NOW + 4 * SECOND)

    assert sorted(names_in(tmp_path)) == sorted(kept)


def test_a_success_is_written_and_read(tmp_path: Path) -> None:
    computer = Computer("caf\u00e9\udcff", end=end("2026-11-20T20:40+01:00"))
    with opened(tmp_path) as history:
        ((joined, tracked),) = history.update_computers(ACCOUNT, Uploads((computer,)))
        history.commit(KEEP, complete=True)

    with opened(tmp_path) as history:
        assert history.read_computers("4000101") == {"caf\u00e9\udcff": tracked}
    assert joined.history == tracked.history


# Accounts that are lost

MONITORED = {
    "4000101": MonitoredAccount("4000101", ("5000001", "5000002"), True),
    "4000102": MonitoredAccount("4000102"),
    "caf\u00e9": MonitoredAccount("CAF\u00c9", ("na\u00efve",)),
}
LOST = {
    "4000101": LostAccount("4000101", ("5000001",), NOW, LossReason.ENTRY),
    "caf\u00e9": LostAccount(
        "CAF\u00c9", (), NOW - SECOND, LossReason.COMPUTERS, LossVerdict.BELIEVED
    ),
}


def test_monitored_accounts_are_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as history:
        history.losses.change_monitored(MONITORED, [])
        history.commit_change()
    with opened(tmp_path) as history:
        assert history.losses.read_monitored() == MONITORED
        changed = MONITORED["4000102"]._replace(customers=("5000009",))
        history.losses.change_monitored({"4000102": changed}, ["4000101", "none"])
        history.commit_change()

    with opened(tmp_path) as history:
        found = history.losses.read_monitored()
    assert found == {"4000102": changed, "caf\u00e9": MONITORED["caf\u00e9"]}


def test_lost_accounts_are_replaced(tmp_path: Path) -> None:
    with opened(tmp_path) as history:
        history.losses.write_losses(LOST)
        history.commit_change()
    with opened(tmp_path) as history:
        assert history.losses.read_losses() == LOST
        history.losses.write_losses({"4000101": LOST["4000101"]})
        history.commit_change()

    with opened(tmp_path) as history:
        assert history.losses.read_losses() == {"4000101": LOST["4000101"]}


def test_lost_accounts_that_are_the_same_are_not_written(tmp_path: Path) -> None:
    with opened(tmp_path) as history:
        history.losses.write_losses(LOST)
        history.commit_change()
    with database(tmp_path) as db:
        db.execute(
            "CREATE TRIGGER t BEFORE DELETE ON losses BEGIN SELECT RAISE(ABORT, 'changed'); END"
        )

    with opened(tmp_path) as history:
        history.losses.write_losses(LOST)
        with pytest.raises(StoreError, match="changed"):
            history.losses.write_losses({})


def test_a_damaged_loss_is_named(tmp_path: Path) -> None:
    with opened(tmp_path) as history:
        history.losses.write_losses(LOST)
        history.commit_change()
    with database(tmp_path) as db:
        db.execute("UPDATE losses SET reason = 'x' WHERE key = '4000101'")

    with opened(tmp_path) as history:
        assert list(history.losses.read_losses()) == ["caf\u00e9"]
        assert problems(history) == ["damaged: what was known of the account 4000101"]


# From the state of the last run


def test_what_the_last_run_saw_is_what_the_history_has(fleet: Fleet) -> None:
    for day in ("20", "21"):
        now = f"2026-11-{day}T21:00+01:00"
        for uid in ("4000101", "4000102"):
            fleet.plan(uid, 20)
            fleet.start(uid, f"2026-11-{day}T20:00:00+01:00", run=day)
            fleet.end(uid, f"2026-11-{day}T20:40:00+01:00", 0, run=day)
        fleet.collect(now)
    with opened(fleet.store) as history:
        known = {
            (uid, name): tracked
            for uid in ("4000101", "4000102")
            for name, tracked in history.read_computers(uid).items()
        }

    found = {(uid, name): tracked for uid, name, tracked in recover_computers(fleet.store)}
    one = [(uid, name) for uid, name, _ in recover_computers(fleet.store, ["4000102"])]

    assert found.keys() == known.keys() == {("4000101", "web01"), ("4000102", "web01")}
    assert one == [("4000102", "web01")]
    for key, tracked in found.items():
        assert tracked.failed == 1
        assert tracked.history == known[key].history
        assert (tracked.start, tracked.end) == (known[key].start, known[key].end)
        assert (tracked.schedule, tracked.error) == (known[key].schedule, known[key].error)


def test_a_lost_history_continues_from_it(fleet: Fleet) -> None:
    for uid in ("4000101", "4000102"):
        fleet.end(uid, "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    known = {(uid, name): each for uid, name, each in recover_computers(fleet.store)}
    (fleet.store / "past.sqlite").unlink()

    with opened(fleet.store) as history:
        assert history.note == "2 computers continue from state.sqlite"
        assert problems(history) == [
            "was missing; counts of failures continue from state.sqlite, forecasts begin anew "
            "(run of 2026-11-20T20:00:00+00:00)"
        ]
        for uid, name in (("4000101", "web01"), ("4000102", "web01")):
            assert history.read_computers(uid) == {name: known[uid, name]}
        history.commit(KEEP, complete=True)

    with database(fleet.store) as db:
        rows = db.execute("SELECT key, sizes, seen FROM accounts ORDER BY key").fetchall()
    assert rows == [(uid, "[]", NOW.timestamp()) for uid in ("4000101", "4000102")]


def test_a_state_of_no_known_time_is_not_continued(fleet: Fleet) -> None:
    fleet.collect()
    with closing(sqlite3.connect(fleet.store / "state.sqlite")) as db, db:
        db.execute("DELETE FROM meta WHERE key = 'started'")

    with pytest.raises(StoreError) as raised:
        list(recover_computers(fleet.store))

    assert str(raised.value) == (
        f"{fleet.store}/state.sqlite: does not say when it was written; run collect_backup_state"
    )
