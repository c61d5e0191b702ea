"""Copies the outbox with what a killed process has left in it, for readers who must not change it.

Only who may write can undo a transaction that was interrupted: SQLite refuses to read before that.
"""

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from backup_monitoring.outbox.in_use import refuse_lost
from backup_monitoring.outbox.outbox_errors import OutboxAccessError, OutboxError, make_error
from backup_monitoring.outbox.outbox_file import connect_outbox, open_read_only

_SUFFIXES = ("", "-journal")
_TRIES = 20
_PAUSE = 0.05  # seconds; most transactions take less


@contextmanager
def read_outbox(file: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection to the outbox *file* that changes nothing.

    It shows the last state that is whole: a transaction that was interrupted is undone in a copy.

    Raises:
        OutboxError: it is missing or empty, cannot be read, or has another layout.
    """
    try:
        db = open_read_only(file)
    except sqlite3.Error as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise make_error(file, error) from None
    else:
        with closing(db):
            yield db
        return
    with copy_outbox(file) as copy, closing(connect_outbox(copy, "rw")) as db:
        yield db


@contextmanager
def copy_outbox(file: Path) -> Iterator[Path]:
    """Give a temporary copy of the outbox *file*; before its first use it need not exist.

    Raises:
        OutboxError: the outbox is lost, cannot be read, or changes all the time.
    """
    refuse_lost(file)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        for _ in range(_TRIES):
            if _copy_parts(file, copy):
                break
            time.sleep(_PAUSE)
        else:
            problem, remedy = "changes while it is copied", "try again"
            raise OutboxAccessError(str(file), problem, remedy)
        yield copy


def _copy_parts(file: Path, copy: Path) -> bool:
    """Copy *file* and its journal; return whether nobody has changed them meanwhile."""
    before = _stat_parts(file)
    for suffix in _SUFFIXES:
        part, target = (path.with_name(path.name + suffix) for path in (file, copy))
        target.unlink(missing_ok=True)
        try:
            if part.exists():
                shutil.copyfile(part, target)
        except OSError as error:
            raise _make_error(part, error) from None
    return _stat_parts(file) == before


def _stat_parts(file: Path) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = []
    for suffix in _SUFFIXES:
        part = file.with_name(file.name + suffix)
        try:
            now = part.stat()
        except FileNotFoundError:
            found.append(())
        except OSError as error:
            raise _make_error(part, error) from None
        else:
            found.append((now.st_ino, now.st_size, now.st_mtime_ns))
    return found


def _make_error(part: Path, error: OSError) -> OutboxError:
    """Return the error of a copy that fails: the outbox itself may be as it should be."""
    made = make_error(part, error)
    return OutboxAccessError(made.where, made.problem, made.remedy)
