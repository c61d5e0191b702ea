"""The launcher: which program it runs, and what becomes of a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backup_monitoring.records.document import FORMAT
from records.schema import parse

ROOT = Path(__file__).parent.parent.parent
PATHS = f"{ROOT}/lib:{ROOT}/checks"
SCRIPT = (ROOT / "bin" / "check_backup_quota").read_text(encoding="utf-8")


def launch(
    name: str, folder: Path, *arguments: str, link: bool = False, paths: str = PATHS
) -> tuple[int, str]:
    """Return exit code and output of the launcher as a program called *name*."""
    program = folder / name
    installed = folder / "bin" / name if link else program
    installed.parent.mkdir(exist_ok=True)
    installed.write_text(SCRIPT)
    python = installed.with_name("python3")
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for file in (installed, python):
        file.chmod(0o755)
    if link:
        program.symlink_to(installed)
    done = subprocess.run(
        [program, *arguments],
        env=os.environ | {"LC_ALL": "C", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize("link", [False, True])
def test_a_program_is_run_by_its_name(tmp_path: Path, link: bool) -> None:
    code, output = launch("check_backup_quota", tmp_path, "--help", link=link)

    assert code == 3
    assert output.startswith("usage: check_backup_quota [-h]")


def test_a_folder_with_blanks_in_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "my 'own' $folder"
    folder.mkdir()

    code, output = launch("check_backup_quota", folder, "--version", link=True)

    assert (code, output[:19]) == (3, "check_backup_quota ")


@pytest.mark.parametrize("target", [None, "/nowhere/python3", "/etc/passwd"])
def test_without_a_python_it_is_unknown(tmp_path: Path, target: str | None) -> None:
    program, python = tmp_path / "check_backup_quota", tmp_path / "python3"
    program.write_text(SCRIPT)
    program.chmod(0o755)
    if target is not None:  # as in an environment of a Python that only root can execute
        python.symlink_to(target)

    def start(*arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments], env={"PATH": "/nowhere"}, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (3, "")
        return done.stdout

    named = "python3" if target is None else str(python)
    why = f"{named} is missing, or this user may not execute it"
    remedy = "install the package again, with /usr/bin/python3"
    assert start() == f"UNKNOWN - {program}: cannot start ({why}); {remedy}\n"
    for form in (("--output", "json"), ("--output=json", "-v")):
        assert parse(start(*form))["summary"] == f"cannot start Python; {remedy}"
    assert start("--output", "text") == start()


def test_help_of_a_program_that_is_not_a_check(tmp_path: Path) -> None:
    code, output = launch("backup_settings", tmp_path, "--version")

    assert code == 0
    assert output.startswith("backup_settings ")


def test_what_starts_every_program_loads_no_options(tmp_path: Path) -> None:
    """A check that reads the store, and the hook, run in little more time than that takes."""
    (tmp_path / "listing.py").write_text(
        "import sys\ndef main(arguments, watchdog):\n    return 0, ' '.join(sys.modules)\n"
    )

    code, output = launch("listing", tmp_path, paths=f"{PATHS}:{tmp_path}")

    assert code == 0
    loaded = set(output.split())
    assert "backup_monitoring.plugin.launcher" in loaded
    assert loaded.isdisjoint({"argparse", "backup_monitoring.plugin.options"})


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("check_backup_nothing", "BACKUP NOTHING UNKNOWN - check_backup_nothing"),
        ("nothing", "nothing: UNKNOWN - nothing"),
    ],
)
def test_an_unknown_name_is_unknown(tmp_path: Path, name: str, heading: str) -> None:
    assert launch(name, tmp_path) == (
        3,
        f"{heading}: not a program of backup-monitoring; give the link the name of one\n",
    )


def test_a_wrong_option_is_unknown_in_one_line(tmp_path: Path) -> None:
    assert launch("check_backup_unused", tmp_path, "--nonsense") == (
        3,
        "BACKUP UNUSED UNKNOWN - command line: unrecognized argument '--nonsense'; "
        "see check_backup_unused --help\n",
    )


def test_no_memory_is_unknown_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "check_backup_memory.py").write_text("raise MemoryError")

    assert launch("check_backup_memory", tmp_path, paths=f"{tmp_path}:{PATHS}") == (
        3,
        "BACKUP MEMORY UNKNOWN - not enough memory; check this server's, and this program's limit "
        "(MemoryMax of its unit, ulimit -v)\n",
    )


@pytest.mark.parametrize("module", ["backup_monitoring", "threading"])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            'raise OSError(5, "Input/output error", "x\\ny")',
            "OSError: [Errno 5] Input/output error: ",
        ),
        ("(", "SyntaxError: '(' was never closed"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt:"),
    ],
)
def test_what_fails_before_the_launcher_runs_is_unknown_in_one_line(
    tmp_path: Path, module: str, content: str, why: str
) -> None:
    (tmp_path / f"{module}.py").write_text(content)

    code, output = launch("check_backup_quota", tmp_path, paths=f"{tmp_path}:{PATHS}")

    assert (code, output.count("\n")) == (3, 1)
    text = f"{tmp_path}/check_backup_quota: cannot start ({why}"
    assert output.startswith(f"UNKNOWN - {text}")
    assert output.endswith("; install the package again, or see what this user lacks\n")
    for form in (("--output", "json"), ("--output=json",)):
        code, output = launch("check_backup_quota", tmp_path, *form, paths=f"{tmp_path}:{PATHS}")
        assert code == 3
        assert parse(output)["summary"].startswith(f"UNKNOWN - {text}")


@pytest.mark.parametrize(
    ("program", "arguments", "summary"),
    [
        *(
            ("check_backup_quota", arguments, "command line: unrecognized argument '--no'; see")
            for arguments in (
                *(
                    ("--no", "--output", "json"),
                    ("--output=json", "--no"),
                    ("--no", "--output=json"),
                ),
                ("--output", "text", "--output", "json", "--no"),
            )
        ),
        ("check_backup_quota", ("--output", "json", "-a"), "command line: argument -a/--account: "),
        ("check_backup_nothing", ("--output", "json"), "check_backup_nothing: not a program of "),
        ("check_ä\U0001f600\udcff", ("--output=json",), "check_ä\U0001f600\\xff: not a program of"),
        (
            "check_backup_quota",
            ("--output", "json", "--config", '/no/"\\\x1b\udcff|<b>ü\U0001f600'),
            '/no/"\\\\x1b\\xff¦‹b›ü\U0001f600: ',
        ),
        ("check_backup_monitoring", ("--output", "json", "--config", "/no"), "/no: "),
        (
            "notify_backup",
            ("--explain", "--output", "json"),
            "/etc/backup-monitoring/backup-monitoring.toml: ",
        ),
    ],
)
def test_a_failure_is_a_document(
    tmp_path: Path, program: str, arguments: tuple[str, ...], summary: str
) -> None:
    code, output = launch(program, tmp_path, *arguments)

    document = parse(output)
    assert (code, document["exit_code"], document["state"]) == (3, 3, "UNKNOWN")
    assert document["program"] == program.encode(errors="surrogateescape").decode(
        errors="backslashreplace"
    )
    assert document["summary"].startswith(summary)
    assert document["format"] == FORMAT


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("check_backup_quota", ("--no", "--output", "text")),
        ("check_backup_quota", ("--output", "json", "--output=text", "--no")),
        ("check_backup_quota", ("--output", "yaml")),
        ("collect_backup_state", ("--output", "json")),
        ("notify_backup", ("--output", "json")),  # the text of a service
        ("notify_backup", ("--explain", "-a", "1", "--output", "yaml")),
    ],
)
def test_a_failure_is_a_line_where_no_document_is_asked_for(
    tmp_path: Path, program: str, arguments: tuple[str, ...]
) -> None:
    code, output = launch(program, tmp_path, *arguments)

    assert (code, output.count("\n")) == (3, 1)
    assert " UNKNOWN - " in output


@pytest.mark.parametrize("form", [("--output", "json"), ()])
def test_the_time_limit_is_a_document_as_well(tmp_path: Path, form: tuple[str, ...]) -> None:
    (tmp_path / "check_backup_quota.py").write_text(
        "import time\ndef main(arguments, watchdog):\n"
        "    watchdog.phase('reading \"/home/\xfc|\"')\n"
        "    watchdog.limit(0.1)\n    time.sleep(60)\n",
        encoding="utf-8",
    )

    code, output = launch("check_backup_quota", tmp_path, *form, paths=f"{tmp_path}:{PATHS}")

    why = 'time limit of 0.1 s reached while reading "/home/ü¦"'
    assert code == 3
    assert (parse(output)["summary"] if form else output) == (
        why if form else f"BACKUP QUOTA UNKNOWN - {why}\n"
    )


def test_help_is_help_whatever_the_output(tmp_path: Path) -> None:
    code, output = launch("check_backup_quota", tmp_path, "--output", "json", "--help")

    assert code == 3
    assert output.startswith("usage: check_backup_quota")


def test_what_a_library_logs_is_not_printed(tmp_path: Path) -> None:
    """A broken hashlib does so, with a traceback; `launch` accepts nothing on standard error."""
    logged = (
        'import logging; logging.error("a library\'s")\nimport sys; print(1, file=sys.stderr)\n'
    )
    (tmp_path / "check_backup_quota.py").write_text(
        f'{logged}def main(arguments, watchdog):\n    return 0, "fine"\n'
    )

    launched = launch("check_backup_quota", tmp_path, paths=f"{tmp_path}:{PATHS}")

    assert launched == (0, "fine\n")
