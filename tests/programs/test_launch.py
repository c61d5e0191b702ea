"""What ends a check from outside: the check names it, and is UNKNOWN."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from programs.installed import Programs

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
        out, err = process.communicate(timeout=20)

    why = f"ended by {number.name} while reading the settings"
    assert out == f"BACKUP {task.upper()} UNKNOWN - {why}\n"
    assert (process.returncode, err) == (3, "")


def test_a_signal_that_the_caller_ignores(programs: Programs, example: Path) -> None:
    check = f"{programs.bin}/check_backup_quota -a 4000101 --config /dev/stdin"
    with subprocess.Popen(
        ["sh", "-c", f"trap '' TERM; {check}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        time.sleep(1)  # the check reads its settings from the pipe
        os.killpg(process.pid, signal.SIGTERM)
        text = example.read_text().replace("ldif:", f"ldif:{example.parent}/")
        out, _ = process.communicate(text, timeout=20)

    assert out.startswith("BACKUP QUOTA OK - 4000101: ")


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
