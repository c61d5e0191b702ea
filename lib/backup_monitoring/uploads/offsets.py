"""Mends the offsets from UTC that backup clients write beside their dates."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

_DAY = timedelta(days=1)
_QUARTER = 15

# Between these ends every quarter of an hour is taken: a country that moves its clock should not
# need a new version. At the ends, where a shift of a day leads from one real offset to another
# one, only the offsets that some place has.
_ENDS = ("-11:00", "-10:00", "-09:30", "-09:00", "+12:00", "+12:45", "+13:00", "+13:45", "+14:00")
_INNER = range(-9 * 60, 12 * 60, _QUARTER)

# The Perl client writes a quarter of an hour as the decimal part of the hours times six.
_QUARTERS = {"150": 15, "450": 45}

# Sepiola computes in 32 unsigned bits: west of Greenwich it writes 2^32 seconds too many.
_WRAP = 2**32 // 60

_PLAIN = re.compile(r"([+-])([0-9]{2}):([0-9]{2}|150|450)")
_WRAPPED = re.compile(r"\+([0-9]{7}):([0-5][0-9])")


class ReportWriter(Enum):
    """Whose file an offset stands in: one client's offsets may be a day off."""

    PERL = "subtracts the hours without the dates"
    OTHER = "subtracts instants"

    __hash__ = object.__hash__  # a key of a cache; an enumeration's own is Python


class OffsetClues(NamedTuple):
    """What helps to tell two offsets a day apart.

    Args:
        zones: of the settings. modified: the file's modification time, UTC.
        now: aware UTC.
    """

    zones: Sequence[tzinfo]
    modified: datetime
    now: datetime


@lru_cache(maxsize=512)
def parse_offset(text: str, writer: ReportWriter) -> tuple[timedelta, ...]:
    """Return the offsets in real use that *text* may stand for: none, one or two.

    Args:
        text: as written: ``+01:00``, ``-00:00``, ``Z``; the Perl client's ``-23:00`` (for +01:00)
            and ``+05:450`` (for +05:45); Sepiola's ``+1193041:28`` (for -05:00).
        writer: only the Perl client's offsets may be a day off.
    """
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped:
        west = int(wrapped[1]) * 60 + int(wrapped[2]) - _WRAP
        return _in_use(timedelta(minutes=west)) if west < 0 else ()
    written = _plain(text)
    if written is None:
        return ()
    if writer is ReportWriter.OTHER:
        return _in_use(written)
    return _in_use(written - _DAY, written, written + _DAY)


def choose_offset(
    candidates: tuple[timedelta, ...], wall: datetime | None, clues: OffsetClues
) -> timedelta | None:
    """Return the one of *candidates* that fits, None where that cannot be told.

    Args:
        candidates: of `parse_offset`.
        wall: the date beside it, naive; None where none is written.
        clues: a zone of the settings that has the offset at *wall* goes before the modification
            time of the file, which counts if the instant is within 12 hours and it is not future.
    """
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    for fits in (_zone_fits, _modification_fits):
        fitting = [offset for offset in candidates if fits(offset, wall, clues)]
        if len(fitting) == 1:
            return fitting[0]
    return None


def parse_instant(wall: datetime, offset: timedelta) -> datetime | None:
    """Return naive *wall* at *offset* as UTC, None outside of the years 1 to 9999."""
    try:
        return (wall - offset).replace(tzinfo=UTC)
    except OverflowError:
        return None


def _plain(text: str) -> timedelta | None:
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


def _in_use(*offsets: timedelta) -> tuple[timedelta, ...]:
    return tuple(offset for offset in offsets if offset in _REAL)


def _zone_fits(offset: timedelta, wall: datetime | None, clues: OffsetClues) -> bool:
    at = clues.modified if wall is None else parse_instant(wall, offset)
    if at is None or (wall is None and at > clues.now):
        return False
    return any(_offset_of(zone, at) == offset for zone in clues.zones)


def _modification_fits(offset: timedelta, wall: datetime | None, clues: OffsetClues) -> bool:
    at = None if wall is None else parse_instant(wall, offset)
    if at is None or clues.modified > clues.now:
        return False
    return abs(clues.modified - at) <= timedelta(hours=12)


def _offset_of(zone: tzinfo, at: datetime) -> timedelta | None:
    try:
        return at.astimezone(zone).utcoffset()
    except OverflowError:  # in the first or last hours of all years
        return None


_REAL = frozenset(
    [timedelta(minutes=minutes) for minutes in _INNER]
    + [offset for text in _ENDS if (offset := _plain(text)) is not None]
)
