"""Writes what follows from declarations in the code: whole files, and blocks of documents.

A block of a Markdown document lies between ``<!-- generated: NAME -->`` and ``<!-- end -->``.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from difflib import unified_diff
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "checks")]

from backup_monitoring.settings import render_annotated  # noqa: E402 - found by the path above
from tools.settings_tables import render_setting_blocks  # noqa: E402

FILES: Mapping[str, Callable[[], str]] = {
    "examples/backup-monitoring.toml": render_annotated,
}
# The blocks of each document, by name.
DOCUMENTS: Mapping[str, Callable[[], Mapping[str, str]]] = {
    "docs/settings.md": render_setting_blocks,
}
_BLOCK = re.compile(r"(<!-- generated: ([\w. ]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def render_all() -> Iterator[tuple[Path, str]]:
    """Yield each file that has something generated, with the text that it should have."""
    for name, render in FILES.items():
        yield ROOT / name, render()
    for name, render_blocks in DOCUMENTS.items():
        yield ROOT / name, _fill_blocks(ROOT / name, render_blocks())


def _fill_blocks(document: Path, blocks: Mapping[str, str]) -> str:
    text = document.read_text(encoding="utf-8")
    found = [name for _, name, _ in _BLOCK.findall(text)]
    for name in blocks:
        if name not in found:
            begin, end = f"<!-- generated: {name} -->", "<!-- end -->"
            sys.exit(f"{document}: no block {name!r}; add the lines {begin} and {end}")
    for name in found:
        if name not in blocks:
            sys.exit(f"{document}: block {name!r} is of nothing that exists; remove it")
    return _BLOCK.sub(lambda match: f"{match[1]}{blocks[match[2]]}{match[3]}", text)


def main() -> int:
    """Write the files, or compare them; return the exit code."""
    parser = argparse.ArgumentParser("python -m tools.generate", description=__doc__)
    parser.add_argument("--diff", action="store_true", help="compare; exit code 1 if any differs")
    compare = parser.parse_args().diff
    differs = False
    for path, text in render_all():
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        name = str(path.relative_to(ROOT))
        differs |= old != text
        if compare:
            lines = old.splitlines(keepends=True), text.splitlines(keepends=True)
            sys.stdout.writelines(unified_diff(*lines, name, f"{name} (generated)"))
        elif old != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: {name}")
    return 1 if compare and differs else 0


if __name__ == "__main__":
    sys.exit(main())
