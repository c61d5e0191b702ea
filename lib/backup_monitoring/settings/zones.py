"""Time zones by name, and the server's own zone."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo

from backup_monitoring.settings.toml_table import parse_names


def parse_zones(value: object) -> tuple[ZoneInfo, ...]:
    """Return the zones that *value* names; ValueError for an unknown one."""
    zones = []
    for name in parse_names(value):
        try:
            zones.append(ZoneInfo(name))
        except (LookupError, OSError, ValueError):
            raise ValueError(f"not all known: {name!r} is no IANA zone") from None
    return tuple(zones)


def find_local_zone() -> tuple[ZoneInfo, ...]:
    """Return the server's own zone where its name can be found, else nothing."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name:
        link = os.path.realpath("/etc/localtime")
        name = link.partition("zoneinfo/")[2] or _named("/etc/timezone")
    try:
        return (ZoneInfo(name),) if name else ()
    except (LookupError, OSError, ValueError):
        return ()


def _named(file: str) -> str:
    """Return the zone's name in *file*: where /etc/localtime is no link, as in a unit's /etc."""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
