"""Accounts with their uploads, read from the directory and the homes now."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from backup_monitoring.directory import open_directory, read_accounts
from backup_monitoring.model import Account, AccountStatus, Files, Need, Uploads
from backup_monitoring.settings import Settings
from backup_monitoring.tasks import SchedulePolicy

_NO_UPLOADS = Uploads()


def read_live_accounts(
    settings: Settings,
    need: Need,
    files: Files | None,
    uids: Sequence[str] | None,
    now: datetime,
    phase: Callable[[str], None],
) -> Iterator[tuple[Account, Uploads]]:
    """Yield each account with its uploads.

    Args:
        settings: of the directory and the homes.
        need: what is read of the entry.
        files: what is read of the home; None: the home is not opened.
        uids: only these accounts; None: all in scope.
        now: aware UTC.
        phase: called with a few words before each wait.

    Raises:
        DirectoryError: the directory did not answer completely.
    """
    if files is not None:
        from backup_monitoring.uploads import read_uploads  # loaded where it is used
    with open_directory(settings.directory, phase) as directory:
        phase("reading the directory")
        for account in read_accounts(directory, settings.directory, need, now, uids):
            if files is None or account.status is not AccountStatus.ACTIVE:
                yield account, _NO_UPLOADS
                continue
            phase(f"reading the files of account {account.uid}")
            zones = settings.policies[SchedulePolicy].zones
            yield account, read_uploads(account, settings.homes, zones, files, now)
            phase("reading the directory")
