"""The ranges of the options -w and -c."""

from argparse import ArgumentTypeError
from math import inf

import pytest

from backup_monitoring.model.verdicts import Range
from backup_monitoring.plugin.thresholds import range_option


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("85", Range(0, 85)),
        ("10:85", Range(10, 85)),
        ("10:", Range(10, inf)),
        ("~:85", Range(-inf, 85)),
        ("~:", Range(-inf, inf)),
        ("@90:100", Range(90, 100, inverted=True)),
        ("-5:.5", Range(-5, 0.5)),
        ("1.5:2.25", Range(1.5, 2.25)),
        ("5:5", Range(5, 5)),
        ("9" * 15, Range(0, 999_999_999_999_999)),
    ],
)
def test_ranges(text: str, good: Range) -> None:
    assert range_option(text) == good


@pytest.mark.parametrize(
    ("text", "says"),
    [
        *((text, "is no range such as 85, 10:85 or @90:100") for text in ("", "@", "~", "85%")),
        *((text, "is no range such as 85") for text in ("1:2:3", "1e3", "+5", " 85", "9" * 16)),
        ("9:1", "'9:1' is no range: its start is behind its end"),
        ("-1", "'-1' is no range: its start is behind its end"),
    ],
)
def test_no_ranges(text: str, says: str) -> None:
    with pytest.raises(ArgumentTypeError) as raised:
        range_option(text)

    assert says in str(raised.value)
