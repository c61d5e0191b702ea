"""Moments in words: times to the minute, always with their offset from UTC."""

from datetime import datetime, timedelta, tzinfo


def say_offset(offset: timedelta) -> str:
    """Return *offset* as ISO 8601 has it, such as ``+05:45``; seconds are left out."""
    sign = "-" if offset < timedelta(0) else "+"
    hours, minutes = divmod(int(abs(offset).total_seconds()) // 60, 60)
    return f"{sign}{hours:02}:{minutes:02}"


def say_time(moment: datetime, zone: tzinfo) -> str:
    """Return *moment* to the minute in *zone*, with its offset: ``2026-11-23 20:00 +01:00``."""
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} {say_offset(local.utcoffset() or timedelta(0))}"
