"""TOML tables: each key is taken with a parser of its value, and the rest is unknown."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from backup_monitoring.model import SettingsError, format_duration_setting, parse_duration

T = TypeVar("T")
Names = tuple[str, ...]


class Setting(NamedTuple):
    """A setting in effect: *value* in TOML, *origin* "file" or "default"."""

    section: str
    key: str
    value: str
    origin: str


def write_toml(value: object) -> str:
    """Return *value* in TOML."""
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


class Table:
    """A TOML table. Each key is taken once; what remains is unknown.

    A parser of a value raises ValueError. Its text completes the sentence "VALUE is ...", for
    example "not a duration", and may go on with "; " and the remedy.

    Args:
        file: for messages. name: the section, '' for the whole file.
        values: the table's keys and values.
        in_effect: gets a `Setting` for each key that is taken.
    """

    def __init__(
        self, file: Path, name: str, values: Mapping[str, object], in_effect: list[Setting]
    ) -> None:
        self.file = file
        self.name = name
        self.in_effect = in_effect
        self._values = values
        self._known: list[str] = []
        self._tables: list[Table] = []

    def take_table(self, key: str) -> "Table":
        """Return the table below *key*, an empty one if it is missing."""
        self._known.append(key)
        name = f"{self.name}.{key}".lstrip(".")
        values = self._values.get(key, {})
        if not isinstance(values, dict):
            raise self.error(key, "must be a table", f"write it as [{name}]")
        table = Table(self.file, name, values, self.in_effect)
        self._tables.append(table)
        return table

    def take(
        self,
        key: str,
        parse: Callable[[object], T],
        default: T,
        write: Callable[[T], str] = write_toml,
    ) -> T:
        """Return the value of *key* as *parse* returns it, *default* if it is missing.

        Args:
            write: formats the value for `in_effect`.
        """
        self._known.append(key)
        value = default
        if key in self._values:
            try:
                value = parse(self._values[key])
            except ValueError as error:
                problem, _, remedy = str(error).partition("; ")
                problem = f"{self._values[key]!r} is {problem}"
                raise self.error(key, problem, remedy or "correct it") from None
        origin = "file" if key in self._values else "default"
        self.in_effect.append(Setting(self.name, key, write(value), origin))
        return value

    def has(self, key: str) -> bool:
        """Return whether the file sets *key*."""
        return key in self._values

    def keys(self) -> list[str]:
        """Return the keys that the file sets, for a table whose keys are free."""
        return list(self._values)

    def error(self, key: str, problem: str, remedy: str) -> SettingsError:
        """Return an error at *key*."""
        place = f"[{self.name}] {key}" if self.name else f"[{key}]"
        return SettingsError(f"{self.file}: {place}", problem, remedy)

    def reject_unknown_keys(self) -> None:
        """Raise SettingsError for the first key that was not taken, here or in a table below."""
        for key in self._values:
            if key not in self._known:
                from difflib import get_close_matches

                near = get_close_matches(key, self._known, n=1, cutoff=0)
                raise self.error(key, "unknown key", f"did you mean {near[0]!r}?")
        for table in self._tables:
            table.reject_unknown_keys()


def parse_text(value: object) -> str:
    """Return *value* if it is a string."""
    if not isinstance(value, str):
        raise ValueError("not a string; put it in quotes")
    return value


def parse_optional_text(value: object) -> str | None:
    """Return *value* if it is a string, for a key whose default is None."""
    return parse_text(value)


def parse_flag(value: object) -> bool:
    """Return *value* if it is true or false."""
    if not isinstance(value, bool):
        raise ValueError("neither true nor false; write one of them without quotes")
    return value


def parse_whole(lowest: int, highest: int) -> Callable[[object], int]:
    """Return a parser of whole numbers from *lowest* to *highest*."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"not a whole number from {lowest} to {highest}")
        return value

    return parse


def parse_percent(value: object) -> float:
    """Return *value* if it is a percentage, from 0 to 1000."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= cast("float", value) <= 1000:
        raise ValueError("not a percentage; write a number from 0 to 1000")
    return cast("float", value)


def parse_span(value: object) -> timedelta:
    """Return the duration *value*."""
    return parse_duration(parse_text(value))


def parse_optional_span(value: object) -> timedelta | None:
    """Return the duration *value*, for a key whose default is None."""
    return parse_span(value)


def parse_names(value: object) -> tuple[str, ...]:
    """Return the strings in *value*, a string or a list of strings."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise ValueError('neither a string nor a list of strings; write ["ONE", "TWO"]')
    return tuple(names)


def parse_file_names(value: object) -> tuple[str, ...]:
    """Return the strings in *value*, each the name of a file or folder."""
    names = parse_names(value)
    if any(not name or "/" in name or name in (".", "..") or "\0" in name for name in names):
        raise ValueError("not a list of file names; write them without a path")
    return names


def parse_path(folder: Path, value: object) -> Path:
    """Return the path *value*; a relative one is below *folder*."""
    text = parse_text(value)
    if not text or "\0" in text:
        raise ValueError("not a valid path")
    return folder / text
