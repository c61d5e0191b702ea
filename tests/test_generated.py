"""What follows from declarations is written by the generator: nothing has been changed since."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIB = "lib/backup_monitoring"
SETTINGS = '[directory]\nuri = "ldif:directory.ldif"\n'
ADDED = {
    f"{LIB}/tasks/status_task.py": (
        "    full: Annotated[",
        """
    example_time: Annotated[
        timedelta, Key("how long an example lasts", "of an example")
    ] = timedelta(hours=3)
""",
    ),
    f"{LIB}/settings/store.py": (
        "    keep: Annotated[",
        """
    example_count: Annotated[int, Key("how many examples are kept", least=1, most=9)] = 5
""",
    ),
}


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=root,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{root / 'lib'}:{root / 'checks'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the tree."""
    root = tmp_path / "copy"
    hidden = shutil.ignore_patterns(".*", "__pycache__", "tests", "build", "dist", "*.egg-info")
    shutil.copytree(ROOT, root, symlinks=True, ignore=hidden)
    return root


def show(root: Path, settings: str, *options: str) -> str:
    """Return what ``backup_settings`` prints with *settings*."""
    (root / "s.toml").write_text(settings, encoding="utf-8")
    arguments = ["--config", "s.toml", *options]
    launch = (
        "import sys; from backup_monitoring.plugin.launcher import main; "
        f"sys.argv = {['backup_settings', *arguments]!r}; main()"
    )
    return run(root, "-c", launch).stdout


def test_nothing_has_changed_since_it_was_generated() -> None:
    compared = run(ROOT, "-m", "tools.generate", "--diff")

    assert compared.returncode == 0, f"run: python -m tools.generate\n{compared.stdout}"
    assert (compared.stdout, compared.stderr) == ("", "")


def test_a_change_by_hand_is_found_and_undone(copy: Path) -> None:
    document = copy / "docs" / "settings.md"
    written = document.read_text(encoding="utf-8")
    document.write_text(written.replace('duration | `"2h"`', 'duration | `"3h"`'), encoding="utf-8")

    compared = run(copy, "-m", "tools.generate", "--diff")
    generated = run(copy, "-m", "tools.generate")

    assert compared.returncode == 1
    assert '-| `grace` | duration | `"3h"`' in compared.stdout
    assert generated.stdout == "written: docs/settings.md\n"
    assert document.read_text(encoding="utf-8") == written


def test_a_block_that_is_left_is_named(copy: Path) -> None:
    document = copy / "docs" / "settings.md"
    text = document.read_text(encoding="utf-8")
    left = "# Settings\n<!-- generated: no -->\n<!-- end -->\n"
    document.write_text(text.replace("# Settings\n", left), encoding="utf-8")

    generated = run(copy, "-m", "tools.generate")

    assert generated.returncode == 1
    assert "nothing is called 'no'; remove its block" in generated.stderr
    assert left in document.read_text(encoding="utf-8")


def test_a_block_that_is_missing_is_added_before_the_one_that_follows(copy: Path) -> None:
    document = copy / "docs" / "settings.md"
    text = document.read_text(encoding="utf-8")
    block = re.search(r"<!-- generated: settings homes -->\n.*?<!-- end -->\n", text, re.DOTALL)
    assert block is not None
    document.write_text(text.replace(block[0], ""), encoding="utf-8")

    assert run(copy, "-m", "tools.generate").returncode == 0

    following = "<!-- generated: settings store -->"
    assert f"{block[0]}\n{following}" in document.read_text(encoding="utf-8")


