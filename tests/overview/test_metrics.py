"""The metrics: the same figures as the checks show, bounded, and safe to read."""

import json
import os
import sqlite3
import stat
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from backup_monitoring.model.uploads import Client
from backup_monitoring.overview.exposition import Family, Kind, Sample, render_families
from backup_monitoring.overview.figures import read_figures
from backup_monitoring.overview.metrics import make_families
from backup_monitoring.settings.load import read_settings
from backup_monitoring.tasks.client_counts import ClientCount
from backup_monitoring.tasks.registry import TASKS
from cases import at
from overview.fleets import (
    HOSTILE,
    NEXT_DAY,
    RUN,
    SETTINGS,
    SHOWN,
    choose,
    make_mixed,
    performance,
    read,
    run,
    use_client,
    value,
    write,
)
from store.fleet import Fleet, entry

STATES = ("ok", "warning", "critical", "unknown")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return make_mixed(tmp_path_factory.mktemp("mixed") / "fleet")


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    made = Fleet(tmp_path / "fleet")
    made.settings_text('[overview]\nmetrics_file = "backup.prom"\n')
    return made


# --- the same figures ---


@pytest.mark.parametrize("task", TASKS)
def test_the_numbers_of_accounts_are_those_of_the_check(mixed: Fleet, task: str) -> None:
    series, shown = write(mixed), performance(run(mixed, f"check_backup_{task}"))

    assert sum(shown[state] > 0 for state in STATES) > 1
    for state in STATES:
        assert value(series, "backup_accounts", task=task, state=state) == shown[state]


def test_the_sums_are_those_of_the_check(mixed: Fleet) -> None:
    series, shown = write(mixed), performance(run(mixed, "check_backup_quota"))

    assert shown["used"] > 10**19
    assert float(value(series, "backup_used_bytes")) == shown["used"]
    assert float(value(series, "backup_capacity_bytes")) == shown["capacity"]


def test_what_is_said_of_the_monitoring_is_what_its_check_says(mixed: Fleet) -> None:
    series, shown = write(mixed), performance(run(mixed, "check_backup_monitoring"))
    pairs = {
        "directory_age": ("backup_collect_age_seconds", {"part": "directory"}),
        "storage_age": ("backup_collect_age_seconds", {"part": "storage"}),
        "run_duration": ("backup_collect_duration_seconds", {}),
        "mails_waiting": ("backup_mails", {"state": "waiting"}),
        "mails_held": ("backup_mails", {"state": "held"}),
        "mails_refused": ("backup_mails", {"state": "refused"}),
        "mails_oldest": ("backup_mails_oldest_seconds", {}),
        "calls_spooled": ("backup_calls", {"state": "spooled"}),
        "calls_retried": ("backup_calls", {"state": "retried"}),
        "calls_oldest": ("backup_calls_oldest_seconds", {}),
    }
    findings = {name: count for name, count in shown.items() if name.startswith("findings_")}

    assert shown["mails_waiting"] > 0
    assert shown["directory_age"] == 420
    for name, (metric, labels) in pairs.items():
        assert value(series, metric, **labels) == shown[name], name
    assert sum(count > 0 for count in findings.values()) > 3
    for name, count in findings.items():
        kind = name.removeprefix("findings_")
        assert value(series, "backup_findings", kind=kind) == count
    assert len(choose(series, "backup_findings")) == len(findings)


def test_the_clients_are_those_of_the_inventory(mixed: Fleet) -> None:
    rows = json.loads(run(mixed, "check_backup_client", "--inventory", "--output", "json").out)[
        "inventory"
    ]
    expected = {
        frozenset(
            {("identifier", row["identifier"] or "-"), ("version", row["version"] or "-")}
        ): row["computers"]
        for row in rows
    }

    assert len(expected) == len(rows) > 1
    assert choose(write(mixed), "backup_clients") == expected


def test_the_oldest_failure_lasts_since_its_state_began(fleet: Fleet) -> None:
    fleet.entries(entry("4000101", sstBackupSize=900), entry("4000102"))
    fleet.collect(RUN)
    fleet.entries(entry("4000101", sstBackupSize=900), entry("4000102", sstBackupSize=999))
    fleet.collect(NEXT_DAY)

    series = write(fleet)

    age = timedelta(days=1, minutes=7).total_seconds()
    assert value(series, "backup_oldest_failure_seconds", task="quota") == age
    assert value(series, "backup_oldest_failure_seconds", task="client") == 0


