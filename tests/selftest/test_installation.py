"""The check of an installation: directory and homes, and what to do where they fail."""

import os
import socket
import time
from pathlib import Path

import pytest

from backup_monitoring.selftest.installation import InstallationCheck
from cases import at
from store.fleet import FIRST, Fleet, entry
from uploads.test_home_reader import replace_reading

BASE = "ou=accounts,ou=backup,ou=services,dc=example,dc=org"
BEGIN = [
    "ok      settings: /settings.toml is valid",
    "ok      directory: opened /directory.ldif",
]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path / "fleet")


def check(fleet: Fleet) -> tuple[bool, list[str]]:
    """Return whether a step failed, and the lines after `BEGIN`, with paths below the fleet's."""
    installation = InstallationCheck(
        fleet.settings, at(FIRST), lambda phase: None, 60, ("settings", "directory", "homes")
    )
    lines = [line.replace(str(fleet.folder), "") for line in installation.run()]
    assert lines[:2] == BEGIN
    return installation.failed, lines[2:]


def test_all_is_well_and_the_newest_start_is_shown(fleet: Fleet) -> None:
    fleet.start("4000101", "2026-11-20T20:00:00+01:00")
    fleet.start("4000102", "2026-11-20T13:00:00-05:00")
    fleet.start("4000102", "2027-11-20T13:00:00-05:00", name="with a clock that is ahead")
    fleet.end("4000102", "2026-11-20T20:40:00+01:00", name="without a start")
    fleet.plan("4000101", 20)

    assert check(fleet) == (
        False,
        [
            f"ok      accounts: 2 active below {BASE}",
            "ok      homes: 2 of 2 found",
            "ok      reports: found; the newest start is of account 4000101, "
            "2026-11-20 20:00 +01:00",
        ],
    )


def test_homes_that_cannot_be_used(fleet: Fleet) -> None:
    new = {"sstProvisioningMode": "add", "sstProvisioningState": "0"}
    fleet.entries(
        entry("4000101"),
        entry("4000103"),
        entry("4000104", homeDirectory=None),
        entry("4000105"),
        entry("4000106", **new),
    )
    (fleet.home / "4000105").mkdir()
    (fleet.home / "4000105" / "incoming").symlink_to("/")
    fleet.start("4000101", "2026-11-20T20:00:00+01:00")

    failed, lines = check(fleet)

    assert failed
    assert [line.partition(";")[0] for line in lines[1:-1]] == [
        "ok      homes: 1 of 4 found",
        "note    homes: 1 of 4 missing, for example /tree/home/4000103",
        "FAILED  homes: 1 of 4 cannot be read: account 4000105: "
        "/tree/home/4000105/incoming: a link, which is not followed, or not a folder",
        "FAILED  homes: 1 of 4 without a path: account 4000104: its entry has no home",
    ]


def test_a_start_by_a_clock_that_is_ahead_is_a_report(fleet: Fleet) -> None:
    fleet.start("4000101", "2027-11-20T20:00:00+01:00")

    assert check(fleet)[1][-1] == (
        "ok      reports: found; the newest start is of account 4000101, 2027-11-20 20:00 +01:00"
    )


@pytest.mark.parametrize(
    ("other", "word"),
    [
        pytest.param(entry("4000101"), "note", id="one exists"),
        pytest.param(entry("4000104", homeDirectory=None), "note", id="one has no path"),
        pytest.param(entry("4000105"), "note", id="one cannot be read"),
        pytest.param(entry("4000106"), "FAILED", id="none exists"),
    ],
)
def test_a_home_that_does_not_exist_beside_another(fleet: Fleet, other: str, word: str) -> None:
    fleet.entries(entry("4000103"), other)
    (fleet.home / "4000105").mkdir()
    (fleet.home / "4000105" / "incoming").symlink_to("/")

    (line,) = (line for line in check(fleet)[1] if " missing, for example " in line)

    assert line.startswith(f"{word:7} homes: ")


def test_all_accounts_are_counted_and_the_homes_of_the_first_ones_are_read(
    fleet: Fleet,
) -> None:
    fleet.entries(*(entry(str(5_000_000 + number)) for number in range(1003)))

    _, lines = check(fleet)

    assert lines[0] == f"ok      accounts: 1003 active below {BASE}"
    assert lines[1].startswith("FAILED  homes: 1000 of 1000 missing")


def test_no_home_at_all(fleet: Fleet) -> None:
    fleet.entries(entry("4000103"), entry("4000104"))

    assert check(fleet) == (
        True,
        [
            f"ok      accounts: 2 active below {BASE}",
            "FAILED  homes: 2 of 2 missing, for example /tree/home/4000103; check root "
            "and path in [homes], or host in [directory] if another server has them",
        ],
    )


def test_no_report_at_all(fleet: Fleet) -> None:
    failed, lines = check(fleet)

    assert failed
    assert lines[2:] == [
        "FAILED  reports: none found; check incoming, depth, report_folders and start_files "
        "in [homes]"
    ]


@pytest.mark.parametrize(("other", "word"), [(False, "FAILED"), (True, "note")])
def test_a_report_that_is_not_valid(fleet: Fleet, other: bool, word: str) -> None:
    (fleet.reports("4000101") / "backupStarted.xml").write_text("<torn")
    if other:
        fleet.start("4000102", "2026-11-20T20:00:00+01:00")

    failed, lines = check(fleet)

    assert (failed, len(lines)) == (not other, 3 + other)
    assert ("and no valid start was found" in lines[-1]) is not other
    assert lines[-1].startswith(
        f"{word:7} reports: 1 not valid, for example "
        "/tree/home/4000101/incoming/web01/.sepiola_backup/backupStarted.xml: not well-formed XML"
    )
    assert (
        "see Privilege in share/doc/backup-monitoring/docs/operations.md" in lines[-1]
    ) is not other


