"""A full disk: the run fails in one line, the old state stays, the next run is complete."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.children import in_child
from store.fleet import FIRST, Fleet, entry

LATER = "2026-11-21T21:00+01:00"
UIDS = [str(4_000_000 + number) for number in range(300)]


def grown(fleet: Fleet) -> None:
    """Let every account have new reports, so that a run has much to write."""
    fleet.entries(*(entry(uid, sstBackupSize=900) for uid in UIDS))
    for uid in UIDS:
        fleet.end(uid, "2026-11-21T20:40:00+01:00", 0)


def readable(fleet: Fleet, size: int) -> None:
    assert {account.used for account, _ in fleet.read().values()} == {size}
    assert not (fleet.store / "state.sqlite.new").exists()


@pytest.fixture
def many(tmp_path: Path) -> Fleet:
    fleet = Fleet(tmp_path / "many", UIDS)
    fleet.collect(FIRST)
    return fleet


@pytest.mark.parametrize("kilobytes", [1, 8, 16, 32, 64, 128])
def test_no_file_may_grow(many: Fleet, kilobytes: int) -> None:
    grown(many)

    def do() -> object:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024,) * 2)
        return many.collect(LATER)

    answer = in_child(do)

    assert "raised StoreError" in answer
    assert "written (" in answer
    readable(many, 500)
    run = many.collect(LATER)
    assert (run.failed, run.notes) == ([], [])
    readable(many, 900)


@pytest.fixture
def small_disk(many: Fleet) -> Iterator[Fleet]:
    """The store on a disk that it nearly fills."""
    saved = many.folder / "saved"
    shutil.move(many.store, saved)
    many.store.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(many.store)], capture_output=True
    )
    if done.returncode:
        pytest.skip("may not mount")
    try:
        for path in saved.iterdir():
            shutil.copy2(path, many.store)
        yield many
    finally:
        subprocess.run(["umount", str(many.store)], check=True)


@pytest.mark.parametrize("left", [0, 40_000, 100_000, 200_000])
def test_the_disk_is_full(small_disk: Fleet, left: int) -> None:
    fleet = small_disk
    grown(fleet)
    disk = os.statvfs(fleet.store)
    filler = fleet.store / "filler"
    filler.write_bytes(b"x" * max(0, disk.f_bavail * disk.f_frsize - left))

    answer = in_child(lambda: fleet.collect(LATER))

    assert "raised StoreError" in answer
    assert "written (" in answer
    readable(fleet, 500)
    filler.unlink()
    run = fleet.collect(LATER)
    assert (run.failed, run.notes) == ([], [])
    readable(fleet, 900)
