"""Collector runs and wrong clocks: a computer's, and this server's own."""

import json
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.uploads import Computer, Receipt, Start, Uploads
from backup_monitoring.store.history_file import HistoryFile
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.status import evaluate_status
from cases import at, end, start
from store.fleet import Fleet, collect_once

ACCOUNT = Account("4000101", "", warning_numbers=1, warning_days=0)
UPLOADS_APART = 0.11  # seconds: as far as those of one backup are at least
KEEP = timedelta(days=400)
RIGHT = at("2026-03-04T22:00Z")


def test_a_wrong_clock_is_a_finding_and_a_clause(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, ["4000101"])
    slow = datetime.now(ZoneInfo("Europe/Zurich")) - timedelta(hours=3, minutes=1)
    fleet.start("4000101", slow.isoformat(timespec="seconds"))
    time.sleep(UPLOADS_APART)
    fleet.end("4000101", slow.isoformat(timespec="seconds"))
    time.sleep(UPLOADS_APART)
    fleet.plan("4000101", slow.hour)
    now = datetime.now(UTC)

    run = collect_once(fleet.settings, now)

    ((account, uploads),) = fleet.read().values()
    verdict = evaluate_status(account, uploads, Policies(), now)
    assert [(each.kind, each.where, each.problem) for each in run.findings] == [
        ("clock", "account 4000101 web01", "its clock is 3 h 1 min slow")
    ]
    assert verdict.summary.endswith("; its clock is 3 h 1 min slow")


def run_once(folder: Path, now: datetime, *computers: Computer) -> list[Computer]:
    history = HistoryFile(folder, now, 50)
    seen = history.update_computers(ACCOUNT, Uploads(computers))
    history.commit(KEEP, complete=True)
    history.close()
    return [computer for computer, _ in seen]


def test_older_reports_that_are_restored_change_nothing(tmp_path: Path) -> None:
    older = Computer("web01", start("2026-03-01T20:00Z"), end("2026-03-01T20:40Z"))
    failed = Computer("web01", start("2026-03-02T20:00Z"), end("2026-03-02T20:40Z", success=False))
    run_once(tmp_path, at("2026-03-01T20:45Z"), older)
    run_once(tmp_path, at("2026-03-02T20:45Z"), failed)
    again = Computer(
        "web01",
        start("2026-03-01T20:00Z", came="2026-03-03T10:00Z"),
        end("2026-03-01T20:40Z", came="2026-03-03T10:00Z"),
    )

    (seen,) = run_once(tmp_path, at("2026-03-03T10:05Z"), again)

    assert (seen.start, seen.end) == (failed.start, failed.end)
    verdict = evaluate_status(ACCOUNT, Uploads((seen,)), Policies(), at("2026-03-03T10:05Z"))
    assert verdict.summary.startswith("1 failed: backup ended 2026-03-02 20:40 +00:00 with errors")


def test_a_run_after_the_server_was_ahead_is_in_doubt_for_300_runs(tmp_path: Path) -> None:
    run_once(tmp_path, RIGHT + timedelta(days=400))
    received = {}
    for number in range(302):
        now = at("2026-03-04T23:00Z") + number * timedelta(minutes=5)
        if number not in (0, 299, 300):
            run_once(tmp_path, now)
            continue
        came = start("2026-03-04T20:00Z", came=now.isoformat())
        computer = Computer(f"c{number}", came._replace(id=str(number)))
        (seen,) = (each for each in run_once(tmp_path, now, computer) if each.start is not None)
        assert isinstance(seen.start, Start)
        received[number] = seen.start.received

    assert received[0] == Receipt(at("2026-03-04T23:00Z"), error_before=timedelta(0))
    assert received[299].error_before is not None
    assert received[300].error_before is None
    db = sqlite3.connect(tmp_path / "past.sqlite")
    (runs,) = db.execute("SELECT value FROM meta WHERE key = 'runs'").fetchone()
    assert len(json.loads(runs)) == 300


def test_a_file_from_the_future_shows_nothing(tmp_path: Path) -> None:
    late = Computer("web01", start("2026-03-04T20:00Z", came="2026-03-04T22:10:01Z"))

    (seen,) = run_once(tmp_path, RIGHT, late)

    assert isinstance(seen.start, Start)
    assert seen.start.received == Receipt(at("2026-03-04T22:10:01Z"), trusted=False)
