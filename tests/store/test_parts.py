"""A part that cannot be read: the other is still written, over what was last known."""

import re
import shutil
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest

from backup_monitoring.model.accounts import Growth
from backup_monitoring.model.errors import DirectoryError, UsageError
from backup_monitoring.model.needs import Files
from backup_monitoring.model.uploads import End
from backup_monitoring.model.verdicts import State
from backup_monitoring.store.account_trial import try_accounts
from backup_monitoring.store.collector import collect
from backup_monitoring.store.files import StoreError
from backup_monitoring.store.schema import RunMeta
from backup_monitoring.store.store_file import count_findings, open_store
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.registry import load_rule
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status import evaluate_status
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy
from cases import at
from store.fleet import FIRST, Fleet, entry

RULES = Policies(WarnAfterPolicy(), SchedulePolicy(), StatusPolicy())
LATER = "2026-11-21T21:00+01:00"


def meta(fleet: Fleet) -> RunMeta:
    state = open_store(fleet.store)
    try:
        return state.meta()
    finally:
        state.close()


def failed(fleet: Fleet, uid: str, now: str) -> tuple[float | None, State]:
    account, uploads = fleet.read(uid)[uid]
    verdict = evaluate_status(account, uploads, RULES, at(now))
    return verdict.metrics[0].value if verdict.metrics else None, verdict.state


def test_a_complete_run(fleet: Fleet) -> None:
    fleet.start("4000101", "2026-11-20T20:00:00+01:00")
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.plan("4000101", 20)

    run = fleet.collect()

    assert (run.accounts, run.computers, run.findings, run.failed, run.notes) == (
        *(2, 1),
        *([], [], []),
    )
    account, uploads = fleet.read()["4000101"]
    assert (account.used, account.capacity) == (500, 1000)
    assert isinstance(uploads.computers[0].end, End)
    assert failed(fleet, "4000101", FIRST) == (1, State.WARNING)
    assert meta(fleet)[:3] == (at(FIRST),) * 3


def test_the_directory_is_down(fleet: Fleet) -> None:
    fleet.start("4000101", "2026-11-20T20:00:00+01:00")
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    (fleet.folder / "directory.ldif").unlink()
    fleet.end("4000101", "2026-11-21T20:40:00+01:00", 0)
    fleet.start("4000102", "2026-11-21T20:00:00+01:00")

    run = fleet.collect(LATER)

    assert [line.split(":")[0] for line in run.failed] == ["directory"]
    assert (run.accounts, run.computers) == (2, 2)
    assert fleet.read()["4000101"][0].capacity == 1000
    assert failed(fleet, "4000101", LATER) == (2, State.WARNING)
    assert failed(fleet, "4000102", LATER) == (0, State.OK)
    found = meta(fleet)
    assert (found.directory_read, found.storage_read) == (at(FIRST), at(LATER))
    assert found.directory_error is not None
    assert found.storage_error is None


def test_a_directory_that_ends_in_the_middle_is_down(fleet: Fleet) -> None:
    fleet.entries(*(entry(uid, sstBackupSize=100) for uid in ("4000101", "4000102")))
    fleet.collect()
    ldif = fleet.folder / "directory.ldif"
    ldif.write_text(
        ldif.read_text().replace("sstBackupSize: 100", "sstBackupSize: 900", 1)
        + "changetype: add\n"
    )

    run = fleet.collect(LATER)

    assert len(run.failed) == 1
    assert {uid: each[0].used for uid, each in fleet.read().items()} == {
        "4000101": 100,
        "4000102": 100,
    }
    # What was read of it is not remembered either: 900 is no size of that day.
    fleet.entries(*(entry(uid, sstBackupSize=100) for uid in ("4000101", "4000102")))
    fleet.collect("2026-11-22T21:00+01:00")
    assert fleet.read()["4000101"][0].growth == Growth(None, 2, None)


def test_the_directory_was_never_up(fleet: Fleet) -> None:
    (fleet.folder / "directory.ldif").unlink()

    with pytest.raises(DirectoryError):
        fleet.collect()

    assert not (fleet.store / "state.sqlite").exists()
    assert not (fleet.store / "state.sqlite.new").exists()


