"""Homes whose file system does not answer: they cost their own accounts, and nobody else."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from backup_monitoring.model.needs import Files, Need
from backup_monitoring.selftest.installation import InstallationCheck
from backup_monitoring.store.collector import CollectorRun
from backup_monitoring.store.live import read_live_accounts
from backup_monitoring.uploads import home_reader
from cases import at
from fuse_mount import FuseMount, mounted, needs_fuse
from store.fleet import FIRST, Fleet, entry

pytestmark = needs_fuse
SECOND, THIRD = (f"2026-11-{day}T21:00+01:00" for day in (21, 22))
UIDS = tuple(str(4000101 + number) for number in range(12))
TIMEOUT = '[homes]\nroot = "tree"\ntimeout = "1s"\n'
LATE = "did not answer within 1 s"
SOON = 30  # seconds, also on a busy machine: what hangs here hangs for ever
Mount = Callable[[Path], FuseMount]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    with ExitStack() as stack:
        numbers = count()
        yield lambda folder: stack.enter_context(
            mounted(folder, tmp_path / f"source-{next(numbers)}")
        )


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    fleet = Fleet(tmp_path / "fleet", UIDS)
    fleet.file.write_text(fleet.file.read_text().replace('[homes]\nroot = "tree"\n', TIMEOUT))
    for uid in UIDS:
        failure(fleet, uid, 20)
    return fleet


def failure(fleet: Fleet, uid: str, day: int) -> None:
    fleet.start(uid, f"2026-11-{day}T20:00:00+01:00", str(day))
    fleet.end(uid, f"2026-11-{day}T20:40:00+01:00", 0, str(day))


def refused(fleet: Fleet) -> dict[str, str]:
    return {
        uid: uploads.refused
        for uid, (_, uploads) in fleet.read().items()
        if uploads.refused is not None
    }


def timed(fleet: Fleet, now: str) -> tuple[CollectorRun, float]:
    began = time.monotonic()
    run = fleet.collect(now)
    return run, time.monotonic() - began


def test_a_hung_home_costs_its_account_alone(fleet: Fleet, mount: Mount) -> None:
    hung = mount(fleet.home / "4000103")
    fleet.collect(FIRST)
    for uid in UIDS:
        failure(fleet, uid, 21)
    hung.stop()

    run, seconds = timed(fleet, SECOND)

    assert seconds < SOON
    assert run.failed == []
    assert run.computers == len(UIDS) - 1
    assert refused(fleet) == {"4000103": f"{hung.folder}: {LATE}"}
    assert [str(each) for each in run.findings] == [
        f"account 4000103: cannot read home directory: {hung.folder}: {LATE}"
    ]


def test_what_was_known_of_a_hung_home_is_kept(fleet: Fleet, mount: Mount) -> None:
    hung = mount(fleet.home / "4000103")
    fleet.collect(FIRST)
    hung.stop()
    fleet.collect(SECOND)
    hung.go_on()
    failure(fleet, "4000103", 22)

    run = fleet.collect(THIRD)

    (computer,) = fleet.read("4000103")["4000103"][1].computers
    assert run.findings == []
    assert computer.history is not None
    assert computer.history.first_seen == at(FIRST)
    assert computer.history.gone is None
    assert computer.history.failed == 1


def test_a_home_that_hangs_before_its_last_folder(fleet: Fleet, mount: Mount) -> None:
    hung = mount(fleet.home / "4000103" / "incoming")
    hung.stop()

    run, _ = timed(fleet, FIRST)

    assert refused(fleet) == {"4000103": f"{hung.folder.parent}: {LATE}"}
    assert run.computers == len(UIDS) - 1


def test_of_a_dead_mount_six_homes_are_waited_for(
    fleet: Fleet, mount: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The homes are on it by links. Four processes wait at the same time."""
    monkeypatch.setattr(home_reader, "_FEW", 1)
    disk = fleet.folder / "disk"
    disk.mkdir()
    for uid in UIDS[1:10]:
        shutil.move(fleet.home / uid, disk)
        (fleet.home / uid).symlink_to(disk / uid)
    hung = mount(disk)
    fleet.collect(FIRST)
    hung.stop()

    run, seconds = timed(fleet, SECOND)

    assert seconds < SOON
    skipped = f"not read: 6 others on {disk} did not answer within 1 s each"
    reasons = [text.removeprefix(f"{fleet.home / uid}: ") for uid, text in refused(fleet).items()]
    assert list(refused(fleet)) == list(UIDS[1:10])
    assert set(reasons) == {LATE, skipped}
    assert reasons[:6] == [LATE] * 6
    assert run.failed == []
    assert run.computers == len(UIDS) - 9


def test_all_homes_on_a_dead_mount(fleet: Fleet, mount: Mount) -> None:
    """None of the homes can be read: their last known data remain. Nor does listing them hang."""
    hung = mount(fleet.home)
    fleet.collect(FIRST)
    hung.stop()

    run, seconds = timed(fleet, SECOND)

    assert seconds < SOON
    (failed,) = run.failed
    assert failed.startswith("storage: ")
    assert "none of the homes of 12 accounts can be read" in failed


def test_listing_the_parent_of_homes_does_not_hang_a_run(fleet: Fleet, mount: Mount) -> None:
    disk = fleet.folder / "tree" / "disk"
    (disk / "below").mkdir(parents=True)
    hung = mount(disk)
    fleet.entries(
        *map(entry, UIDS),
        entry("4100001", homeDirectory="/disk/4100001"),
        entry("4100002", homeDirectory="/disk/4100002"),
    )
    hung.stop()

    run, seconds = timed(fleet, FIRST)

    assert seconds < SOON
    assert run.failed == []
    assert set(refused(fleet)) == {"4100001", "4100002"}


def test_live_a_hung_home_costs_its_account_alone(fleet: Fleet, mount: Mount) -> None:
    hung = mount(fleet.home / "4000103")
    hung.stop()

    live = read_live_accounts(fleet.settings, Need.ALL, Files.ALL, None, at(FIRST), lambda _: None)
    found = {account.uid: uploads for account, uploads in live}

    assert found["4000103"].refused == f"{hung.folder}: {LATE}"
    assert {uid for uid, uploads in found.items() if uploads.computers} == set(UIDS) - {"4000103"}


def test_the_trial_of_an_installation_names_a_hung_home(fleet: Fleet, mount: Mount) -> None:
    hung = mount(fleet.home / "4000103")
    hung.stop()

    lines = list(InstallationCheck(fleet.settings, at(FIRST), lambda _: None).run())

    assert any(
        f"homes: 1 of 12 cannot be read: account 4000103: {hung.folder}: {LATE}" in line
        for line in lines
    )


def test_nothing_is_left_behind_that_can_be_ended(fleet: Fleet, mount: Mount) -> None:
    hung = mount(fleet.home / "4000103")
    hung.stop()
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = children.read_text()

    fleet.collect(FIRST)

    assert children.read_text() == before
