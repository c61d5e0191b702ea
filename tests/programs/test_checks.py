"""The programs as programs: first line and exit code."""

import re
import shutil
import socket
import subprocess
import tarfile
import time
import tomllib
from pathlib import Path

import pytest

from programs.installed import NOW, Programs
from records.schema import parse

pytestmark = pytest.mark.installed
CHECKS = [f"check_backup_{task}" for task in ("client", "quota", "schedule", "status", "unused")]
ALL = [*CHECKS, "backup_settings"]

CASES = [
    ("quota", "4000101", 0, "OK - 4000101: 50.0 % of 10.0 GiB used, threshold 85 % (entry)"),
    ("quota", "4000102", 1, "WARNING - 4000102: 88.0 % of 10.0 GiB used, threshold 85 % (entry)"),
    (
        "quota",
        "4000103",
        2,
        "CRITICAL - 4000103: 99.6 % of 10.0 GiB used, threshold 99 % (default)",
    ),
    ("quota", "4000115", 3, "UNKNOWN - 4000115: no usable sstBackupSize in the entry uid=4000115"),
    ("quota", "4000118", 0, "OK - 4000118: not active"),
    ("quota", "4000119", 0, "OK - 4000119: not provisioned yet"),
    ("quota", "4000120", 0, "OK - 4000120: no files to monitor (S3 bucket)"),
    ("quota", "nobody", 3, "UNKNOWN - nobody: no such account below ou=accounts,"),
    ("schedule", "4000101", 0, "OK - 4000101 web01: none missed, last start 2026-11-23 20:00"),
    ("schedule", "4000104", 1, "WARNING - 4000104 mail01: 1 backup missed since 2026-11-23 20:00"),
    (
        "schedule",
        "4000105",
        2,
        "CRITICAL - 4000105 nyc01: 5 backups missed since 2026-11-19 20:00 -05:00, threshold 1 d",
    ),
    ("schedule", "4000108", 3, "UNKNOWN - 4000108 torn01: invalid report "),
    ("schedule", "4000111", 0, "OK - 4000111 nameless: backs up after it is switched on"),
    ("schedule", "4000115", 3, "UNKNOWN - 4000115: home directory "),
    ("schedule", "4000117", 3, "UNKNOWN - 4000117 clock01: clock: its last start is in the future"),
    ("status", "4000101", 0, "OK - 4000101 web01: last backup reported as successful 2026-11-23"),
    ("status", "4000103", 1, "WARNING - 4000103 laptop: last backup reported as successful"),
    ("status", "4000106", 1, "WARNING - 4000106 db01: backup ended 2026-11-23 20:03 +01:00 with"),
    ("status", "4000107", 1, "WARNING - 4000107 files02: backup started 2026-11-23 08:00 +01:00"),
    ("status", "4000112", 0, "OK - 4000112: no report yet"),
    ("client", "4000101", 0, "OK - 4000101 web01: Online Backup Perl Script 2.0.11 is new enough"),
    ("client", "4000109", 2, "CRITICAL - 4000109 old02: Online Backup Perl Script 1.13.2 is too"),
    ("client", "4000110", 1, "WARNING - 4000110 old03: Online Backup Perl Script 2.0.7 is too old"),
    (
        "client",
        "4000111",
        3,
        "UNKNOWN - 4000111 nameless: (no identifier) 3.1: no minimum in the settings",
    ),
    ("unused", "4000101", 0, "OK - 4000101: used by 1 computer"),
    (
        "unused",
        "4000112",
        1,
        "WARNING - 4000112: never used, created 2026-10-10 08:15 +00:00, threshold 14 d",
    ),
    ("unused", "4000114", 3, "UNKNOWN - 4000114: no creation time in the entry uid=4000114,"),
    ("unused", "4000116", 0, "OK - 4000116: has data, but no client that reports"),
]


