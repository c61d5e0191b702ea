"""Growth: how an account's used space changes from day to day."""

from datetime import date
from itertools import combinations, pairwise
from statistics import median
from typing import NamedTuple

from backup_monitoring.model import Growth, SizeDrop

DAYS = 30
FEWEST_DAYS = 7
_SHRUNK_FOR = 7  # days for which a sudden loss is told


class DailySize(NamedTuple):
    """Used bytes on a *day* (proleptic Gregorian ordinal, UTC)."""

    day: int
    used: int


def add_size(sizes: list[DailySize], today: int, used: int | None) -> list[DailySize]:
    """Return the last 30 of *sizes* with today's; the last of a day counts."""
    # By number, not by age: a clock that is a year ahead for one pass must not forget them all.
    kept = [size for size in sizes if size.day < today][1 - DAYS :]
    return kept if used is None else [*kept, DailySize(today, used)]


def estimate_growth(sizes: list[DailySize], today: int, sudden_loss: float) -> Growth:
    """Return how *sizes*, rising by day, grow.

    The slope is the median of the slopes between all pairs of days (Theil and Sen): a few days
    with something special do not move it.

    Args:
        sizes: those of the last 30 days count. today: to tell what is too long ago.
        sudden_loss: percent of used space whose loss from one day to the next is sudden.
    """
    sizes = [size for size in sizes if size.day > today - DAYS]
    per_day = None
    if len(sizes) >= FEWEST_DAYS:
        per_day = median((b.used - a.used) / (b.day - a.day) for a, b in combinations(sizes, 2))
    return Growth(per_day, len(sizes), _shrunk(sizes, today, sudden_loss))


def _shrunk(sizes: list[DailySize], today: int, sudden_loss: float) -> SizeDrop | None:
    """Return the newest sudden loss of the last days that was not made up for since."""
    found = None
    for before, after in pairwise(sizes):
        left = before.used * (100 - sudden_loss) / 100
        if after.used < left and today - after.day < _SHRUNK_FOR and sizes[-1].used < left:
            found = SizeDrop(before.used, after.used, date.fromordinal(after.day))
    return found
