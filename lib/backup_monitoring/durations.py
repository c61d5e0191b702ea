"""Durations as people write them: "90m", "2h", "14d"."""

import re
from datetime import timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = 3660 * _UNITS["d"]
_FORM = re.compile(r"([0-9]{1,9})([smhdw])")


def parse_duration(text: str) -> timedelta:
    """Return the duration that *text* says; ValueError if it is none."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError('not a duration such as "90m", "2h" or "14d"')
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST:
        raise ValueError("longer than ten years")
    return timedelta(seconds=seconds)


def say_duration(span: timedelta) -> str:
    """Return *span* in its one or two greatest units, such as ``2 d 3 h``; never negative."""
    minutes = max(0, int(span.total_seconds())) // 60
    days, minutes = divmod(minutes, 1440)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if n]
    return " ".join(parts[:2]) or "0 min"


def write_duration(span: timedelta) -> str:
    """Return *span* in the form that `parse_duration` reads."""
    seconds = int(span.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"