@pytest.mark.parametrize(("task", "uid", "code", "says"), CASES)
def test_one_account(
    programs: Programs, example: Path, task: str, uid: str, code: int, says: str
) -> None:
    ran = programs.run(f"check_backup_{task}", "-a", uid, "--config", str(example), "--now", NOW)

    assert ran.first.startswith(f"BACKUP {task.upper()} {says}")
    assert (ran.code, ran.err) == (code, "")
    assert len(ran.out.splitlines()) == 1


@pytest.mark.parametrize(
    ("task", "options", "code", "counts"),
    [
        ("quota", (), 2, "CRITICAL - 1 critical, 1 warning, 1 unknown of 18; worst 4000103: "),
        (
            "quota",
            ("-a", "4000101,4000102", "-a", "4000105"),
            1,
            "WARNING - 1 warning of 3; worst 4000102: ",
        ),
        ("quota", ("-a", "4000101", "-a", "4000105"), 0, "OK - 2 accounts, all ok | "),
        (
            "quota",
            ("-a", "nobody,NOBODY,else,4000101"),
            3,
            "UNKNOWN - 2 unknown of 3; worst nobody: ",
        ),
        ("schedule", (), 2, "- 1 critical, 1 warning, 3 unknown of 18; worst 4000105 nyc01: "),
        ("status", (), 1, "WARNING - 3 warning, 3 unknown of 18; worst 4000106 db01: "),
        ("client", (), 2, "- 1 critical, 1 warning, 2 unknown of 18; worst 4000109 old02: "),
        ("unused", ("-c", "180d"), 2, "- 1 critical, 1 warning, 2 unknown of 18; worst "),
    ],
)
def test_all_accounts(
    programs: Programs, example: Path, task: str, options: tuple[str, ...], code: int, counts: str
) -> None:
    ran = programs.run(f"check_backup_{task}", "--config", str(example), "--now", NOW, *options)

    assert counts in ran.first
    assert (ran.code, ran.err) == (code, "")
    assert re.search(r"\| .*critical=\d+;;;0.* ok=\d+;;;0.* unknown=\d+;;;0", ran.first)


def test_verbosity(programs: Programs, example: Path) -> None:
    def lines(*options: str) -> list[str]:
        command = ("check_backup_schedule", "--config", str(example), "--now", NOW, *options)
        return programs.run(*command).out.splitlines()

    assert len(lines()) == 1
    assert [line.split(" - ")[0] for line in lines("-v")[1:]] == [
        *("CRITICAL", "WARNING", "UNKNOWN", "UNKNOWN", "UNKNOWN")
    ]
    assert len(lines("-vv")) == 1 + 18
    assert lines("-v", "-a", "4000101")[1].startswith("  web01: OK - none missed")
    details = lines("-vvv", "-a", "4000105")
    assert (
        details[1]
        == "  thresholds backups off (entry), 1 d (entry), CRITICAL threshold 3 backups (default)"
    )
    assert "zone America/New_York by the settings" in details[2]
    assert "missed is 5" in details[3]


