"""The time zone of this server."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo


def find_local_zone() -> tuple[ZoneInfo, ...]:
    """Return the zone of this server, nothing if its name cannot be found."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name:
        link = os.path.realpath("/etc/localtime")
        name = link.partition("zoneinfo/")[2] or _read_name("/etc/timezone")
    try:
        return (ZoneInfo(name),) if name else ()
    except (LookupError, OSError, ValueError):
        return ()


def _read_name(file: str) -> str:
    """Return the zone's name in *file*, for a system whose /etc/localtime is not a link."""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
