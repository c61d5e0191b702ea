"""Two accounts with one home: neither has the other's reports."""

import os
import shutil
from pathlib import Path

import pytest

from backup_monitoring.model.verdicts import State
from backup_monitoring.tasks.judge import evaluate_all
from backup_monitoring.tasks.registry import TASKS
from cases import at
from store.fleet import FIRST, Fleet, entry

A, B, C = "4000101", "4000102", "4000103"
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Three accounts with homes; that of A has a report."""
    made = Fleet(tmp_path / "fleet", (A, B, C))
    for uid in (A, C):
        made.start(uid, "2026-11-20T20:00:00+01:00")
        made.end(uid, "2026-11-20T20:40:00+01:00")
    return made


def states(fleet: Fleet) -> dict[str, State]:
    """Return the state of each account's last backup, by the store."""
    return {
        uid: evaluate_all(account, uploads, fleet.settings.policies, at(FIRST), ("status",))[
            "status"
        ].state
        for uid, (account, uploads) in fleet.read().items()
    }


def problems(fleet: Fleet) -> list[str]:
    """Run the collector; return its findings about homes, with paths below the fleet's."""
    run = fleet.collect()
    assert run.failed == []
    return sorted(
        str(finding).replace(str(fleet.home), "")
        for finding in run.findings
        if finding.kind == "home"
    )


def shared(*pairs: tuple[str, str], path: str = f"/{A}") -> list[str]:
    return [
        f"account {uid}: cannot read home directory: {path}: it is the home of account {other}, too"
        for uid, other in pairs
    ]


def test_homes_of_their_own(fleet: Fleet) -> None:
    assert problems(fleet) == []
    assert states(fleet)[A] is State.OK


@pytest.mark.parametrize("path", [f"/home/{A}", f"/home/./{A}", f"//home/{A}/"])
@pytest.mark.parametrize("order", [1, -1])
def test_one_path_in_two_entries(fleet: Fleet, path: str, order: int) -> None:
    entries = [entry(A), entry(B, homeDirectory=path), entry(C)]
    fleet.entries(*entries[::order])

    assert problems(fleet) == shared((A, B), (B, A))

    assert states(fleet) == {A: State.UNKNOWN, B: State.UNKNOWN, C: State.OK}
    fleet.entries(entry(A), entry(B), entry(C))
    assert problems(fleet) == []
    assert [each.name for each in fleet.read(B)[B][1].computers] == []


def test_one_path_in_three_entries(fleet: Fleet) -> None:
    others = [entry(uid, homeDirectory=f"/home/{A}") for uid in (B, "4000104")]
    fleet.entries(entry(A), *others, entry(C))

    found = problems(fleet)

    assert [line.partition(":")[0] for line in found] == [
        f"account {uid}" for uid in (A, B, "4000104")
    ]
    assert [uid for uid, state in states(fleet).items() if state is State.OK] == [C]


@pytest.mark.parametrize("order", [1, -1])
def test_a_link_makes_one_home_of_two(fleet: Fleet, order: int) -> None:
    (fleet.home / B).rmdir()
    (fleet.home / B).symlink_to(A)
    fleet.entries(*[entry(A), entry(B), entry(C)][::order])

    assert problems(fleet) == shared((A, B), (B, A))

    assert states(fleet) == {A: State.UNKNOWN, B: State.UNKNOWN, C: State.OK}


@pytest.mark.parametrize("order", [1, -1])
def test_a_link_leads_into_another_home(fleet: Fleet, order: int) -> None:
    (fleet.home / B).rmdir()
    inner = fleet.home / A / "incoming" / "x"
    inner.mkdir()
    (inner / "incoming").symlink_to("../web01")
    (inner / "incoming").unlink()
    (fleet.home / A / "incoming" / "web01").rename(inner / "incoming")
    (fleet.home / B).symlink_to(inner)
    fleet.entries(*[entry(A), entry(B), entry(C)][::order])

    assert problems(fleet) == [
        f"account {B}: cannot read home directory: /{A}/incoming/x: it is inside /{A}, "
        f"the home of account {A}"
    ]

    assert states(fleet)[B] is State.UNKNOWN
    assert states(fleet)[C] is State.OK


def test_an_entry_that_has_the_folder_of_all_homes_costs_only_itself(fleet: Fleet) -> None:
    fleet.entries(entry(A), entry(B), entry(C), entry("4000104", homeDirectory="/home"))

    assert problems(fleet) == []
    assert states(fleet)[A] is State.OK


def test_an_account_that_has_ended_shares_no_home(fleet: Fleet) -> None:
    fleet.entries(entry(A), entry(B, homeDirectory=f"/home/{A}", sstIsActive="FALSE"), entry(C))

    assert problems(fleet) == []
    assert states(fleet)[A] is State.OK


