"""The hook as a program: it only spools, whatever the rest of the monitoring is doing."""

import os
import re
import resource
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from stat import S_IMODE

import pytest

from programs.installed import Programs
from programs.notifier import Notifier, SentMail

pytestmark = pytest.mark.installed
CUSTOMER = "account-4000102@example.org"
CALL = ("4000102", "PROBLEM", "WARNING")
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can mount, or change users")
NAME = re.compile(r"[0-9]{8}-[0-9a-f-]{36}-([0-9]{20})-[0-9a-f]{8}")


def modes(notifier: Notifier) -> tuple[int, set[int]]:
    """Return the modes of the spool and of the files in it."""
    spool = notifier.outbox.parent / "spool"
    files = {S_IMODE((spool / name).stat().st_mode) for name in notifier.spooled()}
    return S_IMODE(spool.stat().st_mode), files


def test_the_hook_only_spools(notifier: Notifier) -> None:
    ran = notifier.spool(*CALL)

    assert (ran.code, ran.out) == (0, "spooled\n")
    (name,) = notifier.spooled()
    assert NAME.fullmatch(name)
    assert [each.name for each in notifier.outbox.parent.iterdir()] == ["spool"]
    assert notifier.log() == []

    sent = notifier.deliver()

    assert SentMail("PROBLEM", "WARNING", "4000102", "quota", CUSTOMER) in sent
    assert notifier.spooled() == []


def test_a_dry_run_says_that_a_call_would_wait(notifier: Notifier) -> None:
    notifier.settings(('folder = "store"', 'folder = "elsewhere"'))

    ran = notifier.spool(*CALL, "--dry-run")

    assert ran.code == 1
    assert ran.first == "dry run: nothing was changed"
    assert re.search(r"^it would wait: .*elsewhere.* does not exist", ran.out, re.MULTILINE)
    assert list(notifier.outbox.parent.iterdir()) == []


def test_what_a_delivery_says_of_calls(notifier: Notifier) -> None:
    notifier.spool(*CALL)
    notifier.spool("4009999", "PROBLEM", "CRITICAL")

    ran = notifier.run("--deliver")

    assert ran.code == 1
    lines = ran.out.splitlines()
    assert re.fullmatch(r"[0-9] sent, 0 to retry, 0 refused", lines[0])
    assert lines[1] == "2 calls handled, 4 to notify"
    assert "no such account" in lines[2]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o777], ids=oct)
@pytest.mark.parametrize("mode", [0o2770, 0o700, 0o755], ids=oct)
def test_the_spool_is_for_the_users_of_the_outbox(notifier: Notifier, mask: int, mode: int) -> None:
    notifier.outbox.parent.chmod(mode)
    before = os.umask(mask)
    try:
        ran = notifier.spool(*CALL)
    finally:
        os.umask(before)

    assert ran.code == 0, ran.out
    assert modes(notifier) == (mode & 0o2770, {0o640})


@needs_root
def test_the_monitoring_spools_and_the_notifier_delivers(notifier: Notifier) -> None:
    """As two users of one group: what one has written the other can read and delete."""
    folder = notifier.outbox.parent
    os.chown(folder, 64_001, 64_000)
    folder.chmod(0o2770)
    for path in (*notifier.folder.parents, notifier.folder):
        if not path.stat().st_mode & 0o001:  # pytest's own folders
            path.chmod(0o755)

    def become(user: int) -> tuple[str, ...]:
        return ("setpriv", f"--reuid={user}", "--regid=64002", "--groups=64000", "--no-new-privs")

    code = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parents[2] / "lib")!r}]
