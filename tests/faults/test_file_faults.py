"""Files and processes that are odd: one clear line each, nothing hangs, and nothing is left."""

import os
import shutil
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from backup_monitoring.store.collector import collect
from cases import at
from faults.programs import Output, run
from store.children import in_child
from store.fleet import FIRST, Fleet

NOW = "2026-11-20T21:05+01:00"
SETTINGS = """[notify]
trigger = "scan"
from = "backup@example.org"
operator = "operations@example.org"
smtp = "sendmail:/bin/true"
outbox = "outbox/outbox.sqlite"
log = "log/log"
[icinga]
spool = "spool"
[overview]
metrics_file = "metrics/backup.prom"
"""
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")


@pytest.fixture
def whole(fleet: Fleet) -> Fleet:
    """A fleet with all that the programs write, after a run of each of them."""
    for name in ("outbox", "log", "spool", "objects", "metrics"):
        (fleet.folder / name).mkdir()
    fleet.settings_text(SETTINGS)
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    for program in (("notify_backup", "--scan"), ("notify_backup", "--deliver"), GENERATE):
        assert call(fleet, program).code in (0, 1)
    return fleet


GENERATE = ("generate_backup_objects", "--output", "objects/objects.conf")
COLLECT, STATUS, MONITORING = (
    ("collect_backup_state",),
    ("check_backup_status",),
    ("check_backup_monitoring",),
)
SCAN, DELIVER = ("notify_backup", "--scan"), ("notify_backup", "--deliver")
SUBMIT, OVERVIEW = ("submit_backup_results",), ("backup_overview",)


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def call(fleet: Fleet, program: tuple[str, ...], *before: str) -> Output:
    """Run *program*; a path below the fleet's folder may be relative to it."""
    name, *options = program
    return run(
        fleet,
        NOW,
        name,
        *(str(fleet.folder / option) if "/" in option else option for option in options),
        before=("timeout", "--signal=KILL", "20", *before),
    )


# --- something else than a file ---


class Odd(NamedTuple):
    """Where something odd is put, who meets it, its exit code, and what is said."""

    file: str
    program: tuple[str, ...]
    code: int
    text: str


ODD = (
    Odd("store/state.sqlite", STATUS, 3, "state.sqlite: cannot be read (Not a regular file)"),
    Odd("store/state.sqlite", MONITORING, 3, "state.sqlite: cannot be read (Not a regular file)"),
    Odd("store/state.sqlite", COLLECT, 0, "is replaced: cannot be read (Not a regular file)"),
    Odd("store/state.sqlite", GENERATE, 3, "state.sqlite: cannot be read (Not a regular file)"),
    Odd("store/state.sqlite", SUBMIT, 3, "state.sqlite: cannot be read (Not a regular file)"),
    Odd("store/state.sqlite", SCAN, 1, "state.sqlite: cannot be read (Not a regular file)"),
    Odd("store/state.sqlite.new", COLLECT, 0, "2 accounts, 1 computer, "),
    Odd("store/past.sqlite", COLLECT, 2, "past.sqlite was empty, kept as "),
    Odd("store/past.sqlite-journal", COLLECT, 2, "Not a regular file"),
    Odd("store/past.sqlite-wal", COLLECT, 2, "Not a regular file"),
    Odd("store/lock", COLLECT, 2, "lock: cannot be written (Not a regular file)"),
    Odd("directory.ldif", COLLECT, 2, "directory.ldif: cannot be read: Not a regular file"),
    Odd("directory.ldif", (*STATUS, "--live"), 3, "cannot be read: Not a regular file"),
    Odd("outbox/outbox.sqlite", SCAN, 2, "outbox.sqlite: is not a regular file; delete it"),
    Odd("outbox/outbox.sqlite", (*MONITORING, "-v"), 2, "outbox.sqlite: is not a regular file"),
    Odd("outbox/outbox.sqlite-journal", DELIVER, 2, "-journal: is not a regular file; delete it"),
    Odd("outbox/outbox.sqlite-journal", (*MONITORING, "-v"), 2, "-journal: is not a regular file"),
    Odd("outbox/outbox.sqlite.lock", DELIVER, 2, ".lock: is not a regular file; delete it"),
    Odd("outbox/outbox-in-use", SCAN, 2, "outbox-in-use: is not a regular file; delete it"),
    Odd("objects/objects.conf", GENERATE, 3, "objects.conf: cannot be read (Not a regular file)"),
    Odd("objects/.objects.conf.new", GENERATE, 0, "10 icinga2 services"),
    Odd("store/state.sqlite", OVERVIEW, 3, "state.sqlite: cannot be read (Not a regular file)"),
    Odd("outbox/outbox.sqlite", OVERVIEW, 2, "outbox.sqlite: is not a regular file"),
    Odd("metrics/backup.prom", OVERVIEW, 3, "backup.prom: cannot be written (Not a regular file)"),
    Odd("metrics/.backup.prom.new", OVERVIEW, 0, " series in "),
    Odd("spool/.backup-results.new", SUBMIT, 0, "10 results in "),
)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: f"{odd.file} {' '.join(odd.program)}")
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(whole: Fleet, odd: Odd) -> None:
    file = whole.folder / odd.file
    file.unlink(missing_ok=True)
    os.mkfifo(file)

    ran = call(whole, odd.program)

    assert (ran.code, odd.text in ran.text) == (odd.code, True), ran.text
    if odd.code == 3:
        assert len(ran.text.splitlines()) == 1


