"""Homes that are another customer's: one line each, and nobody else is concerned."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.programs import run
from store.fleet import FIRST, Fleet, entry

A, B, C = "4000101", "4000102", "4000103"
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")


def move(fleet: Fleet, uid: str, home: str) -> None:
    """Let the entry of *uid* have another home."""
    others = [entry(each, uidNumber=each) for each in (A, B, C) if each != uid]
    fleet.entries(*others, entry(uid, uidNumber=uid, homeDirectory=home))


def link(fleet: Fleet, uid: str, target: Path) -> None:
    """Replace the home of *uid* by a link."""
    (fleet.home / uid).rename(fleet.folder / "unused")
    (fleet.home / uid).symlink_to(target)


def link_from(fleet: Fleet, customer: str, uid: str) -> None:
    """Let the way to the home of *uid* be a link that another *customer* can change."""
    made = fleet.home / customer / "link"
    made.symlink_to(fleet.home / uid)
    move(fleet, uid, f"/home/{customer}/link")


FAULTS: dict[str, tuple[Callable[[Fleet], object], str]] = {
    "the entry has another one's home": (
        lambda fleet: move(fleet, B, f"/home/{A}"),
        f"/{A}: belongs to the user {A}, not to this account's, {B}",
    ),
    "the home is a link to another one's": (
        lambda fleet: link(fleet, B, fleet.home / A),
        f"/{B}: belongs to the user {A}, not to this account's, {B}",
    ),
    "the home is a link into another one's": (
        lambda fleet: link(fleet, B, fleet.home / A / "incoming"),
        f"/{B}: belongs to the user {A}, not to this account's, {B}",
    ),
    "another customer's link leads to the home": (
        lambda fleet: link_from(fleet, C, B),
        f"/{C}/link: it lies behind HOME/{C}, which belongs to the user {C}",
    ),
    "incoming was given away": (
        lambda fleet: os.chown(fleet.home / B / "incoming", int(A), int(A)),
        f"/{B}/incoming: belongs to the user {A}, not to this account's, {B}",
    ),
}


@pytest.fixture
def owned(fleet: Fleet) -> Fleet:
    """Three accounts, each with a backup of last night, and homes of their own users."""
    (fleet.home / C).mkdir()
    for uid in (A, B, C):
        fleet.start(uid, "2026-11-20T20:00:00+01:00")
        fleet.end(uid, "2026-11-20T20:40:00+01:00", success=0 if uid == A else 1)
        for each in (fleet.home / uid, *(fleet.home / uid).rglob("*")):
            os.chown(each, int(uid), int(uid))
    fleet.entries(*(entry(uid, uidNumber=uid) for uid in (A, B, C)))
    return fleet


@needs_root
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("options", [(), ("--live",)], ids=["store", "live"])
def test_a_home_of_another_customer(owned: Fleet, fault: str, options: tuple[str, ...]) -> None:
    before = owned.collect()
    break_it, text = FAULTS[fault]
    break_it(owned)

    after = owned.collect()
    checked = {
        uid: run(owned, FIRST, "check_backup_status", "-a", uid, *options) for uid in (A, B, C)
    }

    assert [each for each in before.findings if each.kind == "home"] == []
    problem = f"cannot read home directory: {owned.home}{text.replace('HOME', str(owned.home))}"
    assert [str(each) for each in after.findings if each.kind == "home"] == [
        f"account {B}: {problem}"
    ]
    assert (checked[B].code, checked[B].text) == (3, f"BACKUP STATUS UNKNOWN - {B}: {problem}\n")
    assert [checked[uid].code for uid in (A, C)] == [1, 0]
