"""The output as Icinga 2 reads it: text, performance data, and its size."""

import re
from pathlib import Path

import pytest

from backup_monitoring.tasks import registry
from programs.installed import NOW, Programs

pytestmark = pytest.mark.installed
TASKS = tuple(sorted(registry.TASKS))
SCHEDULE = """<online_backup_schedule><custom_online_backup>
<minutes><minute_selected>0</minute_selected></minutes>
<hours><hour_selected>20</hour_selected></hours>
<days_of_month><every_day_of_month>*</every_day_of_month></days_of_month>
<months><everymonth>*</everymonth></months>
<days_of_week><every_day_of_week>*</every_day_of_week></days_of_week>
<timezone>+01:00</timezone></custom_online_backup></online_backup_schedule>"""


def split(output: str) -> tuple[list[str], dict[str, str]]:
    """Split lines and performance data as Icinga's Checkable and PluginUtility do."""
    text, data = [], []
    for line in output.splitlines():
        before, bar, after = line.partition("|")
        cut = bar and "=" in after
        text.append(before if cut else line)
        data += [after] * bool(cut)
    rest, found = " ".join(data), {}
    while "=" in rest:
        label, _, rest = rest.partition("=")
        value, _, rest = rest.partition(" ")
        assert label.lstrip() not in found
        found[label.lstrip()] = value
    assert rest.strip() == ""
    return text, found


def check_number(label: str, value: str) -> None:
    """Fail where Icinga's PerfdataValue would drop *value*, or a graph its series."""
    plain = r"-?[0-9]+(\.[0-9]+)?"
    measured, *limits = value.split(";")
    assert re.fullmatch(r"[a-z][a-z0-9_]*", label)
    assert re.fullmatch(f"{plain}(s|%|B|c)?", measured), (label, value)
    assert "B" not in measured or "." not in measured, "bytes are whole"
    assert len(limits) <= 4
    assert all(re.fullmatch(f"({plain})?", limit) for limit in limits), (label, value)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "options",
    [
        *(("-a", str(4000101 + number)) for number in (0, 1, 2, 4, 5, 8, 11, 14, 16, 17, 18)),
        ("-a", "4000101,4000102"),
        ("-a", "4000112", "-a", "nobody"),
        (),
        ("-vvv",),
    ],
)
def test_icinga_keeps_every_number(
    programs: Programs, example: Path, task: str, options: tuple[str, ...]
) -> None:
    command = (f"check_backup_{task}", "--config", str(example), "--now", NOW, *options)

    text, numbers = split(programs.run(*command).out)

    for label, value in numbers.items():
        check_number(label, value)
    assert len({label[:19] for label in numbers}) == len(numbers)
    assert not any("|" in line for line in text)
    many = options[:1] != ("-a",) or "," in options[1] or "nobody" in options
    assert many == ({"ok", "warning", "critical", "unknown"} <= numbers.keys())


@pytest.mark.parametrize(
    ("option", "shown"),
    [("1.5", "1.5"), ("~:", ""), ("10:", ""), ("@5:", ""), ("0:70", "70"), ("~:70", "70")],
)
def test_a_threshold_is_a_plain_number_or_left_out(
    programs: Programs, example: Path, option: str, shown: str
) -> None:
    command = ("check_backup_schedule", "--config", str(example), "--now", NOW, "-a", "4000105")

    _, numbers = split(programs.run(*command, "-c", option).out)

    assert numbers == {"missed": f"5;;{shown};0"}


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of 120 accounts with missed backups, the first of 200 computers."""
    folder = tmp_path_factory.mktemp("crowd")
    entries = []
    for uid in range(4100001, 4100121):
        entries.append(
            f"dn: uid={uid},ou=accounts,ou=backup,ou=services,dc=example,dc=org\n"
            f"objectClass: sstBackup\nuid: {uid}\nsstIsActive: TRUE\nhomeDirectory: /home/{uid}\n"
        )
        for number in range(200 if uid == 4100001 else 1):
            name = f"{number:03d}<ü|=日本>" * 5
            reports = folder / "tree/home" / str(uid) / "incoming" / name / ".sepiola_backup"
            reports.mkdir(parents=True)
            (reports / "scheduler.xml").write_text(SCHEDULE)
            (reports / "backupStarted.xml").write_text(
                "<backup_started><startdate>2026-11-10T20:00:04+01:00</startdate><id>1</id>"
                "</backup_started>"
            )
    (folder / "directory.ldif").write_text("\n".join(entries))
    settings = folder / "crowd.toml"
    settings.write_text(
        '[directory]\nuri = "ldif:directory.ldif"\nsuffix = "dc=example,dc=org"\n'
        '[homes]\nroot = "tree"\n[schedule]\nzones = ["Europe/Zurich"]\n'
    )
    return settings


@pytest.mark.parametrize("task", ["schedule", "client", "unused"])
@pytest.mark.parametrize("options", [("-v",), ("-vv",), ("-vvv",), ("-vvv", "-a", "4100001")])
def test_all_text_is_below_8_kib(
    programs: Programs, crowd: Path, task: str, options: tuple[str, ...]
) -> None:
    ran = programs.run(f"check_backup_{task}", "--config", str(crowd), "--now", NOW, *options)

    assert len(ran.out.encode()) <= 8192
    assert ran.err == ""
    shown = [line for line in ran.out.splitlines()[1:] if not line.startswith((" ", "..."))]
    left_out = re.search(r"\n\.\.\. and ([0-9]+) more\n$", ran.out)
    if "-a" not in options and task == "schedule":
        assert left_out is not None
        assert len(shown) + int(left_out[1]) == 120


def test_an_account_of_many_computers_hides_no_other(programs: Programs, crowd: Path) -> None:
    command = ("check_backup_schedule", "--config", str(crowd), "--now", NOW, "-vvv")

    out = programs.run(*command, "-a", "4100001,4100002").out

    assert "  ... and 193 more; see -a 4100001\n" in out
    assert "\nCRITICAL - 4100002 000" in out