@pytest.mark.parametrize(
    ("task", "options", "says"),
    [
        ("quota", ("-c", "90:"), "WARNING threshold 85 % (entry), CRITICAL threshold 90: % (-c)"),
        (
            "status",
            (),
            "thresholds backups off (entry), 1 d (entry), CRITICAL threshold 3 backups (default)",
        ),
        ("unused", ("-c", "60d"), "WARNING threshold 14 d (default), CRITICAL threshold 60 d (-c)"),
    ],
)
def test_vvv_says_where_each_threshold_comes_from(
    programs: Programs, example: Path, task: str, options: tuple[str, ...], says: str
) -> None:
    uid = "4000112" if task == "unused" else "4000101"
    command = (f"check_backup_{task}", "--config", str(example), "--now", NOW, "-a", uid, *options)

    assert f"  {says}" in programs.run(*command, "-vvv").out.splitlines()
    assert f"  {says}" not in programs.run(*command, "-vv").out.splitlines()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("-w", "60"), "threshold 85 % (entry)"),
        (("-w", "85%"), "is not a valid range; examples: 85"),
        (("-w", "1:2:3"), "is not a valid range"),
        (("-w", "9:1"), "its start is greater than its end"),
        (("-w", "1.2.3"), "is not a valid range; examples: 85"),
        (("-w", "9" * 400), "is not a valid range; examples: 85"),
        (("-c", "1:" + "9" * 400), "is not a valid range; examples: 85"),
        (("--forecast-warning", "30"), "needs earlier sizes, which only the store has"),
        (("--forecast-warning", "-3"), "'-3' is not a number of days from 1 to 9999"),
        (("--forecast-warning", "soon"), "'soon' is not a number of days"),
        (("--nonsense",), "unrecognized argument '--nonsense'"),
        (("4000101",), "unrecognized argument '4000101'"),
        (("-t", "0"), "is not a number of seconds"),
        (("-t", "9" * 400), "is not a number of seconds"),
        (("--now", "9999-12-31T23:59:59Z"), "is not between 1970 and 3000"),
        (("--now", "0001-01-01T00:00:00Z"), "is not between 1970 and 3000"),
        (("--now", "2026-11-24T12:00"), "is not a time with an offset"),
        (("--now", "yesterday"), "is not a time with an offset"),
        (("-a", ""), "an empty UID"),
        (("--config", "/nowhere/s.toml"), "/nowhere/s.toml: no such settings file"),
    ],
)
def test_options(programs: Programs, example: Path, options: tuple[str, ...], says: str) -> None:
    command = ("-a", "4000101", "--config", str(example), "--now", NOW, *options)
    ran = programs.run("check_backup_quota", *command)

    assert says in ran.first
    assert ran.code == (0 if "threshold" in says else 3)
    assert ran.err == ""


@pytest.mark.parametrize("program", ALL)
@pytest.mark.parametrize("option", ["--help", "-h", "--version", "-V"])
def test_help_and_version(programs: Programs, program: str, option: str) -> None:
    ran = programs.run(program, option)

    assert program in ran.first
    assert ran.code == (0 if program == "backup_settings" else 3)
    assert ran.err == ""


def test_no_settings_at_all(programs: Programs) -> None:
    ran = programs.run("check_backup_quota")

    assert ran.first.startswith(
        "BACKUP QUOTA UNKNOWN - /etc/backup-monitoring/backup-monitoring.toml: no such settings"
    )
    assert ran.code == 3


def test_the_settings_file_of_the_environment(programs: Programs, example: Path) -> None:
    ran = programs.run("check_backup_quota", "-a", "4000101", BACKUP_MONITORING_CONFIG=str(example))

    assert ran.code == 0


def test_no_account_in_scope_is_not_healthy(programs: Programs, example: Path) -> None:
    settings = example.with_name("other.toml")
    text = example.read_text().replace("[homes]", 'host = "backup-99"\n[homes]')
    settings.write_text(text)

    ran = programs.run("check_backup_quota", "--config", str(settings))

    assert "no account in scope" in ran.first
    assert ran.code == 3


@pytest.mark.parametrize(
    ("name", "broken", "says"),
    [
        ("plugin/check", "import not_there_at_all\n", "not_there_at_all"),
        ("plugin/check", "(", "SyntaxError"),
        (
            "model/text",
            "import not_there_at_all\n",
            "ModuleNotFoundError; install the package again",
        ),
        ("model/errors", "(", "SyntaxError; install the package again"),
    ],
)
def test_a_broken_installation_is_unknown(
    programs: Programs, example: Path, name: str, broken: str, says: str
) -> None:
    module = programs.packages / "backup_monitoring" / f"{name}.py"
    good = module.read_text()
    module.write_text(broken)
    try:
        ran = programs.run("check_backup_quota", "--config", str(example))
    finally:
        module.write_text(good)
    assert ran.first.startswith("BACKUP QUOTA UNKNOWN - ")
    assert says in ran.first
    assert (ran.code, ran.err) == (3, "")


