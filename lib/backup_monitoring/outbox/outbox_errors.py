"""Why the outbox cannot be used, each cause with its remedy."""

import sqlite3
from pathlib import Path

from backup_monitoring.model import OPERATIONS_GUIDE, MonitoringError
from backup_monitoring.settings import IrregularFileError

BUSY = 5.0  # seconds to wait for another process's transaction
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
# SQLITE_ERROR: a table that every outbox has does not exist.
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_REFUSED = (sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


class OutboxError(MonitoringError):
    """The outbox cannot be used: nothing was queued."""


class OutboxAccessError(OutboxError):
    """This user, or this moment, is the reason: the outbox may be as it should be."""


def make_error(file: Path, error: Exception) -> OutboxError:
    """Return an OutboxError for *error*, with a remedy."""
    text = getattr(error, "strerror", None) or str(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        remedy = "see which process uses it (fuser)"
        return OutboxAccessError(str(file), f"busy for {BUSY:g} s", remedy)
    if code in _DISK:
        return OutboxError(
            str(file), f"cannot be read or written ({text})", "check its disk, and free space on it"
        )
    if code in _DAMAGED:
        return make_damage_error(file, text)
    if isinstance(error, IrregularFileError):
        return OutboxError(str(error.filename), "is not a regular file", "delete it")
    refused = isinstance(error, PermissionError) or code in _REFUSED
    kind = OutboxAccessError if refused else OutboxError
    return kind(
        str(file),
        f"cannot be used ({text})",
        "give this user's group write permission for the file and its folder, or add the user to "
        "their group and restart its daemon",
    )


def make_damage_error(file: Path, text: str) -> OutboxError:
    """Return the error of an outbox that SQLite finds damaged, by its own *text*."""
    remedy = f"move it and its -journal away, and see {OPERATIONS_GUIDE}, The outbox"
    return OutboxError(str(file), f"is damaged ({text})", remedy)
