"""Which file server or mount has a path: found without touching one that does not answer."""

import os
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_MOST_LINKS = 40  # as the kernel follows


def read_mounts() -> dict[str, str]:
    """Return by mount point what it depends on: its file server (``nas1:``), else the mount point.

    Empty if the system does not say. Touches no mount.
    """
    try:
        text = os.fsdecode(_MOUNTS.read_bytes())
    except OSError:
        return {}
    mounts = {}
    # Of the names, which may be a customer's, only blanks, line feeds and backslashes are escaped.
    for line in filter(None, text.split("\n")):
        mount, _, device = line.partition(" - ")
        point, source = _unescape(mount.split(" ")[4]), _unescape(device.split(" ")[1])
        server, colon, _ = source.partition(":")
        is_remote = bool(colon) and not source.startswith("/")
        mounts[point] = f"{server}:" if is_remote else point
    # Of a chroot that is not a mount itself the system lists only what is mounted in it.
    mounts.setdefault("/", "/")
    return mounts


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


class MountWalk:
    """Follows paths component by component, as the kernel does.

    Args:
        mounts: of `read_mounts`.
        enter: called with what a mount depends on, before anything on it is touched; it may raise.
    """

    def __init__(self, mounts: Mapping[str, str], enter: Callable[[str], None]) -> None:
        self._mounts = mounts
        self._enter = enter
        self._follow_parent = lru_cache(maxsize=1024)(self._follow)

    def follow(self, path: str, below: str) -> str:
        """Return what the absolute *path* depends on, '' if that is not known.

        Args:
            below: a folder in it, whose links are not followed.
        """
        real, found = self._follow(path)
        for part in filter(None, below.split("/")):
            real = f"{real}/{part}"
            found = self._mounts.get(real, found)
        self._enter(found)
        return found

    def _follow(self, path: str, links: int = _MOST_LINKS) -> tuple[str, str]:
        """Return the real path, '' for the root, and what it depends on."""
        parent, _, name = path.rstrip("/").rpartition("/")
        real, found = self._follow_parent(parent) if parent else ("", self._mounts.get("/", ""))
        if name in ("", "."):
            return real, found
        if name == "..":
            return self._follow_parent(os.path.dirname(real))  # noqa: PTH120 - '' is the root
        here = f"{real}/{name}"
        found = self._mounts.get(here, found)
        self._enter(found)
        try:
            target = os.readlink(here)  # noqa: PTH115 - ten times as fast
        except (OSError, UnicodeError):  # not a link, or opening it will fail, too
            return here, found
        if not links:
            return here, found
        return self._follow(target if target.startswith("/") else f"{real}/{target}", links - 1)
