"""Opens a customer's folders and files without following a link."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

MAX_FILE = 64 * 1024

# O_NONBLOCK: a FIFO must not make us wait for a writer. O_NOCTTY: nor a terminal become ours.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HOME = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


class Content(NamedTuple):
    """A file's bytes and its modification time, UTC."""

    data: bytes
    modified: datetime


class FileError(Exception):
    """A file is there and cannot be taken as a report; the text says why."""


@contextmanager
def home_folder(path: str) -> Iterator[int]:
    """Open an account's home; links on the way to it are the administrator's: followed.

    Raises:
        OSError: as the system has it.
    """
    yield from _kept(os.open(path, _HOME))


@contextmanager
def subfolder(parent: int, parts: tuple[str, ...]) -> Iterator[int]:
    """Open the folder *parts* below the open folder *parent*, each part by itself.

    Raises:
        OSError: FileNotFoundError if it is not there, NotADirectoryError if a part is a link.
    """
    if not parts:
        yield parent
        return
    opened = os.open(parts[0], _FOLDER, dir_fd=parent)
    for part in parts[1:]:
        try:
            below = os.open(part, _FOLDER, dir_fd=opened)
        finally:
            os.close(opened)
        opened = below
    yield from _kept(opened)


@contextmanager
def entries(folder: int) -> Iterator[Iterator["os.DirEntry[str]"]]:
    """List the open folder *folder*.

    Raises:
        OSError: as the system has it.
    """
    listed = os.open(".", _LISTED, dir_fd=folder)
    try:
        with os.scandir(listed) as found:
            yield found
    finally:
        os.close(listed)


def owner(folder: int) -> int:
    """Return the number of the user whose folder this is."""
    return os.fstat(folder).st_uid


def read_file(folder: int, name: str, uid: int) -> Content | None:
    """Read a small file in the open folder *folder*; None where there is none.

    Args:
        uid: its owner must be this user: a hard link shows another customer's file otherwise.

    Raises:
        FileError: a link, no regular file, too large, another user's, or unreadable.
    """
    try:
        opened = os.open(name, _FILE, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(_words(error)) from error
    try:
        return _content(opened, uid)
    except OSError as error:
        raise FileError(_words(error)) from error
    finally:
        os.close(opened)


def _kept(opened: int) -> Iterator[int]:
    try:
        yield opened
    finally:
        os.close(opened)


def _content(opened: int, uid: int) -> Content:
    status = os.fstat(opened)
    if not stat.S_ISREG(status.st_mode):
        raise FileError("no regular file")
    if status.st_uid != uid:
        raise FileError("belongs to another user than its folder")
    if status.st_size > MAX_FILE:
        raise FileError("larger than 64 KiB")
    data = os.read(opened, MAX_FILE + 1)
    while len(data) < status.st_size and (more := os.read(opened, MAX_FILE + 1)):
        data += more
    if len(data) > MAX_FILE:
        raise FileError("larger than 64 KiB")
    return Content(data, _time(status.st_mtime))


def _time(seconds: float) -> datetime:
    """Return *seconds* since 1970 as UTC, within years that can be calculated with."""
    try:
        return min(max(datetime.fromtimestamp(seconds, UTC), _EARLIEST), _LATEST)
    except (OverflowError, ValueError, OSError):
        return _LATEST if seconds > 0 else _EARLIEST


def _words(error: OSError) -> str:
    # The system's own words for a link and a socket would not tell what is wrong with them.
    if error.errno == errno.ELOOP:
        return "a link, which is not followed"
    if error.errno == errno.ENXIO:
        return "no regular file"
    return error.strerror or "cannot be read"
