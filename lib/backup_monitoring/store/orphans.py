"""Finds orphans: home directories without an account."""

from collections.abc import Iterator
from pathlib import PurePath

from backup_monitoring.model import Account, Finding
from backup_monitoring.settings import HomesSettings
from backup_monitoring.uploads import HomeError, HomeReader, resolve_home

_MOST_FOLDERS = 4096
_MOST_FOUND = 1000


class OrphanFinder:
    """Collects the accounts' homes, then finds the other folders beside them."""

    def __init__(self) -> None:
        self._homes: dict[str, set[str]] = {}

    def add_home(self, account: Account, settings: HomesSettings) -> None:
        """Add the home of *account*."""
        try:
            path = PurePath(resolve_home(account, settings))
        except HomeError:
            return
        parent = str(path.parent)
        if parent in self._homes or len(self._homes) < _MOST_FOLDERS:
            self._homes.setdefault(parent, set()).add(path.name)

    def find(self, reader: HomeReader) -> Iterator[Finding]:
        """Yield a finding for each folder that is beside at least two homes, and is not a home.

        A single home may be in a jail of its own, beside folders that never were homes.
        """
        count = 0
        parents = [parent for parent, names in self._homes.items() if len(names) > 1]
        for parent, folders in reader.list_folders(parents):
            others = self._homes[parent] | {"lost+found"}
            for name in folders:
                if name not in others and count < _MOST_FOUND:
                    count += 1
                    yield Finding("orphan", f"{parent}/{name}", "home directory without an account")
