"""Reads the directory's times: generalized time, with or without a ``T``."""

import re
from datetime import UTC, datetime, timedelta, timezone

_TIME = re.compile(
    rb"([0-9]{4})([0-9]{2})([0-9]{2})T?([0-9]{2})(?:([0-9]{2})([0-9]{2})?)?"
    rb"(?:[.,]([0-9]{1,20}))?(?:Z|([+-])([0-9]{2})([0-9]{2})?)"
)
# Other zones, and sums, must stay within the years that Python has.
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def parse_time(value: bytes) -> datetime | None:
    """Return *value*, generalized time, as a UTC time; None if it is not valid.

    One before 1970 counts as the begin of that year, one after 8999 as the end of that.

    Source: RFC 4517, 3.3.13; ``YYYYMMDDTHHMMSSZ`` is the form of the provider's own attributes.
    """
    match = _TIME.fullmatch(value)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
    try:
        time = datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute or 0),
            59 if second == b"60" else int(second or 0),
            tzinfo=UTC,
        )
        if second == b"60":  # a leap second, which datetime does not have, is the next one
            time += timedelta(seconds=1)
        if fraction:
            unit = 1 if second else 60 if minute else 3600
            time += timedelta(seconds=unit * float(b"0." + fraction))
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
            ahead = timezone(offset if sign == b"+" else -offset)
            time = time.replace(tzinfo=ahead).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return min(max(time, _FIRST), _LAST)