def put_device(file: Path) -> None:
    file.symlink_to("/dev/zero")


def put_socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made, pytest.MonkeyPatch.context() as patch:
        patch.chdir(file.parent)  # the whole path would be too long
        made.bind(file.name)


def test_what_is_not_a_password_file(whole: Fleet) -> None:
    text = whole.file.read_text()
    server = 'uri = "ldaps://localhost:1"\nbind_dn = "cn=reader"\npassword_file = "password"'
    whole.file.write_text(text.replace('uri = "ldif:directory.ldif"', server))
    for put in (os.mkfifo, put_device, put_socket):
        put(whole.folder / "password")

        ran = call(whole, (*STATUS, "--live"))

        assert ran.code == 3
        assert "password: cannot read the password (N" in ran.first
        (whole.folder / "password").unlink()


def test_settings_that_never_end_are_named_when_the_time_is_up(whole: Fleet) -> None:
    whole.file.unlink()
    os.mkfifo(whole.file)

    ran = call(whole, (*STATUS, "-t", "1"))

    assert ran == (
        3,
        "BACKUP STATUS UNKNOWN - time limit of 1 s reached while reading the settings\n",
    )


# --- who may read what a run writes ---


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_nobody_reads_the_store_during_a_run(fleet: Fleet, umask: int) -> None:
    seen: set[tuple[str, int]] = set()

    def look(_: str) -> None:
        for file in fleet.store.iterdir():
            seen.add((file.name, stat.S_IMODE(file.stat().st_mode)))

    def do() -> object:
        os.umask(umask)
        for now in (FIRST, NOW):
            collect(fleet.settings, at(now), look, lambda accounts, _: accounts, given_time=True)
        look("")
        return sorted(seen)

    assert in_child(do) == repr(
        [
            ("lock", 0o600),
            ("past.sqlite", 0o600),
            ("past.sqlite-shm", 0o600),
            ("past.sqlite-wal", 0o600),
            ("state.sqlite", 0o640),
            ("state.sqlite.new", 0o600),
        ]
    )


# --- no inodes ---


@contextmanager
def few_inodes(folder: Path, left: int) -> Iterator[None]:
    """Have *folder* on a disk with room for *left* more files."""
    saved = folder.with_name(f"{folder.name}-saved")
    shutil.move(folder, saved)
    folder.mkdir()
    names = list(saved.iterdir())
    options = f"nr_inodes={1 + len(names) + left}"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True
    )
    if done.returncode:
        pytest.skip("may not mount")
    try:
        for file in names:
            shutil.copy2(file, folder)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@needs_root
@pytest.mark.parametrize(
    ("folder", "program", "left", "code", "text"),
    [
        ("store", COLLECT, 0, 2, "FAILED: {}/past.sqlite: cannot be read or written ("),
        ("store", COLLECT, 1, 2, "FAILED: {}/past.sqlite: cannot be read or written ("),
        ("store", COLLECT, 2, 2, "FAILED: {}/state.sqlite.new: cannot be written ([Errno 28] No s"),
        ("spool", SUBMIT, 0, 3, "UNKNOWN - {}: cannot be written (No space left on device)"),
        ("spool", SUBMIT, 1, 3, "UNKNOWN - {}: cannot be written (No space left on device)"),
        ("spool", SUBMIT, 2, 3, "UNKNOWN - {}: cannot be written (No space left on device)"),
        ("objects", GENERATE, 0, 3, "UNKNOWN - {}/.objects.conf.new: cannot be written (No space"),
        ("metrics", OVERVIEW, 0, 3, "UNKNOWN - {}/backup.prom: cannot be written (No space left"),
    ],
)
def test_no_inodes_left(
    whole: Fleet, folder: str, program: tuple[str, ...], left: int, code: int, text: str
) -> None:
    place = whole.folder / folder
    if program is GENERATE:
        whole.entries()  # so that something changes
    before = {file.name for file in place.iterdir()} | {"past.sqlite-wal"}
    with few_inodes(place, left):
        ran = call(whole, program)
        after = {file.name for file in place.iterdir()}
        reread = call(whole, STATUS)

    assert (ran.code, len(ran.text.splitlines())) == (code, 1)
    assert text.format(place) in ran.first
    assert after <= before
    assert reread.code == 1