def test_a_store_that_is_too_old_is_unknown_as_in_the_checks(mixed: Fleet) -> None:
    later = "2026-11-22T13:00+01:00"
    series = write(mixed, later)

    for task in TASKS:
        done = run(mixed, f"check_backup_{task}", now=later)
        unknown = value(series, "backup_accounts", task=task, state="unknown")
        total = sum(value(series, "backup_accounts", task=task, state=each) for each in STATES)
        assert total == 15
        # The quota is in the directory, which may be older.
        assert (unknown == total) is ("was last read" in done.out) is (task != "quota")
    assert value(series, "backup_collect_age_seconds", part="storage") == 3600


def test_a_part_that_was_never_read_is_infinitely_old(fleet: Fleet) -> None:
    fleet.collect(RUN)
    execute(fleet, "UPDATE meta SET value = NULL WHERE key = 'storage_read'")

    assert value(write(fleet, RUN), "backup_collect_age_seconds", part="storage") == float("inf")


def execute(fleet: Fleet, statement: str) -> None:
    with closing(sqlite3.connect(fleet.store / "state.sqlite")) as db, db:
        db.execute(statement)


# --- how often a state has begun ---


def changes(fleet: Fleet, task: str = "quota") -> dict[str, float]:
    series = write(fleet)
    name = "backup_accounts_changed_total"
    return {to: value(series, name, task=task, to=to) for to in STATES}


def collect(fleet: Fleet, *percents: int | None, first: str = "2026-11-22T10:00+01:00") -> None:
    """Collect every five minutes, with that use of the quota each time."""
    day, _, rest = first.partition("T10:00")
    for number, percent in enumerate(percents):
        used = None if percent is None else 10 * percent
        fleet.entries(entry("4000101", sstBackupSize=used), entry("4000102"))
        fleet.collect(f"{day}T{10 + number // 12}:{number % 12 * 5:02}{rest}")


def test_each_begin_of_a_state_counts_once(fleet: Fleet) -> None:
    collect(fleet, 50, 90, 90, 100, 50, 50, 90)

    assert changes(fleet) == {"ok": 1, "warning": 2, "critical": 1, "unknown": 0}
    assert changes(fleet, "unused") == dict.fromkeys(STATES, 0)


def test_a_state_that_goes_on_after_unknown_has_not_begun_again(fleet: Fleet) -> None:
    collect(fleet, 90, None, 90, None, None, 100)

    assert changes(fleet) == {"ok": 0, "warning": 0, "critical": 1, "unknown": 2}


def test_the_number_never_falls_until_the_store_is_lost(fleet: Fleet) -> None:
    collect(fleet, 50, 90, 50)
    (fleet.store / "past.sqlite").unlink()
    collect(fleet, 50, 90, first="2026-11-23T10:00+01:00")
    assert changes(fleet) == {"ok": 1, "warning": 2, "critical": 0, "unknown": 0}

    (fleet.store / "state.sqlite").unlink()
    collect(fleet, 90, 100, first="2026-11-24T10:00+01:00")

    assert changes(fleet) == {"ok": 0, "warning": 0, "critical": 1, "unknown": 0}


def test_an_account_that_is_new_or_ends_is_no_change(fleet: Fleet) -> None:
    fleet.collect(RUN)
    fleet.entries(entry("4000101"), entry("4000103", sstBackupSize=999))
    fleet.collect(NEXT_DAY)

    assert changes(fleet) == dict.fromkeys(STATES, 0)


def test_an_account_that_is_judged_twice_in_a_run_counts_once(fleet: Fleet) -> None:
    """That its home is another account's, too, is only known after its turn."""
    fleet.collect(RUN)
    fleet.end("4000101", "2026-11-21T20:40:00+01:00", 0)
    (fleet.home / "4000102").rmdir()
    (fleet.home / "4000102").symlink_to("4000101")
    fleet.collect(NEXT_DAY)
    fleet.collect(SHOWN)

    assert changes(fleet, "status") == {"ok": 0, "warning": 0, "critical": 0, "unknown": 2}


