"""When all results were last submitted: the time of a file in the store."""

import os
from datetime import UTC, datetime
from pathlib import Path

from backup_monitoring.settings import create_new
from backup_monitoring.store.files import StoreError

_SUBMITTED = "submitted"


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
    """Return when results were last submitted, in UTC; None: never."""
    try:
        return datetime.fromtimestamp((folder / _SUBMITTED).stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise StoreError(str(folder / _SUBMITTED), problem, "let this user enter it") from None
