"""An outbox that is missing, empty, misspelt or damaged: nobody takes that for "no mails"."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from backup_monitoring.model.verdicts import State
from faults.programs import WEAK, Output, replace_by_folder, run
from store.children import NOBODY
from store.fleet import Fleet

LATER = "2026-11-20T21:05+01:00"
NOTE = "outbox-in-use"
JOBS = (("--scan",), ("--deliver",), ("--release",), ("--scan", "--dry-run"))
HOOK = ("-a", "4000101", "--task", "status", "--type", "PROBLEM", "--state", "CRITICAL")
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


class Fault(NamedTuple):
    """What is done to an outbox in use, and what is said; *text* may hold its *name*."""

    break_it: Callable[[Path], object]
    text: str
    name: str = "outbox.sqlite"


def overwrite(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))


def drop_table(file: Path) -> None:
    db = sqlite3.connect(file)
    db.execute("DROP TABLE mails")
    db.close()


FAULTS = {
    "missing": Fault(Path.unlink, "does not exist, though it was in use: its mails are lost"),
    "empty": Fault(
        lambda file: os.truncate(file, 0), "is empty, though it was in use: its mails are lost"
    ),
    "misspelt": Fault(
        lambda file: None,
        "does not exist, and the outbox in this folder was outbox.sqlite; correct [notify] outbox",
        "outbx.sqlite",
    ),
    "folder missing": Fault(
        lambda file: shutil.rmtree(file.parent), "outbox: the folder does not exist; create it"
    ),
    "folder misspelt": Fault(
        lambda file: None, "outbx: the folder does not exist; create it", "../outbx/outbox.sqlite"
    ),
    "no database": Fault(lambda file: file.write_text("hello\n" * 1000), "is damaged"),
    "overwritten": Fault(overwrite, "is damaged"),
    "cut": Fault(lambda file: os.truncate(file, 5000), "is damaged"),
    "a folder": Fault(replace_by_folder, "outbox.sqlite: cannot be"),
}


@pytest.fixture
def notifying(fleet: Fleet) -> Fleet:
    """A fleet with a failure, after a collector run."""
    (fleet.folder / "outbox").mkdir()
    write_settings(fleet)
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    return fleet


def write_settings(fleet: Fleet, name: str = "outbox.sqlite", trigger: str = "scan") -> None:
    fleet.settings_text(
        f'[notify]\ntrigger = "{trigger}"\nfrom = "backup@example.org"\n'
        f'operator = "operations@example.org"\nsmtp = "sendmail:/bin/true"\n'
        f'outbox = "outbox/{name}"\n'
    )


def check(fleet: Fleet) -> Output:
    return run(fleet, LATER, "check_backup_monitoring")


def notify(fleet: Fleet, *options: str) -> Output:
    return run(fleet, LATER, "notify_backup", *options)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_outbox_in_use_that_is_lost(notifying: Fleet, fault: Fault) -> None:
    notify(notifying, "--scan")
    assert check(notifying).code == State.OK.value
    fault.break_it(notifying.folder / "outbox" / "outbox.sqlite")
    write_settings(notifying, fault.name)

    ran = check(notifying)

    assert ran.code == State.CRITICAL.value
    assert ran.first.startswith("BACKUP MONITORING CRITICAL - outbox: ")
    assert fault.text in ran.first
    assert len(ran.text.splitlines()) == 1
    for job in JOBS:
        ran = notify(notifying, *job)
        assert (ran.code, len(ran.text.splitlines())) == (2, 1), job
        assert ran.first.startswith("FAILED: ")
        assert fault.text in ran.first
    write_settings(notifying, fault.name, "monitoring")
    ran = notify(notifying, *HOOK)
    if "the folder does not exist" in fault.text:
        assert (ran.code, len(ran.text.splitlines())) == (2, 1)
        assert fault.text in ran.first
    else:  # the call is safe in the spool, whatever the outbox is like
        assert (ran.code, ran.text) == (0, "spooled\n")
        assert notify(notifying, "--deliver").code == 2


def test_an_outbox_without_one_of_its_tables(notifying: Fleet) -> None:
    notify(notifying, "--scan")
    drop_table(notifying.folder / "outbox" / "outbox.sqlite")

    for ran in (check(notifying), notify(notifying, "--deliver")):
        assert ran.code == 2
        assert "outbox.sqlite: is damaged (no such table: mails)" in ran.first


def test_a_damaged_time_of_the_last_scan(notifying: Fleet) -> None:
    notify(notifying, "--scan")
    db = sqlite3.connect(notifying.folder / "outbox" / "outbox.sqlite")
    db.execute("UPDATE meta SET value = 'x' || value WHERE key = 'scanned'")
    db.commit()
    db.close()

    ran = check(notifying)

    assert (ran.code, "outbox.sqlite: is damaged (a time in it" in ran.first) == (2, True)


def test_no_damaged_page_is_healthy(notifying: Fleet) -> None:
    """Also one that no count reads: the mails may be in it."""
    notify(notifying, "--scan")
    file = notifying.folder / "outbox" / "outbox.sqlite"
    whole = file.read_bytes()
    damaged = [b"\xa5" * 4096 if any(whole[at : at + 8]) else None for at in _pages(whole)]

    for at, page in zip(_pages(whole), damaged, strict=True):
        if page is not None:
            file.write_bytes(whole[:at] + page + whole[at + 4096 :])
            ran = check(notifying)
            assert (ran.code, "outbox.sqlite: is damaged" in ran.first) == (2, True), at
    file.write_bytes(whole)
    assert check(notifying).code == 0


def _pages(data: bytes) -> range:
    return range(0, len(data), 4096)


@pytest.mark.parametrize("job", JOBS[:3], ids=" ".join)
def test_the_first_use_creates_it_silently(notifying: Fleet, job: tuple[str, ...]) -> None:
    before = check(notifying)
    folder = notifying.folder / "outbox"

    ran = notify(notifying, *job)

    assert before.code == State.CRITICAL.value
    assert "does not exist: notify_backup has never used it; enable its timer" in before.first
    assert ran.code == 0
    assert "FAILED" not in ran.text
    assert (folder / NOTE).read_text() == "outbox.sqlite"
    never = " - scan was never completed: see notify_backup --scan"
    after = check(notifying).first
    assert (never in after) == (job != ("--scan",))
    assert (" scan_age=0s;1800;3600;0 " in after) == (job == ("--scan",))


def test_a_dry_run_is_not_a_use(notifying: Fleet) -> None:
    assert notify(notifying, "--scan", "--dry-run").code == 0

    assert list((notifying.folder / "outbox").iterdir()) == []


def test_a_first_use_that_was_killed_is_repeated(notifying: Fleet) -> None:
    (notifying.folder / "outbox" / "outbox.sqlite").write_bytes(b"")

    assert "is empty: notify_backup has never used it" in check(notifying).first
    assert notify(notifying, "--scan").code == 0
    assert check(notifying).code == State.OK.value


def test_a_note_that_was_never_completed_is_one_all_the_same(notifying: Fleet) -> None:
    notify(notifying, "--deliver")
    folder = notifying.folder / "outbox"
    (folder / NOTE).write_text("")
    (folder / "outbox.sqlite").unlink()

    assert notify(notifying, "--deliver").code == 2
    assert "though it was in use" in check(notifying).first


def test_a_new_outbox_begins_when_the_note_is_deleted(notifying: Fleet) -> None:
    notify(notifying, "--deliver")
    folder = notifying.folder / "outbox"
    (folder / "outbox.sqlite").unlink()
    (folder / NOTE).unlink()

    assert notify(notifying, "--scan").code == 0
    assert check(notifying).code == State.OK.value


def test_a_renamed_outbox_is_the_one_in_use(notifying: Fleet) -> None:
    notify(notifying, "--deliver")
    folder = notifying.folder / "outbox"
    (folder / "outbox.sqlite").rename(folder / "mails.sqlite")
    write_settings(notifying, "mails.sqlite")

    assert notify(notifying, "--deliver").code == 0
    assert (folder / NOTE).read_text() == "mails.sqlite"


@needs_root
def test_a_user_who_may_not_look_has_one_clear_line(notifying: Fleet) -> None:
    notify(notifying, "--scan")
    _give_away(notifying.folder / "outbox")

    ran = run(notifying, LATER, "check_backup_monitoring", before=WEAK)

    assert ran.code == State.UNKNOWN.value
    assert len(ran.text.splitlines()) == 1
    assert "outbox.sqlite: cannot be used (Permission denied)" in ran.first
    assert "add the user to their group and restart its daemon" in ran.first
    assert ran.first.startswith("BACKUP MONITORING UNKNOWN - outbox: ")
    ran = run(notifying, LATER, "notify_backup", "--scan", before=WEAK)
    assert ran.code == 2
    assert "outbox.sqlite: cannot be used (Permission denied)" in ran.first


@needs_root
def test_a_user_who_may_not_come_near_has_one_clear_line(notifying: Fleet) -> None:
    hidden = notifying.folder / "hidden"
    (hidden / "outbox").mkdir(parents=True)
    write_settings(notifying, "../hidden/outbox/outbox.sqlite")
    notify(notifying, "--scan")
    os.chown(hidden, NOBODY, NOBODY)
    hidden.chmod(0o700)

    checked = run(notifying, LATER, "check_backup_monitoring", before=WEAK)
    notified = run(notifying, LATER, "notify_backup", "--scan", before=WEAK)

    assert (checked.code, notified.code) == (State.UNKNOWN.value, 2)
    for ran in (checked, notified):
        assert len(ran.text.splitlines()) == 1
        assert "outbox.sqlite: cannot be used (Permission denied)" in ran.first


@needs_root
def test_templates_that_a_user_may_not_read_have_one_clear_line(notifying: Fleet) -> None:
    templates = notifying.folder / "hidden" / "templates"
    templates.mkdir(parents=True)
    settings = notifying.file.read_text()
    notifying.file.write_text(f'{settings}templates = "{templates}"\n')
    os.chown(templates.parent, NOBODY, NOBODY)
    templates.parent.chmod(0o700)

    ran = run(notifying, LATER, "notify_backup", "--test-mail", "a@example.org", before=WEAK)

    assert (ran.code, len(ran.text.splitlines())) == (3, 1)
    assert f"{templates}: cannot be read (Permission denied); let this user read" in ran.first


@needs_root
def test_what_else_is_wrong_is_not_hidden_by_permissions(notifying: Fleet) -> None:
    notify(notifying, "--scan")
    _give_away(notifying.folder / "outbox")

    ran = run(notifying, "2026-11-21T21:05+01:00", "check_backup_monitoring", before=WEAK)

    assert ran.code == State.CRITICAL.value
    assert "read 2026-11-20 20:00 +00:00, 1 d 5 min ago" in ran.first
    assert "; 2 more problems" in ran.first


def _give_away(folder: Path) -> None:
    for each in (folder, *folder.iterdir()):
        os.chown(each, NOBODY, NOBODY)
    folder.chmod(0o2770)
