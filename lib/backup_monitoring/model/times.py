"""Text formats of times and durations; a time always has its offset from UTC."""

import re
from datetime import datetime, timedelta, tzinfo

DAY = timedelta(days=1)
CLOCK_SLACK = timedelta(minutes=10)  # how far a clock may be ahead before it is a fault
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = 3660 * _UNITS["d"]
_FORM = re.compile(r"([0-9]{1,9})([smhdw])")


def format_offset(offset: timedelta) -> str:
    """Return *offset* as in ISO 8601, for example ``+05:45``; seconds are left out."""
    sign = "-" if offset < timedelta(0) else "+"
    hours, minutes = divmod(int(abs(offset).total_seconds()) // 60, 60)
    return f"{sign}{hours:02}:{minutes:02}"


def format_time(moment: datetime, zone: tzinfo) -> str:
    """Return *moment* to the minute in *zone*, with its offset: ``2026-11-23 20:00 +01:00``."""
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} {format_offset(local.utcoffset() or timedelta(0))}"


def parse_duration(text: str) -> timedelta:
    """Return the duration *text* in seconds or larger units; ValueError if it is not valid."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError('not a duration; write for example "90m", "2h" or "14d"')
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST:
        raise ValueError("longer than ten years; shorten it")
    return timedelta(seconds=seconds)


def format_duration(span: timedelta) -> str:
    """Return *span* in its one or two largest units, for example ``2 d 3 h``; never negative."""
    minutes = max(0, int(span.total_seconds())) // 60
    days, minutes = divmod(minutes, 1440)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if n]
    return " ".join(parts[:2]) or "0 min"


def format_duration_setting(span: timedelta) -> str:
    """Return *span* in the form that `parse_duration` accepts."""
    seconds = int(span.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"
