"""Documents of all programs that print one, and what hostile names do to them: nothing."""

from pathlib import Path
from typing import Any

import pytest

from backup_monitoring.model.text import sanitize
from backup_monitoring.model.verdicts import State
from backup_monitoring.tasks.registry import TASKS
from programs.in_process import Done, run_program
from records.schema import parse
from store.fleet import Fleet, entry

RUN = "2026-11-21T12:00+01:00"
LATER = "2026-11-21T12:20+01:00"
COMPUTERS = ('"}],"x":[{"y', "\\", "<b>|\u2028", "a\x1b[2J\rb\n", "\udcff\u202e", "Zürich")
PERSON = """dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=4000001,ou=people,dc=example,dc=org
objectClass: sstPerson
uid: 4000001
mail: person@example.org
mail: not an address"<

"""


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """A run over accounts with hostile names, and an outbox that is missing."""
    fleet = Fleet(tmp_path / "fleet")
    fleet.settings_text(
        f'[notify]\noutbox = "{fleet.folder}/outbox.sqlite"\nfrom = "backup@example.org"\n'
        'operator = "operations@example.org"\n'
    )
    people = {"sstBelongsToPersonUID": "4000001", "sstBackupWarningOn": "TRUE"}
    fleet.entries(
        entry("4000101", **people, host='b"<1>', sstBackupSize="\\lots|<"),
        entry("4000102", **people, host="b-02"),
        PERSON,
    )
    for name in COMPUTERS:
        fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0, name=name)
    fleet.end("4000102", "2026-11-20T20:40:00+01:00", 1)
    fleet.collect(RUN)
    return fleet


def run(fleet: Fleet, program: str, *options: str, now: str = RUN) -> Done:
    return run_program(program, "--config", str(fleet.file), "--now", now, *options)


def document(fleet: Fleet, program: str, *options: str, now: str = RUN) -> Any:
    """Return the document that *program* prints; its exit code is in it."""
    done = run(fleet, program, *options, "--output", "json", now=now)
    found = parse(done.out)
    assert (found["program"], found["exit_code"]) == (program, done.code)
    assert State[found["state"]].value == done.code
    return found


@pytest.mark.parametrize("task", TASKS)
def test_hostile_names_stay_in_their_strings(fleet: Fleet, task: str) -> None:
    for source in ((), ("--live",)):
        found = document(fleet, f"check_backup_{task}", "-vv", *source)

        assert [each["account"] for each in found["accounts"]] == ["4000101", "4000102"]
        assert found["accounts"][0]["servers"] == ['b"<1>']


def test_names_of_computers_are_those_of_the_disk(fleet: Fleet) -> None:
    found = document(fleet, "check_backup_status")

    (account,) = found["accounts"]
    names = {name.replace("\udcff", "\\xff") for name in COMPUTERS}
    assert set(account["failing_computers"]) == names
    assert account["computer"] in names
    assert all(sanitize(detail) == detail for detail in account["details"])
    assert found["summary"].endswith(f"{sanitize(account['computer'])}: {account['summary']}")


@pytest.mark.parametrize("now", [RUN, LATER])
def test_the_health_of_the_monitoring(fleet: Fleet, now: str) -> None:
    done = run(fleet, "check_backup_monitoring", "-v", now=now)
    found = document(fleet, "check_backup_monitoring", now=now)

    lines = [f"  {each['state']} - {each['summary']}" for each in found["aspects"]]
    first, _, numbers = done.out.partition(" | ")
    assert first == f"BACKUP MONITORING CRITICAL - {found['summary']}"
    assert done.out.splitlines()[1:] == lines
    assert {each["name"] for each in found["metrics"]} == {
        number.partition("=")[0] for number in numbers.splitlines()[0].split()
    }
    assert found["as_of"] == now.replace("12:", "11:").replace("+01:00", ":00+00:00")
    assert "outbox.sqlite: does not exist" in found["summary"]
    assert found["findings"] == []


def test_the_findings_of_a_run(fleet: Fleet) -> None:
    found = document(fleet, "check_backup_monitoring", "-vv")

    kinds = {each["kind"]: each for each in found["findings"]}
    assert kinds["attribute"]["problem"].startswith("sstBackupSize '\\\\lots¦‹'")
    counted = {each["name"]: each["value"] for each in found["metrics"]}
    assert counted["findings_attribute"] == 1


def test_the_inventory(fleet: Fleet) -> None:
    found = document(fleet, "check_backup_client", "--inventory")

    assert found["summary"] == "1 program on 7 computers"
    assert found["inventory"] == [
        {
            "identifier": "Online Backup Perl Script",
            "version": "2.0.11",
            "operating_system": "linux",
            "computers": 7,
            "accounts": 2,
        }
    ]
    assert found["unreadable_accounts"] == 0


def test_who_is_notified(fleet: Fleet) -> None:
    options = ("--explain", "-a", '4000101,4009999"', "--task", "quota")
    lines = run(fleet, "notify_backup", *options).out.splitlines()
    found = document(fleet, "notify_backup", *options)

    customer, nobody = found["explanations"]
    assert found["summary"] == "1 recipient of 2 accounts"
    assert (customer["account"], customer["task"]) == ("4000101", "quota")
    (recipient,) = customer["recipients"]
    assert recipient["address"] == "person@example.org"
    assert (recipient["role"], recipient["reseller"]) == ("customer", "")
    assert "sstBelongsToPersonUID" in recipient["reason"]
    shown = [f"  {sanitize(line)}" for line in customer["rules"]]
    assert [sanitize(line) for line in lines[1 : 1 + len(shown)]] == shown
    assert 'not an address"' in customer["operator_reason"]
    assert customer["findings"]
    assert nobody["account"] == '4009999"'
    assert nobody["recipients"] == []
    assert nobody["operator_reason"] == 'account 4009999": no such account'


def test_what_is_neither_text_nor_json_is_refused(fleet: Fleet) -> None:
    for program, *options in (
        ("check_backup_quota",),
        ("check_backup_monitoring",),
        ("notify_backup", "--explain", "-a", "4000101"),
    ):
        done = run(fleet, program, *options, "--output", "xml")

        assert done.code == 3
        assert "'xml'" in done.out
    for form in ((), ("--output", "text")):
        explained = run(fleet, "notify_backup", "--explain", "-a", "4000101", *form)
        assert explained.out.startswith("4000101, ")