def test_a_number_that_is_damaged_begins_anew(fleet: Fleet) -> None:
    collect(fleet, 50, 90)
    execute(fleet, "UPDATE meta SET value = 'x' WHERE key = 'changes quota WARNING'")

    done = run(fleet, "backup_overview")
    assert done.code == 3
    assert "state.sqlite: is damaged (" in done.out
    collect(fleet, 50, first="2026-11-23T10:00+01:00")
    assert changes(fleet) == {"ok": 1, "warning": 0, "critical": 0, "unknown": 0}


# --- clients, which customers name ---


def test_hostile_names_are_labels_and_nothing_else(fleet: Fleet) -> None:
    for number, (identifier, version) in enumerate(HOSTILE):
        use_client(fleet, "4000101", f"web{number:02}", identifier, version)
    fleet.collect(RUN)

    clients = choose(write(fleet, RUN), "backup_clients")

    assert sum(clients.values()) == len(HOSTILE)
    labels = [dict(each) for each in clients]
    assert all(set(each) == {"identifier", "version"} for each in labels)
    assert all(each.isprintable() and len(each) <= 400 for pair in labels for each in pair.values())
    assert {"identifier": "-", "version": "2.0"} in labels
    assert {"identifier": "grün 中文 😀", "version": "1,2=3"} in labels


def count(name: str, computers: int, accounts: int, version: str = "1") -> ClientCount:
    return ClientCount(Client(name, version, "linux"), computers, accounts)


def list_clients(mixed: Fleet, clients: Iterable[ClientCount]) -> dict[tuple[str, str], float]:
    figures = read_figures(read_settings(mixed.file), at(NEXT_DAY))
    families = make_families(figures._replace(clients=tuple(clients)))
    (samples,) = (each.samples for each in families if each.name == "backup_clients")
    return {(each.labels["identifier"], each.labels["version"]): each.value for each in samples}


def test_the_twenty_programs_of_most_accounts_stand_alone(mixed: Fleet) -> None:
    many = [count(f"client {number:02}", 3, 2) for number in range(30)]
    one_customer = count("made up", 256, 1)

    shown = list_clients(mixed, [*many, one_customer])

    assert len(shown) == 21
    assert shown["client 00", "1"] == 3
    assert shown["other", "-"] == 10 * 3 + 256
    assert ("made up", "1") not in shown


def test_programs_that_look_alike_are_one(mixed: Fleet) -> None:
    shown = list_clients(
        mixed,
        [
            count("a|b", 1, 1),
            count("a¦b", 2, 1),
            count("other", 4, 9, ""),
            *(count(f"c{number:02}", 1, 5) for number in range(20)),
        ],
    )

    assert len(shown) == 20
    assert shown["other", "-"] == 4 + 1 + 1 + 2
    assert list_clients(mixed, [count("a|b", 1, 1), count("a¦b", 2, 1)]) == {("a¦b", "1"): 3}


def test_there_are_fewer_series_than_two_hundred(fleet: Fleet) -> None:
    fleet.settings_text(SETTINGS)
    fleet.entries(*(entry(str(4000101 + number)) for number in range(60)))
    for number in range(60):
        for name in ("a", "b"):
            use_client(fleet, str(4000101 + number), name, f"c{number}", f"{number}.{name}")
    fleet.collect(NEXT_DAY)
    run(fleet, "notify_backup", "--scan")

    series = write(fleet)

    assert len(series) < 200
    assert len(choose(series, "backup_clients")) == 21


# --- the outbox ---


def test_without_an_outbox_there_is_nothing_about_mails(fleet: Fleet) -> None:
    fleet.collect(NEXT_DAY)

    names = {name for name, _ in write(fleet)}

    assert "backup_accounts" in names
    assert not [name for name in names if "mails" in name or "calls" in name or "outbox" in name]


