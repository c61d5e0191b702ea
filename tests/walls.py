"""When are backups due? Found by looking at a zone's clock in each minute, unlike the rules."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)
NOT_AGAIN = -1
QUARTER = 15  # minutes: no clock is changed between quarters of an hour
WEEK = 7 * 1440  # minutes


class Year(NamedTuple):
    """What a zone's clock shows: minutes since Monday 00:00, by minutes of UTC since *begin*.

    Args:
        walls: NOT_AGAIN where the clock has shown that time before.
        skipped: the walls that the clock left out, by the minutes at which the clock before the
            change would have shown them.
        changes: the minutes at which the clock was put forward or back.
    """

    zone: ZoneInfo
    begin: datetime
    walls: list[int]
    skipped: dict[int, int]
    changes: list[int]

    def moment(self, minute: int) -> datetime:
        return self.begin + minute * MINUTE

    def minute(self, moment: datetime) -> int:
        return (moment - self.begin) // MINUTE


@lru_cache
def look_at_clock(name: str, begin: datetime, length: int) -> Year:
    """Look at the clock of the zone *name* in each quarter of *length* minutes since *begin*."""
    zone = ZoneInfo(name)
    year = Year(zone, begin, [], {}, [])
    before = now = begin.astimezone(zone).utcoffset() or timedelta(0)
    repeated_until = skipped_until = 0
    minute = 0
    while minute < length:
        moment = year.moment(minute)
        local = moment.astimezone(zone)
        last, now = now, local.utcoffset() or timedelta(0)
        if last != now:
            year.changes.append(minute)
            before = last
            skipped_until = minute + (now - before) // MINUTE
            repeated_until = minute + (before - now) // MINUTE
        end = min(minute + QUARTER - moment.minute % QUARTER, length)
        wall = wall_of(local) - minute
        for each in range(minute, end):
            year.walls.append(NOT_AGAIN if each < repeated_until else (wall + each) % WEEK)
            if each < skipped_until:
                year.skipped[each] = wall_of(year.moment(each) + before)
        minute = end
    return year


def wall_of(local: datetime) -> int:
    return local.weekday() * 1440 + local.hour * 60 + local.minute


@dataclass(frozen=True)
class Crontab:
    """What the customer wants."""

    hours: frozenset[int]
    minutes: frozenset[int]
    weekdays: frozenset[int] | None

    @property
    def walls(self) -> frozenset[int]:
        days = self.weekdays or range(1, 8)
        return frozenset(
            (day - 1) * 1440 + hour * 60 + minute
            for day in days
            for hour in self.hours
            for minute in self.minutes
        )


def due_minutes(year: Year, crontab: Crontab, first: int, end: int) -> list[int]:
    """The minutes from *first* until before *end* at which a backup is due: each is looked at."""
    walls, wanted = year.walls, crontab.walls
    found = [minute for minute in range(first, end) if walls[minute] in wanted]
    found += [m for m, wall in year.skipped.items() if first <= m < end and wall in wanted]
    return sorted(set(found))
