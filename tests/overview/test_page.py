"""The page's files: what they say, that only changes are written, and that nothing breaks out."""

import os
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from itertools import product
from pathlib import Path

import pytest

from backup_monitoring.model.file_names import encode_name
from backup_monitoring.model.verdicts import State
from backup_monitoring.overview.page import write_page
from backup_monitoring.settings.load import read_settings
from backup_monitoring.tasks.registry import TASKS
from overview.fleets import performance, run
from overview.pages import (
    EVIL_UIDS,
    NEXT_DAY,
    NOTIFIED,
    PAGE,
    SHOWN,
    list_files,
    make_hostile,
    parse,
    read_data,
    write,
)
from records.schema import schema
from store.fleet import Fleet, entry

ADDRESS = re.compile(rb"[\w.+-]+@[\w-]+\.[\w.]+")
STATES = ("critical", "warning", "unknown", "ok")
LATER = datetime.fromisoformat("2026-11-20T21:06+01:00")


# --- the figures ---


@pytest.mark.parametrize("task", TASKS)
def test_the_counts_are_those_of_the_check(mixed: Fleet, task: str) -> None:
    found = performance(run(mixed, f"check_backup_{task}", now=SHOWN))
    counts = {name: found[name] for name in STATES}

    front = (mixed.folder / "page" / "index.html").read_text()
    links = re.findall(rf'href="#task={task}&amp;state=(\w+)"><b>([\d,]+)</b>', front)

    assert {state.lower(): int(number.replace(",", "")) for state, number in links} == counts


@pytest.mark.parametrize("task", TASKS)
def test_each_account_is_what_the_check_says_of_it(mixed: Fleet, task: str) -> None:
    page = mixed.folder / "page"
    for row in read_data(page)["accounts"]:
        done = run(mixed, f"check_backup_{task}", "-a", row["account"], now=NEXT_DAY)
        problems = [each for each in row["tasks"] if each["task"] == task]
        state = problems[0]["state"] if problems else "OK"
        own = parse(page / f"{row['page']}.html").text

        assert State[state].value == done.code
        assert f"{task} {state}" in re.sub(r"(\w)(OK|WARNING|CRITICAL|UNKNOWN)", r"\1 \2", own)
        if problems:
            assert problems[0]["summary"] in done.out
            assert problems[0]["summary"] in own


def test_the_clients_are_those_of_the_inventory(mixed: Fleet) -> None:
    lines = run(mixed, "check_backup_client", "--inventory", now=NEXT_DAY).out.splitlines()[1:]
    inventory = [re.split(r" {2,}", line) for line in lines if line[0] not in "(-"]
    shown = (mixed.folder / "page" / "lists" / "clients.html").read_text()
    rows = re.findall(
        r'row">(.*?)</th><td>(.*?)</td><td>(.*?)</td>.*?">(\d+)</td>.*?">(\d+)</td>', shown
    )

    assert [[each or "-" for each in row] for row in rows if row[0] != "not known"] == inventory


def test_the_findings_are_those_of_the_run(mixed: Fleet) -> None:
    health = performance(run(mixed, "check_backup_monitoring", now=SHOWN))
    shown = (mixed.folder / "page" / "lists" / "findings.html").read_text()
    counts = dict(re.findall(r'href="#(\w+)">\w+</a></th><td class="num">(\d+)<', shown))

    expected = {
        name.removeprefix("findings_"): number
        for name, number in health.items()
        if name.startswith("findings_") and number
    }
    assert {kind: float(number) for kind, number in counts.items()} == expected


def test_what_has_changed_is_shown(mixed: Fleet) -> None:
    front = parse(mixed.folder / "page" / "index.html").text

    assert "Changed in 24 hours: " in front
    assert re.search(r"WARNING good schedule, was OK, 2026-11-22 12:00 \+01:00", front) or (
        re.search(r"UNKNOWN good \w+, was OK, 2026-11-22 12:00 \+01:00", front)
    )


