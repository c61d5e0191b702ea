"""Tries the files that each collector run writes, without changing them."""

import os
from pathlib import Path

from backup_monitoring.settings import open_regular
from backup_monitoring.store.files import HISTORY, LOCK, StoreError
from backup_monitoring.store.layout import STATE

_FILES = (LOCK, HISTORY, f"{HISTORY}-wal", f"{HISTORY}-shm")


def try_store_files(folder: Path) -> bool:
    """Open the files of the store in *folder* that exist; return whether a run has ended there.

    The lock is opened, but not held: a run may begin meanwhile.

    Raises:
        StoreError: one of them cannot be opened for writing.
    """
    for file in (folder / name for name in _FILES):
        try:
            os.close(open_regular(file, os.O_RDWR))
        except FileNotFoundError:
            continue
        except OSError as error:
            problem = f"cannot be written ({error.strerror})"
            raise StoreError(str(file), problem, "give it to the collector's user") from None
    return (folder / STATE).exists()
