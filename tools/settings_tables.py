"""The sections of docs/settings.md, from the declarations of the keys."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from textwrap import fill
from typing import Any

from backup_monitoring.settings import (
    DeclaredKey,
    describe_section,
    format_default,
    list_keys,
    list_sections,
)
from tools.task_tables import make_table

_HEAD = ("key", "type", "default", "meaning")


def render_setting_blocks() -> dict[str, Callable[[], str]]:
    """Return what renders the block of each section, by the block's name, in their order."""
    blocks: dict[str, Callable[[], str]] = {}
    for name, section in list_sections().items():
        blocks |= dict(_list_blocks(name, section, describe_section(section)))
    return blocks


def insert_missing_blocks(text: str) -> str:
    """Return docs/settings.md with an empty block for each section that has none, in its place."""
    place = len(text)
    for name in reversed(render_setting_blocks()):
        begin = f"<!-- generated: {name} -->\n"
        if begin not in text:
            text = f"{text[:place]}{begin}<!-- end -->\n\n{text[place:]}"
        place = text.index(begin)
    return text


def _list_blocks(name: str, section: Any, text: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the block of *section*, and those of the tables below it that have a heading."""
    yield f"settings {name}", partial(_render_section, name, section, text)
    for each in list_keys(section):
        path = f"{name}.{each.name}"
        if each.section:
            yield from _list_blocks(path, each.kind, each.key.help)
        elif each.mapping and each.key.keys:
            yield f"settings {path}", partial(_render_kinds, path, each)


def _render_section(name: str, section: Any, text: str) -> str:
    keys = list(list_keys(section))
    rows = [_make_row(each) for each in keys if not each.section and not each.mapping]
    free = [each for each in keys if each.mapping and not each.key.keys]
    notes = [f"`[{name}.{each.name}]` is a table of its own, {each.key.help}" for each in free]
    return _join(name, text, rows, (fill(note, 100) for note in notes))


def _render_kinds(name: str, each: DeclaredKey) -> str:
    kinds = each.key.keys.items()
    rows = [(f"`{kind}`", each.form.words, "`0`", meaning) for kind, meaning in kinds]
    return _join(name, each.key.help, rows)


def _join(name: str, text: str, rows: Iterable[tuple[str, ...]], notes: Iterable[str] = ()) -> str:
    table = make_table(_HEAD, rows)
    return "\n\n".join([f"## [{name}]", text[:1].upper() + text[1:], table, *notes])


def _make_row(each: DeclaredKey) -> tuple[str, ...]:
    words = re.sub(r'("[^"]*")', r"`\1`", each.form.words)
    default = f"`{format_default(each)}`"
    if each.key.unset:
        default += f": {each.key.unset}"
    return (f"`{each.name}`", words, default, each.key.help)