@pytest.mark.parametrize("shows", [False, True])
def test_who_was_notified_is_shown(fleet: Fleet, shows: bool) -> None:
    fleet.settings_text(
        NOTIFIED.replace("/bin/false", "/bin/true") + f"show_recipients = {str(shows).lower()}\n"
    )
    more = {"sstBackupWarningOn": "TRUE", "sstNotificationWarningMedium": "mail"}
    texts = [entry(uid, mail="me@example.org", **more) for uid in ("4000101", "4000102")]
    fleet.entries(*texts)
    fleet.collect("2026-11-20T21:00+01:00")
    for now in ("21:01", "21:02"):
        run(fleet, "notify_backup", "--scan", now=f"2026-11-20T{now}+01:00")
    texts[0] = texts[0].replace("sstBackupSize: 500", "sstBackupSize: 900")
    fleet.entries(*texts)
    fleet.collect("2026-11-20T21:05+01:00")
    run(fleet, "notify_backup", "--scan", now="2026-11-20T21:06+01:00")
    done = run(fleet, "notify_backup", "--deliver", now="2026-11-20T21:25+01:00")
    page = write(fleet, "2026-11-20T21:26+01:00")

    assert "2 sent" in done.out
    own = parse(page / "4000101.html").text
    assert "2026-11-20 21:25 +01:00quotaproblem, WARNING: sentcustomer" in own
    (row,) = [row for row in read_data(page)["accounts"] if row["account"] == "4000101"]
    (quota,) = [each for each in row["tasks"] if each["task"] == "quota"]
    assert quota["notified"] == "2026-11-20T20:25:00+00:00"
    assert ("me@example.org" in own) is shows
    assert quota.get("recipients") == (["me@example.org"] if shows else None)


# --- what is written, and what is not ---


def stamps(page: Path) -> dict[Path, tuple[int, int]]:
    return {file: (file.stat().st_ino, file.stat().st_mtime_ns) for file in list_files(page)}


def test_a_second_run_writes_nothing(mixed: Fleet) -> None:
    page = mixed.folder / "page"
    before = stamps(page)

    done = run(mixed, "backup_overview", now=SHOWN)

    assert stamps(page) == before
    assert "0 files written" in done.out


