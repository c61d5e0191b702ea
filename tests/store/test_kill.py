"""kill -9 at every step of a run: readers see the old or the new, and nothing counts twice."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backup_monitoring.store.files import StoreError
from store.children import DONE, Counter, in_child
from store.fleet import Fleet
from store.test_history_tables import rewrite_as_layout_3

BEFORE, KILLED, AFTER = (f"2026-11-{day}T21:00+01:00" for day in (20, 21, 22))


def failures(fleet: Fleet, day: int) -> None:
    for uid in ("4000101", "4000102"):
        fleet.start(uid, f"2026-11-{day}T20:00:00+01:00", str(day))
        fleet.end(uid, f"2026-11-{day}T20:40:00+01:00", 0, str(day))


def rows_before(fleet: Fleet) -> list[int]:
    """The failures before the newest run, per account."""
    found = []
    for _, uploads in fleet.read().values():
        (computer,) = uploads.computers
        assert computer.history is not None
        found.append(computer.history.failed)
    return found


def killed_at(step: int, fleet: Fleet, now: str, *, after: bool) -> str:
    def do() -> str:
        counter = Counter(step, after=after)
        counter.install()
        fleet.collect(now)
        return f"{DONE} {counter.count}"

    return in_child(do)


def played(fleet: Fleet, store: Path, check: Callable[[], None], *, after: bool, now: str) -> int:
    """Kill a run at each of its steps, from the same *store* each time; return how many."""
    step = 0
    while True:
        step += 1
        shutil.rmtree(fleet.store)
        shutil.copytree(store, fleet.store)
        failures(fleet, 21)
        answer = killed_at(step, fleet, now, after=after)
        check()
        if answer:
            assert DONE in answer, answer
            return step


@pytest.mark.parametrize(
    ("after", "taken_over"),
    [(False, False), (True, False), (False, True)],
    ids=["before each step", "after each step", "before each step, the layout before"],
)
def test_a_run_that_is_killed(fleet: Fleet, after: bool, taken_over: bool) -> None:
    failures(fleet, 20)
    fleet.collect(BEFORE)
    if taken_over:
        rewrite_as_layout_3(fleet.store)
    store = fleet.folder / "saved"
    shutil.copytree(fleet.store, store)
    read: set[int] = set()

    def check() -> None:
        (count,) = set(rows_before(fleet))
        read.add(count)
        failures(fleet, 22)
        run = fleet.collect(AFTER)
        assert run.failed == []
        assert run.notes == []
        # 20 and 21 are in the row if the killed run has seen 21; it is never in it twice.
        row = rows_before(fleet)
        assert row in ([1, 1], [2, 2])
        assert row == [2, 2] or count == 0
        assert not (fleet.store / "state.sqlite.new").exists()

    steps = played(fleet, store, check, after=after, now=KILLED)

    assert steps > 30
    assert read == {0, 1}


@pytest.mark.parametrize("after", [False, True])
def test_a_killed_run_and_nothing_new(fleet: Fleet, after: bool) -> None:
    """Killed between the history's commit and the state's rename, the next run sees the same."""
    failures(fleet, 20)
    fleet.collect(BEFORE)
    store = fleet.folder / "saved"
    shutil.copytree(fleet.store, store)

    def check() -> None:
        fleet.collect(AFTER)
        assert rows_before(fleet) == [1, 1]

    assert played(fleet, store, check, after=after, now=KILLED) > 30


def test_the_first_run_is_killed(fleet: Fleet) -> None:
    store = fleet.folder / "empty"
    store.mkdir()

    def check() -> None:
        if (fleet.store / "state.sqlite").exists():
            assert rows_before(fleet) == [0, 0]
        else:
            with pytest.raises(StoreError, match="does not exist"):
                fleet.read()
        run = fleet.collect(AFTER)
        assert run.failed == []
        assert run.notes == []
        assert rows_before(fleet) == [0, 0]

    assert played(fleet, store, check, after=False, now=KILLED) > 30
