"""Times as the directory has them."""

import pytest

from backup_monitoring.directory.generalized_time import parse_time


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"20250301101500Z", "2025-03-01T10:15:00+00:00"),
        (b"20250301T101500Z", "2025-03-01T10:15:00+00:00"),
        (b"20250301101500.5Z", "2025-03-01T10:15:00.500000+00:00"),
        (b"20250301101500,25Z", "2025-03-01T10:15:00.250000+00:00"),
        (b"202503011015Z", "2025-03-01T10:15:00+00:00"),
        (b"2025030110.5Z", "2025-03-01T10:30:00+00:00"),
        (b"202503011015.5Z", "2025-03-01T10:15:30+00:00"),
        (b"20250301101500+01", "2025-03-01T09:15:00+00:00"),
        (b"20250301101500+0100", "2025-03-01T09:15:00+00:00"),
        (b"20250301003000-0530", "2025-03-01T06:00:00+00:00"),
        (b"20161231235960Z", "2017-01-01T00:00:00+00:00"),  # a leap second
        (b"20170101005960+0100", "2017-01-01T00:00:00+00:00"),
        (b"20240229000000Z", "2024-02-29T00:00:00+00:00"),
    ],
)
def test_times(value: bytes, expected: str) -> None:
    time = parse_time(value)

    assert time is not None
    assert time.isoformat() == expected


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"0",
        b"20250301101500",
        b"20250229101500Z",
        b"20251301101500Z",
        b"20250301101561Z",
        b"99991231235960Z",
        b"00000101000000Z",
        b"00010101000000+1400",
        b"20250301101500+9900",
        b"20250301101500Z\n",
        "２０２５0301101500Z".encode(),
        b"soon",
    ],
)
def test_no_times(value: bytes) -> None:
    assert parse_time(value) is None
