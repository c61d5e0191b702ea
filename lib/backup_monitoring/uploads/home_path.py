"""Where an account's home directory is on this server."""

import re

from backup_monitoring.model import Account
from backup_monitoring.settings import PLACEHOLDER, HomesSettings


class HomeError(Exception):
    """An account has no valid path of a home directory; the text says why."""


def resolve_home(account: Account, settings: HomesSettings) -> str:
    """Return the path of *account*'s home directory, below ``settings.root``.

    The mark ``/./`` of a jail's root is kept: the path names the same directory.

    Raises:
        HomeError: the path would not be this account's alone: the entry has no home or a
            relative one, or there is ``..`` in it, or a slash in the uid.
    """
    if settings.path == "{home}":  # nearly always
        path = _expand("home", account)
    else:
        path = re.sub(PLACEHOLDER, lambda match: _expand(match[1], account), settings.path)
    if not path.startswith("/"):
        raise HomeError(f"home {path!r} is not an absolute path")
    if ".." in path.split("/"):
        raise HomeError(f"home {path!r} contains ..")
    if "\0" in path:
        raise HomeError(f"home {path!r} contains a NUL")
    return str(settings.root).rstrip("/") + path


def _expand(name: str, account: Account) -> str:
    if name == "home":
        if not account.home:
            raise HomeError("its entry has no home")
        return account.home
    if name == "uid":
        if not account.uid or "/" in account.uid or account.uid == ".":
            raise HomeError(f"uid {account.uid!r} is not a valid folder name")
        return account.uid
    digits = re.sub(r"[^0-9]", "", account.uid)
    if len(digits) < 6:
        raise HomeError(f"uid {account.uid!r} has too few digits for {{{name}}}")
    return {"last1": digits[-1:], "last3": digits[-3:], "mid3": digits[-6:-3]}[name]
