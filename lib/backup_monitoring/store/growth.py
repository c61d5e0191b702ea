"""Growth: how an account's used space changes from day to day."""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from itertools import combinations, pairwise, starmap
from operator import sub, truediv
from statistics import median
from typing import NamedTuple

from backup_monitoring.model import Growth, SizeDrop

DAYS = 30
FEWEST_DAYS = 7
_SHOWN_FOR = 7  # days for which a sudden loss is reported


class DailySize(NamedTuple):
    """Used space in bytes on a *day* (proleptic Gregorian ordinal, UTC)."""

    day: int
    used: int


def add_size(sizes: list[DailySize], today: int, used: int | None) -> list[DailySize]:
    """Return the last 30 of *sizes* with that of *today*; the last one of a day counts."""
    # By number, not by age: one run with a clock a year ahead must not drop them all.
    kept = [size for size in sizes if size.day < today][1 - DAYS :]
    return kept if used is None else [*kept, DailySize(today, used)]


def estimate_growth(sizes: list[DailySize], today: int, sudden_loss: float) -> Growth:
    """Return the growth that *sizes*, in the order of their days, show.

    The growth per day is the median of the slopes between all pairs of days (the estimator of
    Theil and Sen), which a few exceptional days do not change.

    Args:
        sizes: those of the last 30 days count. today: the ordinal of the day of this run.
        sudden_loss: percent of used space; losing more from one day to the next is sudden.
    """
    sizes = [size for size in sizes if size.day > today - DAYS]
    per_day = None
    if len(sizes) >= FEWEST_DAYS:
        per_day = median(_list_slopes(sizes))
    return Growth(per_day, len(sizes), _find_size_drop(sizes, today, sudden_loss))


def _list_slopes(sizes: list[DailySize]) -> Iterator[float]:
    """Yield the slope of each pair of *sizes*."""
    # The first run of a day does it for each account: no step of Python for each of 435 pairs.
    days, used = zip(*reversed(sizes), strict=True)
    return map(truediv, starmap(sub, combinations(used, 2)), _list_distances(days))


@lru_cache(maxsize=256)  # most accounts have the same days
def _list_distances(days: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(starmap(sub, combinations(days, 2)))


def _find_size_drop(sizes: list[DailySize], today: int, sudden_loss: float) -> SizeDrop | None:
    """Return the newest sudden loss of the last days, unless the size has recovered since."""
    drop = None
    for before, after in pairwise(sizes):
        left = before.used * (100 - sudden_loss) / 100
        if after.used < left and today - after.day < _SHOWN_FOR and sizes[-1].used < left:
            drop = SizeDrop(before.used, after.used, date.fromordinal(after.day))
    return drop
