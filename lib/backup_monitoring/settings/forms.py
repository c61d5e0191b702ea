"""How the value of a key is written in TOML, by the type of its field."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Any, cast
from zoneinfo import ZoneInfo

from backup_monitoring.model import Key, parse_duration, parse_text

Names = tuple[str, ...]
_MANY = 10**9  # a bound that is none


def _find_nothing() -> tuple[Any, ...]:
    return ()


class Form:
    """How a value is written.

    Args:
        words: the kind of value, for the documentation.
        parse: makes the value of TOML's; ValueError as of `Key`.
        resolve: as of `Key`.
        find_default: finds the default of a list whose field has none.
    """

    def __init__(
        self,
        words: str,
        parse: Callable[[object], Any],
        resolve: Callable[[Path, Any], Any] | None = None,
        find_default: Callable[[], tuple[Any, ...]] = _find_nothing,
    ) -> None:
        self.words = words
        self.parse = parse
        self.resolve = resolve
        self.find_default = find_default


def find_form(kind: Any, key: Key, name: str) -> Form:
    """Return the form of the values of *key*, called *name*, whose field has the type *kind*."""
    if isinstance(kind, UnionType):  # with None, which TOML does not have
        kind = kind.__args__[0]
    words = _FORMS[kind].words if kind in _FORMS else ""
    if key.choices:
        words = list_choices(key.choices)
        return Form(words, key.parse or _make_choice(name, key.choices))
    if key.parse is not None:
        return Form(words, key.parse, key.resolve)
    if kind is int:
        words = f"{key.least} to {key.most}" if key.most < _MANY else "number"
        return Form(words, _make_whole(key.least, key.most))
    return _FORMS[kind]


def declare_ca_file(example: str = "/etc/ssl/certs/ca-certificates.crt") -> Key:
    """Return the declaration of a key for certificates to trust."""
    return Key(
        "PEM file with the certificates of the authorities to trust",
        "default: the system's authorities",
        unset="the system's",
        example=example,
    )


def list_choices(choices: Sequence[str]) -> str:
    """Return *choices* in TOML, as words: ``"a", "b" or "c"``."""
    *others, last = (f'"{each}"' for each in choices)
    return f"{', '.join(others)} or {last}"


def parse_names(value: object) -> tuple[str, ...]:
    """Return the strings in *value*, a string or a list of strings."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise ValueError('neither a string nor a list of strings; write ["ONE", "TWO"]')
    return tuple(names)


def parse_path(value: object) -> str:
    """Return *value* if it can be a path."""
    text = parse_text(value)
    if not text or "\0" in text:
        raise ValueError("not a valid path")
    return text


def _make_choice(name: str, choices: Sequence[str]) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in choices:
            raise ValueError(f"not a valid {name}; use {list_choices(choices)}")
        return str(value)

    return parse


def _make_whole(lowest: int, highest: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"not a whole number from {lowest} to {highest}")
        return value

    return parse


def _parse_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false; write one of them without quotes")
    return value


def _parse_percent(value: object) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= cast("float", value) <= 1000:
        raise ValueError("not a percentage; write a number from 0 to 1000")
    return cast("float", value)


def _parse_duration(value: object) -> timedelta:
    return parse_duration(parse_text(value))


def _parse_zones(value: object) -> tuple[ZoneInfo, ...]:
    zones = []
    for name in parse_names(value):
        try:
            zones.append(ZoneInfo(name))
        except (LookupError, OSError, RecursionError, ValueError):  # hundreds of slashes
            raise ValueError(f"not a list of IANA time zones; correct {name!r}") from None
    return tuple(zones)


def _find_local_zone() -> tuple[ZoneInfo, ...]:
    from backup_monitoring.settings.zones import find_local_zone  # most files name zones

    return find_local_zone()


def resolve_path(folder: Path, text: str) -> Path:
    """Return the path *text* of a file in *folder*."""
    return folder / text


_FORMS = {
    bool: Form("true, false", _parse_flag),
    str: Form("text", parse_text),
    float: Form("percent", _parse_percent),
    timedelta: Form("duration", _parse_duration),
    Path: Form("path", parse_path, resolve_path),
    Names: Form("list", parse_names),
    tuple[ZoneInfo, ...]: Form("list", _parse_zones, find_default=_find_local_zone),
}
