"""The store's lock: one process at a time writes it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backup_monitoring.store.files import LOCK, StoreError


@contextmanager
def hold_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of the store in *folder*; the kernel releases it when the process ends.

    Raises:
        StoreError: another process holds it, or it cannot be written.
    """
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            str(folder),
            f"cannot be written ({error.strerror})",
            "create the folder, and give the collector's user write access",
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StoreError(
            str(folder / LOCK), "a collector run is in progress", "wait, or run it less often"
        ) from None
    try:
        yield
    finally:
        os.close(lock)
