"""The spool as the delivery reads it: the files that hooks have written."""

import errno
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.outbox.columns import read_time
from backup_monitoring.outbox.outbox_errors import make_error
from backup_monitoring.outbox.spool_writer import BOOT, FOLDER
from backup_monitoring.settings import open_regular

_LARGEST = 1024**2  # bytes of a file; a hook writes less
_KEEP_UNFINISHED = 86400  # seconds


class SpoolStatus(NamedTuple):
    """How many files are in the spool, and the age of the oldest; None if there is none."""

    calls: int = 0
    oldest: timedelta | None = None


class Spool:
    """The spool beside the outbox *file*; without its folder it is empty.

    All methods but `read` raise OutboxError if this user cannot use the folder.
    """

    def __init__(self, file: Path) -> None:
        self.folder = file.with_name(FOLDER)

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Lock out other deliveries, not hooks; give whether that succeeded."""
        try:
            stream = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # nothing was ever spooled
            yield True
            return
        except OSError as error:
            raise make_error(self.folder, error) from None
        try:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                is_locked = False
            except OSError as error:  # for example ENOLCK
                raise make_error(self.folder, error) from None
            else:
                is_locked = True
            yield is_locked
        finally:
            os.close(stream)

    def list_names(self) -> list[str]:
        """Return the names of the files in the order in which they were spooled."""
        try:
            names = (each.name for each in os.scandir(self.folder))
            return sorted(name for name in names if not name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise make_error(self.folder, error) from None

    def read(self, name: str) -> str:
        """Return the content of a file; OSError if it cannot be read, or is not text."""
        flags = os.O_RDONLY | os.O_NOFOLLOW  # members of the group could put a link there
        with os.fdopen(open_regular(self.folder / name, flags), "rb") as stream:
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        if not data.isascii():
            raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ))
        return data.decode("ascii")

    def remove(self, names: Iterable[str]) -> None:
        """Delete files, and make sure that they do not come back after a power cut."""
        try:
            removed = False
            for name in names:
                with suppress(FileNotFoundError):
                    (self.folder / name).unlink()
                removed = True
            if removed:
                stream = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    os.fsync(stream)
                finally:
                    os.close(stream)
        except OSError as error:
            raise make_error(self.folder, error) from None

    def clean_up(self) -> None:
        """Delete what hooks have left that were killed while they wrote, a day later."""
        try:
            old = [
                each.name
                for each in os.scandir(self.folder)
                if each.name.startswith(".")
                and each.name != BOOT
                and time.time() - each.stat(follow_symlinks=False).st_mtime > _KEEP_UNFINISHED
            ]
        except FileNotFoundError:
            return
        except OSError as error:
            raise make_error(self.folder, error) from None
        self.remove(old)

    def read_status(self, now: datetime) -> SpoolStatus:
        """Return how many files there are, and since when the oldest has been there at *now*."""
        names = self.list_names()
        for name in names:
            try:
                written = (self.folder / name).lstat().st_mtime
            except FileNotFoundError:  # handled in the meantime
                continue
            except OSError as error:
                raise make_error(self.folder, error) from None
            return SpoolStatus(len(names), max(now - read_time(written), timedelta(0)))
        return SpoolStatus()
