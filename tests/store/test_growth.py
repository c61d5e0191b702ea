"""Growth: the slope of daily sizes, and sudden losses."""

from datetime import date
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.model.accounts import Growth, SizeDrop
from backup_monitoring.store.growth import DailySize, add_size, estimate_growth

TODAY = date(2026, 11, 24).toordinal()


def daily(*used: int) -> list[DailySize]:
    """One size a day, the last one today's."""
    return [DailySize(TODAY - len(used) + 1 + day, each) for day, each in enumerate(used)]


@pytest.mark.parametrize(
    ("sizes", "per_day", "days"),
    [
        pytest.param([], None, 0, id="nothing"),
        pytest.param(daily(5), None, 1, id="one day"),
        pytest.param(daily(*range(6)), None, 6, id="under 7 days"),
        pytest.param(daily(*range(7)), 1.0, 7, id="7 days"),
        pytest.param(daily(*range(0, 300, 10)), 10.0, 30, id="30 days"),
        pytest.param(
            [DailySize(TODAY - 30, 10**6), *daily(*range(7))],
            1.0,
            7,
            id="what is older does not count",
        ),
        pytest.param(daily(*[7] * 30), 0.0, 30, id="standing still"),
        pytest.param(daily(*range(1290, 990, -10)), -10.0, 30, id="falling"),
        pytest.param(daily(*range(100, 120), 10**6, *range(121, 130)), 1.0, 30, id="an outlier"),
        pytest.param(daily(*[100] * 3, *[10**9] * 3, *[100] * 24), 0.0, 30, id="some special days"),
        pytest.param(
            [DailySize(TODAY - day, 1000 - 10 * day) for day in (29, 20, 11, 8, 5, 1, 0)],
            10.0,
            7,
            id="days without a run count by their dates",
        ),
        pytest.param(
            [DailySize(TODAY - day, 1000 - 10 * day) for day in (29, 20, 11, 8, 5, 0)],
            None,
            6,
            id="few sizes over many days",
        ),
    ],
)
def test_slope(sizes: list[DailySize], per_day: float | None, days: int) -> None:
    assert estimate_growth(sizes, TODAY, 50) == Growth(per_day, days, None)


@given(
    st.integers(0, 10**12),
    st.integers(0, 10**9),
    st.sets(st.integers(0, 29), min_size=7),
    st.sets(st.integers(0, 29), max_size=2),
)
def test_a_few_special_days_do_not_move_the_slope(
    first: int, per_day: int, days: set[int], special: set[int]
) -> None:
    sizes = [
        DailySize(TODAY - 29 + day, first + per_day * day + 10**13 * (day in special))
        for day in sorted(days)
    ]

    found = estimate_growth(sizes, TODAY, 100)

    if len(special & days) * 6 <= len(days):
        assert found.per_day == pytest.approx(per_day, rel=1e-9, abs=1e-3)


@pytest.mark.parametrize(
    ("sizes", "sudden_loss", "lost"),
    [
        pytest.param(
            daily(10000, 10000, 4999), 50, SizeDrop(10000, 4999, date(2026, 11, 24)), id="today"
        ),
        pytest.param(daily(100, 50), 50, None, id="by exactly the threshold is not more"),
        pytest.param(daily(100, 50, 40), 50, None, id="the threshold, then some more"),
        pytest.param(daily(100, 69), 30, SizeDrop(100, 69, date(2026, 11, 24)), id="setting"),
        pytest.param(daily(100, 0), 50, SizeDrop(100, 0, date(2026, 11, 24)), id="all of it"),
        pytest.param(daily(100, 0), 100, None, id="not more than all: off"),
        pytest.param(daily(0, 0), 50, None, id="nothing to lose"),
        pytest.param(daily(100, 60, 40, 30), 50, None, id="slowly is not sudden"),
        pytest.param(
            daily(100, 40, *[40] * 6),
            50,
            SizeDrop(100, 40, date(2026, 11, 18)),
            id="reported for a week",
        ),
        pytest.param(daily(100, 40, *[40] * 7), 50, None, id="not for longer"),
        pytest.param(daily(100, 40, 100), 50, None, id="made up for"),
        pytest.param(daily(100, 40, 50), 50, None, id="made up for so far"),
        pytest.param(
            daily(100, 40, 45), 50, SizeDrop(100, 40, date(2026, 11, 23)), id="not made up for"
        ),
        pytest.param(
            daily(100, 40, 40, 10), 50, SizeDrop(40, 10, date(2026, 11, 24)), id="the newest"
        ),
    ],
)
def test_sudden_loss(sizes: list[DailySize], sudden_loss: float, lost: SizeDrop | None) -> None:
    assert estimate_growth(sizes, TODAY, sudden_loss).sudden_loss == lost


@pytest.mark.parametrize(
    ("before", "used", "after"),
    [
        pytest.param([], 5, daily(5), id="first"),
        pytest.param(daily(1, 2), 5, daily(1, 5), id="the last of a day counts"),
        pytest.param(daily(1, 2), None, [DailySize(TODAY - 1, 1)], id="an unknown size is none"),
        pytest.param(daily(*range(40)), 5, daily(*range(10, 39), 5), id="30 are kept"),
        pytest.param([DailySize(TODAY + 365, 1)], 5, daily(5), id="of a clock that was ahead"),
    ],
)
def test_sizes_are_added(before: list[DailySize], used: int | None, after: list[DailySize]) -> None:
    assert add_size(before, TODAY, used) == after


@given(st.lists(st.tuples(st.integers(-3, 40), st.none() | st.integers(0, 9))))
def test_sizes_are_bounded_and_in_order(steps: list[tuple[int, int | None]]) -> None:
    sizes: list[DailySize] = []
    today = TODAY
    for days, used in steps:
        today += days
        sizes = add_size(sizes, today, used)
        assert len(sizes) <= 30
        assert [size.day for size in sizes] == sorted({size.day for size in sizes})


@pytest.mark.parametrize(("age", "per_day"), [(29, 10.0), (30, None)])
def test_sizes_of_the_last_30_days_count(age: int, per_day: float | None) -> None:
    sizes = [DailySize(TODAY - day, 1000 - 10 * day) for day in (age, 5, 4, 3, 2, 1, 0)]

    assert estimate_growth(sizes, TODAY, 50).per_day == per_day


def test_a_clock_that_is_ahead_for_one_run_forgets_no_sizes() -> None:
    sizes = daily(*range(20))

    ahead = add_size(sizes, TODAY + 365, 20)

    assert add_size(ahead, TODAY, 20)[:-1] == sizes[:-1]


@given(
    st.dictionaries(st.integers(0, 29), st.integers(0, 3 * 10**19), min_size=7),
)
def test_the_slope_is_the_median_of_those_of_all_pairs(used: dict[int, int]) -> None:
    sizes = [DailySize(TODAY - 29 + day, used[day]) for day in sorted(used)]
    slopes = [
        (later.used - earlier.used) / (later.day - earlier.day)
        for number, later in enumerate(sizes)
        for earlier in sizes[:number]
    ]

    assert estimate_growth(sizes, TODAY, 50).per_day == median(slopes)
