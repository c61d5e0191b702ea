"""Collects what is to be corrected of a run's accounts and their homes."""

from collections.abc import Iterable, Iterator
from datetime import UTC

from backup_monitoring.model import (
    Account,
    AccountStatus,
    Computer,
    Finding,
    LossReason,
    Uploads,
    format_time,
)
from backup_monitoring.settings import HomesSettings, Settings
from backup_monitoring.store.history import TrackedComputer
from backup_monitoring.store.orphans import OrphanFinder
from backup_monitoring.store.schema import make_key


class AccountFindings:
    """The findings of a run's accounts, and which of their homes are read."""

    def __init__(self, settings: Settings) -> None:
        self.of_entries: list[Finding] = []
        self.of_homes: list[Finding] = []
        self.orphans = OrphanFinder()
        self._homes: HomesSettings = settings.homes
        self._keys: set[str] = set()

    def add_account(self, account: Account) -> bool:
        """Add the findings of *account*'s entry; return whether its home is to be read."""
        self.of_entries += account.findings
        key = make_key(account.uid)
        if key in self._keys:  # both would have one history, and services of one name
            problem = f"another entry has its uid {account.uid}, too: that one counts"
            self.of_entries.append(Finding("attribute", account.dn, problem))
            return False
        self._keys.add(key)
        if account.status is AccountStatus.NO_FILES:
            return False
        if account.loss is not None and account.loss.reason is LossReason.ENTRY:
            return False  # of the last run, held: its home is not read
        self.orphans.add_home(account, self._homes)
        return account.status is AccountStatus.ACTIVE

    def add_held(self, accounts: Iterable[Account]) -> None:
        """Add the homes of *accounts* that are held: they are not orphans."""
        for account in accounts:
            self.orphans.add_home(account, self._homes)


def find_home_problem(account: Account, uploads: Uploads) -> Iterator[Finding]:
    """Yield a finding if the home of *account* is missing, or cannot be read."""
    if account.provisioned and account.status is AccountStatus.ACTIVE:
        where = f"account {account.uid}"
        if uploads.refused is not None:
            yield make_home_finding(account.uid, uploads.refused)
        elif uploads.missing is not None:
            yield Finding("home", where, f"home directory {uploads.missing} does not exist")


def make_home_finding(uid: str, refused: str) -> Finding:
    """Return the finding that a home is *refused*."""
    return Finding("home", f"account {uid}", f"cannot read home directory: {refused}")


def find_missing_computers(
    account: Account, computers: list[tuple[Computer, TrackedComputer]]
) -> Iterator[Finding]:
    """Yield a finding for each computer whose folder no longer exists, and that is not retired."""
    for computer, tracked in computers:
        if tracked.gone is not None and not tracked.history.is_retired:
            yield Finding(
                "missing_computer",
                f"account {account.uid} {computer.name}".rstrip(),
                f"its folder has been missing since {format_time(tracked.gone, UTC)}",
            )
