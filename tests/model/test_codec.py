"""What is written as JSON comes back as it was."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import Enum
from typing import Any, NamedTuple, Optional
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.model.codec import Codec


class Colour(Enum):
    RED = 1
    BLUE = 2


class Plain(NamedTuple):
    text: str
    number: int | None = None
    share: float = 0.5
    flag: bool = False


class Nested(NamedTuple):
    plain: Plain
    colour: Colour | None
    either: Plain | Colour | None
    at: datetime | None = None
    day: date = date(2026, 11, 20)
    span: timedelta = timedelta(0)
    numbers: frozenset[int] = frozenset()
    many: tuple[Plain, ...] = ()
    colours: tuple[Colour | None, ...] = ()
    by_name: Mapping[str, datetime | None] = {}
    facts: Mapping[str, object] = {}


NESTED: Codec[Nested] = Codec(Nested)
texts = st.text(st.characters(exclude_categories=[]) | st.characters(categories=["Cs"]), max_size=9)
offsets = st.timedeltas(timedelta(hours=-15), timedelta(hours=15))
times = st.datetimes(timezones=st.just(UTC))
plains = st.builds(
    Plain,
    texts,
    st.none() | st.integers(),
    st.floats(allow_nan=False),
    st.booleans(),
)
spans = st.timedeltas(timedelta(days=-10_000), timedelta(days=10_000))
nested = st.builds(
    Nested,
    plains,
    st.none() | st.sampled_from(Colour),
    st.none() | plains | st.sampled_from(Colour),
    st.none() | times,
    st.dates(),
    spans,
    st.frozensets(st.integers()),
    st.lists(plains, max_size=3).map(tuple),
    st.lists(st.none() | st.sampled_from(Colour), max_size=3).map(tuple),
    st.dictionaries(texts, st.none() | times, max_size=3),
    st.dictionaries(
        texts,
        texts | st.integers() | st.booleans() | times | st.dates() | spans,
        max_size=3,
    ),
)


@given(nested)
def test_a_value_comes_back_as_it_was(value: Nested) -> None:
    text = NESTED.encode(value)

    assert NESTED.decode(text) == value
    assert text.isascii()


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Plain, Plain("a\udcff"), '["a\\udcff",null,0.5,false]'),
        (Colour, Colour.BLUE, '"BLUE"'),
        (Plain | Colour, Plain("a", 1), '{"Plain":["a",1,0.5,false]}'),
        (Plain | Colour, Colour.RED, '{"Colour":"RED"}'),
        (Optional[Colour], None, "null"),  # noqa: UP045 - the older way to write it
        (Optional[Colour], Colour.RED, '"RED"'),  # noqa: UP045
        (str | None, None, "null"),
        (tuple[Plain, ...], (), "[]"),
        (frozenset[int], frozenset({30, 5}), "[5,30]"),
        (Mapping[str, int], {"a": 1}, '{"a":1}'),
        (
            datetime,
            datetime(2026, 11, 20, 21, tzinfo=timezone(timedelta(hours=1))),
            '"2026-11-20T20:00:00+00:00"',
        ),
        (timedelta, timedelta(hours=-1), "-3600.0"),
        (object, date(2026, 11, 20), '{"date":"2026-11-20"}'),
        (object, True, "true"),
        (tzinfo, ZoneInfo("Europe/Zurich"), '"Europe/Zurich"'),
        (tzinfo, UTC, "0.0"),
        (tzinfo, timezone(timedelta(hours=5, minutes=45)), "20700.0"),
    ],
)
def test_how_it_is_written(kind: Any, value: object, text: str) -> None:
    codec: Codec[object] = Codec(kind)

    assert codec.encode(value) == text
    assert codec.decode(text) == value


@given(offsets)
def test_a_time_is_read_as_utc(offset: timedelta) -> None:
    at = datetime(2026, 11, 20, 21, tzinfo=timezone(offset))

    codec: Codec[datetime] = Codec(datetime)
    read = codec.decode(codec.encode(at))

    assert read == at
    assert read.tzinfo is UTC


def test_what_was_written_before_a_field_was_added_can_be_read() -> None:
    plain: Codec[Plain] = Codec(Plain)

    assert plain.decode('["a",3]') == Plain("a", 3)
    assert NESTED.decode('[["a"],"RED",null]') == Nested(Plain("a"), Colour.RED, None)


@pytest.mark.parametrize(
    "kind", [bytes, dict[str, int], Mapping[int, str], tuple[int, str], list[int]]
)
def test_another_type_is_refused(kind: Any) -> None:
    codec: Codec[object] = Codec(kind)

    with pytest.raises(TypeError, match="cannot be written as JSON"):
        codec.encode({})


class Nowhere(tzinfo):
    def utcoffset(self, at: datetime | None) -> None:
        return None

    tzname = dst = utcoffset


def test_a_zone_without_name_or_fixed_offset_is_refused() -> None:
    codec: Codec[tzinfo] = Codec(tzinfo)

    with pytest.raises(TypeError, match="neither an IANA name nor a fixed offset"):
        codec.encode(Nowhere())
