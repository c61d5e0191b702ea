"""The programs over a store: a collector run, the checks from it, and the check of itself."""

import json
import os
import re
import shutil
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backup_monitoring.tasks import registry
from programs.installed import NOW, Programs, Ran

pytestmark = pytest.mark.installed
TASKS = tuple(sorted(registry.TASKS))
UIDS = [str(uid) for uid in range(4_000_101, 4_000_121)]
FIGURES = r"20 accounts, \d+ computers, \d+\.\d s, (\d+) findings \((.*)\)"


def later(minutes: float) -> str:
    return (datetime.fromisoformat(NOW) + timedelta(minutes=minutes)).isoformat()


class Store:
    """A copy of the example with a store, and the programs run over it."""

    def __init__(self, programs: Programs, example: Path, folder: Path) -> None:
        shutil.copytree(example.parent, folder, copy_function=shutil.copy2)
        self.folder = folder
        self.store = folder / "store"
        self.store.mkdir()
        self.config = folder / "stored.toml"
        self._programs = programs
        self.settings()

    def settings(self, *changes: tuple[str, str], more: str = "", store: str = "") -> None:
        text = (self.folder / "example.toml").read_text()
        text = text.replace("[schedule]", f'[store]\nfolder = "store"\n{store}\n[schedule]', 1)
        for old, new in changes:
            text = text.replace(old, new)
        self.config.write_text(text + more)

    def run(self, program: str, *options: str, now: str = NOW, **environment: str) -> Ran:
        command = (program, "--config", str(self.config), "--now", now, *options)
        ran = self._programs.run(*command, **environment)
        assert ran.err == ""
        return ran

    def collect(self, *options: str, now: str = NOW) -> Ran:
        return self.run("collect_backup_state", *options, now=now)

    def check(self, task: str, *options: str, now: str = NOW) -> Ran:
        return self.run(f"check_backup_{task}", *options, now=now)


@pytest.fixture
def store(programs: Programs, example: Path, tmp_path: Path) -> Store:
    return Store(programs, example, tmp_path / "example")


