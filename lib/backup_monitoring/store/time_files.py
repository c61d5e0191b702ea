"""Files in the store whose time says when something was last done."""

import os
from datetime import UTC, datetime
from pathlib import Path

from backup_monitoring.settings import create_new
from backup_monitoring.store.files import StoreError

_SUBMITTED = "submitted"
_OBJECTS = "objects"  # the folder of the unit backup-monitoring-objects, which systemd creates
_UPDATED = "updated"


def record_submission(folder: Path, now: datetime) -> None:
    """Record that the results of all accounts were submitted at *now*, aware.

    Raises:
        StoreError: the store's *folder* cannot be written.
    """
    file = folder / _SUBMITTED
    new = file.with_name(f".{_SUBMITTED}.new")
    try:
        with create_new(new):
            os.utime(new, (now.timestamp(), now.timestamp()))
            new.replace(file)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        remedy = "submit as the collector's user, for whom check_backup_monitoring looks there"
        raise StoreError(str(file), problem, remedy) from None


def find_submission(folder: Path) -> datetime | None:
    """Return when results were last submitted, in UTC; None: never.

    Raises:
        StoreError: the store's *folder* cannot be read.
    """
    return _find_time(folder / _SUBMITTED)


def has_objects_unit(folder: Path) -> bool:
    """Return whether the unit that updates the monitoring system's objects has ever run here.

    Raises:
        StoreError: the store's *folder* cannot be read.
    """
    return _find_time(folder / _OBJECTS) is not None


def find_objects_update(folder: Path) -> datetime | None:
    """Return when that unit last succeeded, in UTC, with or without a change; None: never.

    Raises:
        StoreError: the store's *folder* cannot be read.
    """
    return _find_time(folder / _OBJECTS / _UPDATED)


def _find_time(file: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise StoreError(str(file), problem, "let this user enter it") from None