@pytest.mark.parametrize("program", CHECKS)
def test_a_server_that_never_answers_is_given_up_in_time(
    programs: Programs, tmp_path: Path, program: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings = tmp_path / "s.toml"
        settings.write_text(f'[directory]\nuri = "ldap://127.0.0.1:{port}"\ntimeout = "30s"\n')
        began = time.monotonic()

        ran = programs.run(program, "-t", "2", "--config", str(settings))

    assert time.monotonic() - began < 20  # of 30 s that the directory may take
    assert "time limit of 2 s reached while " in ran.first
    assert (ran.code, ran.err) == (3, "")


def test_nobody_reads_the_output(programs: Programs, example: Path) -> None:
    done = subprocess.run(
        f"{programs.bin}/check_backup_quota --config {example} -vv >&- 2>/dev/null; echo $?",
        shell=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout == "3\n"


def test_hostile_names_are_neutralised(programs: Programs, example: Path, tmp_path: Path) -> None:
    home = tmp_path / "home" / "4000101" / "incoming"
    for name in (b"a|b=1;2\n<b>\x1b[31m", b"\xff\xfe"):
        reports = Path(home, name.decode(errors="surrogateescape"), ".sepiola_backup")
        reports.mkdir(parents=True)
        (reports / "backupEnded.xml").write_text("<oops|")
    settings = example.with_name("hostile.toml")
    settings.write_text(example.read_text().replace('"tree"', f'"{tmp_path}"'))

    ran = programs.run(
        "check_backup_status", "-a", "4000101", "--config", str(settings), "-vvv", LC_ALL="C"
    )

    assert ran.code == 3
    assert ran.out.count("|") == 0  # no number is known, so there is no performance data
    assert "a¦b=1;2\\n‹b›\\x1b[31m" in ran.out
    assert "\\xff\\xfe" in ran.out
    assert ran.out.replace("\n", "").isprintable()


def test_checks_write_nothing(programs: Programs, example: Path) -> None:
    def snapshot() -> dict[str, float]:
        return {str(path): path.stat().st_mtime for path in example.parent.rglob("*")}

    before = snapshot()
    for program in CHECKS:
        programs.run(program, "--config", str(example), "--now", NOW, "-vvv")

    assert snapshot() == before


def test_nothing_general_is_installed(programs: Programs) -> None:
    names = {path.name for path in programs.packages.iterdir()}

    assert not names & {"checks", "lib", "tests", "examples"}
    assert {"backup_monitoring", *(f"{program}.py" for program in ALL)} <= names


def test_the_source_archive_has_what_its_texts_link_to(wheel: Path) -> None:
    (archive,) = wheel.parent.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
        readme = opened.extractfile(f"{archive.name.removesuffix('.tar.gz')}/README.md")
        assert readme is not None
        links = re.findall(r"\]\(([^)#:]+)[^):]*\)", readme.read().decode())

    assert len(links) > 8
    assert set(links) <= names
    assert {"examples/run", "tests/run", ".ci/run"} <= names
    start = "examples/storage/home/4000101/incoming/web01/.sepiola_backup/backupStarted.xml"
    assert start in names


def test_inventory(programs: Programs, example: Path) -> None:
    command = ("check_backup_client", "--config", str(example), "--inventory")

    table, as_json = programs.run(*command), programs.run(*command, "--output", "json")

    assert "Online Backup Perl Script     2.0.11     linux                     8         7" in (
        table.out
    )
    assert table.out.splitlines()[-1] == (
        "(incomplete: 1 account could not be read completely; see -v)"
    )
    document = parse(as_json.out)
    assert document["summary"] == "6 programs on 14 computers"
    assert document["unreadable_accounts"] == 1
    assert document["inventory"][1] == {
        "identifier": "Online Backup Perl Script",
        "version": "1.13.2",
        "operating_system": "linux",
        "computers": 1,
        "accounts": 1,
    }
    assert (table.code, as_json.code) == (0, 0)


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ((), ("-a", "4000101,nobody"), "nobody: no such account below ou=accounts,"),
        (("[homes]", 'host = "b-9"\n[homes]'), (), "no account in scope below it by (obj"),
    ],
)
def test_no_inventory_of_nothing(
    programs: Programs, example: Path, change: tuple[str, str], options: tuple[str, ...], says: str
) -> None:
    settings = example.with_name("inventory.toml")
    settings.write_text(example.read_text().replace(*change or ("", "")))

    ran = programs.run("check_backup_client", "--config", str(settings), "--inventory", *options)

    assert says in ran.first
    assert (ran.code, ran.err) == (3, "")


