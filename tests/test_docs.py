"""The documentation says what the programs do: options, keys, output, links."""

import importlib
import os
import re
import shlex
import shutil
from configparser import ConfigParser
from pathlib import Path
from typing import cast

import pytest

from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.plugin.help_request import HelpRequested
from backup_monitoring.plugin.launcher import Watchdog
from backup_monitoring.settings.load import read_settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
TEXTS = [README, *(ROOT / f"{name}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY"))]
TEXTS += sorted(DOCS.glob("*.md"))
TEXTS.append(ROOT / "examples" / "ansible" / "README.md")
NOW = "2026-11-24T12:00:00+01:00"
MINIMAL = '[directory]\nuri = "ldif:directory.ldif"\nsuffix = "SUFFIX"\n'


class Patient(Watchdog):
    """A time limit that is never reached, for programs that run in this process."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def limit(self, seconds: float) -> None:
        self.seconds = seconds

    def phase(self, doing: str) -> None:
        assert doing


def programs() -> list[str]:
    """Return the names of the programs that an installation has."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return [Path(script).name for script in setup["options"]["scripts"].split()]


def output(program: str, *arguments: str) -> str:
    """Return what *program* prints."""
    try:
        _, text = importlib.import_module(program).main(arguments, Patient())
    except HelpRequested as request:
        return request.text
    except MonitoringError as error:
        return str(error)
    return cast("str", text)


