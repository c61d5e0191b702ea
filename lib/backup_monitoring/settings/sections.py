"""Sections: what the fields of a NamedTuple declare, and their values in a file."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from backup_monitoring.model import Key, Threshold
from backup_monitoring.settings.forms import Form, find_form
from backup_monitoring.settings.toml_table import Table

S = TypeVar("S")


class DeclaredKey:
    """A key as its field declares it.

    Args:
        field: the field's name. kind: its type. key: what it declares. default: the field's.
    """

    def __init__(self, field: str, kind: Any, key: Key, default: Any) -> None:
        self.field = field
        self.kind = kind
        self.key = key
        self.default = default
        self.name = key.name or field

    @property
    def section(self) -> bool:
        """Whether its value is a section of its own."""
        return hasattr(self.kind, "_fields") and self.kind is not Threshold

    @property
    def mapping(self) -> bool:
        """Whether its value is a table of values of one kind."""
        return getattr(self.kind, "__origin__", None) is Mapping

    @property
    def form(self) -> Form:
        """How its value is written, or each of the values of its table."""
        kind = self.kind.__args__[1] if self.mapping else self.kind
        threshold = self.key.threshold
        return find_form(kind if threshold is None else threshold.kind, self.key, self.name)

    @property
    def plain_default(self) -> Any:
        """The default as the file would have it."""
        threshold = self.key.threshold
        return self.default if threshold is None else threshold.read(self.default.good)

    def parse(self, folder: Path, value: object) -> Any:
        """Return what *value* of a file in *folder* means; ValueError as of `Key`."""
        form = self.form
        parsed = form.parse(value)
        return parsed if form.resolve is None else form.resolve(folder, parsed)


def list_keys(section: Any) -> Iterator[DeclaredKey]:
    """Return the keys that the type *section* declares; a field without a `Key` is none."""
    for field, annotation in section.__annotations__.items():
        for key in getattr(annotation, "__metadata__", ()):
            default = section._field_defaults[field]
            yield DeclaredKey(field, annotation.__origin__, key, default)


def read_section(table: Table, section: type[S]) -> S:
    """Return the *section* that *table* has; SettingsError names the first bad key.

    A field ``days_origin`` beside a key ``days`` gets the origin of its value.
    """
    values: dict[str, Any] = {}
    fields = section.__annotations__
    for each in list_keys(section):
        values[each.field] = _read_value(table, each, values)
        if f"{each.field}_origin" in fields:
            values[f"{each.field}_origin"] = _find_origin(table, each)
    return section(**values)


def _read_value(table: Table, each: DeclaredKey, values: Mapping[str, Any]) -> Any:
    key, kind = each.key, each.kind
    if each.section:
        return read_section(table.take_table(each.name), kind)
    parse = partial(each.parse, table.file.parent)
    if each.mapping:
        part, none = table.take_table(each.name), kind.__args__[1]()
        names = key.keys or part.keys()
        return {name: part.take(name, parse, each.default.get(name, none)) for name in names}
    default = each.plain_default
    if key.derive is not None:
        default = key.derive(default, values)
    elif default == () and not table.has(each.name):
        default = each.form.find_default()
    value = table.take(each.name, parse, default)
    if key.threshold is None:
        return value
    return Threshold(key.threshold.make(value), _find_origin(table, each))


def _find_origin(table: Table, each: DeclaredKey) -> str:
    return "settings" if table.has(each.name) else "default"
