"""The tables of docs/settings.md, from the declarations of the keys."""

import re
from collections.abc import Iterable, Iterator
from textwrap import fill
from typing import Any

from backup_monitoring.settings import (
    DeclaredKey,
    describe_section,
    format_default,
    list_keys,
    list_sections,
)

_COLUMNS = ("| key | type | default | meaning |", "| --- | --- | --- | --- |")


def render_setting_blocks() -> dict[str, str]:
    """Return the block of each section, by its name."""
    blocks: dict[str, str] = {}
    for name, section in list_sections().items():
        blocks |= dict(_render_blocks(name, section, describe_section(section)))
    return blocks


def _render_blocks(name: str, section: Any, text: str) -> Iterator[tuple[str, str]]:
    """Yield the block of *section*, and those of the tables below it that have a heading."""
    keys = list(list_keys(section))
    rows = [_format_row(each) for each in keys if not each.section and not each.mapping]
    free = [each for each in keys if each.mapping and not each.key.keys]
    notes = [
        fill(f"`[{name}.{each.name}]` is a table of its own, {each.key.help}", 100) for each in free
    ]
    yield _make_block(name, text, rows, notes)
    for each in keys:
        path = f"{name}.{each.name}"
        if each.section:
            yield from _render_blocks(path, each.kind, each.key.help)
        elif each.mapping and each.key.keys:
            rows = [
                f"| `{key}` | {each.form.words} | `{each.default.get(key, 0)}` | {help} |"
                for key, help in each.key.keys.items()
            ]
            yield _make_block(path, each.key.help, rows)


def _make_block(
    name: str, text: str, rows: Iterable[str], notes: Iterable[str] = ()
) -> tuple[str, str]:
    paragraphs = [f"## [{name}]", text[:1].upper() + text[1:], "\n".join([*_COLUMNS, *rows])]
    return f"settings {name}", "\n\n".join([*paragraphs, *notes]) + "\n"


def _format_row(each: DeclaredKey) -> str:
    words = re.sub(r'("[^"]*")', r"`\1`", each.form.words)
    default = f"`{format_default(each)}`"
    if each.key.unset:
        default += f": {each.key.unset}"
    cells = (f"`{each.name}`", words, default, each.key.help)
    return f"| {' | '.join(cells)} |"
