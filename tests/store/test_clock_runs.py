"""Collector runs and wrong clocks: a computer's, and this server's own."""

import json
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.uploads import Computer, Receipt, Start, Uploads
from backup_monitoring.store.history import update_computer
from backup_monitoring.store.history_file import HistoryFile
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.status import evaluate_status
from cases import at, daily, end, start
from store.fleet import Fleet, collect_once

ACCOUNT = Account("4000101", "", warning_numbers=1, warning_days=0)
UPLOADS_APART = 0.11  # seconds: as far as those of one backup are at least
KEEP = timedelta(days=400)
RIGHT = at("2026-03-04T22:00Z")


def test_a_wrong_clock_is_a_finding_and_a_clause(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, ["4000101"])
    # in UTC: a difference of local times is another one on the days of a clock change
    slow = (datetime.now(UTC) - timedelta(hours=3, minutes=1)).astimezone(ZoneInfo("Europe/Zurich"))
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


@pytest.mark.parametrize(
    ("hour", "modified", "by_client", "counts"),
    [
        pytest.param(8, "2026-03-04T12:00Z", False, True, id="uploaded since"),
        pytest.param(8, "2026-03-04T12:00Z", True, True, id="uploaded since, by a client's clock"),
        pytest.param(20, "2026-03-01T20:00:05Z", False, False, id="restored with its time"),
        pytest.param(20, "2026-03-03T10:00Z", False, False, id="copied back, without its time"),
        pytest.param(9, "2026-03-01T12:00Z", True, False, id="older than the known one"),
    ],
)
def test_a_schedule_beside_restored_reports(
    hour: int, modified: str, by_client: bool, counts: bool, tmp_path: Path
) -> None:
    older = Computer("web01", start("2026-03-01T20:00Z"), end("2026-03-01T20:40Z"), daily(20))
    known = daily(21, modified=at("2026-03-02T20:00:05Z"))
    newer = Computer("web01", start("2026-03-02T20:00Z"), end("2026-03-02T20:40Z"), known)
    run_once(tmp_path, at("2026-03-01T20:45Z"), older)
    run_once(tmp_path, at("2026-03-02T20:45Z"), newer)
    shown = daily(hour, modified=at(modified))._replace(by_client=by_client)
    restored = Computer(
        "web01",
        start("2026-03-01T20:00Z", came="2026-03-03T10:00Z"),
        end("2026-03-01T20:40Z", came="2026-03-03T10:00Z"),
        shown,
    )

    seen = [run_once(tmp_path, at(f"2026-03-{day}T12:05Z"), restored)[0] for day in ("04", "05")]

    assert [each.schedule for each in seen] == [shown if counts else known] * 2
    changed = seen[1].history and seen[1].history.schedule_changed
    assert changed == at("2026-03-04T12:05Z" if counts else "2026-03-02T20:45Z")


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


def test_a_start_that_comes_after_its_own_end_is_not_open() -> None:
    """Each upload may be late: by its arrival the start would be newer than its end."""
    ended = end("2026-03-03T20:40Z")._replace(id="2")
    late = start("2026-03-03T20:00Z", came="2026-03-03T22:00Z")._replace(id="2")
    following = start("2026-03-04T20:00Z")._replace(id="3")
    shown = Computer("web01", late, ended)

    kept = update_computer(None, shown, at("2026-03-03T22:05Z"))
    verdict = evaluate_status(
        ACCOUNT, Uploads((kept.join(shown),)), Policies(), at("2026-03-05T12:00Z")
    )
    kept = update_computer(kept, Computer("web01", following, ended), at("2026-03-04T20:05Z"))

    assert verdict.summary.startswith("last backup reported as successful 2026-03-03 20:40")
    assert kept.failed == 0


def test_a_run_that_starts_in_the_second_in_which_another_one_ends_is_open() -> None:
    ended = end("2026-03-03T20:40Z")._replace(id="2")
    following = start("2026-03-03T20:40Z", came="2026-03-03T20:40:01Z")._replace(id="3")
    shown = Uploads((Computer("web01", following, ended),))

    verdict = evaluate_status(ACCOUNT, shown, Policies(), at("2026-03-03T21:00Z"))

    assert verdict.summary.startswith("backup running since 2026-03-03 20:40")


def test_a_success_that_came_while_this_servers_clock_was_ahead_is_of_its_own_time() -> None:
    """Otherwise the last success would be unknown for 400 days, whatever succeeds meanwhile."""
    first = Computer(
        "web01",
        start("2026-03-03T20:00Z", came="2027-04-07T20:00Z")._replace(id="1"),
        end("2026-03-03T20:40Z", came="2027-04-07T20:40Z")._replace(id="1"),
    )
    second = Computer(
        "web01",
        start("2026-03-04T20:00Z")._replace(id="2"),
        end("2026-03-04T20:40Z")._replace(id="2"),
    )

    ahead = update_computer(None, first, at("2027-04-07T20:45Z"))
    right = update_computer(ahead, first, at("2026-03-04T12:00Z"))
    after = update_computer(right, second, at("2026-03-04T20:45Z"))

    assert after.last_success == at("2026-03-04T20:40Z")


def test_a_success_is_not_forgotten_while_this_servers_clock_is_behind() -> None:
    good = Computer(
        "web01",
        start("2026-03-03T20:00Z")._replace(id="1"),
        end("2026-03-03T20:40Z")._replace(id="1"),
    )
    bad = Computer(
        "web01",
        start("2026-03-04T20:00Z", came="2025-01-28T20:00Z")._replace(id="2"),
        end("2026-03-04T20:40Z", success=False, came="2025-01-28T20:40Z")._replace(id="2"),
    )

    kept = update_computer(None, good, at("2026-03-03T20:45Z"))
    behind = update_computer(kept, bad, at("2025-01-28T20:45Z"), in_doubt=True)
    right = update_computer(behind, bad, at("2026-03-05T12:00Z"))

    assert right.last_success == at("2026-03-03T20:40Z")


def test_a_date_at_the_end_of_time_ends_no_run(fleet: Fleet) -> None:
    """A run in doubt takes dates of the future; sums with this one overflow."""
    fleet.collect("2026-11-20T21:00+01:00")
    fleet.plan("4000101", 20)
    fleet.start("4000101", "9999-12-31T12:00:00+00:00")
    fleet.collect("2026-11-20T20:00+01:00")
    (fleet.reports("4000101") / "backupStarted.xml").write_text("")

    run = fleet.collect("2026-11-20T20:05+01:00")

    assert run.failed == []
    assert [each.kind for each in run.findings if "4000101" in each.where] == ["report"]