def test_an_account_that_is_deleted_while_the_storage_is_away(fleet: Fleet) -> None:
    for uid in ("4000101", "4000102"):
        fleet.end(uid, "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    shutil.move(fleet.home, fleet.folder / "away")
    fleet.entries(entry("4000103"), entry("4000102"))

    fleet.collect(LATER)

    read = fleet.read()
    assert list(read) == ["4000103", "4000102"]
    assert [len(uploads.computers) for _, uploads in read.values()] == [0, 1]
    assert failed(fleet, "4000102", LATER) == (1, State.WARNING)


def test_an_account_that_comes_while_the_storage_is_away_is_unknown(fleet: Fleet) -> None:
    fleet.entries(entry("4000101", sstIsActive="FALSE"), entry("4000102"))
    for uid in ("4000101", "4000102"):
        fleet.end(uid, "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    shutil.move(fleet.home, fleet.folder / "away")
    unready = entry("4000103", sstProvisioningMode="add", sstProvisioningState=0)
    fleet.entries(entry("4000101"), entry("4000102"), unready)

    fleet.collect(LATER)

    for task in ("schedule", "status", "client", "unused"):
        judge, policies = load_rule(task), fleet.settings.policies
        verdicts = {
            uid: (verdict.state, verdict.summary)
            for uid, pair in fleet.read().items()
            for verdict in [judge(*pair, policies, at(LATER))]
        }
        unread = "cannot read home directory: no collector run has read it yet"
        assert verdicts["4000101"] == (State.UNKNOWN, unread)
        assert verdicts["4000103"] == (State.OK, "not provisioned yet")
    assert failed(fleet, "4000102", LATER) == (1, State.WARNING)


def test_the_storage_is_not_mounted(fleet: Fleet) -> None:
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    shutil.move(fleet.home, fleet.folder / "away")
    fleet.entries(entry("4000101", sstBackupSize=990), entry("4000102"))

    run = fleet.collect(LATER)

    assert [line.split(":")[0] for line in run.failed] == ["storage"]
    account, uploads = fleet.read()["4000101"]
    assert account.used == 990
    assert [computer.name for computer in uploads.computers] == ["web01"]
    found = meta(fleet)
    assert (found.directory_read, found.storage_read) == (at(LATER), at(FIRST))
    assert "is it mounted" in (found.storage_error or "")

    shutil.move(fleet.folder / "away", fleet.home)
    fleet.end("4000101", "2026-11-22T20:40:00+01:00", 0)
    fleet.collect("2026-11-22T21:00+01:00")
    assert failed(fleet, "4000101", "2026-11-22T21:00+01:00") == (2, State.WARNING)
    # The directory was there on each of the three days.
    assert fleet.read()["4000101"][0].growth == Growth(None, 3, None)


def test_each_wait_of_a_run_has_its_phase(fleet: Fleet) -> None:
    phases: list[str] = []

    run = collect(
        fleet.settings, at(FIRST), phases.append, lambda accounts, _: accounts, given_time=False
    )

    first, *others, last = (phase for phase in phases if "directory.ldif" not in phase)
    assert (first, last) == ("reading the directory", "writing the store")
    assert set(others) == {  # again and again while one is waited for
        "reading the files of account 4000101",
        "reading the files of account 4000102",
        f"listing {fleet.home}",
        "judging the accounts",
    }
    assert 0 < run.seconds < 60


def test_a_disk_below_the_homes_is_not_mounted(tmp_path: Path) -> None:
    uids = [f"40001{number:02}" for number in range(12)]
    fleet = Fleet(tmp_path, uids)
    for uid in uids:
        fleet.end(uid, "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    for uid in uids:
        shutil.rmtree(fleet.home / uid / "incoming")

    run = fleet.collect(LATER)

    (line,) = run.failed
    assert "none of the homes of 12 accounts can be read; is it mounted" in line
    assert failed(fleet, uids[0], LATER) == (1, State.WARNING)
    assert meta(fleet).storage_read == at(FIRST)


def test_a_few_computers_may_all_be_taken_away(fleet: Fleet) -> None:
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    fleet.remove("4000101")

    assert fleet.collect(LATER).failed == []


def test_two_entries_with_one_uid(fleet: Fleet) -> None:
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    other = entry("4000101", homeDirectory="/home/4000102", sstBackupSize=1)
    other = other.replace("dn: uid=4000101,", "dn: cn=other+uid=4000101,", 1)
    fleet.entries(entry("4000101"), other)

    for now in (FIRST, LATER):
        run = fleet.collect(now)

    state = open_store(fleet.store)
    both = [len(uploads.computers) for _, uploads in state.accounts(Files.ALL, ["4000101"])]
    state.close()
    assert both == [1, 0]
    assert [each.kind for each in run.findings if "another entry has its uid" in str(each)] == [
        "attribute"
    ]
    assert [each for each in run.findings if each.kind == "missing_computer"] == []


def test_a_clock_far_ahead_forgets_nothing_that_it_cannot_see(fleet: Fleet) -> None:
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    directory = fleet.folder / "directory.ldif"
    text = directory.read_text()
    directory.unlink()  # for example by a certificate that has expired for that clock
    for days in ("2028-06-01", "2028-06-02"):
        fleet.collect(f"{days}T21:00+02:00")
    directory.write_text(text)

    fleet.end("4000101", "2026-11-21T20:40:00+01:00", 0)
    fleet.collect("2026-11-21T21:00+01:00")

    assert failed(fleet, "4000101", "2026-11-21T21:00+01:00") == (2, State.WARNING)


def test_both_are_away(fleet: Fleet) -> None:
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    shutil.move(fleet.home, fleet.folder / "away")
    (fleet.folder / "directory.ldif").unlink()

    run = fleet.collect(LATER)

    assert [line.split(":")[0] for line in run.failed] == ["directory", "storage"]
    assert failed(fleet, "4000101", LATER) == (1, State.WARNING)
    assert meta(fleet)[:2] == (at(FIRST), at(FIRST))


def test_one_missing_home_is_not_missing_storage(fleet: Fleet) -> None:
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    shutil.rmtree(fleet.home / "4000101")

    run = fleet.collect(LATER)

    assert run.failed == []
    assert [finding.kind for finding in run.findings] == ["home"]
    assert failed(fleet, "4000101", LATER) == (None, State.UNKNOWN)

    fleet.end("4000101", "2026-11-22T20:40:00+01:00", 0)
    fleet.collect("2026-11-22T21:00+01:00")
    assert failed(fleet, "4000101", "2026-11-22T21:00+01:00") == (2, State.WARNING)


def test_homes_that_do_not_exist_yet_are_not_missing_storage(fleet: Fleet) -> None:
    new = {"sstProvisioningMode": "add", "sstProvisioningState": "0"}
    fleet.entries(entry("4000103", **new), entry("4000104", **new))
    for home in fleet.home.iterdir():
        home.rmdir()

    run = fleet.collect()

    assert (run.accounts, run.failed, run.findings) == (2, [], [])


def test_why_a_home_cannot_be_read(fleet: Fleet) -> None:
    fleet.entries(
        entry("4000101"), entry("4000103"), entry("4000104", homeDirectory="home/4000104")
    )

    run = fleet.collect()

    assert [str(finding) for finding in run.findings if finding.kind == "home"] == [
        f"account 4000103: home directory {fleet.home / '4000103'} does not exist",
        "account 4000104: cannot read home directory: home 'home/4000104' is not an absolute path",
    ]


@pytest.mark.parametrize(
    "function",
    [
        "store.history_file.update_computer",
        "store.day_rows.follow_days",
        "store.collector.find_wrong_clocks",
    ],
)
def test_a_fault_at_one_account_ends_no_run(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    for uid, name in (("4000101", "odd"), ("4000102", "web01")):
        fleet.start(uid, "2026-11-20T20:00:00+01:00", name=name)
        fleet.end(uid, "2026-11-20T20:40:00+01:00", name=name)
    module, _, name = f"backup_monitoring.{function}".rpartition(".")
    original = getattr(import_module(module), name)

    def fail_at_odd(*arguments: object, **options: object) -> object:
        if {"name='odd'", "uid='4000101'"} & {*re.findall(r"\w+='\w+'", repr(arguments))}:
            raise OverflowError("text of a customer")
        return original(*arguments, **options)

    monkeypatch.setattr(f"{module}.{name}", fail_at_odd)

    run = fleet.collect()

    problem = "cannot read home directory: internal error: OverflowError; report it"
    assert run.failed == []
    assert [(str(each), each.kind) for each in run.findings] == [
        (f"account 4000101: {problem}", "home")
    ]
    state = open_store(fleet.store)
    verdicts = state.verdicts().find(["4000101", "4000102"], "status")
    assert [(each.verdict.state, each.verdict.summary) for each in verdicts] == [
        (State.UNKNOWN, problem),
        (State.OK, "last backup reported as successful 2026-11-20 20:40 +01:00"),
    ]
    state.close()


def test_accounts_that_are_only_tried(fleet: Fleet) -> None:
    fleet.entries(entry("4000101"), entry("Gone", sstIsActive="FALSE"), entry("4000103"))
    fleet.start("4000101", "2026-11-20T20:00:00+01:00")
    (fleet.reports("4000101") / "backupEnded.xml").write_text("<torn")

    uids = ["4000101", "GONE", "4000103", "Nobody"]
    run = try_accounts(fleet.settings, uids, at(FIRST), lambda _: None)

    assert (run.accounts, run.computers) == (3, 1)
    assert count_findings(run.findings) == {"report": 1, "home": 1}
    assert run.failed == ["Nobody: no such account"]
    assert 0 < run.seconds < 60
    assert list(fleet.store.iterdir()) == []


def test_no_account_at_all_is_an_error(fleet: Fleet) -> None:
    """A wrong base or filter, or access that was taken away, must not look healthy."""
    fleet.collect()
    fleet.entries()

    run = fleet.collect(LATER)

    assert run.accounts == 2
    assert "no active account below it" in run.failed[0]
    assert meta(fleet)[:2] == (at(FIRST), at(LATER))


@pytest.mark.parametrize(
    ("files", "age", "says"),
    [
        (Files.ALL, timedelta(minutes=30), None),
        (Files.ALL, timedelta(minutes=31), "the storage was last read 2026-11-20 20:00 +00:00"),
        (None, timedelta(minutes=31), None),
        (None, timedelta(hours=4), None),
        (None, timedelta(hours=4, seconds=1), "the directory was last read 2026-11-20 20:00"),
        (None, -timedelta(minutes=10), None),
        (None, -timedelta(minutes=11), "the directory was read in the future"),
    ],
)
def test_a_part_that_is_too_old_is_refused(
    fleet: Fleet, files: Files | None, age: timedelta, says: str | None
) -> None:
    fleet.collect()
    state = open_store(fleet.store)

    if says is None:
        state.check_age(fleet.settings.store, files, at(FIRST) + age)
    else:
        with pytest.raises(StoreError, match=says.replace("+", r"\+")):
            state.check_age(fleet.settings.store, files, at(FIRST) + age)
    state.close()


def test_a_storage_that_was_never_read_is_refused(fleet: Fleet) -> None:
    shutil.move(fleet.home, fleet.folder / "away")
    run = fleet.collect()
    state = open_store(fleet.store)

    assert len(run.failed) == 1
    with pytest.raises(StoreError, match="the storage was never read"):
        state.check_age(fleet.settings.store, Files.ALL, at(FIRST))
    state.check_age(fleet.settings.store, None, at(FIRST))
    state.close()


def test_time_does_not_run_backwards_by_an_option(fleet: Fleet) -> None:
    fleet.collect(LATER, given_time=True)
    fleet.collect(LATER, given_time=True)

    with pytest.raises(UsageError, match="before the last collector run, 2026-11-21 20:00:00"):
        fleet.collect(FIRST, given_time=True)


def test_the_clock_was_set_back(fleet: Fleet) -> None:
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect("2027-11-20T21:00+01:00")

    run = fleet.collect()

    assert [str(finding) for finding in run.findings] == [
        "this server: the clock was set back: the last run was 2027-11-20 20:00 +00:00"
    ]
    assert meta(fleet)[:3] == (at(FIRST),) * 3
    assert failed(fleet, "4000101", FIRST) == (1, State.WARNING)
    assert fleet.collect("2026-11-20T21:05+01:00").findings == []


def test_a_clock_set_back_by_minutes_is_not_a_finding(fleet: Fleet) -> None:
    fleet.collect("2026-11-20T21:09+01:00")

    assert fleet.collect().findings == []
