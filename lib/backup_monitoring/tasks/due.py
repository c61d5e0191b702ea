"""Due times: when a scheduled backup should start, as instants, whatever the clocks do."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, rrule

from backup_monitoring.model import DAY, Pattern, format_offset

_WEEK = timedelta(days=7)
# A wall time and its instant differ by less than this, and no zone changes its offset by more.
_MARGIN = timedelta(days=2)
_RESOLUTION = timedelta(microseconds=1)
_FEW_A_DAY = 4


class ComputerClock(NamedTuple):
    """The zone that a schedule's wall times are in, and its *origin* in words."""

    zone: tzinfo
    origin: str


def build_clock(
    offset: timedelta,
    observations: Sequence[tuple[timedelta, datetime]],
    zones: Iterable[ZoneInfo],
) -> ComputerClock:
    """Return the first of *zones* that fits one of *observations*, else the fixed *offset*.

    A report contains the computer's offset from UTC at the time of writing, not its zone. Only
    with the zone do due times follow daylight saving.

    Args:
        offset: the computer's newest offset, for the case that no zone fits.
        observations: offsets, each with the time (aware UTC) at which it applied; best first.
        zones: those of the settings.
    """
    candidates = tuple(zones)
    for observed, moment in observations:
        for zone in candidates:
            if moment.astimezone(zone).utcoffset() == observed:
                return ComputerClock(zone, f"{zone.key} by the settings")
    return ComputerClock(timezone(offset), f"the file's fixed offset {format_offset(offset)}")


def iter_due_times(
    pattern: Pattern, zone: tzinfo, after: datetime, until: datetime
) -> Iterator[datetime]:
    """Yield the due times later than *after*, up to and including *until*: aware UTC, ascending.

    A wall time that does not exist (spring) is due at that wall time with the offset before the
    change. One that occurs twice (autumn) is due at the first, as `fold` 0 means (PEP 495). Two
    wall times that become the same instant are one due time.
    """
    # One stretch of days at a time: instants ascend from each stretch to the next, except in the
    # night of a clock change.
    few = len(pattern.hours) * len(pattern.minutes) <= _FEW_A_DAY
    rare = pattern.days is not None or pattern.months is not None
    stretch = _WEEK if few or rare else DAY
    list_instants = _list_instants_cached if few else _list_instants
    # The offset does not matter here; without it, more computers share an entry of the cache.
    pattern = pattern._replace(offset=timedelta(0))
    day = after.astimezone(zone).date() - DAY
    end = until.astimezone(zone).date() + _MARGIN
    pending: set[datetime] = set()
    while day < end or pending:
        ready = sorted(pending)
        pending = set(list_instants(pattern, zone, day, day + stretch)) if day < end else set()
        day += stretch
        earliest = min(pending, default=None)
        for instant in ready:
            if earliest is not None and instant >= earliest:
                pending.add(instant)
            elif after < instant <= until:
                yield instant


def find_wall_shift(pattern: Pattern, zone: tzinfo, due: datetime) -> timedelta:
    """Return by how much *zone*'s clock jumps over the wall time that is due at *due*; usually 0.

    Such a wall time does not exist: clients start at once when the clock has jumped, or up to the
    size of the jump later, at *due*. Where the clock jumps back, the result is negative: the wall
    time exists a second time, that much after *due*.
    """
    wall = due.astimezone(zone)
    if not _selects(pattern, wall):  # the wall time that was due does not exist
        offset = (due - DAY).astimezone(zone).utcoffset() or timedelta(0)
        wall = (due + offset).replace(tzinfo=zone)
    first, second = wall.replace(fold=0).utcoffset(), wall.replace(fold=1).utcoffset()
    return (second or timedelta(0)) - (first or timedelta(0))


def _selects(pattern: Pattern, wall: datetime) -> bool:
    at_time = wall.hour in pattern.hours and wall.minute in pattern.minutes
    return at_time and _matches(pattern, wall.date())


def _list_instants(pattern: Pattern, zone: tzinfo, first: date, end: date) -> tuple[datetime, ...]:
    # Python compares aware datetimes of one zone without their offsets: only UTC is safe.
    return tuple(
        wall.replace(tzinfo=zone).astimezone(UTC) for wall in _list_walls(pattern, first, end)
    )


# The computers of a provider share a few hours, and a run over all asks for the same few days.
_list_instants_cached = lru_cache(maxsize=2048)(_list_instants)


def _list_walls(pattern: Pattern, first: date, end: date) -> list[datetime]:
    """Return the wall times from *first* until before *end*, ascending, as cron selects them."""
    if pattern.days is None and pattern.months is None:
        return _expand_rule(pattern, first, end)
    # Not by rrule's bymonthday: given 30 February it searches until the year 9999, whatever the
    # end, and a customer who writes that would stall every check.
    dates = (first + DAY * number for number in range((end - first).days))
    days = {day for day in dates if _matches(pattern, day)}
    if not days:
        return []
    # One rule for all of them: setting up a rule takes most of its time.
    walls = _expand_rule(pattern._replace(weekdays=None), first, end)
    return [wall for wall in walls if wall.date() in days]


def _expand_rule(pattern: Pattern, first: date, end: date) -> list[datetime]:
    walls = rrule(
        DAILY,
        dtstart=datetime.combine(first, time()),
        until=datetime.combine(end, time()) - _RESOLUTION,
        byhour=tuple(pattern.hours),
        byminute=tuple(pattern.minutes),
        byweekday=[day - 1 for day in pattern.weekdays] if pattern.weekdays else None,
    )
    return list(walls)


def _matches(pattern: Pattern, day: date) -> bool:
    if pattern.months is not None and day.month not in pattern.months:
        return False
    if pattern.days is None:
        return pattern.weekdays is None or day.isoweekday() in pattern.weekdays
    # cron: if both fields are restricted, either is enough.
    is_weekday = pattern.weekdays is not None and day.isoweekday() in pattern.weekdays
    return is_weekday or day.day in pattern.days
