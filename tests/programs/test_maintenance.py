"""What docs/backup.md says: copies, restoring, another server, and what changes over the years."""

import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backup_monitoring.store.history_file import HistoryFile
from cases import at
from programs.former import DELIVERED, FORMER, deliver, run, unpack
from programs.installed import ROOT
from store.fleet import FIRST, Fleet

LATER = "2026-11-25T08:40:00+01:00"
LATEST = "2026-11-25T09:40:00+01:00"


@pytest.fixture
def store(after_night: Path) -> Path:
    """The store after a run, and after its mail was sent."""
    unpack(FORMER[-1], after_night)
    assert run("collect_backup_state").code == 0
    return after_night


def back_up(file: Path, copy: Path) -> None:
    """Do what `sqlite3 FILE ".backup COPY"` does."""
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def replace_in(file: str, *texts: tuple[str, str]) -> None:
    text = Path(file).read_text()
    for old, new in texts:
        assert old in text
        text = text.replace(old, new)
    Path(file).write_text(text)


def fail(fleet: Fleet, time: datetime) -> None:
    """A backup of account 4000101 fails, and the collector runs an hour later."""
    fleet.end("4000101", time.isoformat(), 0, run=time.isoformat())
    fleet.collect((time + timedelta(hours=1)).isoformat())


def count_failed(fleet: Fleet) -> int:
    ((_, uploads),) = fleet.read("4000101").values()
    (computer,) = uploads.computers
    assert computer.history is not None
    return computer.history.failed + 1  # and the newest report's


def test_a_copy_during_a_run_is_as_before_the_run(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet")
    for day in range(2):
        fail(fleet, at(FIRST) + timedelta(days=day))
    copy = tmp_path / "copy.sqlite"

    running = HistoryFile(fleet.store, at(FIRST) + timedelta(days=2), 50)
    running.write_computer("4000101", "web01", running.read_computers("4000101")["web01"])
    back_up(fleet.store / "past.sqlite", copy)
    running.close()

    for suffix in ("", "-wal", "-shm"):
        (fleet.store / f"past.sqlite{suffix}").unlink(missing_ok=True)
    shutil.copy(copy, fleet.store / "past.sqlite")
    fail(fleet, at(FIRST) + timedelta(days=3))
    assert count_failed(fleet) == 3


def test_an_older_history_goes_on_from_its_day(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet")
    for day in range(2):
        fail(fleet, at(FIRST) + timedelta(days=day))
    back_up(fleet.store / "past.sqlite", tmp_path / "copy.sqlite")
    for day in range(2, 4):
        fail(fleet, at(FIRST) + timedelta(days=day))
    assert count_failed(fleet) == 4

    shutil.copy(tmp_path / "copy.sqlite", fleet.store / "past.sqlite")
    run = fleet.collect((at(FIRST) + timedelta(days=4)).isoformat())

    # of the two since then, only the newest has a report
    assert (run.failed, run.notes, run.findings) == ([], [], [])
    assert count_failed(fleet) == 3


def test_an_older_outbox_sends_again_what_waited_in_it(store: Path) -> None:
    back_up(store / "outbox.sqlite", copy := store / "copy.sqlite")
    sent = deliver(DELIVERED)
    assert sent > 0

    shutil.copy(copy, store / "outbox.sqlite")

    assert run("notify_backup", "--scan", now=LATER).out == "2 accounts, 0 events, 0 to notify"
    assert deliver(LATER) == sent
    assert deliver(LATEST) == 0


def list_commands(heading: str) -> str:
    """Return the commands of docs/backup.md below *heading*."""
    text = (ROOT / "docs" / "backup.md").read_text().partition(f"\n## {heading}\n")[2]
    (commands, *_) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return str(commands)


def test_the_commands_copy_and_restore(store: Path, tmp_path: Path) -> None:
    (store / "outbox").mkdir()
    (store / "outbox.sqlite").rename(store / "outbox" / "outbox.sqlite")
    replace_in("notify.toml", ("store/outbox.sqlite", "store/outbox/outbox.sqlite"))
    (tmp_path / "etc").mkdir()
    me = f"-o {os.getuid()} -g {os.getgid()}"
    here = {
        "/var/backups": str(tmp_path / "backups"),
        "/var/lib/backup-monitoring": str(store),
        "/etc/backup-monitoring": str(tmp_path / "etc"),
        "-o backup-monitoring -g backup-monitoring": me,
        "-o backup-notify -g backup-notify": me,
    }

    for heading in ("What to back up", "Restore"):
        commands = list_commands(heading)
        for path, own in here.items():
            commands = commands.replace(path, own)
        done = subprocess.run(["sh", "-eu", "-c", commands], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        if heading == "What to back up":
            for lost in ("past.sqlite", "outbox/outbox.sqlite"):
                (store / lost).write_bytes(b"lost")

    assert run("collect_backup_state", now=DELIVERED).code == 0
    assert "at least 2 failed since" in run("check_backup_status", "-a", "4000106").out
    assert deliver(DELIVERED) > 0
    assert (store / "past.sqlite").stat().st_mode & 0o777 == 0o600


def test_another_server_continues_with_the_files(store: Path, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "var" / "lib")
    shutil.rmtree(store)
    replace_in("notify.toml", ('"store"', '"var/lib"'), ('"store/', '"var/lib/'))

    collected = run("collect_backup_state", now=DELIVERED)

    assert collected.code == 0
    assert not re.search("lost|history|held", collected.out)
    assert "at least 2 failed since" in run("check_backup_status", "-a", "4000106").out
    assert run("notify_backup", "--scan", now=DELIVERED).out.startswith("2 accounts, 0 events")
    assert deliver(DELIVERED) > 0


def test_an_account_with_another_uid_begins_anew(store: Path) -> None:
    assert deliver(DELIVERED) > 0
    replace_in(
        "directory.ldif", ("uid=4000101,", "uid=4000199,"), ("uid: 4000101\n", "uid: 4000199\n")
    )

    assert "(1 lost, 15 orphan)" in run("collect_backup_state", now=LATER).out
    assert "at least 1 failed" in run("check_backup_status", "-a", "4000199", now=LATER).out
    assert "no such account" in run("check_backup_status", "-a", "4000101", now=LATER).out
    assert run("notify_backup", "--scan", now=LATER).out.startswith("2 accounts, 2 events, ")
    assert deliver(LATEST) > 0
    subjects = [
        line
        for mail in sorted(Path("mails").glob("*-account-4000101@example.org.txt"))
        for line in mail.read_text().splitlines()
        if line.startswith("Subject: ")
    ]
    assert [subject.split(":")[1].strip() for subject in subjects] == [
        "Backup failed",
        "No longer monitored",
        "Backup failed",
    ]


def test_another_suffix_changes_nothing(store: Path) -> None:
    assert deliver(DELIVERED) > 0
    before = run("check_backup_status", "-vv").out

    replace_in("notify.toml", ("dc=example,dc=org", "dc=example,dc=net"))
    missing = run("collect_backup_state", now=LATER)
    replace_in("directory.ldif", ("dc=example,dc=org", "dc=example,dc=net"))

    assert missing.code == 2
    assert "FAILED: directory: directory.ldif: no entry" in missing.out
    assert run("collect_backup_state", now=LATER).out.endswith("15 findings (15 orphan)")
    assert run("check_backup_status", "-vv", now=LATER).out == before
    assert run("notify_backup", "--scan", now=LATER).out == "2 accounts, 0 events, 0 to notify"
