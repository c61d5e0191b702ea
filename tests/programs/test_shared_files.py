"""Manual pages and completions: the shells and manual readers take them, and they are complete."""

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from backup_monitoring.plugin.help_request import HelpRequested
from backup_monitoring.plugin.options import Parser
from programs.in_process import Untimed
from programs.installed import ROOT, Programs

SHARE = ROOT / "share"
NAMES = sorted(file.name for file in (ROOT / "bin").iterdir())
MANUALS = sorted((SHARE / "man" / "man1").iterdir())
# The version is not released yet, and a page that is generated twice must be the same.
NO_DATE = r'.* missing date, using "": TH\n'


def call(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", "LC_ALL": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "", done.stderr
    return done.stdout


def list_flags(program: str) -> list[str]:
    """Return the options of *program*."""
    with pytest.raises(HelpRequested) as requested:
        import_module(program).main(["--help"], Untimed())
    actions = requested.value.parser._actions
    return [flag for action in actions for flag in action.option_strings]


@pytest.mark.parametrize("name", NAMES)
def test_there_is_one_of_each_kind_for_each_program(name: str) -> None:
    for file in (
        *(f"man/man1/{name}.1", f"bash-completion/completions/{name}"),
        *(f"zsh/site-functions/_{name}", f"fish/vendor_completions.d/{name}.fish"),
    ):
        assert (SHARE / file).is_file()


@pytest.mark.parametrize("manual", MANUALS, ids=lambda file: file.stem)
def test_a_manual_page_is_well_formed(manual: Path) -> None:
    linted = call("mandoc", "-T", "lint", manual)
    assert re.sub(NO_DATE, "", linted) == ""
    call("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", manual)


@pytest.mark.parametrize("manual", MANUALS, ids=lambda file: file.stem)
def test_a_manual_page_has_all_options_and_exit_codes(manual: Path) -> None:
    text = call("mandoc", "-T", "ascii", "-O", "width=1000", manual)
    text = re.sub(r".\x08", "", text)
    flags = list_flags(manual.stem)

    assert {"-h", "--help", "--config"} <= set(flags)
    for flag in flags:
        assert re.search(rf"(?:^ +|, ){flag}(?:,| |$)", text, flags=re.MULTILINE), flag
    assert f"{manual.stem} - " in text
    codes = re.findall(r"^ +([0-9]) +\S", text.partition("EXIT STATUS")[2], flags=re.MULTILINE)
    assert codes[-1] == "3"
    assert codes == sorted(codes)
    others = re.findall(r"([a-z_]+)\(1\)", text.partition("SEE ALSO")[2])
    assert sorted([*others, manual.stem]) == NAMES


def test_what_is_special_to_the_formatter_is_plain_text() -> None:
    from tools.manuals import _fill

    assert list(_fill(".x -a \\n ~ ^")) == [r"\&.x \-a \en \(ti \(ha"]
    assert list(_fill("'tis")) == [r"\&'tis"]


def complete_in_bash(program: str, *words: str, folder: Path = SHARE) -> set[str]:
    script = """source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
compopt() { :; }; _"$1"; printf '%s\\n' "${COMPREPLY[@]}"
"""
    file = folder / "bash-completion" / "completions" / program
    out = call("bash", "--norc", "-c", script, "bash", file, program, *words)
    return set(out.split())


def complete_in_fish(program: str, *words: str, folder: Path = SHARE) -> set[str]:
    file = folder / "fish" / "vendor_completions.d" / f"{program}.fish"
    script = f"source {file}; complete -C '{' '.join((program, *words))}'"
    home = str(folder)
    out = call("fish", "--no-config", "-c", script, HOME=home, XDG_DATA_HOME="/nowhere")
    return {line.partition("\t")[0] for line in out.splitlines()}


@pytest.mark.parametrize("name", NAMES)
def test_bash_and_fish_offer_every_option(name: str) -> None:
    flags = set(list_flags(name))

    assert complete_in_bash(name, "") == flags
    assert complete_in_fish(name, "--") == {flag for flag in flags if flag.startswith("--")}
    assert complete_in_fish(name, "-") >= {flag for flag in flags if len(flag) == 2}


@pytest.mark.parametrize("complete", [complete_in_bash, complete_in_fish])
def test_values_are_offered(complete: Callable[..., set[str]], tmp_path: Path) -> None:
    (tmp_path / "settings.toml").touch()

    assert complete("check_backup_quota", "--output", "") == {"text", "json"}
    assert complete("generate_backup_objects", "--format", "n") == {"nagios"}
    assert complete("notify_backup", "--task", "s") == {"schedule", "status"}
    assert complete("notify_backup", "--state", "W") == {"WARNING"}
    assert complete("check_backup_quota", "-a", "") == set()
    assert complete("check_backup_quota", "--config", f"{tmp_path}/") == {
        f"{tmp_path}/settings.toml"
    }


def test_bash_completes_behind_an_equals_sign(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").touch()

    assert complete_in_bash("check_backup_quota", "--output", "=", "j") == {"json"}
    assert complete_in_bash("check_backup_quota", "--output", "=") == {"text", "json"}
    assert complete_in_bash("backup_settings", "--config", "=", f"{tmp_path}/s") == {
        f"{tmp_path}/settings.toml"
    }


def complete_in_zsh(typed: str, completed: str, folder: Path) -> bool:
    """Return whether zsh makes *completed* of *typed* and a tabulator, on its own terminal."""
    zsh = shutil.which("zsh")
    assert zsh is not None
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(zsh, ["zsh", "-f", "-i"], {"PATH": os.environ["PATH"], "TERM": "dumb"})
    functions = SHARE / "zsh" / "site-functions"
    start = f"fpath=({functions} $fpath); autoload -Uz compinit && compinit -u -d {folder}/dump"
    os.write(terminal, f"{start}; PS1='ready'; unsetopt zle_bracketed_paste\n".encode())
    assert _read_until(terminal, "\rready")
    os.write(terminal, f"{typed}\t".encode())
    found = _read_until(terminal, completed)
    os.write(terminal, b"\x03\nexit\n")
    os.close(terminal)
    os.waitpid(pid, 0)
    return found


def _read_until(terminal: int, text: str) -> bool:
    """Read until the terminal shows *text*, for a while; zsh moves the cursor between words."""
    read, until = b"", time.monotonic() + 60
    while text.replace(" ", "") not in re.sub(r"[\x08 ]", "", read.decode(errors="replace")):
        if time.monotonic() > until:
            return False
        if select.select([terminal], [], [], 0.1)[0]:
            read += os.read(terminal, 4096)
    return True


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("check_backup_quota --outp", "check_backup_quota --output="),
        ("check_backup_quota --output j", "check_backup_quota --output json"),
        ("notify_backup --task sc", "notify_backup --task schedule"),
    ],
)
def test_zsh_completes(typed: str, completed: str, tmp_path: Path) -> None:
    assert complete_in_zsh(typed, completed, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_zsh_takes_the_specifications(name: str) -> None:
    text = (SHARE / "zsh" / "site-functions" / f"_{name}").read_text()

    assert text.startswith(f"#compdef {name}\n")
    call("zsh", "-f", "-n", SHARE / "zsh" / "site-functions" / f"_{name}")
    for flag in list_flags(name):
        assert re.search(rf"'\*{flag}=?\[", text), flag


@pytest.mark.installed
def test_they_are_installed(programs: Programs) -> None:
    installed = programs.bin.parent / "share"

    for file in (each for each in SHARE.rglob("*") if each.is_file()):
        assert (installed / file.relative_to(SHARE)).read_bytes() == file.read_bytes()
    path = f"{programs.bin}:{os.environ['PATH']}"
    manual = installed / "man" / "man1" / "check_backup_quota.1"
    assert call("man", "-w", "check_backup_quota", PATH=path) == f"{manual}\n"


def test_help_has_its_parser() -> None:
    parser = Parser("x", "y")
    with pytest.raises(HelpRequested) as requested:
        parser.parse(["--version"])

    assert requested.value.parser is parser
