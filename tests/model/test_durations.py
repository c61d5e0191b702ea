"""Durations as people write and read them."""

from datetime import timedelta

import pytest

from backup_monitoring.model.times import format_duration, format_duration_setting, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds", "written"),
    [
        ("0s", 0, "0s"),
        ("45s", 45, "45s"),
        ("90m", 5400, "90m"),
        ("120m", 7200, "2h"),
        ("2h", 7200, "2h"),
        ("14d", 1209600, "14d"),
        ("2w", 1209600, "14d"),
        ("3660d", 316224000, "3660d"),
    ],
)
def test_a_duration(text: str, seconds: int, written: str) -> None:
    span = parse_duration(text)

    assert span == timedelta(seconds=seconds)
    assert format_duration_setting(span) == written


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a duration"),
        ("2", "not a duration"),
        ("h", "not a duration"),
        ("1.5h", "not a duration"),
        ("-2h", "not a duration"),
        ("2 h", "not a duration"),
        ("2H", "not a duration"),
        ("2h30m", "not a duration"),
        ("٢h", "not a duration"),
        ("9999999999s", "not a duration"),
        ("3661d", "longer than ten years"),
        ("316224001s", "longer than ten years"),
        ("999999999w", "longer than ten years"),
    ],
)
def test_what_is_not_a_duration(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_duration(text)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "0 min"),
        (timedelta(seconds=59), "0 min"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=2, minutes=5, seconds=59), "2 h 5 min"),
        (timedelta(days=1), "1 d"),
        (timedelta(days=2, hours=3, minutes=4), "2 d 3 h"),
        (timedelta(days=2, minutes=4), "2 d 4 min"),
        (-timedelta(days=3), "0 min"),
    ],
)
def test_a_duration_in_words(span: timedelta, words: str) -> None:
    assert format_duration(span) == words
