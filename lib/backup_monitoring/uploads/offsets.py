"""Corrects the offsets from UTC that backup clients write with their dates."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

_DAY = timedelta(days=1)
_QUARTER = 15

# Between these ends every quarter of an hour is accepted: a country that changes its offset should
# not need a new version. At the ends, where a shift of a day leads from one real offset to another,
# only the offsets that are in use.
_ENDS = ("-11:00", "-10:00", "-09:30", "-09:00", "+12:00", "+12:45", "+13:00", "+13:45", "+14:00")
_INNER = range(-9 * 60, 12 * 60, _QUARTER)

# The Perl client writes quarters of an hour with a third digit.
_QUARTERS = {"150": 15, "450": 45}

# Sepiola computes in unsigned 32 bits: west of Greenwich it writes 2^32 seconds too many.
_WRAP = 2**32 // 60

_PLAIN = re.compile(r"([+-])([0-9]{2}):([0-9]{2}|150|450)")
_WRAPPED = re.compile(r"\+([0-9]{7}):([0-5][0-9])")


class ReportWriter(Enum):
    """Which client wrote an offset: those of the Perl client may be off by a day."""

    PERL = "subtracts the hours without the dates"
    OTHER = "subtracts instants"

    __hash__ = object.__hash__  # a key of a cache; Enum's own is slower


class OffsetClues(NamedTuple):
    """What helps to choose between two offsets that differ by a day.

    Args:
        zones: those of the settings. modified: the file's modification time, aware UTC.
        now: aware UTC.
    """

    zones: Sequence[tzinfo]
    modified: datetime
    now: datetime


@lru_cache(maxsize=512)
def parse_offset(text: str, writer: ReportWriter) -> tuple[timedelta, ...]:
    """Return the offsets in real use that *text* may mean: none, one or two.

    Args:
        text: as written: ``+01:00``, ``-00:00``, ``Z``; the Perl client's ``-23:00`` (for +01:00)
            and ``+05:450`` (for +05:45); Sepiola's ``+1193041:28`` (for -05:00).
        writer: only the Perl client's offsets may be off by a day.
    """
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped:
        west = int(wrapped[1]) * 60 + int(wrapped[2]) - _WRAP
        return _filter_real(timedelta(minutes=west)) if west < 0 else ()
    written = _parse_plain(text)
    if written is None:
        return ()
    if writer is ReportWriter.OTHER:
        return _filter_real(written)
    return _filter_real(written - _DAY, written, written + _DAY)


def choose_offset(
    candidates: tuple[timedelta, ...], wall: datetime | None, clues: OffsetClues
) -> timedelta | None:
    """Return the one of *candidates* that fits, None if it cannot be determined.

    Args:
        candidates: as `parse_offset` returns them.
        wall: the date that was written with it, naive, and not in the first or last hours of the
            years 1 to 9999; None if there is none.
        clues: a zone of the settings that has the offset at *wall* is better than the file's
            modification time, which counts if it is within 12 hours and not in the future.
    """
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    for fits in (_fits_zone, _fits_modified):
        fitting = [offset for offset in candidates if fits(offset, wall, clues)]
        if len(fitting) == 1:
            return fitting[0]
    return None


def make_instant(wall: datetime, offset: timedelta) -> datetime:
    """Return naive *wall* at *offset* in UTC."""
    return (wall - offset).replace(tzinfo=UTC)


def _parse_plain(text: str) -> timedelta | None:
    if text == "Z":
        return timedelta()
    match = _PLAIN.fullmatch(text)
    if not match:
        return None
    sign, hours, minutes = match.groups()
    written = timedelta(hours=int(hours), minutes=_QUARTERS.get(minutes) or int(minutes))
    if written >= _DAY or (len(minutes) == 2 and int(minutes) > 59):
        return None
    return -written if sign == "-" else written


def _filter_real(*offsets: timedelta) -> tuple[timedelta, ...]:
    return tuple(offset for offset in offsets if offset in _REAL)


def _fits_zone(offset: timedelta, wall: datetime | None, clues: OffsetClues) -> bool:
    at = clues.modified if wall is None else make_instant(wall, offset)
    if wall is None and at > clues.now:
        return False
    return any(at.astimezone(zone).utcoffset() == offset for zone in clues.zones)


def _fits_modified(offset: timedelta, wall: datetime | None, clues: OffsetClues) -> bool:
    if wall is None or clues.modified > clues.now:
        return False
    return abs(clues.modified - make_instant(wall, offset)) <= timedelta(hours=12)


_REAL = frozenset(
    [timedelta(minutes=minutes) for minutes in _INNER]
    + [offset for text in _ENDS if (offset := _parse_plain(text)) is not None]
)