from backup_monitoring.outbox.spool_writer import write_call
write_call({str(notifier.outbox)!r}, b"first", 1)
"""
    delete = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parents[2] / "lib")!r}]
from pathlib import Path
from backup_monitoring.outbox.spool import Spool
spool = Spool(Path({str(notifier.outbox)!r}))
assert [spool.read(name) for name in spool.list_names()] == ["first"]
spool.remove(spool.list_names())
"""
    for user, does in ((64_003, code), (64_001, delete)):
        done = subprocess.run(
            [*become(user), "/usr/bin/python3", "-c", does], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert notifier.spooled() == []


def test_a_spool_that_cannot_be_read_stops_no_mail(notifier: Notifier) -> None:
    notifier.hook(*CALL)
    (notifier.outbox.parent / "spool").rename(notifier.outbox.parent / "away")
    (notifier.outbox.parent / "spool").write_text("")

    ran = notifier.run("--deliver", now="2026-11-24T12:30:00+01:00")

    assert ran.code == 2
    assert f"FAILED: {notifier.outbox.parent / 'spool'}: cannot be used (Not a direct" in ran.out
    assert len(notifier.sent()) == 3


def test_a_delivery_that_was_stopped_for_a_day_is_seen(notifier: Notifier) -> None:
    notifier.deliver()
    notifier.spool(*CALL)
    notifier.spool("4000103", "PROBLEM", "WARNING")
    (first, _), spool = notifier.spooled(), notifier.outbox.parent / "spool"
    written = datetime.fromisoformat("2026-11-23T11:30:00+01:00").timestamp()
    os.utime(spool / first, (written, written))

    ran = notifier.program("check_backup_monitoring")
    notifier.run("--deliver")

    assert ran.code == 2
    assert "2 calls of the hook wait (2 of them spooled), the oldest for 1 d 30 min" in ran.out
    assert " calls_spooled=2;" in ran.out
    assert "calls of the hook" not in notifier.program("check_backup_monitoring").out


def test_the_wall_clock_does_not_count(notifier: Notifier) -> None:
    notifier.spool(*CALL, now="2026-11-24T12:30:00+01:00")
    notifier.spool("4000102", "RECOVERY", "OK", now="2026-11-24T11:00:00+01:00")

    assert notifier.deliver("2026-11-24T12:40:00+01:00") == []
    assert {line["reason"] for line in notifier.log() if line["what"] == "dropped"} == {
        "recovered before it was sent"
    }


def test_hooks_at_once_are_all_spooled(
    notifier: Notifier, programs: Programs, request: pytest.FixtureRequest
) -> None:
    """Each within the life of its process, so that those that follow each other are in order."""
    count = request.config.getoption("--hooks")
    notifier.settings(store=False)
    command = [str(programs.bin / "notify_backup"), "--config", str(notifier.config)]
    call = ("--task", "quota", "--type", "PROBLEM", "--state", "WARNING")

    def hook(number: int) -> tuple[int, int, int]:
        began = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        done = subprocess.run([*command, "-a", f"{number}", *call], stdout=subprocess.DEVNULL)
        return done.returncode, began, time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    begin = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        done = list(pool.map(hook, range(count)))
    seconds = time.monotonic() - begin

    print(f"{count} hooks at once: {seconds:.1f} s")
    assert {code for code, _, _ in done} == {0}
    names = notifier.spooled()
    assert len(names) == count
    folder = notifier.outbox.parent / "spool"
    for name in names:
        account = re.search(r'"account": "([0-9]+)"', (folder / name).read_text())
        at = NAME.fullmatch(name)
        assert account is not None
        assert at is not None
        _, began, ended = done[int(account[1])]
        assert began < int(at[1]) < ended
    assert seconds < 60 * max(1, count / 1000)


@pytest.mark.parametrize("kind", ["busy", "lost", "damaged"])
def test_the_outbox_does_not_matter(notifier: Notifier, kind: str) -> None:
    holder = None
    notifier.hook(*CALL)
    if kind == "busy":
        holder = sqlite3.connect(notifier.outbox, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
    elif kind == "lost":
        notifier.outbox.unlink()
    else:
        notifier.outbox.write_bytes(b"nonsense")

    ran = notifier.spool("4000102", "RECOVERY", "OK")

    if holder is not None:
        holder.close()
    assert (ran.code, ran.out) == (0, "spooled\n")


@pytest.fixture
def small(notifier: Notifier) -> Iterator[Notifier]:
    """An installation whose outbox is on a file system of 64 KiB."""
    folder = notifier.outbox.parent
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("may not mount")
    try:
        yield notifier
    finally:
        subprocess.run(["umount", folder], check=True)


@needs_root
def test_a_full_disk_is_said_in_one_line(small: Notifier) -> None:
    rest = small.outbox.parent / "rest"
    with pytest.raises(OSError, match="No space"):
        rest.write_bytes(b"x" * 2**17)

    ran = small.spool(*CALL)

    assert ran.code == 2
    assert ran.out.startswith(f"FAILED: {small.outbox.parent / 'spool'}: cannot be written (No sp")
    assert len(ran.out.splitlines()) == 1
    rest.unlink()
    assert small.spool(*CALL).code == 0
    assert len(small.spooled()) == 1
    assert {each.name for each in (small.outbox.parent / "spool").glob(".*")} == {".boot"}


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("no folder", "the folder does not exist; create it, for example by the unit"),
        ("a file", "the folder does not exist; create it, for example by the unit"),
        ("a broken link", "cannot be written (No such file or directory)"),
    ],
)
def test_a_spool_that_cannot_be_written(notifier: Notifier, kind: str, says: str) -> None:
    folder = notifier.outbox.parent
    if kind == "no folder":
        folder.rmdir()
    elif kind == "a file":
        folder.rmdir()
        folder.write_text("")
    else:
        (folder / "spool").symlink_to("nowhere")

    ran = notifier.spool(*CALL)

    assert ran.code == 2
    assert ran.out.startswith("FAILED: ")
    assert len(ran.out.splitlines()) == 1
    assert says in ran.out