def test_backup_settings(programs: Programs, example: Path) -> None:
    shown = programs.run("backup_settings", "--config", str(example))
    account = programs.run("backup_settings", "--config", str(example), "-a", "4000101")
    ran = programs.run("backup_settings", "--config", str(example), "--test", "--now", NOW)

    assert 'suffix = "dc=example,dc=org"\n' in shown.out
    assert "warning = 85  # default" in shown.out
    assert "quota: WARNING above 85 % (entry), CRITICAL above 99 % (default)" in account.out
    assert [line.split(":")[0] for line in ran.out.splitlines()] == [
        "ok      settings",
        "ok      directory",
        "ok      accounts",
        "ok      homes",
        "note    homes",
        "ok      reports",
        "note    reports",
        *(f"not tried {part}" for part in ("store", "outbox", "log", "messages", "mail")),
        *(f"not tried {part}" for part in ("icinga", "nagios", "overview")),
    ]
    assert (shown.code, account.code, ran.code) == (0, 0, 0)


def test_the_settings_shown_are_settings(programs: Programs, example: Path) -> None:
    settings = example.with_name("from.toml")
    settings.write_text(
        example.read_text()
        + "'Müller \"Backup\"' = '3.0'\n"
        + '[notify]\nfrom = "Backup <backup@example.org>"\nlanguage = "de"\n'
    )

    shown = tomllib.loads(programs.run("backup_settings", "--config", str(settings)).out)

    assert shown["notify"]["from"] == "Backup <backup@example.org>"
    assert shown["client"]["minimum_critical"] == {
        "Online Backup Perl Script": "2.0.0",
        'Müller "Backup"': "3.0",
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("directory.ldif", "nothing.ldif"), "FAILED  directory: "),
        (("dc=example", "dc=wrong"), "FAILED  directory: "),
        (
            ("[homes]", '[directory.attributes]\nhome = "hidden"\n[homes]'),
            "FAILED  homes: 18 of 18 without a path: account 4000101: its entry has no home; "
            "correct hidden, let the bind account read it",
        ),
        (('"tree"', '"nowhere"'), "FAILED  homes: 17 of 17 missing"),
        (('"tree"', '"tree"\nincoming = "in"'), "FAILED  reports: none found; check incoming"),
    ],
)
def test_a_step_that_fails_says_what_to_do(
    programs: Programs, example: Path, change: tuple[str, str], says: str
) -> None:
    settings = example.with_name("changed.toml")
    settings.write_text(example.read_text().replace(*change))

    ran = programs.run("backup_settings", "--config", str(settings), "--test", "--now", NOW)

    assert says in ran.out
    assert ran.code == 2


def test_reports_that_are_there_and_not_readable_are_not_missing(
    programs: Programs, example: Path, tmp_path: Path
) -> None:
    """Perl's files are of mode 0600: the first thing that a new user of the checks lacks."""
    shutil.copytree(example.parent, tmp_path, dirs_exist_ok=True)
    for start in (tmp_path / "tree").rglob("backupStarted.xml"):
        start.unlink()
        start.symlink_to("nowhere")  # root, too, is refused that

    settings = str(tmp_path / example.name)
    ran = programs.run("backup_settings", "--config", settings, "--test", "--now", NOW)

    assert "none found" not in ran.out
    assert "FAILED  reports: 1" in ran.out
    assert "if permission is missing, see Privilege" in ran.out
    assert ran.code == 2
