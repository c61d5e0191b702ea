"""Where an account's folder is on this server."""

import re

from backup_monitoring.model import Account
from backup_monitoring.settings import PLACEHOLDER, HomesSettings


class HomeError(Exception):
    """An account's folder cannot be named; the text says why."""


def resolve_home(account: Account, settings: HomesSettings) -> str:
    """Return the path of *account*'s folder, below ``settings.root``.

    The jail's mark ``/./`` in a home is kept: it names the same folder.

    Raises:
        HomeError: the entry's values name no folder of this account alone: no home, a relative
            one, ``..`` in it (another customer's), a name with a slash.
    """
    if settings.path == "{home}":  # as nearly always
        path = _value("home", account)
    else:
        path = PLACEHOLDER.sub(lambda match: _value(match[1], account), settings.path)
    if not path.startswith("/"):
        raise HomeError(f"home {path!r} is no absolute path")
    if ".." in path.split("/"):
        raise HomeError(f"home {path!r} leads upwards")
    if "\0" in path:
        raise HomeError(f"home {path!r} has a NUL")
    return str(settings.root).rstrip("/") + path


def _value(name: str, account: Account) -> str:
    if name == "home":
        if not account.home:
            raise HomeError("its entry has no home")
        return account.home
    if name == "uid":
        if not account.uid or "/" in account.uid or account.uid == ".":
            raise HomeError(f"uid {account.uid!r} is no name of a folder")
        return account.uid
    digits = re.sub(r"[^0-9]", "", account.uid)
    if len(digits) < 6:
        raise HomeError(f"uid {account.uid!r} has too few digits for {{{name}}}")
    return {"last1": digits[-1:], "last3": digits[-3:], "mid3": digits[-6:-3]}[name]