def test_only_what_changed_is_written(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    for uid in ("4000101", "4000102"):
        fleet.start(uid, "2026-11-20T20:00:00+01:00")
        fleet.end(uid, "2026-11-20T20:40:00+01:00")
    fleet.collect("2026-11-20T21:00+01:00")
    page = write(fleet, "2026-11-20T21:01+01:00")
    before = stamps(page)
    fleet.entries(entry("4000101"), entry("4000102", sstBackupSize=900))
    fleet.collect("2026-11-20T21:05+01:00")
    write(fleet, "2026-11-20T21:06+01:00")

    changed = {
        file.relative_to(page).as_posix()
        for file, stamp in stamps(page).items()
        if before[file] != stamp
    }
    assert changed == {".backup-overview", "4000102.html", "age.js", "data.js", "index.html"}


def test_the_pages_of_unused_accounts_stay_as_they_are(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    fleet.collect("2026-11-20T21:00+01:00")
    page = write(fleet, "2026-11-20T21:01+01:00")
    before = stamps(page)
    fleet.collect("2026-11-20T23:05+01:00")
    write(fleet, "2026-11-20T23:06+01:00")

    changed = {file.name for file, stamp in stamps(page).items() if before[file] != stamp}
    assert changed == {".backup-overview", "age.js", "index.html"}


def test_the_page_of_an_account_that_went_away_goes(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    fleet.collect("2026-11-20T21:00+01:00")
    page = write(fleet, "2026-11-20T21:01+01:00")
    (page / "notes.txt").write_text("of somebody else")
    fleet.entries(entry("4000101"), entry("4000102", sstIsActive="FALSE"))
    fleet.collect("2026-11-20T21:05+01:00")
    write(fleet, "2026-11-20T21:06+01:00")

    assert (page / "4000101.html").exists()
    assert not (page / "4000102.html").exists()
    assert (page / "notes.txt").exists()


def test_a_folder_with_other_files_is_refused(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    fleet.collect()
    page = fleet.folder / "page"
    page.mkdir()
    (page / "index.html").write_text("of another program")

    done = run(fleet, "backup_overview")

    assert done.code == 3
    assert f"{page}: has other files, for example index.html" in done.out
    assert [file.read_text() for file in list_files(page)] == ["of another program"]


def test_links_in_the_folder_are_replaced_and_not_followed(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    fleet.collect("2026-11-20T21:00+01:00")
    page = write(fleet, "2026-11-20T21:01+01:00")
    outside = fleet.folder / "outside.html"
    outside.write_text("precious")
    for name in ("4000101.html", "old.html", ".new"):
        (page / name).unlink(missing_ok=True)
        (page / name).symlink_to(outside)
    write(fleet, "2026-11-20T21:01+01:00")

    assert outside.read_text() == "precious"
    assert not (page / "4000101.html").is_symlink()
    assert not (page / "old.html").is_symlink()


def test_a_folder_that_is_a_link_to_elsewhere_below_ours_is_refused(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    fleet.collect()
    page = write(fleet)
    elsewhere = fleet.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.html").write_text("precious")
    shutil.rmtree(page / "lists")
    (page / "lists").symlink_to(elsewhere)

    assert run(fleet, "backup_overview").code == 3
    assert [file.name for file in elsewhere.iterdir()] == ["mine.html"]


def test_a_damaged_mark_writes_all_files_again(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    fleet.collect()
    page = write(fleet)
    (page / ".backup-overview").write_text("{torn")

    assert " 0 kept" in run(fleet, "backup_overview").out


class _Killed(BaseException):
    """What no program catches."""


def test_after_a_run_that_was_killed_no_page_is_taken_for_another(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.settings_text(PAGE)
    fleet.collect("2026-11-20T21:00+01:00")
    page = write(fleet, "2026-11-20T21:01+01:00")
    store = fleet.store / "state.sqlite"
    before, state = (page / "4000102.html").read_text(), store.read_bytes()
    fleet.entries(entry("4000101"), entry("4000102", sstBackupSize=900))
    fleet.collect("2026-11-20T21:05+01:00")
    rename = os.rename

    def kill_at_the_end(old: str, new: str, **folders: int) -> None:
        if new == ".backup-overview":
            raise _Killed
        rename(old, new, **folders)

    monkeypatch.setattr(os, "rename", kill_at_the_end)
    with pytest.raises(_Killed):
        write_page(read_settings(fleet.file), page, LATER, print)
    monkeypatch.undo()
    assert (page / "4000102.html").read_text() != before
    store.write_bytes(state)  # the same states again
    write(fleet, "2026-11-20T21:10+01:00")

    assert (page / "4000102.html").read_text() == before


def test_a_page_that_a_power_cut_left_empty_is_written_again(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    fleet.collect("2026-11-20T21:00+01:00")
    page = write(fleet, "2026-11-20T21:01+01:00")
    before = (page / "4000101.html").read_text()
    (page / "4000101.html").write_text("")
    write(fleet, "2026-11-20T21:06+01:00")

    assert (page / "4000101.html").read_text() == before


def test_a_full_disk_leaves_the_old_page(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.settings_text(PAGE)
    fleet.collect("2026-11-20T21:00+01:00")
    page = write(fleet, "2026-11-20T21:01+01:00")
    before = {file: file.read_bytes() for file in list_files(page)}
    fleet.entries(entry("4000101", sstBackupSize=900), entry("4000102"))
    fleet.collect("2026-11-20T21:05+01:00")

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    done = run(fleet, "backup_overview", now="2026-11-20T21:06+01:00")
    monkeypatch.undo()

    assert done.code == 3
    assert "No space left on device" in done.out
    after = {file: file.read_bytes() for file in list_files(page) if file.name != ".new"}
    assert after == before


def test_metrics_that_cannot_be_written_stop_no_page(fleet: Fleet) -> None:
    fleet.settings_text(f'{PAGE}metrics_file = "missing/backup.prom"\n')
    fleet.collect()
    done = run(fleet, "backup_overview")

    assert done.code == 3
    assert "missing/backup.prom: cannot be written (No such file or directory)" in done.out
    assert (fleet.folder / "page" / "index.html").exists()


# --- how old it is, and what is not known ---


@pytest.mark.parametrize(
    ("current", "not_current", "word", "named"),
    [("21:29", "21:31", "Too old", "Too old"), ("20:55", "20:45", "future", "In the future")],
)
def test_data_that_are_not_current_are_named(
    fleet: Fleet, current: str, not_current: str, word: str, named: str
) -> None:
    fleet.settings_text(PAGE)
    fleet.collect("2026-11-20T21:00+01:00")
    front = parse(write(fleet, f"2026-11-20T{current}+01:00") / "index.html").text
    assert word not in front
    front = parse(write(fleet, f"2026-11-20T{not_current}+01:00") / "index.html").text
    assert f"{named}: data 2026-11-20 21:00 +01:00" in front


def test_a_part_that_could_not_be_read_is_named(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    fleet.collect("2026-11-20T21:00+01:00")
    fleet.home.rename(fleet.home.with_name("elsewhere"))
    fleet.collect("2026-11-20T21:05+01:00")
    front = parse(write(fleet, "2026-11-20T21:06+01:00") / "index.html").text
    assert "The last collector run could not read the homes: " in front
    assert "homes read 2026-11-20 21:00 +01:00" in front


def test_without_an_outbox_that_can_be_read_the_page_is_written_all_the_same(fleet: Fleet) -> None:
    fleet.settings_text(NOTIFIED)
    fleet.collect()
    (fleet.folder / "outbox.sqlite").write_text("not a database, but something else")
    done = run(fleet, "backup_overview")

    assert done.code == 2
    assert "FAILED: outbox: " in done.out
    front = parse(fleet.folder / "page" / "index.html").text
    assert "It is not known who was notified: " in front


def test_a_damaged_store_leaves_the_page(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    fleet.collect()
    page = write(fleet)
    before = stamps(page)
    with closing(sqlite3.connect(fleet.store / "state.sqlite")) as db, db:
        db.execute("UPDATE verdicts SET verdict = '{' WHERE task = 'unused'")

    assert run(fleet, "backup_overview").code == 3
    assert stamps(page) == before


# --- hostile names ---

LINK = re.compile(
    r"(\.\./)?([\w.@-]+\.html|(lists|resellers)/[\w.@-]+\.html|page\.(css|js)|(data|age)\.js)?(#[\w=&%.+;*{}!/-]*)?"
    r"|https://icinga\.example\.org/[\w.@-]+/[\w.@-]+/\w+\?a=1&b=2|data:,"
)
TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "link",
        "script",
        "body",
        "header",
        "nav",
        "main",
        "section",
    ),
    *(
        "h1",
        "h2",
        "h3",
        "p",
        "a",
        "b",
        "strong",
        "small",
        "span",
        "ul",
        "li",
        "div",
        "code",
        "time",
    ),
    *("table", "thead", "tbody", "tr", "th", "td", "svg", "path", "polyline", "circle"),
    *("form", "label", "input", "select", "option", "button", "datalist"),
}


def test_names_of_customers_are_text_and_nothing_else(hostile: Fleet) -> None:
    page = hostile.folder / "page"
    pages = [file for file in list_files(page) if file.suffix == ".html"]

    assert len(pages) > 2 * len(EVIL_UIDS)
    for file in pages:
        elements = parse(file)
        assert {tag for tag, _ in elements.found} <= TAGS, file
        for tag, attributes in elements.found:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            for name in ("href", "src"):
                link = attributes.get(name)
                assert link is None or LINK.fullmatch(link), (file, tag, link)
        scripts = [attributes for tag, attributes in elements.found if tag == "script"]
        assert all(set(each) == {"src", "defer"} for each in scripts)
    assert "<script>alert(1)" not in (page / "data.js").read_text()


def test_names_of_files_are_harmless_and_those_of_the_links(hostile: Fleet) -> None:
    page = hostile.folder / "page"

    assert not (hostile.folder / "escaped.html").exists()
    for uid in EVIL_UIDS:
        assert (page / f"{encode_name(uid)}.html").is_file()
    assert {file.name for file in list_files(hostile.folder) if file.suffix == ".html"} == {
        file.name for file in list_files(page) if file.suffix == ".html"
    }
    assert "Failing" in parse(page / "index.html").text


def test_the_names_are_those_of_the_objects(hostile: Fleet) -> None:
    text = hostile.file.read_text()
    hostile.file.write_text(
        text + '[icinga]\nnotes_url = "https://noc.example.org/b/{account}.html"\n'
    )
    done = run(hostile, "generate_backup_objects", "--format", "icinga2")
    hostile.file.write_text(text)

    assert done.code == 0
    linked = set(re.findall(r'notes_url = "https://noc\.example\.org/b/([^"]+)"', done.out))
    own = {file.name for file in (hostile.folder / "page").glob("*.html")} - {"index.html"}
    assert linked == own


def test_links_to_icinga_have_the_host_of_the_objects(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    text = fleet.file.read_text().replace("[homes]", 'host = "backup-02"\n[homes]')
    fleet.file.write_text(text)
    several = entry("4000101", host="backup-01\nhost: BACKUP-02", sstBackupSize=990)
    fleet.entries(several, entry("4000102", host="backup-02"))
    fleet.collect(NEXT_DAY)
    page = write(fleet)
    objects = run(fleet, "generate_backup_objects", "--format", "icinga2").out

    assert 'object Host "backup-02"' in objects
    assert 'object Host "backup-01"' not in objects
    link = "https://icinga.example.org/backup-02/4000101/quota?a=1&amp;b=2"
    assert link in (page / "index.html").read_text()
    assert link in (page / "4000101.html").read_text()
    assert {row["host"] for row in read_data(page)["accounts"]} == {"backup-02"}


def test_no_address_is_in_any_file(mixed: Fleet, hostile: Fleet) -> None:
    for fleet in (mixed, hostile):
        for file in list_files(fleet.folder / "page"):
            assert not ADDRESS.findall(file.read_bytes()), file


def test_addresses_show_if_the_settings_say_so(tmp_path: Path) -> None:
    fleet = make_hostile(tmp_path / "fleet", "show_recipients = true\n")
    names = parse(fleet.folder / "page" / "plain1.html").text
    assert "info@example.org" in names


# --- many accounts ---


def test_the_html_has_the_worst_and_the_script_all(many: Fleet) -> None:
    page = many.folder / "page"
    front = parse(page / "index.html")
    data = read_data(page)["accounts"]

    assert len(data) == 450
    assert "Failing: 303 of 450 accounts" in front.text
    assert sum(tag == "tbody" for tag, _ in front.found) == 200
    ranks = [State[row["state"]].badness for row in data]
    assert ranks == sorted(ranks, reverse=True)


def test_a_list_of_a_resellers_accounts(many: Fleet) -> None:
    page = many.folder / "page"
    overview = parse(page / "lists" / "resellers.html").text
    own = parse(page / "resellers" / "4800000.html")

    assert "ResellerAccountsCRITICALWARNINGUNKNOWNOK 4800000150314700 4800001150" in overview
    assert "Reseller 4800000: 150 accounts" in own.text
    assert sum(tag == "tbody" for tag, _ in own.found) == 150


def test_computers_that_look_retired_come_with_the_command(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    fleet.plan("4000101", 20, "old pc")
    fleet.start("4000101", "2026-11-20T20:00:00+01:00", name="old pc")
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", name="old pc")
    for name in ("backupStarted.xml", "backupEnded.xml", "scheduler.xml"):
        os.utime(fleet.reports("4000101", "old pc") / name, (1_700_000_000,) * 2)
    fleet.collect("2026-11-20T21:00+01:00")
    fleet.collect("2026-12-02T21:00+01:00")
    listed = parse(write(fleet, "2026-12-02T21:01+01:00") / "lists" / "retired.html").text

    assert "collect_backup_state --retire '4000101/old pc'" in listed
    assert run(fleet, "collect_backup_state", "--retire", "4000101/old pc").code == 0


def test_of_very_many_computers_that_look_retired_the_first_are_listed(fleet: Fleet) -> None:
    fleet.settings_text(PAGE)
    for uid, number in product(("4000101", "4000102"), range(251)):
        fleet.plan(uid, 20, f"pc{number}")
        fleet.start(uid, "2026-10-20T20:00:00+01:00", name=f"pc{number}")
        os.utime(fleet.reports(uid, f"pc{number}") / "scheduler.xml", (1_700_000_000,) * 2)
    fleet.collect("2026-11-20T21:00+01:00")
    listed = parse(write(fleet, "2026-11-20T21:01+01:00") / "lists" / "retired.html").text

    assert listed.count("collect_backup_state --retire") == 500
    assert "and 2 more" in listed


def test_the_data_have_the_fields_of_the_records(mixed: Fleet) -> None:
    """The same names as in what programs print with --output json, and of the page its own."""
    known = set(schema()["$defs"]["account"]["properties"])
    rows = read_data(mixed.folder / "page")["accounts"]

    fields = {name for row in rows for task in row["tasks"] for name in task}
    assert fields - known == {"last_success", "notified"}
    assert set(rows[0]) & known == {"account", "servers", "state", "since"}
