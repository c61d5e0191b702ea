"""Sections: what the fields of a NamedTuple declare, and their values in a file."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from backup_monitoring.model import Key, Threshold
from backup_monitoring.settings.forms import Form, find_form
from backup_monitoring.settings.toml_table import Table

S = TypeVar("S")


class DeclaredKey(NamedTuple):
    """A key as its field declares it: the field's name, type and default, and its `Key`."""

    field: str
    kind: Any
    key: Key
    default: Any

    @property
    def name(self) -> str:
        """The name in the file."""
        return self.key.name or self.field

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
    if each.section:
        return read_section(table.take_table(each.name), each.kind)
    form, key, default = each.form, each.key, each.plain_default
    if each.mapping:
        part = table.take_table(each.name)
        none = each.kind.__args__[1]()
        return {name: part.take(name, form.parse, none) for name in key.keys or part.keys()}
    if key.derive is not None:
        default = key.derive(default, values)
    elif form.find_default is not None and not default:
        default = form.find_default()

    def parse(value: object) -> Any:
        parsed = form.parse(value)
        return parsed if form.resolve is None else form.resolve(table.file.parent, parsed)

    value = table.take(each.name, parse, default)
    if key.threshold is None:
        return value
    return Threshold(key.threshold.make(value), _find_origin(table, each))


def _find_origin(table: Table, each: DeclaredKey) -> str:
    return "settings" if table.has(each.name) else "default"
