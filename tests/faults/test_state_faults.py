"""A state file with damaged values: nobody's fault but one account's, and never a false OK."""

import random
import re
import shutil
import sqlite3
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.model.verdicts import State
from backup_monitoring.plugin.launcher import Watchdog
from faults.programs import run
from store.fleet import Fleet, entry

LATER = "2026-11-20T21:05+01:00"
UID, OTHER = "4000101", "4000102"
PERSON = """dn: uid=4000001,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: 4000001
mail: person@example.org

"""
TASKS = ("quota", "schedule", "status", "client", "unused")
PROGRAMS = (
    *((f"check_backup_{task}", "-vvv") for task in TASKS),
    ("check_backup_status", "-a", UID),
    ("check_backup_status", "-a", UID, "--output", "json"),
    ("check_backup_client", "--inventory"),
    ("check_backup_monitoring", "-vvv"),
    ("generate_backup_objects", "--format", "icinga2"),
    ("submit_backup_results",),
    ("backup_overview",),
    ("notify_backup", "--scan", "--dry-run"),
    ("notify_backup", "--explain", "-a", UID),
    ("notify_backup", "--check-contacts"),
)


MENDED = (("check_backup_status", "-a", UID), ("check_backup_monitoring", "-vvv"))
# What only this account's rule can notice: a time or a number that is not possible.
OF_ONE = re.compile(r"UNKNOWN - .*?400010[12].*?: internal error: \w+; report it")


class Still(Watchdog):
    """Watches nothing: the programs run in this process."""

    def __init__(self) -> None:
        return

    def limit(self, seconds: float) -> None:
        return

    def phase(self, doing: str) -> None:
        return


