"""CONTRIBUTING, "How to add a setting", on a copy of the tree; and the annotated settings file."""

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
ANNOTATED = ROOT / "examples" / "backup-monitoring.toml"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the tree."""
    root = tmp_path / "copy"
    hidden = shutil.ignore_patterns(".*", "__pycache__", "tests", "build", "dist", "*.egg-info")
    shutil.copytree(ROOT, root, symlinks=True, ignore=hidden)
    return root


def run(root: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=root,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{root / 'lib'}:{root / 'checks'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not done.stderr
    return done.stdout


def launch(root: Path, *options: str) -> str:
    """Return what ``backup_settings`` prints with these *options*."""
    code = "import sys; from backup_monitoring.plugin.launcher import main; "
    return run(root, "-c", f"{code}sys.argv = {['backup_settings', *options]!r}; main()")


def show(root: Path, settings: str) -> str:
    """Return what ``backup_settings`` prints with *settings*."""
    (root / "s.toml").write_text(settings, encoding="utf-8")
    return launch(root, "--config", "s.toml")


def replace(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), encoding="utf-8")


def test_a_key_is_added_in_one_place(copy: Path) -> None:
    replace(
        copy / LIB / "tasks" / "status_task.py",
        "    full: Annotated[",
        "    example_time: Annotated[\n"
        '        timedelta, Key("how long an example lasts", "an example")\n'
        "    ] = timedelta(hours=3)\n    full: Annotated[",
    )
    with (copy / LIB / "settings" / "store.py").open("a", encoding="utf-8") as store:
        store.write('    example_count: Annotated[int, Key("of examples", least=1, most=9)] = 5\n')

    written = run(copy, "-m", "tools.generate")

    assert set(written.split()) == {"docs/settings.md", "examples/backup-monitoring.toml"}
    table = (copy / "docs" / "settings.md").read_text(encoding="utf-8")
    assert '\n| `example_time` | duration | `"3h"` | how long an example lasts |\n' in table
    assert "\n| `example_count` | 1 to 9 | `5` | of examples |\n" in table
    annotated = (copy / "examples" / "backup-monitoring.toml").read_text(encoding="utf-8")
    assert re.search(r'^# example_time = "3h" +# an example$', annotated, re.MULTILINE)
    assert re.search(r"^# example_count = 5 +# of examples$", annotated, re.MULTILINE)
    assert launch(copy, "--default") == annotated

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
    field = "    notify: NotifySettings\n"
    replace(load, field, f"    sample: SampleSettings\n{field}")
    line = "from backup_monitoring.settings.sections import"
    replace(load, line, f"from backup_monitoring.settings.sample import SampleSettings\n{line}")

    run(copy, "-m", "tools.generate")

    text = (copy / "docs" / "settings.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+)\]$", text, flags=re.MULTILINE)
    assert headings[headings.index("sample") + 1] == "notify"
    assert "## [sample]\n\nWhat a sample is for.\n\n| key | type" in text
    annotated = (copy / "examples" / "backup-monitoring.toml").read_text(encoding="utf-8")
    assert re.search(r"^\[sample\] +# what a sample is for$", annotated, re.MULTILINE)
    assert "\n[sample]\nenabled = true  # default\n" in show(copy, SETTINGS)
    assert run(copy, "-m", "tools.generate") == ""


def test_every_line_of_the_annotated_file_is_valid(copy: Path) -> None:
    """Each that is commented out is a valid setting once its # is removed."""
    annotated = ANNOTATED.read_text(encoding="utf-8")

    shown = show(copy, re.sub(r'^# (?=("[^"]+"|\w+) = )', "", annotated, flags=re.MULTILINE))

    assert tomllib.loads(shown)["notify"]["from"] == "Backup Service <backup@example.org>"
    assert "# default" not in shown


def test_the_annotated_file_is_good_to_read() -> None:
    lines = ANNOTATED.read_text(encoding="utf-8").splitlines()
    marks = [(line.split()[0], re.findall(r"# \((\d)\) ", line)) for line in lines if line]

    assert max(map(len, lines)) <= 100
    assert [(key, *mark) for key, mark in marks if mark] == [
        *(("uri", "1"), ("suffix", "2"), ("bind_dn", "3"), ("password_file", "4"))
    ]
    assert [line.split()[0] for line in lines if re.match(r"\w", line)] == [
        *("uri", "suffix", "bind_dn", "password_file", "zones")
    ]


@pytest.mark.parametrize("option", ["--test", "--account=4000101"])
def test_the_annotated_file_is_printed_alone(option: str) -> None:
    assert launch(ROOT, "--default", option) == (
        "backup_settings: UNKNOWN - --default: needs no settings; leave --test and --account out\n"
    )
