"""The annotated settings file: every key with its default and its meaning, as comments."""

import re
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from backup_monitoring.settings.load import list_sections
from backup_monitoring.settings.sections import DeclaredKey, list_keys
from backup_monitoring.settings.toml_table import format_key, write_toml

_HEAD = """\
# Settings of backup-monitoring. Copy this file to
#   /etc/backup-monitoring/backup-monitoring.toml
# change the four lines marked (1) to (4), and check them:
#   backup_settings --test
# Lines that are commented out show the default, or an example where there is none.
# Durations are "90s", "90m", "2h" or "14d". Relative paths are relative to this file.
# An unknown key is an error.
"""
_WIDTH = 100
_NARROWEST = 34  # the first column of comments
_STEP = 6
_MOST_WIDE = 1 / 3  # of a section's lines: their comments may be further to the right


class _Line(NamedTuple):
    """A key or a heading in TOML, and what it means; *preset*: the file sets the key."""

    text: str
    comment: str
    preset: bool = False


def render_annotated() -> str:
    """Return the annotated file."""
    parts = [_HEAD]
    for name, section in list_sections().items():
        parts += ["\n".join(_align(lines)) + "\n" for lines in _list_tables(name, section)]
    return "\n".join(parts)


def describe_section(section: Any) -> str:
    """Return what the docstring of the type *section* says of it, in Markdown."""
    text = re.sub(r"\n +", "\n", section.__doc__ or "").partition("\n\nArgs:")[0]
    return text.partition("]: ")[2].strip()


def format_default(each: DeclaredKey) -> str:
    """Return the default in TOML; a part of it that another key gives is that key in capitals."""
    default = each.plain_default
    return write_toml(each.key.derive(default, _Capitals()) if each.key.derive else default)


class _Capitals(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key.upper()


def _list_tables(name: str, section: Any, comment: str = "") -> Iterator[list[_Line]]:
    """Yield the lines of *section*, then those of each table below it."""
    comment = comment or describe_section(section).partition("\n")[0]
    keys = list(list_keys(section))
    plain = [each for each in keys if not each.section and not each.mapping]
    yield [_Line(f"[{name}]", _make_plain(comment)), *map(_make_line, plain)]
    for each in keys:
        path, note = f"{name}.{each.name}", each.key.comment or each.key.help
        if each.section:
            yield from _list_tables(path, each.kind, note)
        elif each.mapping:
            yield [_Line(f"[{path}]", _make_plain(note)), *_list_entries(each)]


def _list_entries(each: DeclaredKey) -> Iterator[_Line]:
    none = each.kind.__args__[1]()
    fixed = {name: each.default.get(name, none) for name in each.key.keys}
    entries = fixed or (each.key.example or {})
    for name, value in entries.items():
        comment = each.key.keys.get(name, "")
        yield _Line(f"# {format_key(name)} = {write_toml(value)}", comment)


def _make_line(each: DeclaredKey) -> _Line:
    key = each.key
    value = format_default(each) if key.example is None else write_toml(key.example)
    comment = key.help if key.comment is None else key.comment
    sign = "" if key.preset else "# "
    return _Line(f"{sign}{each.name} = {value}", _make_plain(comment), key.preset)


def _make_plain(markdown: str) -> str:
    """Return *markdown* as plain text without a period at its end."""
    return re.sub(r"\[([^]]+)\]\([^)]+\)|`", r"\1", markdown).removesuffix(".")


def _align(lines: Sequence[_Line]) -> Iterator[str]:
    """Yield the lines of a table, their comments in columns."""
    widths = sorted(len(line.text) + 2 for line in lines if line.comment)
    preset = [len(line.text) + 2 for line in lines if line.preset]
    usual = widths[-1 - int(len(widths) * _MOST_WIDE)] if widths else 0
    column = _find_column(max([usual, *preset]))
    for line in lines:
        at = max(column, _find_column(len(line.text) + 2))
        texts = _wrap(line.comment, _WIDTH - at - 2)
        first = f"{line.text:{at}}# {texts[0]}" if texts else line.text
        yield from [first, *(f"{'':{at}}# {text}" for text in texts[1:])]


def _find_column(width: int) -> int:
    steps = max(0, -((_NARROWEST - width) // _STEP))
    return _NARROWEST + steps * _STEP


def _wrap(comment: str, width: int) -> list[str]:
    """Return the lines of *comment*; those that are its own are kept."""
    lines = comment.split("\n")
    return lines if len(lines) > 1 else wrap(comment, max(width, 20))
