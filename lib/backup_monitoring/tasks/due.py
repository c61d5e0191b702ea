"""Due times: the moments at which a planned backup should start."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import islice, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, rrule

from backup_monitoring.model import Pattern, format_offset

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
# Walls and instants differ by less than this, and no zone changes its offset by more in a night.
_MARGIN = timedelta(days=2)
_RESOLUTION = timedelta(microseconds=1)
_FEW = 4


class ComputerClock(NamedTuple):
    """The local time that a schedule's wall times are in, and how it was *found*."""

    zone: tzinfo
    found: str


def build_clock(
    offset: timedelta,
    moments: Sequence[tuple[timedelta, datetime]],
    zones: Iterable[ZoneInfo],
) -> ComputerClock:
    """Return the first of *zones* that fits one of *moments*, else the fixed *offset*.

    A file says its computer's offset at the moment of writing, not its zone. Only with the zone
    does a due time follow the change of daylight saving.

    Args:
        offset: the computer's newest one, which holds where no zone fits.
        moments: offsets with the moments (UTC) at which the computer had them, best first.
        zones: of the settings.
    """
    known = tuple(zones)
    for had, moment in moments:
        for zone in known:
            if moment.astimezone(zone).utcoffset() == had:
                return ComputerClock(zone, f"{zone.key} by the settings")
    return ComputerClock(timezone(offset), f"the file's fixed offset {format_offset(offset)}")


def due_times(
    pattern: Pattern, zone: tzinfo, after: datetime, until: datetime
) -> Iterator[datetime]:
    """Yield the due times later than *after*, up to *until*, rising; all UTC.

    A wall time that spring skips is due at the same wall time with the offset before the change,
    one that autumn repeats at the first of both: `fold` 0 means just that (PEP 495). Two wall
    times that so become one instant are one due time.
    """
    # A stretch of days at a time: instants rise from one to the next, except in a night of change.
    few = len(pattern.hours) * len(pattern.minutes) <= _FEW
    stretch, instants = (_WEEK, _few_instants) if few else (_DAY, _all_instants)
    # Whatever the clock said when it was written: so more computers have the same one.
    pattern = pattern._replace(offset=timedelta(0))
    day = after.astimezone(zone).date() - _DAY
    end = until.astimezone(zone).date() + _MARGIN
    pending: set[datetime] = set()
    while day < end or pending:
        ready = sorted(pending)
        pending = set(instants(pattern, zone, day, day + stretch)) if day < end else set()
        day += stretch
        earliest = min(pending, default=None)
        for instant in ready:
            if earliest is not None and instant >= earliest:
                pending.add(instant)
            elif after < instant <= until:
                yield instant


def count_due(
    pattern: Pattern, zone: tzinfo, after: datetime, until: datetime, at_most: int
) -> int:
    """Return how many due times lie later than *after*, up to *until*; stop at *at_most*.

    Weeks repeat each other: only both ends, and weeks in which the clock changes, are counted one
    by one, so that a year costs little more than a month.
    """
    first = after.astimezone(zone).replace(tzinfo=None) + _MARGIN
    start = datetime.combine(first.date(), time()) + _DAY * ((2 - first.weekday()) % 7)
    weeks = (until.astimezone(zone).replace(tzinfo=None) - _MARGIN - start) // _WEEK
    if weeks < 2 or pattern.days is not None or pattern.months is not None:
        return _count(due_times(pattern, zone, after, until), at_most)
    inner = weeks * _a_week(pattern)
    if inner >= 2 * at_most:  # a schedule of every minute is not counted through
        return at_most
    inner -= sum(_merged(pattern, zone, start, weeks))
    end = start + weeks * _WEEK
    head = _count(due_times(pattern, zone, after, _instant(start, zone) - _RESOLUTION), at_most)
    tail = _count(due_times(pattern, zone, _instant(end, zone) - _RESOLUTION, until), at_most)
    return min(at_most, head + inner + tail)


def _count(instants: Iterator[datetime], at_most: int) -> int:
    return sum(1 for _ in islice(instants, at_most))


def _a_week(pattern: Pattern) -> int:
    days = 7 if pattern.weekdays is None else len(pattern.weekdays)
    return days * len(pattern.hours) * len(pattern.minutes)


def _merged(pattern: Pattern, zone: tzinfo, start: datetime, weeks: int) -> Iterator[int]:
    """Yield how many due times fall on another one, a week in which the clock is put forward."""
    # Lord Howe puts it forward by half an hour, within one hour's minutes; Apia once by a day.
    closest = _DAY if len(pattern.hours) * len(pattern.minutes) == 1 else _RESOLUTION
    nothing = timedelta(0)
    borders = (start + week * _WEEK for week in range(weeks + 1))
    offsets = ((border, zone.utcoffset(border) or nothing) for border in borders)
    for (begin, before), (end, behind) in pairwise(offsets):
        if behind - before >= closest:
            walls = _walls(pattern, begin.date(), end.date())
            yield len(walls) - len(set(_instants(walls, zone)))


def _walls(pattern: Pattern, first: date, end: date) -> list[datetime]:
    """Return the wall times from *first* until before *end*, rising, as cron has them."""
    if pattern.days is None and pattern.months is None:
        return _by_rule(pattern, first, end)
    # Not by rrule's bymonthday: it looks for the 30th of February until the year 9999, whatever
    # its end, and would stall every check for a customer who writes that.
    days = {day for day in _days(first, end) if _fits(pattern, day)}
    if not days:
        return []
    # One rule for them all: most of its time is spent on beginning.
    every = _by_rule(pattern._replace(weekdays=None), first, end)
    return [wall for wall in every if wall.date() in days]


def _days(first: date, end: date) -> Iterator[date]:
    return (first + _DAY * number for number in range((end - first).days))


def _by_rule(pattern: Pattern, first: date, end: date) -> list[datetime]:
    walls = rrule(
        DAILY,
        dtstart=datetime.combine(first, time()),
        until=datetime.combine(end, time()) - _RESOLUTION,
        byhour=tuple(pattern.hours),
        byminute=tuple(pattern.minutes),
        byweekday=[day - 1 for day in pattern.weekdays] if pattern.weekdays else None,
    )
    return list(walls)


def _fits(pattern: Pattern, day: date) -> bool:
    if pattern.months is not None and day.month not in pattern.months:
        return False
    if pattern.days is None:
        return pattern.weekdays is None or day.isoweekday() in pattern.weekdays
    # cron: "restricted" in both fields means that either is enough.
    weekday = pattern.weekdays is not None and day.isoweekday() in pattern.weekdays
    return weekday or day.day in pattern.days


def _all_instants(pattern: Pattern, zone: tzinfo, first: date, end: date) -> tuple[datetime, ...]:
    return tuple(_instants(_walls(pattern, first, end), zone))


# A provider's computers have the same few hours, and a run over all asks for the same few days.
_few_instants = lru_cache(maxsize=2048)(_all_instants)


def _instants(walls: Iterable[datetime], zone: tzinfo) -> Iterator[datetime]:
    return (_instant(wall, zone) for wall in walls)


def _instant(wall: datetime, zone: tzinfo) -> datetime:
    # Aware datetimes of one zone are compared without their offsets: only UTC is safe.
    return wall.replace(tzinfo=zone).astimezone(UTC)