def outputs(
    fleet: Fleet, now: str = LATER, programs: Sequence[Sequence[str]] = PROGRAMS
) -> dict[str, tuple[int, str]]:
    """Return exit code and output of each program; an error of ours is its line."""
    found = {}
    for program, *options in programs:
        arguments = ["--config", str(fleet.file), "--now", now, *options]
        try:
            code, text = import_module(program).main(arguments, Still())
        except MonitoringError as error:
            code, text = 3, str(error)
        found[" ".join((program, *options))] = int(code), text
    return found


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A fleet after a run, whose state file each test damages and then restores."""
    fleet = Fleet(tmp_path_factory.mktemp("damaged") / "fleet", (UID, OTHER, "4000103"))
    for name in ("spool", "outbox"):
        (fleet.folder / name).mkdir()
    people = {"sstBelongsToPersonUID": "4000001", "sstBackupWarningOn": "TRUE"}
    last = "web01:20261117T204000Z"
    fleet.entries(
        entry(UID, **people, host="backup-01", sstBackupLastSuccessfulBackup=last),
        entry(OTHER, **people, sstQuota="nonsense"),
        entry("4000103", sstIsActive="FALSE"),
        PERSON,
    )
    fleet.settings_text(
        '[icinga]\nspool = "spool"\n[notify]\ntrigger = "scan"\nfrom = "backup@example.org"\n'
        'outbox = "outbox/outbox.sqlite"\noperator = "operations@example.org"\n'
        '[overview]\nmetrics_file = "backup.prom"\n'
    )
    for uid in (UID, OTHER):
        fleet.plan(uid, 20)
        for now in ("2026-11-18", "2026-11-19", "2026-11-20"):
            fleet.start(uid, f"{now}T20:00:00+01:00", run=now)
            fleet.end(uid, f"{now}T20:40:00+01:00", 0, run=now)
            fleet.collect(f"{now}T21:00+01:00")
    shutil.copy(fleet.store / "state.sqlite", fleet.folder / "kept.sqlite")
    shutil.copy(fleet.store / "past.sqlite", fleet.folder / "kept-past.sqlite")
    return fleet


EXPECTED = {
    "check_backup_quota -vvv": 3,
    "check_backup_schedule -vvv": 0,
    "check_backup_status -vvv": 2,
    "check_backup_client -vvv": 0,
    "check_backup_unused -vvv": 0,
    f"check_backup_status -a {UID}": 2,
    f"check_backup_status -a {UID} --output json": 2,
    "check_backup_client --inventory": 0,
    "check_backup_monitoring -vvv": 2,
    "generate_backup_objects --format icinga2": 0,
    "submit_backup_results": 0,
    "backup_overview": 2,  # no use has begun the outbox
    "notify_backup --scan --dry-run": 0,
    f"notify_backup --explain -a {UID}": 0,
    "notify_backup --check-contacts": 1,
}


def restore(fleet: Fleet) -> None:
    for name, kept in (("state.sqlite", "kept.sqlite"), ("past.sqlite", "kept-past.sqlite")):
        shutil.copy(fleet.folder / kept, fleet.store / name)
    for each in (*fleet.store.glob("past.sqlite?*"), *(fleet.folder / "spool").iterdir()):
        each.unlink()


def execute(fleet: Fleet, statement: str, *values: object) -> list[Any]:
    db = sqlite3.connect(fleet.store / "state.sqlite")
    try:
        with db:
            return db.execute(statement, values).fetchall()
    finally:
        db.close()


def check_clear(found: dict[str, tuple[int, str]]) -> None:
    for program, (code, text) in found.items():
        assert code in range(4), program
        assert "internal error" not in OF_ONE.sub("", text), (program, text)


COLUMNS = [
    (table, column)
    for table, columns in (
        ("meta", "key value"),
        ("accounts", "key in_scope uid dn status provisioned hosts home created used capacity"),
        ("accounts", "quota_missing quota_threshold warning_numbers warning_days"),
        ("accounts", "last_successes findings per_day days sudden_loss uid_number"),
        ("homes", "data missing refused cut_short findings computers"),
        ("computers", "account name start end schedule history"),
        ("findings", "kind subject problem"),
        ("people", "kind key is_default entry"),
    )
    for column in columns.split()
]
VALUES: Sequence[object] = (
    *(b"\xff\x00", "nonsense", 10**18, -1, 1.5, "[", "[1,2]", "null", '{"End":[1]}', '{"a":{}}'),
    '["a","b","c","d","e","f","g","h","i","j"]',
)


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=lambda name: name)
def test_a_value_of_any_column_that_is_damaged(damaged: Fleet, table: str, column: str) -> None:
    for value in VALUES:
        restore(damaged)
        execute(damaged, f"UPDATE OR IGNORE {table} SET {column} = ?", value)

        found = outputs(damaged)

        check_clear(found)
        done = damaged.collect(LATER)
        assert done.failed == []
        after = outputs(damaged, programs=MENDED)
        assert all(code == EXPECTED[program] for program, (code, _) in after.items())


def test_what_the_programs_say_of_an_intact_file(damaged: Fleet) -> None:
    restore(damaged)

    assert {program: code for program, (code, _) in outputs(damaged).items()} == EXPECTED


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), bits=st.integers(1, 200))
def test_flipped_bits_anywhere(damaged: Fleet, seed: int, bits: int) -> None:
    restore(damaged)
    file, chance = damaged.store / "state.sqlite", random.Random(seed)
    data = bytearray(file.read_bytes())
    for _ in range(bits):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)

    check_clear(outputs(damaged))

    assert damaged.collect(LATER).failed == []
    assert {program: code for program, (code, _) in outputs(damaged).items()} == EXPECTED


def states(fleet: Fleet, task: str) -> dict[str, str]:
    """Return the line of each account in *task*."""
    code, text = outputs(fleet)[f"check_backup_{task} -vvv"]
    assert code in range(4)
    lines = text.splitlines()[1:]
    return {uid: line for uid in (UID, OTHER) for line in reversed(lines) if uid in line}


DAMAGED = "in the store are damaged; run collect_backup_state"


@pytest.mark.parametrize(
    ("statement", "tasks"),
    [
        ("UPDATE accounts SET status = 'x' WHERE uid = ?", TASKS),
        ("UPDATE accounts SET provisioned = 7 WHERE uid = ?", TASKS),
        ("UPDATE accounts SET used = x'00' WHERE uid = ?", ("quota",)),
        ("UPDATE accounts SET last_successes = '[' WHERE uid = ?", ("status",)),
        ("UPDATE homes SET findings = '[' WHERE account = 1 AND ?", TASKS[1:]),
        ("UPDATE homes SET missing = x'00' WHERE account = 1 AND ?", TASKS[1:]),
        ("DELETE FROM homes WHERE account = 1 AND ?", TASKS[1:]),
        ("UPDATE homes SET account = 99 WHERE account = 1 AND ?", TASKS[1:]),
        ("DELETE FROM computers WHERE account = 1 AND ?", TASKS[1:]),
        ("UPDATE computers SET account = 99 WHERE account = 1 AND ?", TASKS[1:]),
        ("UPDATE computers SET account = 'x' WHERE account = 1 AND ?", TASKS[1:]),
        ("UPDATE computers SET name = 'web01' WHERE account = 1 AND ?", TASKS[1:]),
        ("UPDATE computers SET end = '{}' WHERE account = 1 AND ?", ("status",)),
        ("UPDATE computers SET history = 'null' WHERE account = 1 AND ?", TASKS[1:]),
    ],
)
def test_a_damaged_row_is_that_accounts_unknown(
    damaged: Fleet, statement: str, tasks: tuple[str, ...]
) -> None:
    restore(damaged)
    before = {task: states(damaged, task) for task in TASKS}
    execute(damaged, statement, UID)

    for task in TASKS:
        after = states(damaged, task)
        if task in tasks:
            assert "UNKNOWN" in after[UID]
            assert DAMAGED in after[UID]
        assert after.get(OTHER) == before[task].get(OTHER)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts SET uid = '4000109' WHERE uid = '4000101'",
        "UPDATE accounts SET uid = 17 WHERE uid = '4000101'",
        "UPDATE accounts SET key = '4000109' WHERE uid = '4000101'",
        "UPDATE accounts SET in_scope = 0 WHERE uid = '4000101'",
        "DELETE FROM accounts WHERE uid = '4000101'",
        "DELETE FROM meta WHERE key = 'in_scope'",
    ],
)
def test_an_account_does_not_vanish(damaged: Fleet, statement: str) -> None:
    restore(damaged)
    execute(damaged, statement)

    found = outputs(damaged)

    where = damaged.store / "state.sqlite"
    for program in ("check_backup_status -vvv", "generate_backup_objects --format icinga2"):
        code, text = found[program]
        assert code == 3
        assert f"{where}: is damaged (" in text
        assert "run collect_backup_state: each run writes a new one" in text
    code, text = found["notify_backup --scan --dry-run"]
    if "in_scope = 0" in statement:  # its verdicts are still there
        assert code == 0
        return
    assert (code, "no scan, handed to the operator" in text) == (1, True)


@pytest.mark.parametrize("key", ["started", "directory_read", "storage_read", "seconds"])
@pytest.mark.parametrize("value", ["nonsense", b"\xff", 10**18])
def test_a_damaged_time_of_the_last_run_mends(damaged: Fleet, key: str, value: object) -> None:
    restore(damaged)
    execute(damaged, "UPDATE meta SET value = ? WHERE key = ?", value, key)
    bad = outputs(damaged)["check_backup_monitoring -vvv"]

    ran = run(damaged, LATER, "collect_backup_state")

    assert bad[0] in (2, 3)
    if bad[0] == 3:
        assert f"{damaged.store / 'state.sqlite'}: is damaged (" in bad[1]
    assert ran.code == 0
    assert {program: code for program, (code, _) in outputs(damaged).items()} == EXPECTED


def test_damage_is_taken_over_as_damage_while_the_directory_is_down(damaged: Fleet) -> None:
    restore(damaged)
    execute(damaged, "UPDATE accounts SET status = 'x' WHERE uid = ?", UID)
    directory = damaged.folder / "directory.ldif"
    text = directory.read_text()
    directory.unlink()

    done = damaged.collect(LATER)

    directory.write_text(text)
    assert [each.partition(":")[0] for each in done.failed] == ["directory"]
    assert DAMAGED in states(damaged, "status")[UID]
    assert damaged.collect(LATER).failed == []
    assert outputs(damaged)[f"check_backup_status -a {UID}"][0] == State.CRITICAL.value


def test_a_file_that_cannot_be_taken_over_is_named(damaged: Fleet) -> None:
    restore(damaged)
    file, directory = damaged.store / "state.sqlite", damaged.folder / "directory.ldif"
    (page,) = execute(damaged, "SELECT rootpage FROM sqlite_master WHERE name = 'people'")[0]
    data = bytearray(file.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    file.write_bytes(data)
    text = directory.read_text()
    directory.unlink()

    ran = run(damaged, LATER, "collect_backup_state")

    directory.write_text(text)
    assert (ran.code, len(ran.text.splitlines())) == (2, 1)
    assert ran.first.startswith(f"FAILED: {file}: is damaged (")
    assert damaged.collect(LATER).failed == []
