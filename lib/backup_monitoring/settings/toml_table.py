"""TOML tables: each key is taken with a parser of its value, and the rest is unknown."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

from backup_monitoring.model import SettingsError, format_duration_setting

T = TypeVar("T")
Taken = tuple[str, str, object, str]  # section, key, value, and origin as of `Setting`


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
    if value is None or value == ():
        return "(none)"
    if isinstance(value, frozenset):
        value = sorted(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(write_toml(each) for each in value) + "]"
    if isinstance(value, int | float):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def format_key(key: str) -> str:
    """Return *key* as TOML writes it."""
    return key if key.isascii() and key.isidentifier() else write_toml(key)


class Table:
    """A TOML table. Each key is taken once; what remains is unknown.

    Args:
        file: for messages. name: the section, '' for the whole file.
        values: the table's keys and values.
        taken: gets each key that is taken, with its value.
    """

    def __init__(
        self, file: Path, name: str, values: Mapping[str, object], taken: list[Taken]
    ) -> None:
        self.file = file
        self.name = name
        self.taken = taken
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
        table = Table(self.file, name, values, self.taken)
        self._tables.append(table)
        return table

    def take(self, key: str, parse: Callable[[object], T], default: T) -> T:
        """Return the value of *key* as *parse* returns it, *default* if it is missing.

        Args:
            parse: raises ValueError as `Key.parse` does.
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
        self.taken.append((self.name, key, value, origin))
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