@pytest.fixture(scope="module")
def filled(programs: Programs, example: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store after one run, that no test changes."""
    made = Store(programs, example, tmp_path_factory.mktemp("filled") / "example")
    made.collect()
    return made


def test_a_run(store: Store) -> None:
    ran = store.collect()

    assert ran.code == 0
    assert len(ran.out.splitlines()) == 1
    found = re.fullmatch(FIGURES, ran.first)
    assert found, ran.first
    counts = {kind: int(count) for count, kind in map(str.split, found[2].split(", "))}
    assert sum(counts.values()) == int(found[1])
    assert (counts["home"], counts["report"]) == (1, 2)
    assert sorted(path.name for path in store.store.iterdir()) == [
        *("lock", "past.sqlite", "state.sqlite")
    ]


def test_a_run_lists_its_findings(store: Store) -> None:
    ran = store.collect("-v")

    first, *lines = ran.out.splitlines()
    found = re.fullmatch(FIGURES, first)
    assert found, first
    assert len(lines) == int(found[1])
    assert any(line.startswith("  report: ") and "torn01" in line for line in lines)
    assert any(
        re.fullmatch("  home: account 4000115: home directory .* does not exist", line)
        for line in lines
    )


def test_options_of_a_run(store: Store) -> None:
    assert store.collect("--strict").code == 1
    quiet = store.collect("--quiet")
    assert (quiet.code, quiet.out) == (0, "")
    assert store.collect("--nonsense").code == 3
    helped = store.collect("--help")
    assert helped.code == 0
    assert "--strict" in helped.out
    assert store.collect("--version").code == 0


def test_an_account_for_a_try_is_written_nowhere(store: Store) -> None:
    ran = store.collect("-a", "4000107,4000108", "-v")

    assert re.match(r"2 accounts, 3 computers, \d+\.\d s, 2 findings \(2 report\)", ran.first)
    assert "torn01" in ran.out
    assert ran.code == 0
    assert list(store.store.iterdir()) == []


def test_a_time_before_the_last_run_is_refused(store: Store) -> None:
    store.collect()
    before = (store.store / "state.sqlite").read_bytes()

    ran = store.collect(now=later(-1))

    assert ran.code == 3
    assert (
        "--now: before the last collector run, 2026-11-24 11:00:00 +00:00; give a later time"
        in ran.first
    )
    assert len(ran.out.splitlines()) == 1
    assert (store.store / "state.sqlite").read_bytes() == before


def test_no_store_is_set(store: Store, example: Path) -> None:
    store.config.write_text(example.read_text())

    for program in ("collect_backup_state", "check_backup_monitoring"):
        ran = store.run(program)
        assert ran.code == 3
        assert "[store] folder: not set" in ran.first


def without_counting(text: str) -> str:
    """Leave out what only the past can know: how many failed in a row, and how to say so."""
    return re.sub(
        r"(at least )?\d+ failed: |, (threshold|within) .*| \(without a store.*", "", text
    )


@pytest.mark.parametrize("task", TASKS)
def test_a_check_says_the_same_from_the_store_and_live(filled: Store, task: str) -> None:
    # An S3 bucket, and 4000118, are found by name from both.
    for uid in UIDS:
        stored = filled.check(task, "-a", uid)
        live = filled.check(task, "-a", uid, "--live")
        if task == "status" and "failed: " in stored.first:
            assert without_counting(stored.first) == without_counting(live.first)
            assert (stored.code, live.code) in ((1, 1), (2, 2))
        else:
            assert stored == live


def without_since(output: str) -> str:
    """Return *output* without the lines that only a store has: since when a state lasts."""
    return re.sub(r"\n  [A-Z]+ at least since [^\n]+", "", output)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("options", [(), ("-v",), ("-vvv",)])
def test_a_run_over_all_says_the_same(filled: Store, task: str, options: tuple[str, ...]) -> None:
    stored = filled.check(task, *options)
    live = filled.check(task, "--live", *options)

    if task != "status" and not (task == "quota" and "-vvv" in options):
        # With more lines the output ends earlier, and counts the accounts that are left.
        lines = re.sub(r"\n\.\.\. and \d+ more$", "", without_since(stored.out).rstrip("\n"))
        assert live.out.startswith(lines)
        assert lines.count("\n") > 2 or "-vvv" not in options
    assert stored.code == live.code
    assert stored.first.split(" | ")[1] == live.first.split(" | ")[1]


def test_the_inventory_is_the_same(filled: Store) -> None:
    def inventory(*options: str) -> object:
        options = ("--inventory", "--output", "json", *options)
        return json.loads(filled.check("client", *options).out)["inventory"]

    assert inventory() == inventory("--live")


def test_failures_in_a_row_are_counted(store: Store) -> None:
    """The second run, after a night in which 4000106 failed again."""
    store.collect()
    assert "at least 1 failed: " in store.check("status", "-a", "4000106").first

    reports = store.folder / "tree/home/4000106/incoming/db01/.sepiola_backup"
    for name, old in (("backupStarted.xml", "startdate"), ("backupEnded.xml", "enddate")):
        text = (reports / name).read_text()
        assert f"<{old}>2026-11-23" in text
        (reports / name).write_text(text.replace("2026-11-23", "2026-11-24"))
        os.utime(reports / name, (1_767_225_600, 1_767_225_600))
    morning = "2026-11-25T08:00:00+01:00"
    store.collect(now=morning)

    ran = store.check("status", "-a", "4000106", now=morning)
    assert (
        "at least 2 failed since 2026-11-23 20:03 +01:00: backup ended 2026-11-24 20:03"
        in ran.first
    )
    assert "failed=2;" in ran.first


def test_a_computer_that_vanished(store: Store) -> None:
    store.collect()
    shutil.rmtree(store.folder / "tree/home/4000104/incoming/mail01")
    store.collect(now=later(5))

    for task in ("schedule", "status"):
        ran = store.check(task, "-a", "4000104", now=later(5))
        assert "retired: folder missing since 2026-11-24 11:05 +00:00" in ran.first
        assert ran.code == 0


def test_stale_parts_are_unknown_since_when(store: Store) -> None:
    store.collect()

    def unknown(task: str, minutes: float) -> str:
        ran = store.check(task, now=later(minutes))
        return ran.first if ran.code == 3 else ""

    assert unknown("status", 29) == ""
    assert "the storage was last read 2026-11-24 11:00 +00:00, more than 30m ago" in unknown(
        "status", 31
    )
    assert unknown("status", 31).startswith("BACKUP STATUS UNKNOWN - ")
    assert unknown("quota", 31) == ""
    assert "the directory was last read 2026-11-24 11:00 +00:00, more than 4h ago" in unknown(
        "quota", 241
    )
    assert "read in the future" in unknown("quota", -11)
    assert store.check("status", "--live", now=later(31)).code == 1


def test_a_check_before_the_first_run(store: Store) -> None:
    for task in (*TASKS, "monitoring"):
        ran = store.check(task)
        assert ran.first.startswith(f"BACKUP {task.upper()} UNKNOWN - ")
        assert "the store does not exist; run collect_backup_state" in ran.first
        assert ran.code == 3


@pytest.mark.parametrize("damage", [b"", b"no database" * 999])
def test_a_check_of_a_damaged_store(store: Store, damage: bytes) -> None:
    store.collect()
    (store.store / "state.sqlite").write_bytes(damage)

    for task in (*TASKS, "monitoring"):
        ran = store.check(task)
        assert ran.first.startswith(f"BACKUP {task.upper()} UNKNOWN - {store.store}/state.sqlite")
        assert (ran.code, len(ran.out.splitlines())) == (3, 1)
        assert "internal error" not in ran.first


def test_the_directory_is_down(store: Store) -> None:
    store.collect()
    (store.folder / "directory.ldif").unlink()

    ran = store.collect(now=later(20))

    assert ran.code == 2
    assert ran.first.startswith("FAILED: directory: ")
    assert store.collect("--quiet", now=later(20)).out.startswith("FAILED: directory: ")
    assert store.check("status", now=later(40)).code == 1
    assert store.check("quota", now=later(40)).code == 2
    assert store.check("quota", "--live", now=later(40)).code == 3
    assert store.check("quota", now=later(241)).code == 3
    monitoring = store.check("monitoring", now=later(20))
    assert monitoring.code == 1
    assert "directory read 2026-11-24 11:00 +00:00, 20 min ago" in monitoring.first
    assert " directory_age=1200s;7200;14400;0 " in monitoring.first
    assert " storage_age=0s;900;1800;0" in monitoring.first


def test_the_storage_is_not_there(store: Store) -> None:
    store.collect()
    (store.folder / "tree").rename(store.folder / "away")

    ran = store.collect(now=later(20))

    assert ran.code == 2
    assert re.match(
        "FAILED: storage: .*/tree: none of the homes of 17 accounts can be read", ran.first
    )
    assert store.check("status", now=later(29)).code == 1
    assert store.check("status", now=later(31)).code == 3
    monitoring = store.check("monitoring", now=later(31))
    assert monitoring.code == 2
    assert (
        "storage read 2026-11-24 11:00 +00:00, 31 min ago, threshold 30m ([store] max_age)"
        in monitoring.first
    )


def test_nothing_was_ever_read(store: Store) -> None:
    (store.folder / "directory.ldif").unlink()

    ran = store.collect()

    assert ran.code == 2
    assert ran.first.startswith("FAILED: ")
    assert not (store.store / "state.sqlite").exists()


def test_the_monitoring_itself(store: Store) -> None:
    store.collect()

    ran = store.check("monitoring", now=later(5))

    assert ran.code == 0
    assert ran.first.startswith(
        "BACKUP MONITORING OK - directory read 2026-11-24 11:00 +00:00, 5 min ago, "
        "storage read 2026-11-24 11:00 +00:00, 5 min ago, last run took "
    )
    assert re.search(r" directory_age=300s;7200;14400;0 ", ran.first)
    assert re.search(r" storage_age=300s;900;1800;0", ran.first)
    assert re.search(r" run_duration=[0-9.]+s;600;;0 ", ran.first)
    assert re.search(r" findings_report=2;;;0 ", ran.first)
    assert len(ran.out.splitlines()) == 1


@pytest.mark.parametrize(
    ("minutes", "code", "says"),
    [
        (15, 0, "OK - "),
        (15.1, 1, "WARNING - storage read 2026-11-24 11:00 +00:00, 15 min ago, threshold 15m"),
        (30, 1, "WARNING - storage read"),
        (30.1, 2, "CRITICAL - storage read"),
        (
            240.1,
            2,
            "CRITICAL - directory read 2026-11-24 11:00 +00:00, 4 h ago, threshold 4h ([store] dir",
        ),
        (-10, 0, "OK - "),
        (-11, 3, "UNKNOWN - clock: directory read in the future, 2026-11-24 11:00"),
    ],
)
def test_ages(filled: Store, minutes: float, code: int, says: str) -> None:
    ran = filled.check("monitoring", now=later(minutes))

    assert ran.first.startswith(f"BACKUP MONITORING {says}")
    assert ran.code == code


@pytest.mark.parametrize(
    ("updated", "code", "says"),
    [
        pytest.param(0, 0, "OK - objects updated 2026-11-24 11:00 +00:00, 0 min ago", id="now"),
        pytest.param(-60, 0, "OK - objects updated 2026-11-24 10:00 +00:00, 1 h ago", id="old"),
        pytest.param(
            *(-61, 1),
            "WARNING - objects updated 2026-11-24 09:59 +00:00, 1 h 1 min ago, "
            "threshold 1h (half of [monitoring] objects)",
            id="older",
        ),
        pytest.param(
            *(-121, 2),
            "CRITICAL - objects updated 2026-11-24 08:59 +00:00, 2 h 1 min ago, "
            "threshold 2h ([monitoring] objects)",
            id="too old",
        ),
        pytest.param(
            *(None, 2),
            "CRITICAL - objects were never updated: see journalctl -u backup-monitoring-objects",
            id="never",
        ),
    ],
)
def test_objects_that_are_no_longer_updated(
    store: Store, updated: int | None, code: int, says: str
) -> None:
    store.collect()
    (store.store / "objects").mkdir()
    if updated is not None:
        done = datetime.fromisoformat(later(updated)).timestamp()
        (store.store / "objects" / "updated").touch()
        os.utime(store.store / "objects" / "updated", (done, done))

    ran = store.check("monitoring", "-v")

    assert ran.code == code
    assert f"  {says}" in ran.out.splitlines()
    metric = re.search(r" objects_age=(\d+)s;3600;7200;0 ", ran.first)
    assert (metric and int(metric[1])) == (None if updated is None else -60 * updated)


def test_objects_that_the_unit_never_updates_are_not_checked(store: Store) -> None:
    store.collect()

    assert "objects" not in store.check("monitoring", "-v").out


@pytest.mark.parametrize(
    ("homes", "code", "says"),
    [
        (0, 0, "OK - "),  # the example has 1 without a home, and 3 that are UNKNOWN
        (2, 1, "WARNING - 5 of 18 accounts UNKNOWN in schedule, threshold 10 % ([monitoring] aff"),
        (3, 1, "WARNING - 4 of 18 accounts without a readable home, threshold 10 % ([monitoring] "),
        (9, 2, "CRITICAL - 10 of 18 accounts without a readable home, threshold 50 % ([monitoring"),
    ],
)
def test_accounts_that_cannot_be_judged(store: Store, homes: int, code: int, says: str) -> None:
    assert store.collect().code == 0
    for home in sorted((store.folder / "tree" / "home").iterdir())[:homes]:
        home.rename(home.with_name(f"{home.name}.away"))
    store.collect()

    ran = store.check("monitoring")

    assert (ran.code, ran.first.startswith(f"BACKUP MONITORING {says}")) == (code, True), ran.out


def test_reports_that_are_not_understood(store: Store) -> None:
    reports = sorted((store.folder / "tree").rglob("backupStarted.xml"))
    for report in reports:
        report.write_text("a new format")
    store.collect()

    ran = store.check("monitoring")

    assert ran.code == 2
    assert re.search(
        r"CRITICAL - 1\d of 18 accounts with a file that is not a valid report, threshold 50 %",
        ran.first,
    )


def test_findings_are_counted(store: Store) -> None:
    store.settings(more="\n[monitoring.findings]\nreport = 1\nhome = 2\norphan = 1\n")
    store.collect()

    ran = store.check("monitoring")
    assert ran.code == 1
    assert ran.first.startswith(
        "BACKUP MONITORING WARNING - 2 findings of kind report (a file is not a valid report), "
        "threshold 1 ([monitoring.findings])"
    )
    assert "findings_report=2;0;;0" in ran.first
    assert "findings_home=1;1;;0" in ran.first
    listed = store.check("monitoring", "-vv").out
    assert "finding, report: " in listed
    assert "torn01" in listed
    assert "torn01" not in store.check("monitoring", "-v").out

    (store.folder / "tree/home/4999999").mkdir()
    store.collect()
    assert "; 1 more problem" in store.check("monitoring").first


def test_accounts_on_no_server(store: Store) -> None:
    ldif = store.folder / "directory.ldif"
    head, first, *others = ldif.read_text().split("host: backup-01\n")
    hostile = "host:: YmFja3VwLTk8Yj58CmI=\n"  # "backup-9<b>|", a new line, "b"
    ldif.write_text(head + first + hostile + "host: backup-01\n".join(others))
    place = "ou=accounts,ou=backup,ou=services,dc=example,dc=org: on no backup server"
    none = f"unassigned: uid=4000101,{place}: no host"
    wrong = (
        f"unassigned: uid=4000102,{place}: "
        "host 'backup-9\u2039b\u203a\u00a6\\nb': not one of the servers"
    )
    scope = '[directory]\nhost = "backup-01"'
    warned = "\n[monitoring.findings]\nunassigned = 1\n"

    store.settings(("[directory]", scope), more=warned)
    ran = store.collect("-v")
    assert ran.code == 0
    assert ran.first.startswith("17 accounts, ")
    assert [line for line in ran.out.splitlines() if "unassigned: " in line] == [f"  {none}"]

    servers = 'servers = ["backup-02", "backup-01"]'
    store.settings(("[directory]", f"{scope}\n{servers}"), more=warned)
    ran = store.collect("-v")
    assert " 2 unassigned)" in ran.first
    found = [line for line in ran.out.splitlines() if "unassigned: " in line]
    assert found == [f"  {none}", f"  {wrong}"]

    monitoring = store.check("monitoring", "-vv")
    assert monitoring.code == 1
    assert monitoring.first.startswith(
        "BACKUP MONITORING WARNING - 2 findings of kind unassigned "
        "(an account is on no backup server), "
        "threshold 1 ([monitoring.findings])"
    )
    assert "findings_unassigned=2;0;;0" in monitoring.first
    assert f"finding, {none}" in monitoring.out
    assert f"finding, {wrong}" in monitoring.out


def test_a_run_that_takes_too_long(store: Store) -> None:
    store.settings(more='\n[monitoring]\nduration = "2m"\n')
    store.collect()
    db = sqlite3.connect(store.store / "state.sqlite")
    db.execute("UPDATE meta SET value = 121.5 WHERE key = 'seconds'")
    db.commit()
    db.close()

    ran = store.check("monitoring")

    assert ran.first.startswith(
        "BACKUP MONITORING WARNING - last run took 121.5 s, threshold 2m ([monitoring] duration)"
    )
    assert "run_duration=121.5s;120;;0" in ran.first


@pytest.mark.parametrize("task", [*TASKS, "monitoring"])
def test_a_check_from_the_store_loads_no_ldap_library(
    filled: Store, tmp_path: Path, task: str
) -> None:
    for name in ("ldap3", "pyasn1"):
        (tmp_path / f"{name}.py").write_text('raise SystemExit("must not be loaded")\n')

    ran = filled.run(f"check_backup_{task}", PYTHONPATH=str(tmp_path))

    assert "must not be loaded" not in ran.out
    assert "internal error" not in ran.out
    assert ran == filled.check(task)


def test_the_poison_works(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "ldap3.py").write_text('raise SystemExit("must not be loaded")\n')
    filled_config = filled.config.read_text().replace("ldif:directory.ldif", "ldap://127.0.0.1:1")
    config = tmp_path / "live.toml"
    config.write_text(filled_config)

    ran = filled.run(
        "check_backup_quota", "--live", "--config", str(config), PYTHONPATH=str(tmp_path)
    )

    assert ran.code == 3
    assert "SystemExit" in ran.first


def test_checks_from_the_store_write_nothing(filled: Store) -> None:
    def snapshot() -> dict[str, float]:
        return {str(path): path.stat().st_mtime for path in filled.folder.rglob("*")}

    before = snapshot()
    for task in (*TASKS, "monitoring"):
        filled.check(task, "-vvv")

    assert snapshot() == before


def test_the_files_are_not_needed(store: Store) -> None:
    store.collect()
    before = [store.check(task) for task in TASKS]
    shutil.rmtree(store.folder / "tree")
    (store.folder / "directory.ldif").unlink()

    assert [store.check(task) for task in TASKS] == before
