"""Outcomes in the state file: of a server and a check, with customers."""

import sqlite3
from datetime import datetime
from pathlib import Path

import pytest

from backup_monitoring.model.verdicts import LastOutcome
from backup_monitoring.store.files import StoreError
from backup_monitoring.store.source import open_source
from backup_monitoring.store.store_file import open_store
from cases import at
from store.fleet import Fleet, entry

WEEK = at("2026-11-14T00:00+01:00")
MONDAY, TUESDAY = "2026-11-16T20:00:00+01:00", "2026-11-17T20:00:00+01:00"
LATER = "2026-11-20T21:05+01:00"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Three accounts on backup-01 of two customers, one on backup-02, one that is not active."""
    uids = ("4000101", "4000102", "4000103", "4000104", "4000105")
    fleet = Fleet(tmp_path, uids)
    fleet.entries(
        entry("4000101", host="backup-01", sstBelongsToCustomerUID="ACME"),
        entry("4000102", host="backup-01", sstBelongsToCustomerUID="Acme"),
        entry("4000103", host="backup-01"),
        entry("4000104", host="backup-02", sstBelongsToCustomerUID="ACME"),
        entry("4000105", host="backup-01", sstIsActive="FALSE"),
    )
    for uid in uids:
        fleet.plan(uid, 20)
        fleet.start(uid, MONDAY)
        fleet.end(uid, "2026-11-16T20:30:00+01:00", success=int(uid != "4000102"))
    fleet.collect("2026-11-17T12:00+01:00")
    return fleet


def read(
    fleet: Fleet, task: str, host: str = "backup-01", since: datetime = WEEK
) -> list[LastOutcome]:
    state = open_store(fleet.store)
    try:
        return sorted(state.read_outcomes(host, task, since), key=str)
    finally:
        state.close()


def test_outcomes_of_a_server(fleet: Fleet) -> None:
    due, began = at(MONDAY), at(MONDAY)

    assert read(fleet, "schedule") == [
        *(LastOutcome(False, due, name) for name in ("account 4000103", "acme", "acme"))
    ]
    assert read(fleet, "status") == [
        *(LastOutcome(False, began, name) for name in ("account 4000103", "acme")),
        LastOutcome(True, began, "acme"),
    ]
    assert read(fleet, "status", "backup-02") == [LastOutcome(False, began, "acme")]
    assert read(fleet, "status", "backup-0") == read(fleet, "quota") == []
    assert read(fleet, "status", since=at("2026-11-16T20:00:01+01:00")) == []


def test_customers_of_a_server(fleet: Fleet) -> None:
    state = open_store(fleet.store)
    try:
        hosts = ("backup-01", "backup-02", "backup-03", "")
        assert [state.count_customers(host) for host in hosts] == [2, 1, 0, 0]
    finally:
        state.close()


def test_who_misses_a_backup_has_one_failure(fleet: Fleet) -> None:
    fleet.start("4000103", TUESDAY, run="2")
    fleet.end("4000103", "2026-11-17T20:30:00+01:00", run="2")
    fleet.collect("2026-11-19T12:00+01:00")

    outcomes = read(fleet, "schedule")

    assert outcomes == [
        *([LastOutcome(True, at(TUESDAY), "acme")] * 2),
        LastOutcome(True, at("2026-11-18T20:00+01:00"), "account 4000103"),
    ]


def test_the_directory_is_down(fleet: Fleet) -> None:
    """The accounts are those of the last run, and so are their customers."""
    before = read(fleet, "schedule")
    (fleet.folder / "directory.ldif").unlink()

    assert fleet.collect("2026-11-17T12:05+01:00").failed

    assert read(fleet, "schedule") == before


def test_without_homes_outcomes_stay(fleet: Fleet) -> None:
    before = read(fleet, "schedule")
    fleet.home.rename(fleet.folder / "away")

    assert fleet.collect("2026-11-17T12:05+01:00").failed

    assert read(fleet, "schedule") == before


@pytest.mark.parametrize(
    ("now", "damage", "known"),
    [
        pytest.param("2026-11-17T12:05+01:00", "", True, id="fresh"),
        pytest.param("2026-11-17T12:31+01:00", "", False, id="too old"),
        pytest.param("2026-11-17T12:05+01:00", "UPDATE outcomes SET at = 'x'", False, id="damaged"),
    ],
)
def test_what_is_not_known_is_none(fleet: Fleet, now: str, damage: str, known: bool) -> None:
    if damage:
        db = sqlite3.connect(fleet.store / "state.sqlite")
        db.execute(damage)
        db.commit()
        db.close()

    with open_source(fleet.settings, at(now), lambda _: None) as source:
        assert (source.list_outcomes("backup-01", "schedule", WEEK) is not None) is known
        assert source.count_customers("backup-01") == 2


def test_damaged_outcomes_are_an_error(fleet: Fleet) -> None:
    db = sqlite3.connect(fleet.store / "state.sqlite")
    db.execute("UPDATE people SET entry = 'x'")
    db.commit()
    db.close()

    with pytest.raises(StoreError, match="damaged"):
        read(fleet, "schedule")