def test_a_setting_is_added_in_one_place(copy: Path) -> None:
    """The steps of CONTRIBUTING, "How to add a setting"."""
    for name, (before, lines) in ADDED.items():
        text = (copy / name).read_text(encoding="utf-8")
        assert text.count(before) == 1
        (copy / name).write_text(text.replace(before, lines + before), encoding="utf-8")
    assert run(copy, "-m", "tools.generate").returncode == 0

    table = (copy / "docs" / "settings.md").read_text(encoding="utf-8")
    assert '\n| `example_time` | duration | `"3h"` | how long an example lasts |\n' in table
    assert "\n| `example_count` | 1 to 9 | `5` | how many examples are kept |\n" in table
    annotated = (copy / "examples" / "backup-monitoring.toml").read_text(encoding="utf-8")
    assert re.search(r'^# example_time = "3h" +# of an example$', annotated, re.MULTILINE)
    assert re.search(r"^# example_count = 5 +# how many examples are", annotated, re.MULTILINE)
    assert show(copy, "", "--default") == annotated

    assert '\nexample_time = "3h"  # default\n' in show(copy, SETTINGS)
    assert "\nexample_count = 7\n" in show(copy, f"{SETTINGS}[store]\nexample_count = 7\n")
    assert "[status] example_tim: unknown key; did you mean 'example_time'?" in show(
        copy, f"{SETTINGS}[status]\nexample_tim = 1\n"
    )
    assert "10 is not a whole number from 1 to 9" in show(
        copy, f"{SETTINGS}[store]\nexample_count = 10\n"
    )


def test_a_section_is_a_class_and_a_field(copy: Path) -> None:
    (copy / LIB / "settings" / "sample.py").write_text(
        '"""Section [sample]: an example."""\n\n'
        "from typing import Annotated, NamedTuple\n\n"
        "from backup_monitoring.model import Key\n\n\n"
        "class SampleSettings(NamedTuple):\n"
        '    """[sample]: what a sample is for."""\n\n'
        '    enabled: Annotated[bool, Key("make samples")] = True\n',
        encoding="utf-8",
    )
    load = copy / LIB / "settings" / "load.py"
    text = load.read_text(encoding="utf-8")
    for place, line in (
        ("    notify: NotifySettings\n", "    sample: SampleSettings\n"),
        (
            "from backup_monitoring.settings.sections import",
            "from backup_monitoring.settings.sample import SampleSettings\n",
        ),
    ):
        assert text.count(place) == 1
        text = text.replace(place, line + place)
    load.write_text(text, encoding="utf-8")
    assert run(copy, "-m", "tools.generate").returncode == 0

    document = (copy / "docs" / "settings.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+)\]$", document, flags=re.MULTILINE)
    assert headings[headings.index("sample") + 1] == "notify"
    assert "## [sample]\n\nWhat a sample is for.\n\n| key | type" in document
    annotated = (copy / "examples" / "backup-monitoring.toml").read_text(encoding="utf-8")
    assert re.search(r"^\[sample\] +# what a sample is for$", annotated, re.MULTILINE)
    assert "\n[sample]\nenabled = true  # default\n" in show(copy, SETTINGS)


@pytest.mark.parametrize("option", ["--test", "--account=4000101"])
def test_the_annotated_file_is_printed_alone(copy: Path, option: str) -> None:
    assert show(copy, "", "--default", option) == (
        "backup_settings: UNKNOWN - --default: needs no settings; leave --test and --account out\n"
    )


def test_the_annotated_file_can_be_used_with_every_line(copy: Path) -> None:
    """Each line that is commented out is a valid setting once the # is removed."""
    annotated = (ROOT / "examples" / "backup-monitoring.toml").read_text(encoding="utf-8")
    active = re.sub(r'^# (?=("[^"]+"|\w+) = )', "", annotated, flags=re.MULTILINE)
    shown = show(copy, active)

    assert "UNKNOWN" not in shown
    assert tomllib.loads(shown)["notify"]["from"] == "Backup Service <backup@example.org>"
    assert "# default" not in shown


def test_the_annotated_file_is_good_to_read() -> None:
    annotated = (ROOT / "examples" / "backup-monitoring.toml").read_text(encoding="utf-8")
    lines = annotated.splitlines()

    assert max(map(len, lines)) <= 100
    assert [line.split()[0] for line in lines if re.search(r"# \(\d\) ", line)] == [
        *("uri", "suffix", "bind_dn", "password_file")
    ]
    first = [re.search(r"\((\d)\) ", line) for line in lines[6:]]
    assert [each[1] for each in first if each] == ["1", "2", "3", "4"]
    active = {line.split()[0] for line in lines if re.match(r"\w", line)}
    assert active == {"uri", "suffix", "bind_dn", "password_file", "zones"}
