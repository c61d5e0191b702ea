"""Opens a customer's folders and files without following a link."""

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import NamedTuple

MAX_FILE = 64 * 1024

# O_NONBLOCK: a FIFO must not make us wait for a writer. O_NOCTTY: nor a terminal become ours.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HOME = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

# A customer sets any time; these can still be calculated with (1970 and about 8300).
_EARLIEST = 0.0
_LATEST = 2e11


class FileContent(NamedTuple):
    """A file's bytes and its modification time, UTC."""

    data: bytes
    modified: datetime


class FileError(Exception):
    """A file is there and cannot be taken as a report; the text says why."""


def open_home(path: str) -> int:
    """Open an account's home; links on the way to it are the administrator's: followed.

    Raises:
        OSError: as the system has it.
    """
    return os.open(path, _HOME)


def open_below(parent: int, parts: tuple[str, ...]) -> int:
    """Open the folder *parts* below the open folder *parent*, each part by itself.

    Args:
        parts: at least one name.

    Raises:
        OSError: FileNotFoundError if it is not there, NotADirectoryError if a part is a link.
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
    """List the open folder *folder*; a context manager, which ends the listing.

    Raises:
        OSError: as the system has it.
    """
    listed = os.open(".", _LISTED, dir_fd=folder)
    try:
        return os.scandir(listed)  # of a duplicate of its own
    finally:
        os.close(listed)


def find_owner(folder: int) -> int:
    """Return the number of the user whose folder this is."""
    return os.fstat(folder).st_uid


def read_file(folder: int, name: str, uid: int) -> FileContent | None:
    """Read a small file in the open folder *folder*; None where there is none.

    Args:
        uid: its owner must be this user: a hard link shows another customer's file otherwise.

    Raises:
        FileError: a link, no regular file, too large, another user's, or unreadable.
    """
    try:
        # Opening a device or a pipe does something to it: look first. What lies there may change
        # between the look and the opening, so what was opened is looked at, too.
        _refuse_others(os.stat(name, dir_fd=folder, follow_symlinks=False))
        opened = os.open(name, _FILE, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(error.strerror or "cannot be read") from error
    try:
        return _content(opened, uid)
    except OSError as error:
        raise FileError(error.strerror or "cannot be read") from error
    finally:
        os.close(opened)


def _refuse_others(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        link = stat.S_ISLNK(status.st_mode)
        raise FileError("a link, which is not followed" if link else "no regular file")


def _content(opened: int, uid: int) -> FileContent:
    status = os.fstat(opened)
    _refuse_others(status)
    if status.st_uid != uid:
        raise FileError("belongs to another user than its folder")
    if status.st_size > MAX_FILE:
        raise FileError("larger than 64 KiB")
    data = os.read(opened, MAX_FILE + 1)
    while len(data) < status.st_size and (more := os.read(opened, MAX_FILE + 1)):
        data += more
    if len(data) > MAX_FILE:
        raise FileError("larger than 64 KiB")
    return FileContent(data, _time(status.st_mtime))


def _time(seconds: float) -> datetime:
    """Return *seconds* since 1970 as UTC, within years that can be calculated with."""
    if not _EARLIEST <= seconds <= _LATEST:
        seconds = _EARLIEST if seconds < _EARLIEST else _LATEST
    return datetime.fromtimestamp(seconds, UTC)
