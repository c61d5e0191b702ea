"""A computer whose folder is renamed keeps its history; no other one gets it."""

import sqlite3
import time
from datetime import timedelta
from pathlib import Path

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.uploads import Computer, Receipt, Start, Uploads
from backup_monitoring.store.history import TrackedComputer, mark_missing, update_computer
from backup_monitoring.store.history_file import HistoryFile
from backup_monitoring.store.renamed import find_predecessors
from cases import at, end, start

ACCOUNT = Account("4000101", "", used=500)
OTHER = Account("4000102", "", used=500)
NOW = at("2026-11-24T12:00+01:00")
MINUTE = timedelta(minutes=1)
MONDAY = start("2026-11-23T20:00+01:00")
MONDAYS_END = end("2026-11-23T20:41+01:00", success=False)
TUESDAY = start("2026-11-24T20:00+01:00")
SUNDAYS_END = end("2026-11-22T20:41+01:00", success=False)


def track(*computers: Computer, gone: str | None = None) -> TrackedComputer:
    memory: TrackedComputer | None = None
    for number, each in enumerate(computers):
        memory = update_computer(memory, each, NOW + number * MINUTE)
    assert memory is not None
    return mark_missing(memory, at(gone)) if gone is not None else memory


OLD = track(Computer("old", MONDAY, MONDAYS_END))


@pytest.mark.parametrize(
    ("found", "known", "expected"),
    [
        pytest.param([Computer("new", MONDAY, MONDAYS_END)], {"old": OLD}, {"new": "old"}, id="it"),
        pytest.param(
            [Computer("new", TUESDAY, MONDAYS_END)],
            {"old": OLD},
            {"new": "old"},
            id="the next backup has begun since",
        ),
        pytest.param(
            [Computer("new", MONDAY, end("2026-11-24T11:00+01:00"))],
            {"old": OLD},
            {"new": "old"},
            id="its backup has ended since",
        ),
        pytest.param([Computer("new", TUESDAY)], {"old": OLD}, {}, id="other reports"),
        pytest.param(
            [Computer("restored", end=SUNDAYS_END)],
            {"old": track(Computer("old", end=SUNDAYS_END), Computer("old", MONDAY, MONDAYS_END))},
            {"restored": "old"},
            id="an older one, restored under another name",
        ),
        pytest.param([Computer("new", MONDAY._replace(id="7"))], {"old": OLD}, {}, id="another id"),
        pytest.param(
            [Computer("new", MONDAY), Computer("old", MONDAY)], {"old": OLD}, {}, id="a copy"
        ),
        pytest.param(
            [Computer("new", MONDAY), Computer("newer", MONDAY)],
            {"old": OLD},
            {"new": "old"},
            id="two copies: one has its history",
        ),
        pytest.param(
            [Computer("new", MONDAY)],
            {"old": OLD, "new": track(Computer("new"))},
            {"new": "old"},
            id="seen before, but not understood",
        ),
        pytest.param(
            [Computer("new", MONDAY)],
            {"old": OLD, "new": track(Computer("new", None, SUNDAYS_END))},
            {},
            id="it has a history of its own",
        ),
        pytest.param(
            [Computer("new", MONDAY)],
            {
                "a": track(Computer("a", MONDAY), gone="2026-11-24T12:10+01:00"),
                "b": track(Computer("b", MONDAY), gone="2026-11-24T12:20+01:00"),
            },
            {"new": "b"},
            id="of two that are missing, the one that was there last",
        ),
        pytest.param([Computer("new")], {"old": OLD}, {}, id="no reports"),
    ],
)
def test_which_computer_was_renamed(
    found: list[Computer], known: dict[str, TrackedComputer], expected: dict[str, str]
) -> None:
    assert find_predecessors(found, known) == expected


def count_rows(folder: Path) -> int:
    db = sqlite3.connect(folder / "past.sqlite")
    (count,) = db.execute("SELECT count(*) FROM computers").fetchone()
    db.close()
    return int(count)


def look(folder: Path, hours: int, *seen: tuple[Account, Uploads]) -> list[dict[str, int]]:
    """Run at *hours* after noon; return the failures that are kept, by the computers' names."""
    history = HistoryFile(folder, NOW + timedelta(hours=hours), 50)
    found = []
    for account, uploads in seen:
        computers = history.update_computers(account, uploads)
        found.append({computer.name: tracked.failed for computer, tracked in computers})
    history.commit(timedelta(days=400), complete=True)
    history.close()
    return found


def test_the_row_of_failures_continues_under_the_new_name(tmp_path: Path) -> None:
    before = Uploads((Computer("old", MONDAY, SUNDAYS_END),))
    after = Uploads((Computer("new", MONDAY, MONDAYS_END),))

    assert look(tmp_path, 0, (ACCOUNT, before)) == [{"old": 1}]
    assert look(tmp_path, 1, (ACCOUNT, after)) == [{"new": 1}]
    assert look(tmp_path, 9, (ACCOUNT, Uploads((Computer("new", TUESDAY, MONDAYS_END),)))) == [
        {"new": 2}
    ]
    assert count_rows(tmp_path) == 1


def test_a_renamed_folder_without_a_new_report_is_remembered(tmp_path: Path) -> None:
    reports = (TUESDAY._replace(at=NOW - MINUTE, received=Receipt(NOW)), MONDAYS_END)
    look(tmp_path, 0, (ACCOUNT, Uploads((Computer("a", *reports),))))

    assert look(tmp_path, 1, (ACCOUNT, Uploads((Computer("b", *reports),)))) == [{"b": 1}]
    assert look(tmp_path, 2, (ACCOUNT, Uploads((Computer("c", *reports),)))) == [{"c": 1}]
    assert count_rows(tmp_path) == 1


def test_no_account_gets_the_history_of_another_one(tmp_path: Path) -> None:
    here = Uploads((Computer("old", MONDAY, SUNDAYS_END),))
    there = Uploads((Computer("new", MONDAY, MONDAYS_END),))

    look(tmp_path, 0, (ACCOUNT, here))

    assert look(tmp_path, 1, (ACCOUNT, Uploads()), (OTHER, there)) == [{"old": 1}, {"new": 0}]


def test_in_a_home_that_was_not_searched_completely_nothing_is_renamed(tmp_path: Path) -> None:
    """The old folder may be there."""
    look(tmp_path, 0, (ACCOUNT, Uploads((Computer("old", MONDAY, SUNDAYS_END),))))
    part = Uploads((Computer("new", MONDAY),), cut_short="more than 256 computers")

    look(tmp_path, 1, (ACCOUNT, part))

    assert count_rows(tmp_path) == 2


def test_all_256_are_renamed_again_and_again_in_no_time(tmp_path: Path) -> None:
    def make(number: int) -> Start:
        moment = MONDAY.at + number * timedelta(seconds=1)
        return MONDAY._replace(at=moment, received=Receipt(moment))

    began = time.process_time()
    for name in "abcd":
        computers = tuple(Computer(f"{name}{n:03}", make(n), SUNDAYS_END) for n in range(256))
        (found,) = look(tmp_path, ord(name) - ord("a"), (ACCOUNT, Uploads(computers)))

    assert set(found.values()) == {1}
    assert count_rows(tmp_path) == 256
    assert time.process_time() - began < 5
