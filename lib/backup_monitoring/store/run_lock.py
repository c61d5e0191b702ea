"""The store's lock: one process at a time writes it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backup_monitoring.settings import open_regular
from backup_monitoring.store.files import LOCK, StoreError


def mark_used(folder: Path) -> None:
    """Note in the lock's file that a run was committed; StoreError if it cannot be written."""
    try:
        with (folder / LOCK).open("r+b") as lock:
            lock.write(b"used\n")
    except OSError as error:
        raise _make_error(folder / LOCK, error) from None


def is_used(folder: Path) -> bool:
    """Return whether a run was ever committed in *folder*, even if its files are gone."""
    try:
        return (folder / LOCK).stat().st_size > 0
    except FileNotFoundError:
        return False


def _make_error(lock: Path, error: OSError) -> StoreError:
    remedy = "create the folder, and give the collector's user write access"
    return StoreError(str(lock), f"cannot be written ({error.strerror})", remedy)


@contextmanager
def hold_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of the store in *folder*; the kernel releases it when the process ends.

    Raises:
        StoreError: another process holds it, or it cannot be written.
    """
    try:
        lock = open_regular(folder / LOCK, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise _make_error(folder / LOCK, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StoreError(
            str(folder / LOCK), "a collector run is in progress", "wait, or run it less often"
        ) from None
    except OSError as error:  # for example ENOLCK
        os.close(lock)
        problem = f"cannot be locked ({error.strerror})"
        remedy = "see whether its file system has locks; put the store on a local one"
        raise StoreError(str(folder / LOCK), problem, remedy) from None
    try:
        yield
    finally:
        os.close(lock)
