"""Whatever customers write, the store stays small."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from backup_monitoring.model.accounts import Account, SizeDrop
from backup_monitoring.model.findings import Finding
from backup_monitoring.model.needs import Files
from backup_monitoring.model.uploads import Computer, Uploads
from backup_monitoring.settings.homes import HomesSettings
from backup_monitoring.store import history_file
from backup_monitoring.store.account_findings import find_missing_computers
from backup_monitoring.store.history_file import (
    MOST_COMPUTERS,
    HistoryFile,
)
from backup_monitoring.store.orphans import OrphanFinder
from backup_monitoring.store.store_file import count_findings
from backup_monitoring.uploads.home_reader import HomeReader
from cases import at, end, start
from store.fleet import FIRST, Fleet, entry

ACCOUNT = Account("4000101", "", used=500)


def rows(fleet: Fleet, query: str) -> int:
    db = sqlite3.connect(fleet.store / "past.sqlite")
    (count,) = db.execute(query).fetchone()
    db.close()
    return int(count)


def days_later(days: float) -> str:
    return (at(FIRST) + timedelta(days=days)).isoformat()


def test_a_new_id_every_second_fills_nothing(tmp_path: Path) -> None:
    began = at(FIRST)
    history = HistoryFile(tmp_path, began, 50)
    for second in range(1050):
        moment = (began - timedelta(days=1) + timedelta(seconds=second)).isoformat()
        computer = Computer("web01", start(moment), end(moment, success=False))
        ((_, tracked),) = history.update_computers(ACCOUNT, Uploads((computer,)))
    history.commit(timedelta(days=400), complete=True)
    history.close()
    db = sqlite3.connect(tmp_path / "past.sqlite")

    assert tracked.failed == 1049
    (size,) = db.execute("SELECT sum(length(tracked)) FROM computers").fetchone()
    assert size < 2000
    db.close()


@pytest.mark.parametrize("cut_short", [None, "more than 256 computers"])
def test_a_new_name_every_run_fills_nothing(tmp_path: Path, cut_short: str | None) -> None:
    history = HistoryFile(tmp_path, at(FIRST), 50)
    for number in range(12):
        computers = tuple(
            Computer(f"{number}-{each}", start("2026-11-20T20:00+01:00")) for each in range(256)
        )
        history.update_computers(ACCOUNT, Uploads(computers, cut_short=cut_short))
    history.commit(timedelta(days=400), complete=True)
    history.close()
    db = sqlite3.connect(tmp_path / "past.sqlite")

    (count,) = db.execute("SELECT count(*) FROM computers").fetchone()
    assert count == MOST_COMPUTERS
    db.close()


@pytest.mark.parametrize(
    "unseen",
    [
        Uploads(missing="/home/4000101"),
        Uploads(refused="/home/4000101: no"),
        Uploads(cut_short="more than 256 computers"),
        Uploads(no_incoming="/home/4000101/incoming"),
    ],
)
def test_what_could_not_be_seen_is_not_gone(tmp_path: Path, unseen: Uploads) -> None:
    history = HistoryFile(tmp_path, at(FIRST), 50)
    history.update_computers(
        ACCOUNT, Uploads((Computer("web01", start("2026-11-20T20:00+01:00")),))
    )

    assert history.update_computers(ACCOUNT, unseen) == []
    for _ in range(2):
        ((computer, _),) = history.update_computers(ACCOUNT, Uploads())
        assert computer.history is not None
        assert (computer.name, computer.history.gone) == ("web01", at(FIRST))
    history.close()


def test_computers_that_are_there_are_never_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "MOST_COMPUTERS", 2)
    history = HistoryFile(tmp_path, at(FIRST), 50)
    first, second = (
        tuple(Computer(name, end=end(text, success=False)) for name in "abc")
        for text in ("2026-11-19T20:00+01:00", "2026-11-20T20:00+01:00")
    )
    history.update_computers(ACCOUNT, Uploads(first))
    history.update_computers(ACCOUNT, Uploads((*second, Computer("d"))))
    history.update_computers(ACCOUNT, Uploads(second))

    found = history.update_computers(ACCOUNT, Uploads(second))

    history.close()
    assert [(computer.name, memory.failed) for computer, memory in found] == [
        *(("a", 1), ("b", 1), ("c", 1))
    ]


def test_those_that_are_longest_gone_are_forgotten_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "MOST_COMPUTERS", 3)

    assert names_after(tmp_path, "bac", "ac", "c", "cd", "cd") == ["c", "d", "a"]


def test_as_many_as_there_may_be_are_all_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "MOST_COMPUTERS", 10)

    assert sorted(names_after(tmp_path, "abcdefgh", "i", "i")) == list("abcdefghi")


def test_those_that_a_cut_short_search_did_not_see_are_forgotten_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "MOST_COMPUTERS", 3)

    assert names_after(tmp_path, "abc", "ac", "cd...", "cd") == ["c", "d", "a"]


def names_after(folder: Path, *runs: str) -> list[str]:
    """Return the computers of the last of *runs*, a day each; "...": the search was cut short."""
    found: list[str] = []
    for day, names in enumerate(runs):
        history = HistoryFile(folder, at(FIRST) + timedelta(days=day), 50)
        computers = tuple(
            Computer(name, start("2026-11-20T20:00+01:00")._replace(id=name))
            for name in names.rstrip(".")
        )
        cut_short = "too many" if names.endswith("...") else None
        seen = history.update_computers(ACCOUNT, Uploads(computers, cut_short=cut_short))
        found = [computer.name for computer, _ in seen]
        history.commit(timedelta(days=400), complete=True)
        history.close()
    return found


def test_the_history_is_kept_for_keep(fleet: Fleet) -> None:
    fleet.settings_text("", 'keep = "10d"')
    fleet.end("4000101", "2026-11-20T20:40:00+01:00")
    fleet.collect()
    fleet.remove("4000101")
    fleet.entries(entry("4000101"))
    (fleet.home / "4000102").rmdir()

    fleet.collect(days_later(1))
    assert rows(fleet, "SELECT count(*) FROM computers") == 1
    assert rows(fleet, "SELECT count(*) FROM accounts") == 2
    assert [computer.name for computer in fleet.read()["4000101"][1].computers] == ["web01"]

    fleet.collect(days_later(10.5))
    assert rows(fleet, "SELECT count(*) FROM accounts") == 1
    fleet.collect(days_later(11.5))
    assert rows(fleet, "SELECT count(*) FROM computers") == 0
    fleet.collect(days_later(11.6))
    assert fleet.read()["4000101"][1].computers == ()


def test_an_account_that_is_gone_is_forgotten_with_its_computers(fleet: Fleet) -> None:
    fleet.settings_text("", 'keep = "10d"')
    fleet.end("4000102", "2026-11-20T20:40:00+01:00")
    fleet.collect()
    fleet.entries(entry("4000101"))

    fleet.collect(days_later(9))
    assert rows(fleet, "SELECT count(*) FROM computers") == 1
    fleet.collect(days_later(11))
    assert rows(fleet, "SELECT count(*) FROM computers") == 0


def test_the_history_of_a_computer_that_stands_still_is_kept(fleet: Fleet) -> None:
    fleet.settings_text("", 'keep = "10d"')
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    fleet.end("4000101", "2026-11-21T20:40:00+01:00", 0)
    for day in (1, 11, 22):
        fleet.collect(days_later(day))

    (computer,) = fleet.read()["4000101"][1].computers
    assert computer.history is not None
    assert computer.history.failed == 1
    assert computer.history.first_seen == at(FIRST)


def test_the_history_of_an_account_without_a_size_is_kept_as_long_as_others(fleet: Fleet) -> None:
    fleet.settings_text("", 'keep = "10d"')
    fleet.entries(entry("4000101", sstBackupSize=None), entry("4000102"))
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    for day in (0, 11, 22):
        fleet.collect(days_later(day))

    (computer,) = fleet.read()["4000101"][1].computers
    assert computer.history is not None
    assert computer.history.first_seen == at(FIRST)

    fleet.entries(entry("4000102"))
    fleet.collect(days_later(33))
    assert rows(fleet, "SELECT count(*) FROM computers") == 0
    assert rows(fleet, "SELECT count(*) FROM accounts") == 1


def test_the_sizes_of_30_days_are_kept(fleet: Fleet) -> None:
    for day in range(40):
        fleet.entries(entry("4000101", sstBackupSize=100 + day), entry("4000102"))
        fleet.collect(days_later(day))
        fleet.collect(days_later(day + 0.1))

    growth = fleet.read()["4000101"][0].growth
    assert growth is not None
    assert (growth.days, growth.per_day, growth.sudden_loss) == (30, 1.0, None)


def test_a_sudden_loss_is_reported(fleet: Fleet) -> None:
    for day, size in enumerate((1000, 1000, 300)):
        fleet.entries(entry("4000101", sstBackupSize=size))
        fleet.collect(days_later(day))

    growth = fleet.read()["4000101"][0].growth
    assert growth is not None
    assert growth.sudden_loss == SizeDrop(1000, 300, at(days_later(2)).date())


def test_a_missing_computer_is_a_finding(fleet: Fleet) -> None:
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", name="a\udcff\n")
    fleet.collect()
    fleet.remove("4000101", "a\udcff\n")

    for day in (1, 2):
        run = fleet.collect(days_later(day))
        lost, finding = sorted(run.findings)
        assert (lost.kind, finding.kind) == ("lost", "missing_computer")
        assert finding.problem == "its folder has been missing since 2026-11-21 20:00 +00:00"
    (computer,) = fleet.read()["4000101"][1].computers
    assert computer.name == "a\udcff\n"


def test_a_folder_that_never_had_a_report_is_not_a_missing_computer(fleet: Fleet) -> None:
    fleet.reports("4000101", "empty")
    (fleet.reports("4000102", "torn") / "backupEnded.xml").write_text("<torn")
    fleet.collect()
    fleet.remove("4000101", "empty")
    fleet.remove("4000102", "torn")

    run = fleet.collect(days_later(1))

    assert run.findings == []
    assert [uploads.computers for _, uploads in fleet.read().values()] == [(), ()]


def test_reports_beside_no_computer_s_name_are_the_account_s(tmp_path: Path) -> None:
    history = HistoryFile(tmp_path, at(FIRST), 50)
    history.update_computers(ACCOUNT, Uploads((Computer("", start("2026-11-20T20:00+01:00")),)))

    found = list(find_missing_computers(ACCOUNT, history.update_computers(ACCOUNT, Uploads())))

    history.close()
    assert found == [
        Finding(
            "missing_computer",
            "account 4000101",
            "its folder has been missing since 2026-11-20 20:00 +00:00",
        )
    ]


def home_reader(root: Path) -> HomeReader:
    return HomeReader(HomesSettings(root=root), [], Files.ALL, at(FIRST), lambda _: None)


def test_homes_without_an_account(tmp_path: Path) -> None:
    for name in ("4000101", "4000102", "4000999", "lost+found"):
        (tmp_path / "home" / name).mkdir(parents=True)
    (tmp_path / "home" / "link").symlink_to("4000101")
    (tmp_path / "home" / "file").write_text("")
    (tmp_path / "single" / "4000103").mkdir(parents=True)
    (tmp_path / "single" / "other").mkdir()
    orphans = OrphanFinder()
    homes = ("/home/4000101", "/home/4000102", "/single/4000103", "no/path", "/../up")
    for home in homes:
        orphans.add_home(Account("4000101", "", home=home), HomesSettings(root=tmp_path))

    assert list(orphans.find(home_reader(tmp_path))) == [
        Finding("orphan", f"{tmp_path}/home/4000999", "home directory without an account")
    ]


def beside(folder: Path, *homes: str) -> list[str]:
    """Return the orphans when accounts have these *homes* below *folder*."""
    orphans = OrphanFinder()
    for home in homes:
        orphans.add_home(Account("4000101", "", home=home), HomesSettings(root=folder))
    return [
        finding.where.removeprefix(str(folder)) for finding in orphans.find(home_reader(folder))
    ]


def test_thousands_of_folders_without_an_account_are_a_thousand_findings(tmp_path: Path) -> None:
    for name in range(1010):
        (tmp_path / "home" / str(name)).mkdir(parents=True)

    assert len(beside(tmp_path, "/home/a", "/home/b")) == 1000


def test_thousands_of_parents_are_bounded_and_make_nobody_an_orphan(tmp_path: Path) -> None:
    for parent in ("0", "4096"):
        for name in ("a", "b", "orphan"):
            (tmp_path / parent / name).mkdir(parents=True)
    homes = [f"/{number}/a" for number in range(4097)]

    assert beside(tmp_path, *homes, "/0/b", "/4096/b") == ["/0/orphan"]


def test_findings_of_a_run(fleet: Fleet) -> None:
    fleet.entries(
        entry("4000101", sstNotificationWarningLevel="many"),
        entry("4000102"),
        entry("4000103", homeDirectory="/home/4000999"),
    )
    (fleet.reports("4000101") / "backupEnded.xml").write_text("<torn")
    (fleet.home / "4000777").mkdir()

    run = fleet.collect()

    assert count_findings(run.findings) == {"attribute": 1, "report": 1, "home": 1, "orphan": 1}
    state = fleet.read()
    assert len(state["4000101"][0].findings) == 1
