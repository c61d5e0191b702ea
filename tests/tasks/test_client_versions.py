"""Versions of the clients in the order of their releases."""

from itertools import pairwise

import pytest

from backup_monitoring.tasks.client import parse_version

IN_ORDER = [
    "1.13.9",
    "2.0.5_pre",
    "2.0.5",
    "2.0.9",
    "2.0.10",
    "2.5.0-rc.3",
    "2.5.0",
    "2.7.1",
    "2.7.1-4-g0549bf1",
    "2.7.1-12-gabcdef0123",
    "2.7.2",
    "2.10",
]


@pytest.mark.parametrize(("older", "newer"), list(pairwise(IN_ORDER)))
def test_newer(older: str, newer: str) -> None:
    before, after = parse_version(older), parse_version(newer)

    assert before is not None
    assert after is not None
    assert before < after


@pytest.mark.parametrize(
    "text",
    [
        "", "1" * 65, "1..2", "-1", "nightly", "2.7.1-4-g", "2.7.1-4-gxyz1",
        "2.7.1-99999999999-g0549bf1", "x-4-g0549bf1", "١.٢",
    ],
)  # fmt: skip
def test_what_is_no_version(text: str) -> None:
    assert parse_version(text) is None


def test_a_version_of_64_characters() -> None:
    assert parse_version("1" * 64) is not None