def sections(text: str) -> dict[str, str]:
    """Return the text below each heading of the second level."""
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a copy of the example, as `examples/run` makes it; also the current one."""
    for name in ("example.toml", "notify.toml", "sink", "directory.ldif"):
        shutil.copy(ROOT / "examples" / name, tmp_path)
    shutil.copytree(ROOT / "examples" / "storage", tmp_path / "tree")
    for path in (tmp_path / "tree").rglob("*"):
        os.utime(path, (1_767_225_600, 1_767_225_600))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKUP_MONITORING_CONFIG", "example.toml")
    return tmp_path


@pytest.mark.parametrize("program", programs())
def test_the_readme_names_every_program(program: str) -> None:
    assert f"| `{program}` |" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("program", programs())
def test_every_option_is_documented(program: str) -> None:
    text = sections((DOCS / "checks.md").read_text(encoding="utf-8"))
    documented = text[program] + (text["All checks"] if program.startswith("check_") else "")
    rows = "\n".join(re.findall(r"^\| (`-.*?) \| ", documented, flags=re.MULTILINE))
    options = re.findall(r"(?:^|, )(--?[a-zA-Z][a-z-]*)", _help(program), flags=re.MULTILINE)

    assert {"-h", "--help", "--config"} <= set(options)
    for option in options:
        assert re.search(rf"`{option}\b", rows), option


def _help(program: str) -> str:
    """Return the part of the help that lists options, each at the begin of a line."""
    listed = output(program, "--help").partition("options:\n")[2]
    return "\n".join(line.strip() for line in listed.splitlines() if line.startswith("  -"))


def test_every_setting_is_documented_with_its_default(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(MINIMAL)
    text = sections((DOCS / "settings.md").read_text(encoding="utf-8"))
    found = read_settings(file, {}).in_effect

    assert len(found) > 40
    for setting in found:
        rows = [row for row in text[f"[{setting.section}]"].splitlines() if row.startswith("| `")]
        row = next((r for r in rows if r.startswith(f"| `{setting.key}` |")), None)
        assert row is not None, setting
        if setting.origin == "default" and setting.key != "zones":
            assert f"`{setting.value}`" in row, setting


def test_every_documented_setting_exists(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(MINIMAL)
    known = {(each.section, each.key) for each in read_settings(file, {}).in_effect}
    text = (DOCS / "settings.md").read_text(encoding="utf-8")

    for heading, part in sections(text).items():
        for key in re.findall(r"^\| `(\w+)` \|", part, flags=re.MULTILINE):
            assert (heading.strip("[]"), key) in known


def test_the_examples_of_settings_are_settings(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x\n")
    (tmp_path / "password").chmod(0o600)
    blocks = re.findall(
        r"```toml\n(.*?)```", (DOCS / "settings.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    file = tmp_path / "s.toml"

    assert len(blocks) > 8
    for block in blocks:
        file.write_text(block if "uri =" in block else f"{MINIMAL}\n{block}")
        assert read_settings(file, {}).file == file


def _shown(text: str) -> list[tuple[str, str]]:
    """Return each command of ours that *text* shows on the example, with its output."""
    shown = []
    for block in re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            if command.split()[0] in programs():
                shown.append((command, printed))
    return shown


@pytest.mark.parametrize("text", ["README.md", "docs/checks.md", "docs/notifications.md"])
def test_what_is_shown_is_printed(example: Path, text: str) -> None:
    shown = _shown((ROOT / text).read_text(encoding="utf-8"))

    assert len(shown) > 3
    for command, printed in shown:
        program, *arguments = shlex.split(command)
        lines = output(program, *arguments, "--now", NOW).splitlines()
        for line in filter(None, printed.splitlines()):
            begin, cut, _ = line.partition(" ...")
            assert any(each.startswith(begin) if cut else each == line for each in lines), line


def _look_again(example: Path, tree: str, time: str) -> None:
    """Let the computers upload what lies in *tree*, and make a pass."""
    shutil.copytree(ROOT / "examples" / tree, example / "tree", dirs_exist_ok=True)
    for path in (example / "tree").rglob("*"):
        os.utime(path, (1_767_225_600, 1_767_225_600))
    assert "20 accounts" in output("collect_backup_state", "--now", time)


def test_the_example_notifies_as_documented(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What examples/run shows of notify_backup, with mails handed to its sink."""
    monkeypatch.setenv("BACKUP_MONITORING_CONFIG", "notify.toml")
    (example / "store").mkdir()

    def notify(job: str, time: str) -> str:
        return output("notify_backup", job, "--now", time).partition(",")[0]

    _look_again(example, "storage", "2026-11-24T12:00:00+01:00")
    assert "10 problems recorded" in output(
        "notify_backup", "--scan", "--now", "2026-11-24T12:05:00+01:00"
    )
    assert notify("--deliver", "2026-11-24T12:15:00+01:00") == "2 sent"
    _look_again(example, "night", "2026-11-25T08:00:00+01:00")
    first = output("notify_backup", "--scan", "--now", "2026-11-25T08:05:00+01:00")
    assert "1 event, 3 to notify" in first
    assert notify("--deliver", "2026-11-25T08:15:00+01:00") == "3 sent"
    again = output("notify_backup", "--scan", "--now", "2026-11-25T08:15:00+01:00")
    assert "0 events, 0 to notify" in again
    _look_again(example, "morning", "2026-11-25T09:45:00+01:00")
    over = output("notify_backup", "--scan", "--now", "2026-11-25T09:50:00+01:00")
    assert "1 event, 3 to notify" in over
    assert notify("--deliver", "2026-11-25T10:00:00+01:00") == "3 sent"

    mails = [mail.read_text(encoding="utf-8") for mail in sorted(example.glob("mails/*.txt"))]
    subjects = [re.findall(r"^Subject: (.*)$", mail, flags=re.MULTILINE)[0] for mail in mails]
    assert len(list(example.glob("mails/*.html"))) == 8
    assert [each for each in subjects if "web01" in each] == [
        "Backup failed: “Web server of the office”, “web01”",
        "Solved: backup successful again (“Web server of the office”, “web01”)",
    ]


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", file.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (file.parent / path) if path else file
        assert linked.exists(), target
        if anchor:
            assert anchor in find_anchors(linked.read_text(encoding="utf-8")), target


def find_anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_two_commands_are_there() -> None:
    text = README.read_text(encoding="utf-8")
    for command in ("examples/run", "tests/run"):
        assert f"`{command}`" in text
        assert os.access(ROOT / command, os.X_OK)
