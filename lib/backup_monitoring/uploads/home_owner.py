"""Whose is a home directory: the account's own, or another customer's?

A customer owns everything below their home, and can put a folder or a link at any place in it. A
home that another customer owns, or that lies behind another customer's folder, shows what that one
wants, and is not read.
"""

import errno
import os
import stat
from typing import NamedTuple

from backup_monitoring.model import HomeFolder

# Lower numbers are system users, root among them: what they own is the administrator's.
_FIRST_CUSTOMER = 1000
_MOST_LINKS = 40  # as the kernel


class HomeOwners(NamedTuple):
    """The users who may own what an account's reports are read from.

    Args:
        account: number of its user; None if the entry does not show it.
        administrator: number of the owner of ``[homes] root``: of everything, where a mount or a
            copy keeps no owners.
    """

    account: int | None
    administrator: int

    def is_foreign(self, owner: int) -> bool:
        """Return whether *owner* is another customer."""
        return owner >= _FIRST_CUSTOMER and owner not in self and owner != os.geteuid()

    def describe(self, owner: int) -> str | None:
        """Return in words that *owner* is another customer, None if that is not known."""
        if self.account is None or not self.is_foreign(owner):
            return None
        return f"belongs to the user {owner}, not to this account's, {self.account}"


def find_owners(uid_number: int | None, root: str) -> HomeOwners:
    """Return the owners of an account whose entry has *uid_number*; OSError without *root*."""
    # Not pathlib: this is a good part of reading a home.
    return HomeOwners(uid_number, os.stat(root or "/").st_uid)  # noqa: PTH116


class ForeignHomeError(Exception):
    """A home is in another customer's hands; the text says how."""


def check_home(path: str, root: str, owners: HomeOwners, status: os.stat_result) -> HomeFolder:
    """Return the home directory *path*, which was opened, if it is nobody else's.

    Args:
        path: links in it are followed. status: of the open folder.
        root: ``[homes] root``, '' for ``/``; it and what is above it are the administrator's.

    Raises:
        ForeignHomeError: another customer owns it, or a folder on the way to it.
        OSError: a folder on the way does not exist any more.
    """
    owner, own = status.st_uid, owners.account
    problem = owners.describe(owner)
    if problem is not None:
        raise ForeignHomeError(problem)
    if own is None:  # whoever owns the home may own the folders that lead to it
        owners = owners._replace(account=owner)
    real = _follow(path, root, owners)
    return HomeFolder(real, status.st_dev, status.st_ino, owner == own)


def _follow(path: str, root: str, owners: HomeOwners) -> str:
    """Return *path* without links; ForeignHomeError if another customer has a folder on the way."""
    folder, owner, links = root, owners.administrator, 0
    left = path[len(root) :].split("/")[::-1]
    while left:
        name = left.pop()
        if name in ("", "."):
            continue
        is_above = f"{root}/".startswith(f"{folder}/")
        if not is_above and owners.is_foreign(owner):
            raise ForeignHomeError(f"it lies behind {folder}, which belongs to the user {owner}")
        below = folder.rpartition("/")[0] if name == ".." else f"{folder}/{name}"
        status = os.lstat(below or "/")
        if not stat.S_ISLNK(status.st_mode):
            folder, owner = below, status.st_uid
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = os.readlink(below)  # noqa: PTH115
        if target.startswith("/"):
            folder = ""
        left += target.split("/")[::-1]
    return folder
