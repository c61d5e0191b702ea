"""Finds homes of two accounts, or one within another: whose are the reports in them?

If the user of one of the entries owns the home, it is that account's. Otherwise nobody knows, and
none of them is judged by it: it could be by another customer's reports.
"""

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from backup_monitoring.model import Account, HomeFolder, Uploads
from backup_monitoring.settings import HomesSettings
from backup_monitoring.store.schema import make_key
from backup_monitoring.uploads import HomeError, resolve_home


class RefusedHome(NamedTuple):
    """A home that was read, and must not have been.

    Args:
        number: of the account's row. uid: its name. problem: path and reason.
    """

    number: int
    uid: str
    problem: str


class _Claim(NamedTuple):
    """The account whose home a folder is; *refused*: it was not read."""

    number: int
    uid: str
    folder: HomeFolder
    refused: bool


class SharedHomes:
    """The homes of a run's accounts."""

    def __init__(self, settings: HomesSettings) -> None:
        self._settings = settings
        self._uids: dict[str, str] = {}  # by path, of the first entry with it
        self._further: dict[str, str] = {}  # of a further one
        self._claims: dict[tuple[int, int], _Claim] = {}
        self._refused: dict[int, RefusedHome] = {}

    def add_entry(self, account: Account) -> None:
        """Note the home of *account* by its entry, before any is read."""
        path = self._find_path(account)
        if path is not None:
            first = self._uids.setdefault(path, account.uid)
            if make_key(first) != make_key(account.uid):
                self._further[path] = account.uid

    def _find_path(self, account: Account) -> str | None:
        try:
            return os.path.normpath(resolve_home(account, self._settings))
        except HomeError:
            return None

    def check(self, number: int, account: Account, uploads: Uploads) -> Uploads:
        """Return *uploads* of the account with the row *number*, refused if the home is shared."""
        folder = uploads.home
        if folder is None or uploads.no_incoming is not None:
            return uploads
        key = folder.device, folder.inode
        earlier = self._claims.get(key)
        other = self._find_other(account) if earlier is None else earlier.uid
        is_own = folder.is_own and not (earlier is not None and earlier.folder.is_own)
        if earlier is not None and not (earlier.folder.is_own and not folder.is_own):
            self._refuse(earlier, f"it is the home of account {account.uid}, too")
        refused = other is not None and not is_own
        if earlier is None or is_own:
            self._claims[key] = _Claim(number, account.uid, folder, refused)
        if not refused:
            return uploads
        return Uploads(refused=f"{folder.path}: it is the home of account {other}, too")

    def _find_other(self, account: Account) -> str | None:
        """Return an account whose entry has the same path, None if there is none."""
        path = self._find_path(account) or ""
        further = self._further.get(path)
        return self._uids[path] if further == account.uid else further

    def _refuse(self, claim: _Claim, reason: str) -> None:
        if not claim.refused:
            problem = f"{claim.folder.path}: {reason}"
            self._refused[claim.number] = RefusedHome(claim.number, claim.uid, problem)

    def list_refused(self) -> Iterator[RefusedHome]:
        """Yield the homes that `check` had let pass, when all have been read."""
        claims = {claim.folder.path: claim for claim in self._claims.values()}
        for path, claim in claims.items():
            outer = None if claim.folder.is_own else _find_outer(path, claims)
            if outer is not None:
                reason = f"it is inside {outer.folder.path}, the home of account {outer.uid}"
                self._refuse(claim, reason)
        yield from self._refused.values()


def _find_outer(path: str, claims: Mapping[str, _Claim]) -> _Claim | None:
    """Return the claim of a home that *path* is in, None if there is none."""
    while path:
        path = path.rpartition("/")[0]
        if path in claims:
            return claims[path]
    return None
