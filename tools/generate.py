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
from tools.catalogs import compile_catalogs, render_catalogs  # noqa: E402
from tools.completions import render_bash, render_fish, render_zsh  # noqa: E402
from tools.director_files import (  # noqa: E402
    render_director_active,
    render_director_notify,
    render_director_passive,
)
from tools.icinga2_files import (  # noqa: E402
    render_icinga2_active,
    render_icinga2_agent,
    render_icinga2_commands,
    render_icinga2_passive,
    render_icinga2_passive_commands,
)
from tools.manuals import render_manual  # noqa: E402
from tools.nagios_files import (  # noqa: E402
    render_nagios_active,
    render_nagios_commands,
    render_nagios_passive,
    render_nrpe,
)
from tools.parsers import list_parsers  # noqa: E402
from tools.programs import (  # noqa: E402
    find_left_programs,
    list_generated_programs,
    list_left_scripts,
    list_programs,
    render_program,
    render_script,
    render_setup,
    render_task_names,
)
from tools.settings_tables import render_setting_blocks  # noqa: E402
from tools.task_tables import (  # noqa: E402
    render_causes,
    render_checks,
    render_facts,
    render_metrics,
    render_questions,
    render_totals,
)

SHARE = ROOT / "share"
FILES: Mapping[str, Callable[[], str]] = {
    "setup.cfg": render_setup,
    "lib/backup_monitoring/tasks/names.py": render_task_names,
    "examples/backup-monitoring.toml": render_annotated,
    "icinga/icinga2-commands.conf": render_icinga2_commands,
    "icinga/icinga2-active.conf": render_icinga2_active,
    "icinga/icinga2-passive.conf": render_icinga2_passive,
    "icinga/icinga2-passive-commands.conf": render_icinga2_passive_commands,
    "icinga/icinga2-agent.conf": render_icinga2_agent,
    "icinga/nagios4-commands.cfg": render_nagios_commands,
    "icinga/nagios4-active.cfg": render_nagios_active,
    "icinga/nagios4-passive.cfg": render_nagios_passive,
    "icinga/nrpe-commands.cfg": render_nrpe,
    "icinga/director-active.json": render_director_active,
    "icinga/director-passive.json": render_director_passive,
    "icinga/director-notify.json": render_director_notify,
}
# The blocks of each document, by name, in their order.
DOCUMENTS: Mapping[str, Callable[[], Mapping[str, str]]] = {
    "README.md": lambda: {"questions": render_questions()},
    "docs/checks.md": lambda: {"checks": render_checks()},
    "docs/mails.md": lambda: {"facts": render_facts()},
    "docs/operations.md": lambda: {
        "causes": render_causes(),
        "metrics": render_metrics(),
        "totals": render_totals(),
    },
    "docs/settings.md": render_setting_blocks,
}
_BLOCK = re.compile(r"(<!-- generated: ([\w. ]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def render_all() -> Iterator[tuple[Path, str]]:
    """Yield each file that has something generated, with the text that it should have."""
    programs = list_generated_programs()
    for name in (*find_left_programs(programs), *list_left_scripts()):
        sys.exit(f"{name}: generated for a program that is gone; delete it")
    for name, task in programs.items():
        yield ROOT / name, render_program(task)
    for name in list_programs():
        yield ROOT / "bin" / name, render_script()
    yield from _render_shared()
    for name, render in FILES.items():
        yield ROOT / name, render()
    yield from render_catalogs(ROOT)
    for name, render_blocks in DOCUMENTS.items():
        yield ROOT / name, _fill_blocks(ROOT / name, render_blocks())


def _render_shared() -> Iterator[tuple[Path, str]]:
    """Yield each program's manual page and completions, placed as in an installation."""
    parsers = list_parsers()
    names = [parser.name for parser in parsers]
    files = {}
    for parser in parsers:
        name = parser.name
        files[SHARE / "man" / "man1" / f"{name}.1"] = render_manual(parser, names)
        files[SHARE / "bash-completion" / "completions" / name] = render_bash(parser)
        files[SHARE / "zsh" / "site-functions" / f"_{name}"] = render_zsh(parser)
        files[SHARE / "fish" / "vendor_completions.d" / f"{name}.fish"] = render_fish(parser)
    for left in {file for file in SHARE.rglob("*") if file.is_file()} - files.keys():
        sys.exit(f"{left}: generated for a program that is gone; delete it")
    yield from files.items()


def _fill_blocks(document: Path, blocks: Mapping[str, str]) -> str:
    text = document.read_text(encoding="utf-8")
    for name in {name for _, name, _ in _BLOCK.findall(text)} - blocks.keys():
        sys.exit(f"{document}: nothing is called {name!r}; remove its block")
    for name in reversed(list(blocks)):
        text = _add_block(text, name, blocks)
    return _BLOCK.sub(lambda match: f"{match[1]}{blocks[match[2]]}{match[3]}", text)


def _add_block(text: str, name: str, blocks: Mapping[str, str]) -> str:
    """Return *text* with the block *name*, a new one before the one that follows it."""
    begin = "<!-- generated: {} -->\n"
    if begin.format(name) in text:
        return text
    names = list(blocks)
    following = names[names.index(name) + 1 :]
    place = text.index(begin.format(following[0])) if following else len(text)
    return f"{text[:place]}{begin.format(name)}<!-- end -->\n\n{text[place:]}"


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
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"written: {name}")
    if not compare:
        compile_catalogs(ROOT)
    return 1 if compare and differs else 0


if __name__ == "__main__":
    sys.exit(main())
