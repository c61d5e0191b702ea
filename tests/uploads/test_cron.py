"""Fields of a crontab as Debian's cron reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.uploads.cron import parse_field


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("20", {20}),
        ("05", {5}),
        ("0", {0}),
        ("007", {7}),
        ("23", {23}),
        ("5,17", {5, 17}),
        ("17,5,5", {5, 17}),
        ("8-11", {8, 9, 10, 11}),
        ("8-8", {8}),
        ("8-18/5", {8, 13, 18}),
        ("*/6", {0, 6, 12, 18}),
        ("*/99", {0}),
        ("*/12,3", {0, 3, 12}),
        ("1-2,20-21", {1, 2, 20, 21}),
        ("20 ", {20}),
        ("20\r", {20}),
        ("\t20\n", {20}),
    ],
)
def test_cron_reads_it(text: str, values: set[int]) -> None:
    assert parse_field(text, 0, 23) == frozenset(values)


def test_a_star_is_every_value() -> None:
    assert parse_field("*", 1, 31) == frozenset(range(1, 32))


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "24", "60", "22-2", "5/15", "*/0", "5-9/0", "20 # evening", "5,", ",5", "5,,6",
        "-5", "5-", "5-24", "*-5", "*5", "**", "*/", "5 17", "5, 17", "1_0", "٥", "+5", "0x5",
        "5.0", "@daily", "9" * 50, "mon",
    ],
)  # fmt: skip
def test_cron_refuses_it(text: str) -> None:
    assert parse_field(text, 0, 23) is None


def test_a_field_of_more_than_512_characters_is_none() -> None:
    longest = "1," * 255 + "17"

    assert parse_field(longest, 0, 23) == frozenset({1, 17})
    assert parse_field(longest + " ", 0, 23) is None


@pytest.mark.parametrize(("text", "low", "high"), [("0", 1, 31), ("13", 1, 12), ("0-5", 1, 12)])
def test_cron_refuses_what_is_outside(text: str, low: int, high: int) -> None:
    assert parse_field(text, low, high) is None


@given(st.text(alphabet="0123456789*/-, #\t", max_size=20))
def test_every_value_is_within_its_bounds(text: str) -> None:
    values = parse_field(text, 1, 12)

    assert values is None or (values and values <= set(range(1, 13)))
