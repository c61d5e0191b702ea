"""Opens a customer's folders and files without following a link."""

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import NamedTuple

MAX_FILE = 64 * 1024

# O_NONBLOCK: do not wait for the writer of a FIFO. O_NOCTTY: do not acquire a terminal.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HOME = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

# A customer can set any time. These are safe for arithmetic (1970, and about 8300).
_EARLIEST = 0.0
_LATEST = 2e11


class FileContent(NamedTuple):
    """A file's bytes, and what its metadata say.

    Args:
        modified, changed: its modification time and its change time (ctime), aware UTC.
        mode: its permissions, for example 0o600.
    """

    data: bytes
    modified: datetime
    changed: datetime
    mode: int


class FileError(Exception):
    """A file exists and cannot be accepted as a report; the text says why.

    Args:
        changed: its change time (ctime), aware UTC; None if it could not be read, by no fault of
            its own.
    """

    def __init__(self, problem: str, changed: datetime | None = None) -> None:
        super().__init__(problem)
        self.changed = changed


def open_home(path: str) -> int:
    """Open a home directory; links in its path are the administrator's, and followed.

    Raises:
        OSError: it cannot be opened.
    """
    return os.open(path, _HOME)


def open_below(parent: int, parts: tuple[str, ...]) -> int:
    """Open the folder *parts* below the open folder *parent*, one part after the other.

    Args:
        parts: at least one name.

    Raises:
        FileNotFoundError: it does not exist.
        NotADirectoryError: a part is a link, or not a folder.
        OSError: it cannot be opened.
    """
    opened = os.open(parts[0], _FOLDER, dir_fd=parent)
    for part in parts[1:]:
        try:
            below = os.open(part, _FOLDER, dir_fd=opened)
        finally:
            os.close(opened)
        opened = below
    return opened


def list_folder(folder: int) -> AbstractContextManager[Iterator["os.DirEntry[str]"]]:
    """Return a context manager that lists the open folder *folder*.

    Raises:
        OSError: it cannot be read.
    """
    listed = os.open(".", _LISTED, dir_fd=folder)
    try:
        return os.scandir(listed)  # which duplicates the descriptor
    finally:
        os.close(listed)


def find_owner(folder: int) -> int:
    """Return the uid (a number) of the owner of the open folder *folder*."""
    return os.fstat(folder).st_uid


def read_file(folder: int, name: str, uid: int) -> FileContent | None:
    """Read a small file in the open folder *folder*; None if it does not exist.

    Args:
        uid: the file's owner must be this one: it may be a hard link to another customer's.

    Raises:
        FileError: it is a link, not a regular file, too large, or another user's; or it cannot
            be read.
    """
    try:
        # Opening a device or a pipe may affect it: check before. The file may be replaced between
        # the check and the opening, so that it is checked again after.
        _reject_irregular(os.stat(name, dir_fd=folder, follow_symlinks=False))
        opened = os.open(name, _FILE, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(error.strerror or "cannot be read") from error
    try:
        return _read_content(opened, uid)
    except OSError as error:
        raise FileError(error.strerror or "cannot be read") from error
    finally:
        os.close(opened)


def _reject_irregular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        link = stat.S_ISLNK(status.st_mode)
        problem = "a link, which is not followed" if link else "not a regular file"
        raise FileError(problem, _make_time(status.st_ctime))


def _read_content(opened: int, uid: int) -> FileContent:
    status = os.fstat(opened)
    _reject_irregular(status)
    if status.st_uid != uid:
        raise FileError("belongs to another user than its folder", _make_time(status.st_ctime))
    if status.st_size > MAX_FILE:
        raise FileError("larger than 64 KiB", _make_time(status.st_ctime))
    data = os.read(opened, MAX_FILE + 1)
    while len(data) < status.st_size and (more := os.read(opened, MAX_FILE + 1)):
        data += more
    if len(data) > MAX_FILE:
        raise FileError("larger than 64 KiB", _make_time(status.st_ctime))
    modified, changed = _make_time(status.st_mtime), _make_time(status.st_ctime)
    return FileContent(data, modified, changed, stat.S_IMODE(status.st_mode))


def _make_time(seconds: float) -> datetime:
    """Return *seconds* since 1970 in UTC, within the bounds that are safe for arithmetic."""
    if not _EARLIEST <= seconds <= _LATEST:
        seconds = _EARLIEST if seconds < _EARLIEST else _LATEST
    return datetime.fromtimestamp(seconds, UTC)
