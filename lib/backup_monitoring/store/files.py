"""The store's files, and the error of all that reads or writes them."""

import errno
import sqlite3
from pathlib import Path

from backup_monitoring.model import MonitoringError

HISTORY = "past.sqlite"
LOCK = "lock"
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# What decoding raises where a cell is damaged: bytes that were flipped, or another type.
UNREADABLE = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    OSError,  # a time that the system cannot hold
)


class StoreError(MonitoringError):
    """The store does not exist, is too old, or cannot be read or written."""


def make_damage_error(file: Path, error: Exception) -> StoreError:
    """Return the error of a state *file* with a value that cannot be what was written."""
    if isinstance(error, OSError) and error.errno != errno.EOVERFLOW:  # of a module that is loaded
        remedy = "check this server's disks and memory, and what this user may use (ulimit -a)"
        return StoreError(str(file), f"cannot be read ({error.strerror})", remedy)
    remedy = "run collect_backup_state: each run writes a new one"
    return StoreError(str(file), f"is damaged ({type(error).__name__}: {error})", remedy)
