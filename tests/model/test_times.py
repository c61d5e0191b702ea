"""Moments in words, with their offset."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest

from backup_monitoring.model.times import format_offset, format_time

ZURICH = ZoneInfo("Europe/Zurich")


@pytest.mark.parametrize(
    ("moment", "zone", "text"),
    [
        ("2026-11-23T19:00:04+00:00", ZURICH, "2026-11-23 20:00 +01:00"),
        ("2026-10-25T00:30+00:00", ZURICH, "2026-10-25 02:30 +02:00"),
        ("2026-10-25T01:30+00:00", ZURICH, "2026-10-25 02:30 +01:00"),
        ("2026-11-23T19:00+00:00", ZoneInfo("America/St_Johns"), "2026-11-23 15:30 -03:30"),
        ("2026-11-23T19:00+00:00", ZoneInfo("Asia/Kathmandu"), "2026-11-24 00:45 +05:45"),
        ("2026-11-23T19:00+00:00", UTC, "2026-11-23 19:00 +00:00"),
        ("2026-11-23T19:00+00:00", timezone(timedelta(hours=-9)), "2026-11-23 10:00 -09:00"),
    ],
)
def test_format_time(moment: str, zone: tzinfo, text: str) -> None:
    assert format_time(datetime.fromisoformat(moment), zone) == text


def test_the_tests_run_where_local_time_is_not_utc() -> None:
    """A system without zones (tzdata) would take any name for UTC."""
    in_winter = datetime(2026, 6, 1, tzinfo=UTC).astimezone()
    assert in_winter.utcoffset() == timedelta(hours=9, minutes=30)


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(0, "+00:00"), (-30, "-00:30"), (-210, "-03:30"), (525, "+08:45"), (840, "+14:00")],
)
def test_format_offset(minutes: int, text: str) -> None:
    assert format_offset(timedelta(minutes=minutes)) == text
