"""A new file in a folder, until it is complete and gets its name."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def create_new(new: Path) -> Iterator[TextIO]:
    """Give the file *new*, empty, for writing; delete it in the end, unless it was renamed.

    Its name is always the same, so that what a killed process has left is deleted by the next.
    Another process that creates it waits: the folder is locked.

    Raises:
        OSError: it cannot be created or written.
    """
    folder = os.open(new.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        new.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(new, flags, 0o644), "w", encoding="utf-8") as stream:
                os.fchmod(stream.fileno(), 0o644)  # whatever the umask
                yield stream
        finally:
            new.unlink(missing_ok=True)
    finally:
        os.close(folder)  # which unlocks it
