"""Values of our types as JSON texts, and back, by the annotations of the types.

JSON's own values stay as they are, and so does None, whatever the type. Of the others

- a NamedTuple is the list of its fields; one that was written before its class got another field,
  last and with a default, can still be read;
- an enum's member is its name;
- a datetime (aware) is its UTC time, a date its day, both as in ISO 8601;
- a timedelta is its seconds; a time zone its IANA name or, where fixed, its offset in seconds;
- a tuple of any length is a list, a frozenset a sorted one, a mapping by strings an object;
- a value of a union, for example ``Start | InvalidReport``, is an object: its class and the value;
- a value that is annotated as ``object`` may also be a datetime, date or timedelta;
- of ``Annotated`` the type counts.

A text that is damaged, or was written for another type, is never decoded to a value of wrong types:
ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError or, for a time
that the system cannot hold and a zone's name that is a folder, OSError instead.

Strings may hold surrogates, bytes of a file name that are not UTF-8. A text is always ASCII.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import Enum
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Generic,
    NamedTuple,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

T = TypeVar("T")
_Convert = Callable[[Any], Any]


class _Converters(NamedTuple):
    """How values become JSON's and back; None: they stay as they are."""

    encode: _Convert | None
    decode: _Convert | None


class Codec(Generic[T]):
    """Writes values of one type as texts, and reads them.

    What this takes is built at the first use, once per type: a check that reads one account does
    not pay for what it does not read, one that reads all accounts looks at no annotation again.

    Args:
        kind: the type, or a union of types. TypeError at the first use if it cannot be written.
    """

    def __init__(self, kind: Any) -> None:  # typing has no word for a union: annotate the codec
        self._kind = kind

    @cached_property
    def encode(self) -> Callable[[T], str]:
        """Return the text of a value."""
        write, convert = json.JSONEncoder(separators=(",", ":")).encode, _find(self._kind).encode
        if convert is None:
            return write
        return lambda value: write(None if value is None else convert(value))

    @cached_property
    def decode(self) -> Callable[[str], T]:
        """Return the value of a text that `encode` wrote."""
        read, convert = json.JSONDecoder().decode, _find(self._kind).decode
        classes = _list_classes(self._kind)

        def decode(text: str) -> T:
            value = read(text)
            if value is not None and convert is not None:
                value = convert(value)
            if not isinstance(value, classes):
                raise _make_type_error(value, self._kind)
            return cast("T", value)

        return decode


