"""The ranges of the options -w and -c."""

from argparse import ArgumentTypeError
from math import inf

import pytest

from backup_monitoring.model.verdicts import Range
from backup_monitoring.plugin.thresholds import parse_range


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
    assert parse_range(text) == good


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(
            (text, "is not a valid range; examples: 85, 10:85, @90:100")
            for text in ("", "@", "~", "85%")
        ),
        *(
            (text, "is not a valid range; examples: 85")
            for text in ("1:2:3", "1e3", "+5", " 85", "9" * 16)
        ),
        ("9:1", "'9:1' is not a valid range: its start is greater than its end"),
        ("-1", "'-1' is not a valid range: its start is greater than its end"),
    ],
)
def test_ranges_that_are_not_valid(text: str, message: str) -> None:
    with pytest.raises(ArgumentTypeError) as raised:
        parse_range(text)

    assert message in str(raised.value)
