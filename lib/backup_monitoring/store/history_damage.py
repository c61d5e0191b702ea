"""Is the history really damaged? Only then it is set aside, and never over an earlier one."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from backup_monitoring.store.files import DAMAGED, HISTORY, StoreError

_MOST_ASIDE = 9  # files; where damage comes back, the disk or the memory is broken
_SUFFIXES = ("", "-wal", "-shm")


class HistoryDamagedError(StoreError):
    """SQLite reports damage, which may also be one error of the disk: see `set_damaged_aside`."""


def make_history_error(file: Path, error: OSError | sqlite3.Error) -> StoreError:
    """Return *error*, met in the history *file*, as one of ours."""
    # A statement that fails within Python has no code.
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
        return HistoryDamagedError(str(file), f"is damaged ({error})", "see the disk's health")
    remedy = "check that the disk is not full and that the collector's user can write there"
    return StoreError(str(file), f"cannot be read or written ({error})", remedy)


@contextmanager
def guard_history(file: Path) -> Iterator[None]:
    """Raise an error of SQLite, met in the history *file*, as one of ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise make_history_error(file, error) from None


def set_damaged_aside(folder: Path, error: HistoryDamagedError) -> str:
    """Set the history of *folder* aside if it is damaged; return what has happened, in words.

    Raises:
        StoreError: it is not: one error of the disk looks like damage.
    """
    file = folder / HISTORY
    _check_damaged(file, error)
    return f"{error.problem.replace('is', 'was', 1)}, kept as {set_aside(folder)}"


def _check_damaged(file: Path, error: HistoryDamagedError) -> None:
    """Raise StoreError unless the *file*, opened again, is damaged as a whole."""
    try:
        db = sqlite3.connect(f"file:{quote(os.fsencode(file))}?mode=rw", uri=True)
        try:
            answer = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            db.close()
    except sqlite3.Error as again:
        failure = make_history_error(file, again)
        if isinstance(failure, HistoryDamagedError):
            return
        raise failure from None
    if answer == "ok":
        problem = f"{error.problem}, SQLite reported, but it is not"
        remedy = "the next run reads it again; if this comes back, check the disk (dmesg)"
        raise StoreError(str(file), problem, remedy)


def set_aside(folder: Path) -> Path:
    """Move the history of *folder* out of the way; return its new name.

    Raises:
        StoreError: so many were set aside already that something else must be wrong.
    """
    for number in range(1, _MOST_ASIDE + 1):
        aside = folder / f"{HISTORY}.aside-{number}"
        if not any(aside.with_name(aside.name + suffix).exists() for suffix in _SUFFIXES):
            break
    else:
        problem = f"cannot be set aside: there are {_MOST_ASIDE} already"
        remedy = f"check disk and memory, then delete {folder / HISTORY}.aside-*"
        raise StoreError(str(folder / HISTORY), problem, remedy)
    for suffix in _SUFFIXES:
        part = folder / f"{HISTORY}{suffix}"
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    return aside