@pytest.mark.parametrize("content", [None, b"", b"nonsense" * 1000])
def test_an_outbox_that_cannot_be_read_is_said(fleet: Fleet, content: bytes | None) -> None:
    fleet.settings_text(SETTINGS)
    fleet.collect(NEXT_DAY)
    if content is not None:
        (fleet.folder / "outbox.sqlite").write_bytes(content)

    done = run(fleet, "backup_overview")

    assert done.code == 2
    lines = done.out.splitlines()
    assert lines[0].endswith(" series in " + str(fleet.folder / "backup.prom"))
    assert lines[1].startswith("FAILED: outbox: ")
    series = read(fleet.folder / "backup.prom")
    assert value(series, "backup_outbox_readable") == 0
    assert not choose(series, "backup_mails")


# --- the file ---


def test_the_file_is_readable_by_all_whatever_the_umask(fleet: Fleet) -> None:
    fleet.collect(NEXT_DAY)
    before = os.umask(0o077)
    try:
        write(fleet)
    finally:
        os.umask(before)

    status = (fleet.folder / "backup.prom").stat()
    assert stat.S_IMODE(status.st_mode) == 0o644
    assert {each.name for each in fleet.folder.glob("*.prom*")} == {"backup.prom"}
    assert not list(fleet.folder.glob(".*"))


def test_a_reader_has_the_old_file_or_the_new_one(fleet: Fleet) -> None:
    fleet.collect(NEXT_DAY)
    write(fleet)
    file = fleet.folder / "backup.prom"
    with file.open(encoding="utf-8") as old:
        inode = file.stat().st_ino
        write(fleet)
        assert file.stat().st_ino != inode
        assert old.read().endswith("\n")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda file: file.mkdir(), "backup.prom: cannot be written (Is a directory); create"),
        (os.mkfifo, "backup.prom: cannot be written (Not a regular file); create"),
    ],
)
def test_what_is_not_a_file_is_not_replaced(fleet: Fleet, make: object, says: str) -> None:
    assert callable(make)
    fleet.collect(NEXT_DAY)
    make(fleet.folder / "backup.prom")

    done = run(fleet, "backup_overview")

    assert done.code == 3
    assert says in done.out


def test_without_a_store_the_old_file_stays(fleet: Fleet) -> None:
    fleet.collect(NEXT_DAY)
    series = write(fleet)
    (fleet.store / "state.sqlite").unlink()

    done = run(fleet, "backup_overview")

    assert done.code == 3
    assert "the store does not exist" in done.out
    assert read(fleet.folder / "backup.prom") == series


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("", "[overview]: nothing to write; set "),
        ('[overview]\nmetrics_file = "backup.txt"', "not a name that ends in .prom; node_exporter"),
        ('[overview]\nmetrics_file = "metrics/.prom"', "not a name that ends in .prom"),
        ('[overview]\nmetrics_file = "none/backup.prom"', "cannot be written (No such file"),
    ],
)
def test_settings_that_cannot_be_used_are_named(fleet: Fleet, settings: str, says: str) -> None:
    fleet.collect(NEXT_DAY)
    fleet.settings_text(settings)

    done = run(fleet, "backup_overview")

    assert done.code == 3
    assert says in done.out


def test_there_is_no_overview_without_a_store(fleet: Fleet) -> None:
    text = fleet.file.read_text().replace('folder = "store"', "")
    fleet.file.write_text(text)

    assert "[store] folder: not set; set it, and run" in run(fleet, "backup_overview").out


# --- the format ---


def test_the_text_is_prometheus_own() -> None:
    families = [
        Family("a_total", Kind.COUNTER, "A \\ and\na line.", [Sample({}, 10**20)]),
        Family("b", Kind.GAUGE, "B.", [Sample({"x": 'a"b\\c\nd', "y": ""}, 0.125)]),
        Family("c", Kind.GAUGE, "C.", []),
        Family("d", Kind.GAUGE, "D.", [Sample({}, float("inf"))]),
    ]

    assert "".join(render_families(families)) == (
        "# HELP a_total A \\\\ and\\na line.\n# TYPE a_total counter\n"
        "a_total 100000000000000000000\n"
        '# HELP b B.\n# TYPE b gauge\nb{x="a\\"b\\\\c\\nd",y=""} 0.125\n'
        "# HELP d D.\n# TYPE d gauge\nd +Inf\n"
    )
