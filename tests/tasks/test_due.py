"""Due times: wall times of a schedule as instants, whatever the clock does in between."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backup_monitoring.model.uploads import Pattern
from backup_monitoring.tasks import due
from backup_monitoring.tasks.due import build_clock, iter_due_times

HOUR = timedelta(hours=1)
ZURICH = ZoneInfo("Europe/Zurich")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
APIA = ZoneInfo("Pacific/Apia")
ZONES = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Halifax",
    "America/Havana",
    "America/New_York",
    "America/Santiago",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Eucla",
    "Australia/Lord_Howe",
    "Europe/Zurich",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Honolulu",
    "UTC",
]


def at(
    *times: str,
    weekdays: set[int] | None = None,
    days: set[int] | None = None,
    months: set[int] | None = None,
) -> Pattern:
    """Return the pattern of the hours and minutes in *times*; both are crossed, as in cron."""
    hours, minutes = zip(*(map(int, each.split(":")) for each in times), strict=True)
    return Pattern(
        frozenset(minutes),
        frozenset(hours),
        timedelta(0),
        days=frozenset(days) if days else None,
        months=frozenset(months) if months else None,
        weekdays=frozenset(weekdays) if weekdays else None,
    )


EVERY_MINUTE = Pattern(frozenset(range(60)), frozenset(range(24)), timedelta(0))


def instants(*texts: str) -> list[datetime]:
    return [datetime.fromisoformat(text).astimezone(UTC) for text in texts]


@pytest.mark.parametrize(
    ("pattern", "zone", "after", "until", "expected"),
    [
        pytest.param(
            at("20:30"),
            "Europe/Zurich",
            "2026-10-24T12:00+02:00",
            "2026-10-26T21:00+01:00",
            ["2026-10-24T20:30+02:00", "2026-10-25T20:30+01:00", "2026-10-26T20:30+01:00"],
            id="autumn: the same wall time, 25 hours later",
        ),
        pytest.param(
            at("20:30"),
            "Europe/Zurich",
            "2026-03-28T12:00+01:00",
            "2026-03-30T12:00+02:00",
            ["2026-03-28T20:30+01:00", "2026-03-29T20:30+02:00"],
            id="spring: the same wall time, 23 hours later",
        ),
        pytest.param(
            at("02:30"),
            "Europe/Zurich",
            "2026-03-28T00:00+01:00",
            "2026-03-31T00:00+02:00",
            ["2026-03-28T02:30+01:00", "2026-03-29T02:30+01:00", "2026-03-30T02:30+02:00"],
            id="skipped hour: with the offset before the change",
        ),
        pytest.param(
            at("02:30", "03:30"),
            "Europe/Zurich",
            "2026-03-28T12:00+01:00",
            "2026-03-30T00:00+02:00",
            ["2026-03-29T03:30+02:00"],
            id="skipped hour: one instant is one due time",
        ),
        pytest.param(
            at("02:15", "03:15", "04:15"),
            "Europe/Zurich",
            "2026-03-29T00:00+01:00",
            "2026-03-29T12:00+02:00",
            ["2026-03-29T03:15+02:00", "2026-03-29T04:15+02:00"],
            id="skipped hour: in the order of time",
        ),
        pytest.param(
            at("02:30"),
            "Europe/Zurich",
            "2026-10-24T00:00+02:00",
            "2026-10-27T00:00+01:00",
            ["2026-10-24T02:30+02:00", "2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"],
            id="repeated hour: once, at the first",
        ),
        pytest.param(
            at("01:00", "02:00", "03:00"),
            "Europe/Zurich",
            "2026-10-25T00:00+02:00",
            "2026-10-25T12:00+01:00",
            ["2026-10-25T01:00+02:00", "2026-10-25T02:00+02:00", "2026-10-25T03:00+01:00"],
            id="repeated hour: hourly leaves two hours there",
        ),
        pytest.param(
            at("02:30"),
            "Europe/Zurich",
            "2026-10-25T02:40+02:00",
            "2026-10-25T02:40+01:00",
            [],
            id="repeated hour: not at the second",
        ),
        pytest.param(
            at("02:30"),
            "America/New_York",
            "2026-03-07T12:00-05:00",
            "2026-03-09T00:00-04:00",
            ["2026-03-08T02:30-05:00"],
            id="New York skips",
        ),
        pytest.param(
            at("01:30"),
            "America/New_York",
            "2026-10-31T12:00-04:00",
            "2026-11-02T12:00-05:00",
            ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"],
            id="New York repeats",
        ),
        pytest.param(
            at("12:00"),
            "America/St_Johns",
            "2026-03-07T00:00-03:30",
            "2026-03-08T23:00-02:30",
            ["2026-03-07T12:00-03:30", "2026-03-08T12:00-02:30"],
            id="St John's: half an hour off, with daylight saving",
        ),
        pytest.param(
            at("00:00"),
            "America/Havana",
            "2025-03-08T12:00-05:00",
            "2025-03-10T12:00-04:00",
            ["2025-03-09T00:00-05:00", "2025-03-10T00:00-04:00"],
            id="Havana skips midnight",
        ),
        pytest.param(
            at("00:30"),
            "America/Havana",
            # Not in 2026: releases of tzdata differ on whether it repeats there.
            "2025-11-01T12:00-04:00",
            "2025-11-03T12:00-05:00",
            ["2025-11-02T00:30-04:00", "2025-11-03T00:30-05:00"],
            id="Havana repeats midnight",
        ),
        pytest.param(
            at("20:15"),
            "Asia/Kathmandu",
            "2026-11-23T00:00+05:45",
            "2026-11-24T00:00+05:45",
            ["2026-11-23T14:30+00:00"],
            id="Kathmandu: three quarters",
        ),
        pytest.param(
            at("00:15"),
            "Australia/Eucla",
            "2026-11-23T00:00+08:45",
            "2026-11-24T00:00+08:45",
            ["2026-11-22T15:30+00:00"],
            id="Eucla: the day before in UTC",
        ),
        pytest.param(
            at("02:15"),
            "Australia/Lord_Howe",
            "2026-10-03T12:00+10:30",
            "2026-10-05T12:00+11:00",
            ["2026-10-04T02:15+10:30", "2026-10-05T02:15+11:00"],
            id="Lord Howe skips half an hour",
        ),
        pytest.param(
            at("02:00", "02:30"),
            "Australia/Lord_Howe",
            "2026-10-03T12:00+10:30",
            "2026-10-04T12:00+11:00",
            ["2026-10-04T02:30+11:00"],
            id="Lord Howe: two wall times of one hour are one instant",
        ),
        pytest.param(
            at("01:45"),
            "Australia/Lord_Howe",
            "2026-04-04T12:00+11:00",
            "2026-04-06T12:00+10:30",
            ["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"],
            id="Lord Howe repeats half an hour",
        ),
        pytest.param(
            at("12:00"),
            "Pacific/Apia",
            "2011-12-29T00:00-10:00",
            "2012-01-01T23:00+14:00",
            ["2011-12-29T12:00-10:00", "2011-12-31T12:00+14:00", "2012-01-01T12:00+14:00"],
            id="Apia skips a day: it is not owed",
        ),
        pytest.param(
            at("18:00", weekdays={5}),
            "Pacific/Apia",
            "2011-12-29T12:00-10:00",
            "2012-01-06T12:00+14:00",
            ["2011-12-31T18:00+14:00"],
            id="Apia skips a Friday: due at the same instant of the Saturday",
        ),
        pytest.param(
            at("00:00", "05:00", "10:00", "15:00", "20:00"),
            "Pacific/Apia",
            "2011-12-29T22:00-10:00",
            "2011-12-31T23:00+14:00",
            [
                "2011-12-31T00:00+14:00",
                "2011-12-31T05:00+14:00",
                "2011-12-31T10:00+14:00",
                "2011-12-31T15:00+14:00",
                "2011-12-31T20:00+14:00",
            ],
            id="Apia skips a day of five: each is due once, in the order of time",
        ),
        pytest.param(
            at("02:30"),
            "Pacific/Auckland",
            "2026-09-26T12:00+12:00",
            "2026-09-28T12:00+13:00",
            ["2026-09-27T02:30+12:00", "2026-09-28T02:30+13:00"],
            id="Auckland skips",
        ),
        pytest.param(
            at("02:30"),
            "Pacific/Auckland",
            "2026-04-04T12:00+13:00",
            "2026-04-06T12:00+12:00",
            ["2026-04-05T02:30+13:00", "2026-04-06T02:30+12:00"],
            id="Auckland repeats",
        ),
        pytest.param(
            at("04:00", days={29}, months={2}),
            "UTC",
            "2023-01-01T00:00+00:00",
            "2029-01-01T00:00+00:00",
            ["2024-02-29T04:00+00:00", "2028-02-29T04:00+00:00"],
            id="leap day",
        ),
        pytest.param(
            at("04:00", days={31}),
            "UTC",
            "2026-01-31T04:00+00:00",
            "2026-06-30T00:00+00:00",
            ["2026-03-31T04:00+00:00", "2026-05-31T04:00+00:00"],
            id="the 31st of months that have one",
        ),
        pytest.param(
            at("00:00"),
            "Europe/Zurich",
            "2026-12-30T12:00+01:00",
            "2027-01-01T12:00+01:00",
            ["2026-12-31T00:00+01:00", "2027-01-01T00:00+01:00"],
            id="year end",
        ),
        pytest.param(
            at("06:00", days={15}, weekdays={5}),
            "UTC",
            "2026-11-01T00:00+00:00",
            "2026-11-30T00:00+00:00",
            [
                "2026-11-06T06:00+00:00",
                "2026-11-13T06:00+00:00",
                "2026-11-15T06:00+00:00",
                "2026-11-20T06:00+00:00",
                "2026-11-27T06:00+00:00",
            ],
            id="cron: the 15th or a Friday",
        ),
        pytest.param(
            at("06:00", days={15}, months={11}, weekdays={7}),
            "UTC",
            "2026-10-20T00:00+00:00",
            "2026-11-10T00:00+00:00",
            ["2026-11-01T06:00+00:00", "2026-11-08T06:00+00:00"],
            id="cron: the months bind both",
        ),
        pytest.param(
            at("06:00", months={11}, weekdays={7}),
            "UTC",
            "2026-10-20T00:00+00:00",
            "2026-11-10T00:00+00:00",
            ["2026-11-01T06:00+00:00", "2026-11-08T06:00+00:00"],
            id="the Sundays of a month",
        ),
        pytest.param(
            at("00:00", months={2}),
            "UTC",
            "2026-02-26T12:00+00:00",
            "2026-03-02T12:00+00:00",
            ["2026-02-27T00:00+00:00", "2026-02-28T00:00+00:00"],
            id="every day of a month, at midnight",
        ),
        pytest.param(
            at("00:00", days={15}),
            "UTC",
            "2026-11-13T12:00+00:00",
            "2026-11-17T12:00+00:00",
            ["2026-11-15T00:00+00:00"],
            id="a day of the month, at midnight",
        ),
        pytest.param(
            at("22:00", weekdays={1, 2, 3, 4, 5}),
            "UTC",
            "2026-11-20T00:00+00:00",
            "2026-11-23T23:00+00:00",
            ["2026-11-20T22:00+00:00", "2026-11-23T22:00+00:00"],
            id="Monday to Friday",
        ),
        pytest.param(
            at("22:00"),
            "UTC",
            "2026-11-20T22:00+00:00",
            "2026-11-21T22:00+00:00",
            ["2026-11-21T22:00+00:00"],
            id="later than after, up to until",
        ),
        pytest.param(
            at("22:00"),
            "UTC",
            "2026-11-21T22:00+00:00",
            "2026-11-20T22:00+00:00",
            [],
            id="until before after",
        ),
        pytest.param(
            at("08:00", "12:30"),
            "UTC",
            "2026-11-20T00:00+00:00",
            "2026-11-21T00:00+00:00",
            [
                "2026-11-20T08:00+00:00",
                "2026-11-20T08:30+00:00",
                "2026-11-20T12:00+00:00",
                "2026-11-20T12:30+00:00",
            ],
            id="every minute with every hour",
        ),
    ],
)
def test_due_times(
    pattern: Pattern, zone: str, after: str, until: str, expected: list[str]
) -> None:
    begin, end = instants(after, until)

    found = list(iter_due_times(pattern, ZoneInfo(zone), begin, end))

    assert found == instants(*expected)
    assert {each.tzinfo for each in found} <= {UTC}


@pytest.mark.parametrize(
    ("pattern", "zone", "count"),
    [
        pytest.param(at("20:30"), ZURICH, 365, id="a day with 23 hours has one too"),
        pytest.param(at("02:30"), ZURICH, 365, id="in the changing hour"),
        pytest.param(at("02:30", "03:30"), ZURICH, 729, id="two of them are one"),
        pytest.param(at("02:00", "02:30"), LORD_HOWE, 729, id="and within one hour"),
        pytest.param(at("20:30", weekdays={1, 2, 3, 4, 5}), ZURICH, 261, id="working days"),
        pytest.param(at("20:30", days={29, 30, 31}), ZURICH, 29, id="ends of months"),
        pytest.param(EVERY_MINUTE, ZURICH, 525_600 - 60, id="every minute: the hour lost, not won"),
        pytest.param(EVERY_MINUTE, LORD_HOWE, 525_600 - 30, id="every minute: half an hour lost"),
    ],
)
def test_count_of_2026(pattern: Pattern, zone: tzinfo, count: int) -> None:
    begin = datetime(2025, 12, 31, 23, 59, 59, tzinfo=zone).astimezone(UTC)
    end = datetime(2026, 12, 31, 23, 59, 59, tzinfo=zone).astimezone(UTC)

    assert sum(1 for _ in iter_due_times(pattern, zone, begin, end)) == count


@pytest.mark.parametrize("day", range(28))
@pytest.mark.parametrize(
    ("pattern", "zone", "change"),
    [
        pytest.param(at("02:30", "03:30"), ZURICH, "2026-03-29T00:00+01:00", id="Zurich"),
        pytest.param(at("02:00", "02:30"), LORD_HOWE, "2026-10-04T00:00+10:30", id="Lord Howe"),
        pytest.param(at("12:00", weekdays={5, 6}), APIA, "2011-12-29T00:00-10:00", id="Apia"),
    ],
)
def test_a_change_of_the_clock_on_any_day_of_a_span(
    pattern: Pattern, zone: tzinfo, change: str, day: int
) -> None:
    (moment,) = instants(change)
    whole = list(
        iter_due_times(pattern, zone, moment - timedelta(days=60), moment + timedelta(days=60))
    )
    spans = [
        (moment - timedelta(days=60), moment + timedelta(days=day)),
        (moment - timedelta(days=day), moment + timedelta(days=60)),
    ]

    for begin, end in spans:
        expected = [time for time in whole if begin < time <= end]
        assert list(iter_due_times(pattern, zone, begin, end)) == expected


def test_apia_in_the_year_that_lacks_a_day() -> None:
    begin, end = instants("2011-01-01T00:00-10:00", "2012-12-31T23:59+14:00")

    assert len(list(iter_due_times(at("12:00"), APIA, begin, end))) == 365 - 1 + 366


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(at("04:00", days={30}, months={2}), id="once a day"),
        pytest.param(EVERY_MINUTE._replace(days=frozenset({30}), months=frozenset({2})), id="all"),
    ],
)
def test_a_day_that_never_comes_is_not_searched_for_until_the_year_9999(pattern: Pattern) -> None:
    begin, end = instants("2023-01-01T00:00+00:00", "2026-11-23T00:00+00:00")

    assert next(iter_due_times(pattern, ZURICH, begin, end), None) is None


def test_due_times_are_computed_when_they_are_asked_for() -> None:
    begin, end = instants("1970-01-01T00:00+00:00", "9990-01-01T00:00+00:00")

    first = list(islice(iter_due_times(EVERY_MINUTE, ZURICH, begin, end), 2))

    assert first == instants("1970-01-01T00:01+00:00", "1970-01-01T00:02+00:00")


@pytest.mark.parametrize(
    ("offset", "moments", "zones", "origin"),
    [
        pytest.param(
            2 * HOUR,
            ["2026-07-01T12:00+00:00"],
            ["Europe/Zurich"],
            "Europe/Zurich by the settings",
            id="summer",
        ),
        pytest.param(
            2 * HOUR,
            ["2026-12-01T12:00+00:00"],
            ["Europe/Zurich"],
            "the file's fixed offset +02:00",
            id="not in winter",
        ),
        pytest.param(
            2 * HOUR,
            ["2026-12-01T12:00+00:00", "2026-07-01T12:00+00:00"],
            ["Europe/Zurich"],
            "Europe/Zurich by the settings",
            id="at one of the moments",
        ),
        pytest.param(
            2 * HOUR,
            ["2026-12-01T12:00+00:00"],
            ["Europe/Zurich", "Europe/Athens", "Africa/Cairo"],
            "Europe/Athens by the settings",
            id="the first that fits",
        ),
        pytest.param(
            timedelta(hours=5, minutes=45),
            ["2026-12-01T12:00+00:00"],
            [],
            "the file's fixed offset +05:45",
            id="no zone",
        ),
        pytest.param(
            -timedelta(hours=3, minutes=30),
            [],
            ["America/St_Johns"],
            "the file's fixed offset -03:30",
            id="no moment",
        ),
    ],
)
def test_clock(offset: timedelta, moments: list[str], zones: list[str], origin: str) -> None:
    clock = build_clock(
        offset, [(offset, moment) for moment in instants(*moments)], map(ZoneInfo, zones)
    )

    assert clock.origin == origin
    is_fixed = "fixed" in origin
    assert clock.zone == (timezone(offset) if is_fixed else ZoneInfo(origin.split()[0]))


def selections(low: int, high: int, at_most: int) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(st.integers(low, high), min_size=1, max_size=at_most)


PATTERNS = st.builds(
    Pattern,
    minutes=selections(0, 59, 3),
    # The changes of the clock lie between midnight and four.
    hours=selections(0, 4, 3) | selections(0, 23, 8),
    offset=st.just(timedelta(0)),
    days=st.none() | selections(1, 31, 3),
    months=st.none() | selections(1, 12, 3),
    weekdays=st.none() | selections(1, 7, 6),
)
WEEKLY = st.builds(
    Pattern,
    minutes=selections(0, 59, 3) | st.just(frozenset({0, 30})),
    hours=selections(0, 4, 3) | selections(0, 23, 8),
    offset=st.just(timedelta(0)),
    weekdays=st.none() | selections(1, 7, 6),
)
MOMENTS = st.datetimes(datetime(2011, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
SPANS = st.timedeltas(timedelta(0), timedelta(days=731))


@settings(deadline=None, max_examples=150)
@given(PATTERNS | WEEKLY, st.sampled_from(ZONES), MOMENTS, SPANS)
@example(
    at("02:00", "02:30"), "Australia/Lord_Howe", *instants("2026-01-01T00:00Z"), 365 * 24 * HOUR
)
@example(at("12:00"), "Pacific/Apia", *instants("2011-06-01T00:00Z"), 365 * 24 * HOUR)
def test_due_times_ascend_within_their_span(
    pattern: Pattern, name: str, after: datetime, span: timedelta
) -> None:
    zone = ZoneInfo(name)
    times = list(islice(iter_due_times(pattern, zone, after, after + span), 2000))

    assert times == sorted(set(times))
    assert all(after < time <= after + span for time in times)


def test_minutes_of_a_day_that_never_comes_cost_nothing() -> None:
    everything = frozenset(range(60)), frozenset(range(24))
    never = Pattern(*everything, timedelta(0), days=frozenset({30}), months=frozenset({2}))
    begin, end = datetime(1971, 1, 1, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
    calls = 0

    def counted(*arguments: object) -> list[datetime]:
        nonlocal calls
        calls += 1
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(due, "_expand_rule", counted)
        assert next(iter_due_times(never, UTC, begin, end), None) is None
    assert calls == 0


def test_days_of_the_month_beside_weekdays_ask_for_one_rule_a_week() -> None:
    """A customer with hundreds of such computers must not stall the others."""
    begin, end = instants("2023-01-02T00:00+00:00", "2026-01-02T00:00+00:00")
    pattern = at("04:17", days=set(range(1, 29)), weekdays={1, 2, 3})
    real, calls = due._expand_rule, 0

    def counted(pattern: Pattern, first: date, end: date) -> list[datetime]:
        nonlocal calls
        calls += 1
        return real(pattern, first, end)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(due, "_expand_rule", counted)
        assert len(list(iter_due_times(pattern, UTC, begin, end))) == 1047
    assert calls < 170