def test_two_entries_of_one_account_share_none(fleet: Fleet) -> None:
    double = entry(A).replace(f"dn: uid={A},", f"dn: cn=double+uid={A},")
    fleet.entries(entry(A), double, entry(C))

    assert problems(fleet) == []
    assert states(fleet)[A] is State.OK


def test_while_the_directory_is_down_the_last_entries_count(fleet: Fleet) -> None:
    fleet.entries(entry(A), entry(B, homeDirectory=f"/home/{A}"), entry(C))
    fleet.collect()
    (fleet.folder / "directory.ldif").unlink()

    run = fleet.collect()

    assert [line.partition(":")[0] for line in run.failed] == ["directory"]
    assert states(fleet) == {A: State.UNKNOWN, B: State.UNKNOWN, C: State.OK}


def test_entries_before_the_directory_fails_do_not_count(fleet: Fleet) -> None:
    fleet.collect()
    fleet.entries(entry(A), entry(B, homeDirectory=f"/home/{A}"), entry(C), "not LDIF")

    run = fleet.collect()

    assert [line.partition(":")[0] for line in run.failed] == ["directory"]
    assert [each for each in run.findings if each.kind == "home"] == []
    assert states(fleet)[A] is State.OK


def test_an_account_that_is_held_keeps_its_last_data(tmp_path: Path) -> None:
    uids = [A, B, C, "4000104", "4000105"]
    fleet = Fleet(tmp_path / "fleet", uids)
    for uid in uids:
        fleet.start(uid, "2026-11-20T20:00:00+01:00")
    fleet.collect()
    for uid in uids:
        fleet.remove(uid)
    shutil.rmtree(fleet.home / B)
    (fleet.home / B).symlink_to(A)

    assert problems(fleet) == shared((B, A))

    account, uploads = fleet.read(A)[A]
    assert account.loss is not None
    assert [each.name for each in uploads.computers] == ["web01"]


# --- with the numbers of the users ---


def give(fleet: Fleet, *uids: str) -> None:
    for uid in uids:
        for each in (fleet.home / uid, *(fleet.home / uid).rglob("*")):
            os.lchown(each, int(uid), int(uid))


def numbered(uid: str, **attributes: object) -> str:
    return entry(uid, uidNumber=uid, **attributes)


@needs_root
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("number", [B, None])
def test_the_owner_is_known(fleet: Fleet, order: int, number: str | None) -> None:
    give(fleet, A, B, C)
    wrong = entry(B, homeDirectory=f"/home/{A}", uidNumber=number)
    fleet.entries(*[numbered(A), wrong, numbered(C)][::order])

    (problem,) = problems(fleet)

    assert problem.startswith(f"account {B}: cannot read home directory: ")
    assert problem.endswith(
        f"belongs to the user {A}, not to this account's, {B}"
        if number
        else f"it is the home of account {A}, too"
    )
    assert states(fleet) == {A: State.OK, B: State.UNKNOWN, C: State.OK}


@needs_root
def test_two_accounts_of_one_user_prove_nothing(fleet: Fleet) -> None:
    give(fleet, A, B, C)
    fleet.entries(numbered(A), entry(B, homeDirectory=f"/home/{A}", uidNumber=A), numbered(C))

    assert problems(fleet) == shared((A, B), (B, A))
    assert states(fleet) == {A: State.UNKNOWN, B: State.UNKNOWN, C: State.OK}


@needs_root
def test_all_homes_within_one_of_their_own(fleet: Fleet) -> None:
    """An entry with a wrong home must not cost the others theirs."""
    give(fleet, A, B, C)
    (fleet.home / "incoming").mkdir()
    wrong = numbered("4000104", homeDirectory="/home")
    fleet.entries(numbered(A), numbered(B), numbered(C), wrong)

    assert problems(fleet) == []
    assert states(fleet)[A] is State.OK


@needs_root
def test_a_number_that_is_not_valid_is_a_finding(fleet: Fleet) -> None:
    give(fleet, A, B, C)
    fleet.entries(entry(A, uidNumber="x"), numbered(B), numbered(C))

    run = fleet.collect()

    assert [str(each) for each in run.findings if each.kind == "attribute"] == [
        f"uid={A},ou=accounts,ou=backup,ou=services,dc=example,dc=org: "
        "uidNumber 'x': not a whole number from 0 to 4294967294"
    ]
    assert states(fleet)[A] is State.OK


@needs_root
def test_every_check_is_unknown(fleet: Fleet) -> None:
    give(fleet, A, C)
    fleet.entries(numbered(A), numbered(B, homeDirectory=f"/home/{A}"), numbered(C))
    fleet.collect()

    account, uploads = fleet.read(B)[B]
    verdicts = evaluate_all(account, uploads, fleet.settings.policies, at(FIRST), tuple(TASKS))

    assert uploads.computers == ()
    assert {name for name, each in verdicts.items() if each.state is not State.UNKNOWN} == {"quota"}
