"""Parses a field of a crontab as cron does."""

import re
from functools import lru_cache

# Debian's cron accepts a step only after a range or `*`, and rejects a descending range.
_PART = re.compile(r"(?:\*|([0-9]{1,9})(?:-([0-9]{1,9}))?)(?:/([0-9]{1,9}))?", re.ASCII)
_LONGEST = 512  # a list of all minutes is shorter


def parse_field(text: str, low: int, high: int) -> frozenset[int] | None:
    """Return the values that *text* selects, None if cron would reject it.

    Args:
        text: numbers, ranges (``8-18``), ``*``, steps after the latter two (``*/2``), and lists
            of these. Blanks, tabs and line ends around it are ignored.
        low: the smallest valid value. high: the greatest.
    """
    return _parse_cached(text, low, high) if len(text) <= _LONGEST else None


@lru_cache(maxsize=1024)
def _parse_cached(text: str, low: int, high: int) -> frozenset[int] | None:
    values: set[int] = set()
    for part in text.strip(" \t\r\n").split(","):
        selected = _parse_part(part, low, high)
        if selected is None:
            return None
        values.update(selected)
    return frozenset(values)


def _parse_part(text: str, low: int, high: int) -> range | None:
    match = _PART.fullmatch(text)
    if not match:
        return None
    first, last, step = (None if group is None else int(group) for group in match.groups())
    if step is not None and (step == 0 or (first is not None and last is None)):
        return None
    start = low if first is None else first
    end = high if first is None else start if last is None else last
    if not low <= start <= end <= high:
        return None
    return range(start, end + 1, step or 1)
