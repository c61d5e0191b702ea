"""docs/operations.md, "What each UNKNOWN means": complete, and in the words of the programs."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SECTION = "## What each UNKNOWN means"
# Errors that a check of a running installation can end with: the modules that raise them.
RAISED_IN = (
    "net/*.py",
    "directory/ldap*.py",
    "store/store_file.py",
    "settings/load.py",
    "plugin/*.py",
)
BY_SERVER = {"illegal pagedResults page size"}  # OpenLDAP's own text
VALUE = "\0"


def text_of(node: ast.expr) -> str | None:
    """Return the text of *node* with `VALUE` for what is filled in, None if it is not a text."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(text_of(value) or VALUE for value in values)
    return None


@cache
def expressions(*globs: str) -> tuple[ast.expr, ...]:
    return tuple(
        node
        for glob in globs
        for path in sorted(ROOT.glob(glob))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.expr)
    )


@cache
def texts() -> str:
    """Return every text of the library and the programs, a line each."""
    found = map(text_of, expressions("lib/backup_monitoring/**/*.py", "checks/*.py", "bin/*"))
    return "\n".join(text.replace("\n", " ") for text in found if text)


@cache
def documented() -> list[str]:
    section = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition(SECTION)[2]
    rows = re.findall(r"^\| (`.*?) \|", section.partition("\n## ")[0], flags=re.MULTILINE)
    return [text for row in rows for text in re.findall(r"`([^`]+)`", row)]


@cache
def pattern_of(text: str) -> re.Pattern[str]:
    """Return what finds *text* in the code: numbers, names and ``...`` are filled in there."""
    parts = re.split(r"\.\.\.|\b[0-9]+\b|\b[A-Z]{4,}\b|\bsst[A-Z]\w+", text)
    return re.compile(".*?".join(map(re.escape, parts)))


@pytest.mark.parametrize("text", sorted({*documented()} - BY_SERVER))
def test_a_documented_text_is_one_of_the_programs(text: str) -> None:
    for part in text.split("; "):  # a problem, or a problem and its remedy
        assert pattern_of(part).search(texts()), part


def unknown_summaries() -> Iterator[str]:
    """Yield the sentences of verdicts that are UNKNOWN, as far as they are written in one place."""
    for node in expressions("lib/backup_monitoring/tasks/*.py"):
        if isinstance(node, ast.Call) and any(
            "attr='UNKNOWN'" in ast.dump(each) for each in node.args
        ):
            yield from filter(None, [text_of(each) for each in node.args][1:])


def problems() -> Iterator[str]:
    """Yield what the errors of `RAISED_IN` say is wrong, as far as it is written in one place."""
    for node in expressions(*(f"lib/backup_monitoring/{each}" for each in RAISED_IN)):
        if isinstance(node, ast.Call) and len(node.args) == 3:
            name = getattr(node.func, "id", "")
            if name.endswith("Error") and (text := text_of(node.args[1])):
                yield text


@pytest.mark.parametrize("text", sorted({*unknown_summaries(), *problems()}))
def test_a_text_of_the_programs_is_documented(text: str) -> None:
    fixed = max(re.split(f"{VALUE}|; ", text), key=len)

    assert any(
        pattern_of(each).search(text) or fixed.strip(" :") in each for each in documented()
    ), text
