"""A history that is damaged, or only looks so: nothing is thrown away, nothing looks solved."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backup_monitoring.model.uploads import History
from backup_monitoring.model.verdicts import State
from backup_monitoring.store.collector import CollectorRun
from backup_monitoring.store.files import StoreError
from cases import at
from faults.programs import run
from store.fleet import FIRST, Fleet
from store.test_readers import DAMAGES

NEXT = "2026-11-21T21:00+01:00"
THIRD = "2026-11-22T21:00+01:00"
FOURTH = "2026-11-23T21:00+01:00"
UID = "4000101"
LOSSES: dict[str, Callable[[Path], object]] = {"missing": Path.unlink, **DAMAGES}


def fail(fleet: Fleet, now: str, uid: str = UID) -> None:
    """A backup of *uid* has failed, 20 minutes before *now*."""
    fleet.end(uid, (at(now) - timedelta(minutes=20)).isoformat(), 0, run=now)


def succeed(fleet: Fleet, now: str) -> None:
    fleet.end(UID, (at(now) - timedelta(minutes=20)).isoformat(), 1, run=now)


def history_of(fleet: Fleet, uid: str = UID) -> History:
    (computer,) = fleet.read()[uid][1].computers
    assert computer.history is not None
    return computer.history


def failed_twice(fleet: Fleet) -> None:
    for now in (FIRST, NEXT):
        fail(fleet, now)
        fleet.collect(now)


def rows(fleet: Fleet, statement: str, *values: object) -> list[Any]:
    db = sqlite3.connect(fleet.store / "past.sqlite")
    try:
        with db:
            return db.execute(statement, values).fetchall()
    finally:
        db.close()


@pytest.mark.parametrize("damage", LOSSES.values(), ids=LOSSES)
def test_a_lost_history_is_a_failed_part_and_continues_from_the_state(
    fleet: Fleet, damage: Callable[[Path], object]
) -> None:
    failed_twice(fleet)
    past = fleet.store / "past.sqlite"
    damage(past)
    before = past.read_bytes() if past.exists() else None
    fail(fleet, THIRD)

    lost = fleet.collect(THIRD)

    (failed,) = lost.failed
    assert re.match(rf"history: {re.escape(str(past))} (was|had) ", failed)
    assert lost.notes == ["1 computer continues from state.sqlite"]
    (finding,) = lost.findings
    assert finding.kind == "history"
    assert finding.problem.endswith(
        "; counts of failures continue from state.sqlite, forecasts begin anew "
        "(run of 2026-11-22T20:00:00+00:00)"
    )
    if before is not None:
        aside = fleet.store / "past.sqlite.aside-1"
        assert str(aside) in failed
        assert aside.read_bytes() == before
    # what was known before: two failures, and then the third
    assert (history_of(fleet).failed, history_of(fleet).failed_since) == (
        2,
        at("2026-11-20T20:40+01:00"),
    )
    check = run(fleet, THIRD, "check_backup_status", "-a", UID)
    assert (check.code, "3 failed since" in check.first) == (State.CRITICAL.value, True)
    again = fleet.collect("2026-11-22T21:05+01:00")
    assert (again.failed, again.notes) == ([], [])


def test_how_it_is_shown_and_for_how_long(fleet: Fleet) -> None:
    failed_twice(fleet)
    (fleet.store / "past.sqlite").write_bytes(b"")

    ran = run(fleet, THIRD, "collect_backup_state", "-v")

    assert ran.code == 2
    lines = ran.text.splitlines()
    past = fleet.store / "past.sqlite"
    assert lines[0] == f"FAILED: history: {past} was empty, kept as {past}.aside-1"
    assert lines[1] == "note: 1 computer continues from state.sqlite"
    assert lines[3].startswith(f"  history: {past}: was empty, kept as {past}.aside-1; counts of")
    check = run(fleet, THIRD, "check_backup_monitoring")
    assert check.code == State.WARNING.value
    assert "1 finding of kind history (what earlier runs knew of computers was lost)" in check.first
    kinds = [
        [each.kind for each in fleet.collect(now).findings]
        for now in ("2026-11-29T20:59+01:00", "2026-11-29T21:01+01:00")
    ]
    assert kinds == [["history"], []]


def test_each_is_set_aside_under_a_name_of_its_own(fleet: Fleet) -> None:
    failed_twice(fleet)
    moment = at(THIRD)
    for number in range(1, 10):
        (fleet.store / "past.sqlite").write_text(f"damaged {number} " * 99)
        fleet.collect((moment + timedelta(minutes=number)).isoformat())
        asides = sorted(fleet.store.glob("past.sqlite.aside-*"))
        assert [each.read_text().split()[1] for each in asides] == [
            str(each) for each in range(1, number + 1)
        ]
    (fleet.store / "past.sqlite").write_text("damaged 10 " * 99)

    with pytest.raises(
        StoreError, match="cannot be set aside: there are 9 already; check disk and memory"
    ):
        fleet.collect(FOURTH)
    assert (fleet.store / "past.sqlite").read_text().startswith("damaged 10")


def test_the_log_of_a_damaged_history_is_kept_with_it(fleet: Fleet) -> None:
    failed_twice(fleet)
    past = fleet.store / "past.sqlite"
    past.write_bytes(b"")
    past.with_name("past.sqlite-wal").write_bytes(b"what was written last")

    fleet.collect(THIRD)

    assert (fleet.store / "past.sqlite.aside-1-wal").read_bytes() == b"what was written last"


def test_a_run_that_is_killed_after_the_loss_is_repeated(fleet: Fleet) -> None:
    failed_twice(fleet)
    past = fleet.store / "past.sqlite"
    past.unlink()
    rows(fleet, "PRAGMA journal_mode = WAL")  # created, and then nothing was committed
    past.unlink()
    fail(fleet, THIRD)
    fleet.collect(THIRD)
    rows(fleet, "DELETE FROM meta")

    again = fleet.collect(FOURTH)

    assert again.failed == [f"history: {past} had nothing of an earlier run"]
    assert history_of(fleet).failed == 2


@pytest.mark.parametrize("how", ["emptied", "deleted"])
def test_a_history_and_a_state_that_are_both_lost_count_anew(fleet: Fleet, how: str) -> None:
    """Both deleted is not a new installation: the lock knows that there were runs."""
    failed_twice(fleet)
    for file in [*fleet.store.glob("past.sqlite*"), fleet.store / "state.sqlite"]:
        file.unlink()
    if how == "emptied":
        for name in ("past.sqlite", "state.sqlite"):
            (fleet.store / name).touch()
    fail(fleet, THIRD)

    lost = fleet.collect(THIRD)

    assert len(lost.failed) == 1
    assert "counts of failures begin anew, as lower bounds" in lost.findings[0].problem
    assert (history_of(fleet).failed, history_of(fleet).at_least) == (0, True)


def test_a_damage_that_a_run_meets_late(tmp_path: Path) -> None:
    uids = [str(4_000_000 + number) for number in range(400)]
    fleet = Fleet(tmp_path / "many", uids)
    for now in (FIRST, NEXT):
        for uid in uids:
            fail(fleet, now, uid)
        fleet.collect(now)
    past = fleet.store / "past.sqlite"
    data = bytearray(past.read_bytes())
    pages = len(data) // 4096
    assert pages > 20
    for page in range(pages // 3, pages):
        data[page * 4096 : page * 4096 + 200] = b"\xa5" * 200
    past.write_bytes(data)

    lost = fleet.collect(THIRD)

    assert len(lost.failed) == 1
    assert lost.notes == ["400 computers continue from state.sqlite"]
    assert (lost.accounts, lost.computers) == (400, 400)
    assert {history_of(fleet, uid).failed for uid in uids[::50]} == {1}
    assert (fleet.store / "past.sqlite.aside-1").read_bytes() == bytes(data)


class _Damage:
    """Reports damage at one statement of the history, once, as SQLite does after an EIO."""

    def __init__(self, at: int, code: int, connect: Callable[..., sqlite3.Connection]) -> None:
        self.count = 0
        self._at = at
        self._code = code
        self._connect = connect

    def connect(self, file: Any, *arguments: Any, **named: Any) -> sqlite3.Connection:
        if "past.sqlite" not in str(file):
            return self._connect(file, *arguments, **named)
        damage = self

        class Damaged(sqlite3.Connection):
            def execute(self, *values: Any) -> sqlite3.Cursor:
                damage.count += 1
                if damage.count == damage._at:
                    error = sqlite3.DatabaseError("database disk image is malformed")
                    error.sqlite_errorcode = damage._code
                    raise error
                return super().execute(*values)

        return self._connect(file, *arguments, **named, factory=Damaged)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, 266])
def test_one_error_of_the_disk_at_any_statement_throws_nothing_away(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    failed_twice(fleet)
    kept, connect = fleet.folder / "kept", sqlite3.connect
    shutil.copytree(fleet.store, kept)
    fail(fleet, THIRD)
    steps = 0
    for step in range(1, 100):
        shutil.rmtree(fleet.store)
        shutil.copytree(kept, fleet.store)
        damage = _Damage(step, code, connect)
        monkeypatch.setattr(sqlite3, "connect", damage.connect)
        answer = _collect(fleet, THIRD)
        monkeypatch.setattr(sqlite3, "connect", connect)
        if damage.count < step:
            break
        steps += 1
        assert isinstance(answer, StoreError), step
        assert str(fleet.store / "past.sqlite") in str(answer)
        if code != 266:
            assert "the next run reads it again; if this comes back, check the disk" in str(answer)
        assert list(fleet.store.glob("*aside*")) == []
        assert fleet.collect(THIRD).failed == []
        assert (history_of(fleet).failed, list(fleet.store.glob("*aside*"))) == (2, [])
    assert steps > 10


def _collect(fleet: Fleet, now: str) -> CollectorRun | StoreError:
    try:
        return fleet.collect(now)
    except StoreError as error:
        return error


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE computers SET tracked = ? WHERE key = '4000101'", "1 computer of account"),
        ("UPDATE accounts SET sizes = ? WHERE key = '4000101'", "sizes of account 4000101"),
        ("UPDATE accounts SET seen = ? WHERE key = '4000101'", "sizes of account 4000101"),
        ("UPDATE meta SET value = ? WHERE key = 'last_run'", "the time of the last run"),
    ],
)
@pytest.mark.parametrize("value", [None, b"\xff", "[", "[1,2]", '{"a":1}', 10**18, "[[1,1],[1,2]]"])
def test_a_damaged_cell_costs_nobody_else(
    fleet: Fleet, statement: str, finding: str, value: object
) -> None:
    failed_twice(fleet)
    for now in (FIRST, NEXT):
        fail(fleet, now, "4000102")
    fleet.collect(NEXT)
    rows(fleet, statement, value)
    for uid in (UID, "4000102"):
        fail(fleet, THIRD, uid)

    done = fleet.collect(THIRD)

    assert (done.failed, done.notes) == ([], [])
    problems = [each.problem for each in done.findings if each.kind == "history"]
    assert [finding in each for each in problems] in ([True], [])
    assert history_of(fleet).failed == 2
    assert fleet.collect(FOURTH).findings == []


@pytest.mark.parametrize("value", ["web01", "[", 17])
def test_a_damaged_name_costs_nobody_else(fleet: Fleet, value: object) -> None:
    failed_twice(fleet)
    rows(fleet, "UPDATE computers SET name = ?", value)
    fail(fleet, THIRD)

    done = fleet.collect(THIRD)

    assert ["1 computer of account" in each.problem for each in done.findings] == [True]
    assert history_of(fleet).failed == 2
    assert fleet.collect(FOURTH).findings == []


@pytest.fixture
def notifying(fleet: Fleet) -> Fleet:
    """A fleet whose customer has been notified of two failures."""
    (fleet.folder / "outbox").mkdir()
    fleet.entries(
        _entry_with_mail(),
    )
    set_trigger(fleet, "scan")
    fleet.collect("2026-11-19T21:00+01:00")
    notify(fleet, "2026-11-19T21:01+01:00", "--scan")
    return fleet


def _entry_with_mail() -> str:
    from store.fleet import entry

    return entry(
        UID,
        mail="customer@example.org",
        sstNotificationWarningMedium="mail",
        sstBackupWarningOn="TRUE",
        sstBackupWarningNumbers="2",
        sstBackupWarningDays="0",
    )


def set_trigger(fleet: Fleet, trigger: str) -> None:
    fleet.settings_text(
        f'[notify]\ntrigger = "{trigger}"\nfrom = "backup@example.org"\nstorm = false\n'
        'operator = "operations@example.org"\nsmtp = "sendmail:/bin/true"\n'
        'outbox = "outbox/outbox.sqlite"\nlog = "outbox/notify.jsonl"\n'
    )


def notify(fleet: Fleet, now: str, *options: str) -> list[tuple[str, str]]:
    """Run notify_backup; return kind and state of each mail that it has queued."""
    log = fleet.folder / "outbox" / "notify.jsonl"
    before = len(log.read_text().splitlines()) if log.exists() else 0
    ran = run(fleet, now, "notify_backup", *options)
    assert ran.code in (0, 1), ran
    if "--type" in options:  # a call is only spooled: the delivery handles it
        assert run(fleet, now, "notify_backup", "--deliver").code in (0, 1)
    lines = log.read_text().splitlines()[before:] if log.exists() else []
    found = [json.loads(line) for line in lines]
    return [
        (each.get("kind", ""), each.get("state", "")) for each in found if each["what"] == "queued"
    ]


def lose_everything(fleet: Fleet) -> None:
    for name in ("past.sqlite", "state.sqlite"):
        (fleet.store / name).write_bytes(b"")


def test_a_scan_says_nothing_is_solved_while_a_count_is_a_lower_bound(notifying: Fleet) -> None:
    sent = []
    for now in (FIRST, NEXT):
        fail(notifying, now)
        notifying.collect(now)
        sent += notify(notifying, now, "--scan")
    assert sent == [("PROBLEM", "WARNING")]
    notify(notifying, "2026-11-21T21:04+01:00", "--deliver")
    lose_everything(notifying)

    notifying.collect("2026-11-21T21:05+01:00")

    check = run(notifying, "2026-11-21T21:06+01:00", "check_backup_status", "-a", UID)
    assert "at least 1 failed" in check.first
    assert notify(notifying, "2026-11-21T21:06+01:00", "--scan") == []
    notifying.start(UID, "2026-11-22T20:00:00+01:00", run="running")
    notifying.collect("2026-11-22T20:10+01:00")
    assert notify(notifying, "2026-11-22T20:11+01:00", "--scan") == []
    succeed(notifying, THIRD)
    notifying.collect(THIRD)
    assert notify(notifying, THIRD, "--scan") == [("RECOVERY", "OK")]


def test_nor_does_the_hook(notifying: Fleet) -> None:
    set_trigger(notifying, "monitoring")
    for now in (FIRST, NEXT):
        fail(notifying, now)
        notifying.collect(now)
    call = ("-a", UID, "--task", "status")
    problem = (*call, "--type", "PROBLEM", "--state", "WARNING")
    recovery = (*call, "--type", "RECOVERY", "--state", "OK")
    assert notify(notifying, NEXT, *problem) == [("PROBLEM", "WARNING")]
    notify(notifying, "2026-11-21T21:04+01:00", "--deliver")
    lose_everything(notifying)
    notifying.collect("2026-11-21T21:05+01:00")

    assert notify(notifying, "2026-11-21T21:06+01:00", *recovery) == []

    log = (notifying.folder / "outbox" / "notify.jsonl").read_text()
    assert "not solved for certain: earlier failures are not known" in log
    succeed(notifying, THIRD)
    notifying.collect(THIRD)
    assert notify(notifying, THIRD, *recovery) == [("RECOVERY", "OK")]


def test_what_is_recovered_of_a_damaged_row_stays(fleet: Fleet) -> None:
    """It was known for one run only, if no new report came: the counts began anew in the next."""
    failed_twice(fleet)
    fleet.collect(NEXT)
    before = history_of(fleet).failed
    rows(fleet, "UPDATE computers SET tracked = '[1]'")

    fleet.collect(THIRD)
    fleet.collect(FOURTH)

    assert before > 0
    assert history_of(fleet).failed == before