@pytest.mark.parametrize(("host", "text"), [("", ""), ("b-1", " of host b-1")])
def test_no_account_at_all(fleet: Fleet, host: str, text: str) -> None:
    settings = fleet.file.read_text()
    fleet.file.write_text(
        settings.replace("[homes]", f'host = "{host}"\n[homes]' if host else "[homes]")
    )
    fleet.entries()

    failed, (line, homes) = check(fleet)

    assert failed
    assert homes == "not tried homes: its accounts are not known"
    assert line.startswith(
        f"FAILED  accounts: none{text} below {BASE} by (objectClass=sstBackup); check suffix"
    )


def test_without_a_directory_no_home_is_tried(fleet: Fleet) -> None:
    with (fleet.folder / "directory.ldif").open("a") as file:
        file.write("torn")

    failed, (line, homes) = check(fleet)

    assert failed
    assert line.startswith("FAILED  directory: /directory.ldif: line ")
    assert homes == "not tried homes: its accounts are not known"


def test_all_schedules_are_torn(fleet: Fleet) -> None:
    for uid in ("4000101", "4000102"):
        fleet.start(uid, "2026-11-20T20:00:00+01:00")
        fleet.end(uid, "2026-11-20T20:40:00+01:00")
        (fleet.reports(uid) / "scheduler.xml").write_text("<torn")

    failed, lines = check(fleet)

    assert failed
    assert lines[-1].startswith("FAILED  reports: 2 not valid, for example /tree/home/4000101/")
    assert ", and no valid schedule was found; " in lines[-1]


def test_a_kind_of_report_that_no_computer_has(fleet: Fleet) -> None:
    for number in range(3):
        fleet.start("4000101", "2026-11-20T20:00:00+01:00", name=f"web0{number}")
        fleet.end("4000101", "2026-11-20T20:40:00+01:00", name=f"web0{number}")

    assert check(fleet)[1][-1] == (
        "note    reports: none of 3 computers has the file scheduler.xml; "
        "check schedule_files in [homes]"
    )


def test_the_newest_start_is_the_last_one_written(fleet: Fleet) -> None:
    """Not the one with the greatest date: its computer's clock is three hours fast."""
    fleet.start("4000101", "2026-11-20T22:00:00+01:00")
    fleet.start("4000102", "2026-11-20T20:00:00+01:00")
    for uid, came in (("4000101", "2026-11-20T19:00+01:00"), ("4000102", "2026-11-20T20:00+01:00")):
        start = fleet.reports(uid) / "backupStarted.xml"
        start.chmod(0o600)  # the Perl client's: it has the time of its arrival
        os.utime(start, (at(came).timestamp(),) * 2)

    assert check(fleet)[1][-1] == (
        "ok      reports: found; the newest start is of account 4000102, 2026-11-20 20:00 +01:00"
    )

    (fleet.reports("4000102") / "backupStarted.xml").unlink()
    assert check(fleet)[1][-1] == (
        "ok      reports: found; the newest start is of account 4000101, "
        "2026-11-20 19:00 +01:00; its clock is 3 h fast"
    )


def test_a_disk_of_several_that_is_not_mounted(fleet: Fleet) -> None:
    fleet.entries(entry("4000101"), entry("4000102", homeDirectory="/disk2/a/4000102"))
    (fleet.folder / "tree" / "disk2").mkdir()

    failed, lines = check(fleet)

    assert failed
    assert lines[2] == (
        "FAILED  homes: /tree/disk2: is empty, and 1 of 2 homes are missing, for example "
        "/tree/disk2/a/4000102; mount its disk, or correct root and path in [homes]"
    )


def test_homes_without_what_a_disk_has(fleet: Fleet) -> None:
    fleet.entries(*(entry(uid) for uid in ("4000101", "4000102", "4000103")))
    (fleet.home / "4000103").mkdir()

    failed, lines = check(fleet)

    assert failed
    assert lines[2] == (
        "FAILED  homes: /tree: none of 3 homes has a folder incoming; check that its disk is "
        "mounted, and root, path and incoming in [homes]"
    )


def test_a_home_that_never_answers_costs_only_itself(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.start("4000101", "2026-11-20T20:00:00+01:00")
    text = fleet.file.read_text()
    fleet.file.write_text(text.replace('root = "tree"', 'root = "tree"\ntimeout = "1s"'))
    replace_reading(monkeypatch, _4000102=lambda: time.sleep(60))

    failed, lines = check(fleet)

    assert failed
    assert [line.partition(";")[0] for line in lines[1:-1]] == [
        "ok      homes: 1 of 2 found",
        "FAILED  homes: 1 of 2 cannot be read: account 4000102: "
        "/tree/home/4000102: did not answer within 1 s",
    ]


def test_a_directory_that_never_answers_costs_only_itself(fleet: Fleet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        uri = f"ldap://127.0.0.1:{deaf.getsockname()[1]}"
        fleet.file.write_text(fleet.file.read_text().replace("ldif:directory.ldif", uri))
        installation = InstallationCheck(fleet.settings, at(FIRST), lambda phase: None, 22)
        lines = [line.replace(str(fleet.folder), "") for line in installation.run()]

    assert installation.failed
    assert lines[2].startswith("FAILED  directory: ")
    assert lines[2].endswith(": did not end within 1.8 s; see what it waits for")
    assert "ok      store: /store: a file was written, and is gone again" in lines
