"""What ends a program from outside: the program names it, and is UNKNOWN."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from fuse_mount import mounted, needs_fuse
from programs.daemons import until
from programs.installed import Programs
from store.fleet import Fleet

pytestmark = pytest.mark.installed
NO_THREADS = (
    "import threading; threading.Thread.start = "
    'lambda self: (_ for _ in ()).throw(RuntimeError("can\'t start new thread"))\n'
)
# Who runs the tests in the background may ignore some signals, and all below inherit that.
HEED = ("env", "--default-signal=HUP,INT,TERM")


@pytest.mark.parametrize("task", ["quota", "status", "monitoring"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal(programs: Programs, tmp_path: Path, task: str, number: signal.Signals) -> None:
    pipe = tmp_path / "settings.toml"  # nobody writes to it: reading it never ends
    os.mkfifo(pipe)
    with (
        subprocess.Popen(
            [*HEED, programs.bin / f"check_backup_{task}", "--config", pipe, "-t", "30"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        pipe.open("w"),
    ):  # waits until the check reads
        process.send_signal(number)
        out, err = process.communicate(timeout=60)

    why = f"ended by {number.name} while reading the settings"
    assert out == f"BACKUP {task.upper()} UNKNOWN - {why}\n"
    assert (process.returncode, err) == (3, "")


def test_a_signal_that_the_caller_ignores(
    programs: Programs, example: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "settings.toml"
    os.mkfifo(pipe)
    check = f"{programs.bin}/check_backup_quota -a 4000101 --config {pipe}"
    with subprocess.Popen(
        ["sh", "-c", f"trap '' TERM; {check}"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        with pipe.open("w") as settings:  # waits until the check reads
            os.killpg(process.pid, signal.SIGTERM)
            settings.write(example.read_text().replace("ldif:", f"ldif:{example.parent}/"))
        out, _ = process.communicate(timeout=60)

    assert out.startswith("BACKUP QUOTA OK - 4000101: ")


def await_no_process(fleet: Fleet) -> None:
    """Wait until no process is left that was started with the settings of *fleet*."""
    command = ["pgrep", "-f", str(fleet.file)]
    until(lambda: not subprocess.run(command, stdout=subprocess.PIPE).stdout)


def await_hung_child(parent: int) -> None:
    """Wait until the process that reads the homes hangs, and its *parent* knows at which one."""
    children = Path(f"/proc/{parent}/task/{parent}/children")

    def hangs() -> bool:
        places = [Path(f"/proc/{child}/wchan") for child in children.read_text().split()]
        return any(re.search("fuse|request_wait", place.read_text()) for place in places)

    def looks() -> int:
        """Return how often the parent has slept: in between it looks at the other's progress."""
        text = Path(f"/proc/{parent}/status").read_text()
        return int(re.findall(r"^voluntary_ctxt_switches:\s+(\d+)$", text, re.MULTILINE)[0])

    until(hangs)
    before = looks()
    until(lambda: looks() > before + 2)


@needs_fuse
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_during_a_collector_run(
    programs: Programs, tmp_path: Path, number: signal.Signals
) -> None:
    fleet = Fleet(tmp_path / "fleet", ("4000101", "4000102", "4000103"))
    collect = ("collect_backup_state", "--config", str(fleet.file))
    assert programs.run(*collect).code == 0
    before = fleet.read()
    with mounted(fleet.home / "4000102", tmp_path / "source") as home:
        home.stop()
        process = subprocess.Popen(
            [*HEED, programs.bin / collect[0], *collect[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        await_hung_child(process.pid)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)

        why = f"ended by {number.name} while reading the files of account 4000102"
        assert (process.returncode, out, err) == (3, f"collect_backup_state: UNKNOWN - {why}\n", "")
        await_no_process(fleet)
        assert fleet.read() == before
        assert (fleet.store / "state.sqlite.new").exists()
        home.go_on()
        assert programs.run(*collect).code == 0
    assert not (fleet.store / "state.sqlite.new").exists()


@needs_fuse
def test_the_time_limit_during_a_collector_run(programs: Programs, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", ("4000101", "4000102"))
    with mounted(fleet.home / "4000102", tmp_path / "source") as home:
        home.stop()
        ran = programs.run("collect_backup_state", "--config", str(fleet.file), "-t", "10")
        await_no_process(fleet)

    assert ran == (
        3,
        "collect_backup_state: UNKNOWN - time limit of 10 s reached while reading the files of "
        "account 4000102\n",
        "",
    )


def test_no_thread_left_for_the_time_limit(programs: Programs, example: Path) -> None:
    # As root no limit of processes would hold.
    threadless = programs.packages / "threadless.pth"
    threadless.write_text(NO_THREADS)
    try:
        ran = programs.run("check_backup_quota", "--config", str(example))
    finally:
        threadless.unlink()

    assert ran.first.startswith("BACKUP QUOTA UNKNOWN - this user: cannot start more threads; ")
    assert (ran.code, ran.err) == (3, "")