@cache
def _find(kind: Any) -> _Converters:
    """Return the converters of values of *kind* other than None."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _find(arguments[0])
    if origin in (Union, UnionType):
        return _convert_union([each for each in arguments if each is not NoneType])
    if origin is tuple and arguments[1:] == (...,):
        return _convert_items(arguments[0], list, tuple)
    if origin is frozenset:
        return _convert_items(arguments[0], sorted, frozenset)
    if origin is Mapping and arguments[0] is str:
        return _convert_mapping(arguments[1])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Converters(lambda member: member.name, kind.__members__.__getitem__)
    if hasattr(kind, "_fields"):
        return _convert_named_tuple(kind)
    raise TypeError(f"values of {kind!r} cannot be written as JSON")


def _list_classes(kind: Any) -> tuple[type, ...]:
    """Return the classes of values that are annotated as *kind*."""
    origin = get_origin(kind) or kind
    if origin is Annotated:
        return _list_classes(get_args(kind)[0])
    if origin in (Union, UnionType):
        return tuple(each for part in get_args(kind) for each in _list_classes(part))
    return (float, int) if origin is float else (origin,)


def _make_type_error(value: object, kind: Any) -> TypeError:
    return TypeError(f"a {type(value).__name__} where {kind} is expected")


def _convert_named_tuple(kind: Any) -> _Converters:
    classes = [_list_classes(kind.__annotations__[name]) for name in kind._fields]
    valid: set[tuple[type, ...]] = set()  # combinations of types that were checked already
    fields = [_find(kind.__annotations__[name]) for name in kind._fields]
    encoders = [(index, each.encode) for index, each in enumerate(fields) if each.encode]
    decoders = [(index, each.decode) for index, each in enumerate(fields) if each.decode]

    # Most fields need no converter, and most that need one are None: no call for these.
    def encode(value: Any) -> list[Any]:
        values = list(value)
        for index, convert in encoders:
            if values[index] is not None:
                values[index] = convert(values[index])
        return values

    def decode(values: list[Any]) -> Any:
        if type(values) is not list:
            raise _make_type_error(values, kind)
        for index, convert in decoders:
            if index < len(values) and values[index] is not None:
                values[index] = convert(values[index])
        types = tuple(map(type, values))
        if types not in valid:
            if not all(map(issubclass, types, classes)):
                raise _make_type_error(types, kind)
            valid.add(types)
        return kind(*values)

    return _Converters(encode if encoders else None, decode)  # JSON writes a tuple as a list


def _convert_items(
    kind: Any, to_list: Callable[[Any], list[Any]], from_list: Callable[[Any], Any]
) -> _Converters:
    encode, decode = map(_spare_none, _find(kind))
    classes = _list_classes(kind)

    def read(items: Any) -> Any:
        if type(items) is not list:
            raise _make_type_error(items, kind)
        values = items if decode is None else list(map(decode, items))
        _check_classes(values, classes)
        return from_list(values)

    return _Converters(
        to_list if encode is None else lambda items: to_list(map(encode, items)), read
    )


def _convert_mapping(kind: Any) -> _Converters:
    encode, decode = map(_spare_none, _find(kind))
    classes = _list_classes(kind)

    def read(items: Any) -> Any:
        if type(items) is not dict:
            raise _make_type_error(items, kind)
        values = items if decode is None else {key: decode(items[key]) for key in items}
        _check_classes(values.values(), classes)
        return values

    return _Converters(
        dict if encode is None else lambda items: {key: encode(items[key]) for key in items}, read
    )


def _check_classes(values: Iterable[object], classes: tuple[type, ...]) -> None:
    for value in values:
        if not isinstance(value, classes):
            raise _make_type_error(value, classes)


def _spare_none(convert: _Convert | None) -> _Convert | None:
    return convert and (lambda value: None if value is None else convert(value))


def _convert_union(kinds: list[Any]) -> _Converters:
    if len(kinds) == 1:
        return _find(kinds[0])
    encoders = {kind: _find(kind).encode for kind in kinds}
    decoders = {kind.__name__: _find(kind).decode for kind in kinds}

    def encode(value: Any) -> dict[str, Any]:
        convert = encoders[type(value)]
        return {type(value).__name__: value if convert is None else convert(value)}

    def decode(value: dict[str, Any]) -> Any:
        [(name, inner)] = value.items()
        convert = decoders[name]
        return inner if convert is None else convert(inner)

    return _Converters(encode, decode)


def _write_time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _read_time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text}: a time without a zone")
    return at


def _read_seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _write_zone(zone: tzinfo) -> str | float:
    name, offset = getattr(zone, "key", None), zone.utcoffset(None)
    if name is None and offset is None:
        raise TypeError(f"{zone!r} has neither an IANA name nor a fixed offset")
    return str(name) if offset is None or name is not None else offset.total_seconds()


def _read_zone(written: str | float) -> tzinfo:
    if isinstance(written, str):
        from zoneinfo import ZoneInfo  # loaded where it is used

        return ZoneInfo(written)
    return timezone(timedelta(seconds=written))


def _write_any(value: object) -> object:
    write, _ = _TAGGED.get(type(value).__name__, (None, None))
    return value if write is None else {type(value).__name__: write(value)}


def _read_any(value: object) -> object:
    if not isinstance(value, dict):
        return value
    [(name, inner)] = value.items()
    return _TAGGED[name][1](inner)


_TAGGED: Mapping[str, tuple[_Convert, _Convert]] = {
    "datetime": (_write_time, _read_time),
    "date": (date.isoformat, date.fromisoformat),
    "timedelta": (timedelta.total_seconds, _read_seconds),
}
_SCALARS: Mapping[Any, _Converters] = {
    **dict.fromkeys((str, int, float, bool), _Converters(None, None)),
    datetime: _Converters(*_TAGGED["datetime"]),
    date: _Converters(*_TAGGED["date"]),
    timedelta: _Converters(*_TAGGED["timedelta"]),
    tzinfo: _Converters(_write_zone, _read_zone),
    object: _Converters(_write_any, _read_any),
}