@pytest.mark.parametrize(
    "options",
    [
        ("-a", "4000102", "--task=quota", "--type=problem", "--state=warning"),
        ("--account==4000102", "--task", "QUOTA", "--type", "PROBLEM", "--state", "WARNING"),
        ("-a4000102", "--task", "quota", "--type", "PROBLEM", "--state", "WARNING"),
        ("-a", " 4000102 ", "--task", "quota", "--type", "PROBLEM", "--state", "WARNING"),
        ("--state", "WARNING", "-t", "5", "--type", "PROBLEM", "--task", "quota", "-a", "4000102"),
    ],
)
def test_all_ways_to_write_options(
    notifier: Notifier, programs: Programs, options: tuple[str, ...]
) -> None:
    # without --now, which the tests' other calls have, and which no monitoring system gives
    command = [str(programs.bin / "notify_backup"), "--config", str(notifier.config), *options]

    done = subprocess.run(command, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "spooled\n")
    assert notifier.handle().out == "3 queued\n"
    assert CUSTOMER in notifier.addresses()


def test_a_text_may_begin_like_an_option(notifier: Notifier, programs: Programs) -> None:
    words = ("--type", "CUSTOM", "--state", "OK", "--comment", "-- fixed --", "--author", "-x")
    command = (str(programs.bin / "notify_backup"), "--config", str(notifier.config))

    done = subprocess.run(
        [*command, "-a", "4000102", "--task", "quota", *words], capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, "spooled\n")
    assert notifier.handle().out == "3 queued\n"


def _measure(command: list[object]) -> float:
    """Return the CPU seconds of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_hook_takes_little_time(notifier: Notifier, programs: Programs) -> None:
    importing = [programs.bin / "python", "-c", "import nagiosplugin, ldap3"]
    calling = [programs.bin / "notify_backup", "--config", notifier.config, "-a", "4000102"]
    calling += ["--task", "quota", "--type", "PROBLEM", "--state", "WARNING"]

    # In turn, so that both have the same neighbours; the best of each.
    both = [(_measure(calling), _measure(importing)) for _ in range(9)]
    hook, imports = map(min, zip(*both, strict=True))

    print(f"hook {hook / imports:.2f} of the imports")
    assert hook < 0.4 * imports  # 0.28 on a quiet machine
