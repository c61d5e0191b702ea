"""Files that earlier versions have written: taken over, or refused in one line with a remedy."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from backup_monitoring.outbox.outbox_file import LAYOUT as OUTBOX_LAYOUT
from backup_monitoring.store.history_tables import LAYOUT as HISTORY_LAYOUT
from backup_monitoring.store.layout import LAYOUT as STATE_LAYOUT
from programs.former import DELIVERED, FORMER, deliver, run, unpack
from programs.in_process import Done
from programs.installed import ROOT


def set_layout(file: Path, layout: int) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA user_version = {layout}")


@pytest.mark.parametrize("former", FORMER)
def test_the_next_run_replaces_the_state(after_night: Path, former: str) -> None:
    layout = unpack(former, after_night)["state"]

    before = run("check_backup_status")
    collected = run("collect_backup_state")

    problem = f"store/state.sqlite: has layout {layout}, written by an older version"
    if layout == STATE_LAYOUT:
        assert "of 2; worst 4000106 db01: at least 2 failed" in before.out
        assert "replaced" not in collected.out
    else:
        assert before == Done(3, f"{problem}; run this version's collect_backup_state")
        assert f"is replaced: has layout {layout}, written by an older" in collected.out
    after = run("check_backup_status")
    assert after.code == 1
    assert after.out.startswith("BACKUP STATUS WARNING - 2 warning of 2; worst 4000")


@pytest.mark.parametrize("former", FORMER)
def test_the_history_is_taken_over_or_set_aside(after_night: Path, former: str) -> None:
    layout = unpack(former, after_night)["past"]

    collected = run("collect_backup_state")

    status = run("check_backup_status", "-a", "4000106").out
    aside = after_night / "past.sqlite.aside-1"
    lines = [line for line in collected.out.splitlines() if "past.sqlite" in line]
    if layout >= HISTORY_LAYOUT - 1:
        assert (collected.code, lines) == (0, [])
        assert "db01: at least 2 failed since 2026-11-23 20:03 +01:00" in status
        assert not aside.exists()
    else:
        problem = f"had layout {layout}, written by an older version, kept as store/{aside.name}"
        assert collected.code == 2
        assert lines == [f"FAILED: history: store/past.sqlite {problem}"]
        assert "db01: at least 1 failed" in status
        assert aside.exists()
    assert run("collect_backup_state").code == 0


@pytest.mark.parametrize("former", FORMER)
def test_the_outbox_delivers_its_mail_or_is_refused(after_night: Path, former: str) -> None:
    layout = unpack(former, after_night)["outbox"]
    outbox = after_night / "outbox.sqlite"
    assert run("collect_backup_state").code in (0, 2)
    before = outbox.read_bytes()

    done = {name: run("notify_backup", f"--{name}", now=DELIVERED) for name in ("scan", "deliver")}

    if layout == OUTBOX_LAYOUT:
        assert done["scan"] == Done(0, "2 accounts, 0 events, 0 to notify")
        assert re.match("[1-9] sent, 0 to retry, 0 refused", done["deliver"].out)
        return
    problem = f"store/outbox.sqlite: has layout {layout}, written by an older version"
    remedy = "deliver its mails with that version, then delete it and outbox-in-use beside it"
    refused = Done(2, f"FAILED: {problem}; {remedy}")
    assert done == dict.fromkeys(done, refused)
    assert outbox.read_bytes() == before
    assert f"outbox: {problem}" in run("check_backup_monitoring").out

    outbox.unlink()
    (after_night / "outbox-in-use").unlink(missing_ok=True)
    assert "first scan: 2 problems recorded" in run("notify_backup", "--scan").out


def test_the_layouts_are_documented() -> None:
    text = (ROOT / "docs" / "upgrade.md").read_text()

    assert dict(re.findall(r"^\| `([a-z]+)\.sqlite` \| ([0-9]+) \| ", text, re.M)) == {
        "state": str(STATE_LAYOUT),
        "past": str(HISTORY_LAYOUT),
        "outbox": str(OUTBOX_LAYOUT),
    }


def test_what_a_newer_version_wrote(after_night: Path) -> None:
    unpack(FORMER[-1], after_night)
    for name in ("state", "past", "outbox"):
        set_layout(after_night / f"{name}.sqlite", 99)
    newer = "layout 99, written by a newer version"

    assert run("check_backup_status").out == (
        f"store/state.sqlite: has {newer}; run this version's collect_backup_state"
    )
    collected = run("collect_backup_state")
    assert collected.code == 2
    assert f"past.sqlite had {newer}, kept as store/past.sqlite.aside-1" in collected.out
    remedy = "install that version again, or restore the outbox of this one"
    refused = Done(2, f"FAILED: store/outbox.sqlite: has {newer}; {remedy}")
    assert run("notify_backup", "--deliver") == refused
    assert run("check_backup_status").code == 1


def test_a_rollback_continues_from_the_copies(after_night: Path, tmp_path: Path) -> None:
    unpack(FORMER[-1], after_night)
    assert run("collect_backup_state").code == 0
    shutil.copytree(after_night, tmp_path / "copy")
    for name in ("state", "past", "outbox"):
        set_layout(after_night / f"{name}.sqlite", 99)  # the new version ran in between

    shutil.rmtree(after_night)
    shutil.copytree(tmp_path / "copy", after_night)

    collected = run("collect_backup_state", now=DELIVERED)
    assert (collected.code, "FAILED" in collected.out) == (0, False)
    assert "at least 2 failed since" in run("check_backup_status", "-a", "4000106").out
    assert deliver(DELIVERED) > 0
