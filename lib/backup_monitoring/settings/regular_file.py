"""Opens files that the settings name, regular ones only: an open pipe waits for its other end."""

import errno
import os
import stat
from pathlib import Path

DATABASE_SUFFIXES = ("", "-journal", "-wal", "-shm")  # of the files that SQLite opens


class IrregularFileError(OSError):
    """A pipe, a socket or a device is in the place of a file."""


def open_regular(file: Path, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """Open *file*, and return its descriptor.

    Args:
        flags: of `os.open`. mode: of a file that is created.

    Raises:
        OSError: it cannot be opened, or is a folder.
        IrregularFileError: it is something else.
    """
    opened = os.open(file, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    try:
        _require_regular(os.fstat(opened), file)
    except OSError:
        os.close(opened)
        raise
    return opened


def refuse_irregular(file: Path, suffixes: tuple[str, ...] = ("",)) -> None:
    """Raise what `open_regular` would raise for *file*.

    Args:
        suffixes: of the names beside *file* that are looked at. What does not exist is good.
    """
    for suffix in suffixes:
        each = Path(f"{file}{suffix}")
        try:
            status = each.stat()
        except FileNotFoundError:
            continue
        _require_regular(status, each)


def _require_regular(status: os.stat_result, file: Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    if not stat.S_ISREG(status.st_mode):
        raise IrregularFileError(errno.EINVAL, "Not a regular file", str(file))