# --- locks, descriptors ---


def inject(fault: str) -> tuple[str, ...]:
    """Return strace's command line for a *fault* of system calls."""
    calls = fault.partition(":")[0]
    return ("strace", "-fqqo", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={fault}")


@pytest.mark.parametrize(
    ("program", "text"),
    [
        (COLLECT, "store/lock: cannot be locked (No locks available); see whether its file system"),
        (DELIVER, "outbox.sqlite.lock: cannot be used (No locks available)"),
        (GENERATE, "cannot be written (No locks available)"),
        (SUBMIT, "cannot be written (No locks available)"),
        (OVERVIEW, "backup.prom: cannot be written (No locks available)"),
    ],
)
def test_a_file_system_without_locks(whole: Fleet, program: tuple[str, ...], text: str) -> None:
    ran = call(whole, program, *inject("flock:error=ENOLCK"))

    assert (ran.code, len(ran.text.splitlines())) == (3 if "UNKNOWN" in ran.first else 2, 1)
    assert text in ran.first


@pytest.mark.parametrize("program", [COLLECT, SCAN, DELIVER])
def test_a_file_system_without_locks_for_parts_of_files(
    whole: Fleet, program: tuple[str, ...]
) -> None:
    ran = call(whole, program, *inject("fcntl:error=ENOLCK:when=8+"))

    assert (ran.code, len(ran.text.splitlines())) == (2, 1)
    assert ran.first.startswith("FAILED: ")


@pytest.mark.parametrize("count", [5, 6, 8, 10, 12])
def test_few_file_descriptors(whole: Fleet, count: int) -> None:
    """A program ends as ever, or says what it lacks; nothing is damaged."""
    writers = (COLLECT, SCAN, GENERATE, SUBMIT, OVERVIEW)
    for program in (STATUS, (*STATUS, "--live"), MONITORING, *writers):
        ran = call(whole, program, "prlimit", f"--nofile={count}")

        assert ran.code in range(4), (program, ran)
        assert "internal error" not in ran.text, (program, ran)
        assert "damaged" not in ran.text, (program, ran)
        if ran.code == 3 and not ran.text.startswith("BACKUP STATUS UNKNOWN - 2 unknown"):
            assert len(ran.text.splitlines()) == 1, (program, ran)
    after = call(whole, COLLECT)
    assert (after.code, "1 computer" in after.text) == (0, True), after
    assert call(whole, STATUS).code == 1


# --- what a killed process leaves ---


@pytest.mark.parametrize("moment", ["write", "fsync", "rename"])
def test_a_killed_generator_leaves_nothing_for_long(whole: Fleet, moment: str) -> None:
    whole.entries()
    kept = (whole.folder / "objects" / "objects.conf").read_text()
    killed = call(whole, GENERATE, *inject(f"{moment}:signal=KILL"))
    left = names_in(whole.folder / "objects")
    assert killed.code not in range(4)
    assert left == [".objects.conf.new", "objects.conf"]
    assert (whole.folder / "objects" / "objects.conf").read_text() == kept

    ran = call(whole, GENERATE)

    assert ran.code == 0
    assert names_in(whole.folder / "objects") == ["objects.conf"]


@pytest.mark.parametrize("moment", ["write", "linkat,link"])
def test_a_killed_submitter_leaves_nothing_for_long(whole: Fleet, moment: str) -> None:
    killed = call(whole, SUBMIT, *inject(f"{moment}:signal=KILL"))
    assert killed.code not in range(4)
    left = names_in(whole.folder / "spool")
    assert ".backup-results.new" in left
    # Nagios reads a file only with its .ok file.
    assert not [name for name in left if len(name) == len("c123456")]

    ran = call(whole, SUBMIT)

    assert ran.code == 0
    new = sorted(set(names_in(whole.folder / "spool")) - set(left))
    assert len(new) == 2
    assert new[1] == f"{new[0]}.ok"
    assert ".backup-results.new" not in names_in(whole.folder / "spool")


def test_a_comparison_leaves_nothing(whole: Fleet, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = ("env", f"TMPDIR={temporary}", *inject("fsync:signal=KILL"))

    call(whole, (*GENERATE, "--diff"), *before)

    assert names_in(temporary) == []


def test_two_generators_at_once_both_end_well(whole: Fleet) -> None:
    whole.entries()
    ended: list[Output] = []
    threads = [
        threading.Thread(target=lambda: ended.append(call(whole, GENERATE))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [ran.code for ran in ended] == [0, 0, 0, 0]
    assert names_in(whole.folder / "objects") == ["objects.conf"]
