"""Writes what follows from the tasks and the settings: `python -m tools.generate`, or `--diff`."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from difflib import unified_diff

from tools.director_files import render_director, render_director_notify
from tools.icinga2_files import (
    render_icinga2_active,
    render_icinga2_agent,
    render_icinga2_commands,
    render_icinga2_passive,
)
from tools.nagios_files import (
    render_nagios_active,
    render_nagios_commands,
    render_nagios_passive,
    render_nrpe,
)
from tools.programs import ROOT, list_generated_programs, render_program, render_setup
from tools.task_tables import (
    render_causes,
    render_checks,
    render_facts,
    render_metrics,
    render_questions,
    render_totals,
)

FILES: dict[str, Callable[[], str]] = {
    "setup.cfg": render_setup,
    "icinga/icinga2-commands.conf": render_icinga2_commands,
    "icinga/icinga2-active.conf": render_icinga2_active,
    "icinga/icinga2-passive.conf": render_icinga2_passive,
    "icinga/icinga2-agent.conf": render_icinga2_agent,
    "icinga/nagios4-commands.cfg": render_nagios_commands,
    "icinga/nagios4-active.cfg": render_nagios_active,
    "icinga/nagios4-passive.cfg": render_nagios_passive,
    "icinga/nrpe-commands.cfg": render_nrpe,
    "icinga/director-basket.json": render_director,
    "icinga/director-notify.json": render_director_notify,
}
# By the name in `<!-- generated: NAME -->`, up to `<!-- end -->`.
BLOCKS: dict[str, Callable[[], str]] = {
    "questions": render_questions,
    "checks": render_checks,
    "metrics": render_metrics,
    "totals": render_totals,
    "facts": render_facts,
    "causes": render_causes,
}
_DOCUMENTS = ("README.md", "docs/*.md")
_BLOCK = re.compile(r"(<!-- generated: ([\w. -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render_all() -> Iterator[tuple[str, str]]:
    """Yield the path of each generated file, and its text."""
    for path, task in list_generated_programs().items():
        yield path, render_program(task)
    for path, render in FILES.items():
        yield path, render()
    for pattern in _DOCUMENTS:
        for file in sorted(ROOT.glob(pattern)):
            yield str(file.relative_to(ROOT)), _fill_blocks(file.read_text(encoding="utf-8"))


def _fill_blocks(text: str) -> str:
    """Return *text* with its generated blocks; KeyError for one of an unknown name."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{BLOCKS[block[2]]()}\n\n{block[3]}", text)


def compare(path: str, text: str) -> str:
    """Return how *text* differs from the file, as a unified diff; '' if it does not."""
    file = ROOT / path
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    lines = before.splitlines(keepends=True), text.splitlines(keepends=True)
    return "".join(unified_diff(*lines, fromfile=path, tofile=path))


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with ``--diff`` print what would change; return the exit code."""
    changes = [(path, text, diff) for path, text in render_all() if (diff := compare(path, text))]
    for path, text, diff in changes:
        if arguments == ["--diff"]:
            print(diff, end="")
        else:
            (ROOT / path).write_text(text, encoding="utf-8")
            print(path)
    return 1 if changes and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
