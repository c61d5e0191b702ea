"""Accounts with their uploads, read from the directory and the homes now."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from backup_monitoring.directory import open_directory, read_accounts
from backup_monitoring.model import Account, AccountStatus, Files, Need, Uploads
from backup_monitoring.settings import Settings
from backup_monitoring.store.files import StoreError
from backup_monitoring.tasks import SchedulePolicy

_ENOUGH = 3  # accounts: fewer may all be new


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
        StoreError: *uids* is None, and none of at least 3 accounts has an ``incoming``.
    """
    found = _read_accounts(settings, need, files, uids, now, phase)
    return found if files is None or uids is not None else _require_incoming(found, settings)


def _read_accounts(
    settings: Settings,
    need: Need,
    files: Files | None,
    uids: Sequence[str] | None,
    now: datetime,
    phase: Callable[[str], None],
) -> Iterator[tuple[Account, Uploads]]:
    with open_directory(settings.directory, phase) as directory:
        phase("reading the directory")
        accounts = read_accounts(directory, settings.directory, need, now, uids)
        if files is None:
            yield from ((account, Uploads()) for account in accounts)
            return
        from backup_monitoring.uploads import HomeReader  # loaded where it is used

        def name_accounts() -> Iterator[tuple[None, Account]]:
            for account in accounts:
                yield None, account
                phase("reading the directory")

        zones = settings.policies[SchedulePolicy].zones
        reader = HomeReader(settings.homes, zones, files, now, phase)
        for _, account, uploads in reader.read(name_accounts()):
            yield account, uploads


def _require_incoming(
    found: Iterator[tuple[Account, Uploads]], settings: Settings
) -> Iterator[tuple[Account, Uploads]]:
    """Yield what was *found*, but nothing before an account that has an ``incoming``.

    Without a history each account alone may be a new one. All of them are not: a disk is not
    mounted, which must not look as if no one had a computer.
    """
    waiting: list[tuple[Account, Uploads]] = []
    without = 0
    for account, uploads in found:
        waiting.append((account, uploads))
        if account.status is AccountStatus.ACTIVE and account.provisioned:
            if uploads.no_incoming is uploads.missing is uploads.refused is None:
                break
            without += 1
    else:
        # Homes that cannot be read say so themselves, each with its reason.
        if without >= _ENOUGH and any(uploads.no_incoming for _, uploads in waiting):
            raise StoreError(
                str(settings.homes.root),
                f"none of {without} accounts has a folder {settings.homes.incoming}",
                "check that its disk is mounted, and root, path and incoming in [homes]",
            )
    yield from waiting
    yield from found
