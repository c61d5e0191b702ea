"""Finds homes without an account: folders beside the homes that are known."""

import os
from collections.abc import Iterator
from pathlib import PurePath

from backup_monitoring.model import Account, Finding
from backup_monitoring.settings import HomesSettings
from backup_monitoring.uploads import HomeError, resolve_home

_MOST_FOLDERS = 4096
_MOST_FOUND = 1000


class OrphanFinder:
    """Learns of homes, then tells what else lies beside them."""

    def __init__(self) -> None:
        self._homes: dict[str, set[str]] = {}

    def know(self, account: Account, settings: HomesSettings) -> None:
        """Learn where *account*'s home is."""
        try:
            path = PurePath(resolve_home(account, settings))
        except HomeError:
            return
        parent = str(path.parent)
        if parent in self._homes or len(self._homes) < _MOST_FOLDERS:
            self._homes.setdefault(parent, set()).add(path.name)

    def findings(self) -> Iterator[Finding]:
        """Yield a finding for each folder beside two or more homes that is nobody's.

        Beside a single home there is nothing to compare with: it may stand in a jail of its own.
        """
        found = 0
        for parent, names in self._homes.items():
            for name in _folders(parent) if len(names) > 1 else ():
                if name not in names and found < _MOST_FOUND:
                    found += 1
                    yield Finding("orphan", f"{parent}/{name}", "a home without an account")


def _folders(parent: str) -> Iterator[str]:
    try:
        with os.scandir(parent) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False) and entry.name != "lost+found":
                    yield entry.name
    except OSError:  # each home in it has told so
        return
