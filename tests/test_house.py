"""The house: who may import whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIB = ROOT / "lib" / "backup_monitoring"
FILES = {
    str(path.relative_to(LIB).with_suffix("")).replace("/", "."): path for path in LIB.rglob("*.py")
}
PURE = sorted(
    name
    for name in FILES
    if name.startswith("rules.")
    or name in ("due", "growth", "history", "model", "moments", "policies")
    or name in ("offsets", "cron_fields", "reports")
    or name in ("notify.recipients", "notify.storms", "notify.model", "xml_elements")
)
OURS = "backup_monitoring"
# Who alone may import a library.
ONLY = {
    "ldap3": ("directory.",),
    "nagiosplugin": ("presentation", "ranges"),
    "sqlite3": ("store.", "notify.outbox"),
    "jinja2": ("notify.wording", "notify.mail"),
    "smtplib": ("notify.smtp",),
    "tomllib": ("settings",),
    "tqdm": (),
}


def imported(path: Path) -> Iterator[str]:
    """Every module that *path* imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def called(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr


@pytest.mark.parametrize("name", PURE)
def test_what_is_pure_reads_nothing(name: str) -> None:
    forbidden = {
        *(f"{OURS}.{part}" for part in ("directory", "storage", "store", "settings", "live")),
        *(f"{OURS}.{part}" for part in ("folders", "walk", "plugin", "presentation", "ranges")),
        *("nagiosplugin", "ldap3", "sqlite3", "os", "pathlib", "time", "socket", "subprocess"),
    }
    found = set(imported(FILES[name]))

    assert not {each for each in found if each in forbidden}
    assert not {"now", "utcnow", "today", "fromtimestamp_local"} & set(called(FILES[name]))


@pytest.mark.parametrize(("library", "by"), ONLY.items())
def test_a_library_is_known_to_few(library: str, by: tuple[str, ...]) -> None:
    users = {
        name
        for name, path in FILES.items()
        if any(each.split(".")[0] == library for each in imported(path))
    }

    assert all(user.startswith(by) for user in users) if by else not users, users


def test_the_library_imports_no_program() -> None:
    programs = {path.stem for path in (ROOT / "checks").glob("*.py")}

    for path in FILES.values():
        assert not programs & {each.split(".")[0] for each in imported(path)}, path


def test_a_module_opens_with_its_one_task() -> None:
    for path in [*FILES.values(), *(ROOT / "checks").glob("*.py")]:
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert said, path
        assert said.splitlines()[0].endswith((".", "?", ":")), path
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path
