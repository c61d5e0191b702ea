"""TOML tables of which each key is taken once, by a parser of its value."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from backup_monitoring.model import SettingsError, format_duration_setting, parse_duration

T = TypeVar("T")
Names = tuple[str, ...]


class Setting(NamedTuple):
    """A setting in effect, for `backup_settings`: its TOML value and *origin* (file or default)."""

    section: str
    key: str
    value: str
    origin: str


class Table:
    """A TOML table of which each key is taken once; what is left is unknown."""

    def __init__(
        self, file: Path, name: str, values: Mapping[str, object], in_effect: list[Setting]
    ) -> None:
        self.file = file
        self.name = name
        self.in_effect = in_effect
        self._values = values
        self._known: list[str] = []
        self._tables: list[Table] = []

    def table(self, key: str) -> "Table":
        """Return the table below *key*, an empty one if it is not there."""
        self._known.append(key)
        name = f"{self.name}.{key}".lstrip(".")
        values = self._values.get(key, {})
        if not isinstance(values, dict):
            raise self.error(key, "not a table", f"write it as [{name}]")
        table = Table(self.file, name, values, self.in_effect)
        self._tables.append(table)
        return table

    def take(
        self,
        key: str,
        parse: Callable[[object], T],
        default: T,
        show: Callable[[T], str] | None = None,
    ) -> T:
        """Return the value of *key* by *parse*, whose ValueError says what a value must be."""
        self._known.append(key)
        value = default
        if key in self._values:
            try:
                value = parse(self._values[key])
            except ValueError as error:
                raise self.error(key, f"{self._values[key]!r} is {error}", "correct it") from None
        origin = "file" if key in self._values else "default"
        self.in_effect.append(Setting(self.name, key, (show or write_toml)(value), origin))
        return value

    def has(self, key: str) -> bool:
        """Tell whether the file sets *key*."""
        return key in self._values

    def keys(self) -> list[str]:
        """Return the keys that the file sets, for a table whose keys are the file's to choose."""
        return list(self._values)

    def error(self, key: str, problem: str, remedy: str) -> SettingsError:
        """Return an error at *key*."""
        place = f"[{self.name}] {key}" if self.name else f"[{key}]"
        return SettingsError(f"{self.file}: {place}", problem, remedy)

    def finish(self) -> None:
        """Raise SettingsError for the first key that nobody has taken."""
        for key in self._values:
            if key not in self._known:
                from difflib import get_close_matches

                near = get_close_matches(key, self._known, n=1, cutoff=0)
                raise self.error(key, "no such key", f"the nearest known one is {near[0]!r}")
        for table in self._tables:
            table.finish()


def write_toml(value: object) -> str:
    """Return *value* as TOML has it."""
    if isinstance(value, timedelta):
        return f'"{format_duration_setting(value)}"'
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "(none)"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(write_toml(each) for each in value) + "]"
    if isinstance(value, int | float):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_text(value: object) -> str:
    """Return *value* if it is a text."""
    if not isinstance(value, str):
        raise ValueError("not a text in quotes")
    return value


def parse_optional_text(value: object) -> str | None:
    """Return *value* if it is a text; a default may be None."""
    return parse_text(value)


def parse_flag(value: object) -> bool:
    """Return *value* if it is true or false."""
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def parse_whole(lowest: int, highest: int) -> Callable[[object], int]:
    """Return a parser of whole numbers from *lowest* to *highest*."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"not a whole number from {lowest} to {highest}")
        return value

    return parse


def parse_percent(value: object) -> float:
    """Return *value* if it is a percentage."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= cast("float", value) <= 1000:
        raise ValueError("not a percentage")
    return cast("float", value)


def parse_span(value: object) -> timedelta:
    """Return the duration that *value* says."""
    return parse_duration(parse_text(value))


def parse_optional_span(value: object) -> timedelta | None:
    """Return the duration that *value* says; a default may be None."""
    return parse_span(value)


def parse_names(value: object) -> tuple[str, ...]:
    """Return the texts of *value*, a text or a list."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise ValueError("neither a text nor a list of texts")
    return tuple(names)


def parse_file_names(value: object) -> tuple[str, ...]:
    """Return the texts of *value*, each the name of one file."""
    names = parse_names(value)
    if any(not name or "/" in name or name in (".", "..") or "\0" in name for name in names):
        raise ValueError("no plain file name")
    return names


def parse_path(folder: Path, value: object) -> Path:
    """Return the path that *value* says, relative ones below *folder*."""
    text = parse_text(value)
    if not text or "\0" in text:
        raise ValueError("no path")
    return folder / text


def get_default(kind: type[NamedTuple], key: str) -> str:
    """Return the default of the field *key* of *kind*."""
    return cast("str", kind._field_defaults[key])
