"""The verdicts of a run in the store: what checks print of them, and since when a state lasts."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.model.text import sanitize
from backup_monitoring.model.times import CLOCK_SLACK
from backup_monitoring.model.verdicts import State
from backup_monitoring.plugin.quick_answer import find_quick_answer
from backup_monitoring.store import quick_read
from backup_monitoring.store.files import UNREADABLE
from backup_monitoring.store.store_file import open_store
from backup_monitoring.store.verdict_rows import STATES
from backup_monitoring.tasks.registry import TASKS
from backup_monitoring.tasks.state_since import StateSince, follow_state
from cases import at
from programs.in_process import Done, Untimed, run_program
from records.schema import parse
from store.fleet import Fleet, entry
from store.test_same import fill

RUN = "2026-11-21T12:00+01:00"
NEXT_DAY = "2026-11-22T12:00+01:00"
OLD = 'max_age = "3650d"\ndirectory_max_age = "3650d"'  # the clock is years ahead of the runs
OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN
MINUTE = timedelta(minutes=5)


def check(fleet: Fleet, task: str, *options: str) -> Done:
    return run_program(f"check_backup_{task}", "--config", str(fleet.file), *options)


def execute(fleet: Fleet, statement: str) -> None:
    with closing(sqlite3.connect(fleet.store / "state.sqlite")) as db, db:
        db.execute(statement)


@pytest.fixture
def mixed(fleet: Fleet) -> Fleet:
    """Accounts of every kind, after runs on two days."""
    fleet.settings_text('[client.minimum]\n"Online Backup Perl Script" = "2.0.12"', OLD)
    fill(fleet)
    fleet.collect(RUN)
    fleet.collect(NEXT_DAY)
    return fleet


@pytest.mark.parametrize("task", TASKS)
def test_the_output_is_the_same_with_and_without_the_stored_verdicts(
    mixed: Fleet, task: str
) -> None:
    uids = ("good", "MANY", "torn", "emptied", "latin", "inactive", "unclear", "nobody")
    asked = [
        *(("-a", uid, *more) for uid in uids for more in ((), ("-v",), ("-vv",), ("-vvv",))),
        *(more for more in ((), ("-v",), ("-vv",), ("-vvv",))),
        *(("-a", "good,torn,nobody", *more) for more in ((), ("-v",), ("-vvv",))),
    ]

    stored = check_in_each_way(mixed, task, asked)

    assert len({done.code for done in stored.values()}) > 1


@pytest.mark.parametrize("task", TASKS)
def test_the_document_has_the_figures_of_the_text(mixed: Fleet, task: str) -> None:
    for options in [
        *(("-a", uid) for uid in ("good", "MANY", "torn", "emptied", "latin", "unclear", "nobody")),
        *((), ("-vv",), ("-a", "good,torn,nobody")),
    ]:
        text = check(mixed, task, *options).out
        done = check(mixed, task, *options, "--output", "json")
        document = parse(done.out)

        first, _, numbers = text.splitlines()[0].partition(" | ")
        heading = f"BACKUP {task.upper()} {document['state']}"
        assert first == f"{heading} - {document['summary']}"
        assert (done.code, document["exit_code"]) == (State[document["state"]].value,) * 2
        assert sorted(numbers.split()) == sorted(map(format_metric, document["metrics"]))
        assert document["as_of"] == "2026-11-22T11:00:00+00:00"


def format_metric(metric: dict[str, Any]) -> str:
    """Return the performance data that has the figures of a record."""
    ends = [
        "" if good is None or good["inverted"] or good["end"] is None else good["end"]
        for good in (metric["warning"], metric["critical"])
    ]
    ends += ["" if metric[name] is None else metric[name] for name in ("minimum", "maximum")]
    return f"{metric['name']}={metric['value']}{metric['unit']};{';'.join(map(str, ends))}".rstrip(
        ";"
    )


@pytest.mark.parametrize("task", TASKS)
def test_the_document_names_the_accounts_of_the_text(mixed: Fleet, task: str) -> None:
    for options in ("-v",), ("-vv",), ("-a", "good,torn,nobody", "-vv"):
        lines = check(mixed, task, *options).out.splitlines()[1:]
        asked = [option for option in options if option != "-v"]
        document = parse(check(mixed, task, *asked, "--output", "json").out)

        assert lines == [format_account(account) for account in document["accounts"]]
        states = [account["state"] for account in document["accounts"]]
        counted = {each["name"]: each["value"] for each in document["metrics"]}
        for state in State if "-vv" in options else (WARNING, CRITICAL, UNKNOWN):
            assert states.count(state.name) == counted[state.name.lower()]


def format_account(account: dict[str, Any]) -> str:
    """Return the line of the text output, whose names are sanitized."""
    names = filter(None, (account["account"], account["computer"]))
    return f"{account['state']} - {sanitize(' '.join(names))}: {account['summary']}"


@pytest.mark.parametrize("task", TASKS)
def test_documents_are_the_same_with_and_without_the_stored_verdicts(
    mixed: Fleet, task: str
) -> None:
    asked = [
        *(("-a", uid) for uid in ("good", "MANY", "torn", "emptied", "latin", "nobody")),
        *((), ("-vv",), ("-a", "good,torn,nobody")),
    ]
    for done in check_in_each_way(
        mixed, task, [(*options, "--output", "json") for options in asked]
    ).values():
        parse(done.out)


def test_a_record_has_what_verbose_lines_have(mixed: Fleet) -> None:
    lines = check(mixed, "status", "-a", "many", "-vvv").out.splitlines()[1:]
    (account,) = parse(check(mixed, "status", "-a", "many", "--output", "json").out)["accounts"]

    assert lines[0] == f"  {account['thresholds']}"
    assert lines[1:4] == [f"  {detail}" for detail in account["details"]]
    assert account["since"] == "2026-11-21T11:00:00+00:00"
    assert (account["since_at_least"], account["state_before"]) == (True, None)
    assert account["servers"] == ["backup-01", "backup-02"]
    (torn,) = parse(check(mixed, "quota", "-a", "torn", "--output", "json").out)["accounts"]
    findings = [f"  finding: {each['where']}: {each['problem']}" for each in torn["findings"]]
    assert findings
    assert set(findings) <= {*check(mixed, "quota", "-a", "torn", "-v").out.splitlines()}


def check_in_each_way(
    fleet: Fleet, task: str, asked: Sequence[tuple[str, ...]]
) -> dict[tuple[str, ...], Done]:
    """Return what the check prints by its options: the same, if it judges what is stored."""
    quick = {options: check(fleet, task, *options) for options in asked}
    execute(fleet, "UPDATE meta SET value = 'another' WHERE key = 'digest'")
    stored = {options: check(fleet, task, *options) for options in asked}
    execute(fleet, "UPDATE meta SET value = 'others' WHERE key = 'policies'")
    judged = {options: check(fleet, task, *options) for options in asked}
    assert quick == stored
    assert stored == judged
    return stored


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("target", "refused"),
    [("4000101", ("4000101", "4000102")), ("4000101/incoming/web01/inner", ("4000102",))],
)
def test_a_home_that_is_refused_is_judged_again(
    fleet: Fleet, target: str, refused: tuple[str, ...], order: int, task: str
) -> None:
    """That it is another account's, too, or inside of that one's, is only known after its turn."""
    fleet.settings_text("", OLD)
    uids = ("4000101", "4000102", "4000103")
    fleet.entries(*map(entry, uids[::order]))
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    (fleet.home / "4000101" / "incoming" / "web01" / "inner" / "incoming").mkdir(parents=True)
    (fleet.home / "4000102").rmdir()
    (fleet.home / "4000102").symlink_to(target)
    (fleet.home / "4000103").mkdir()
    fleet.collect(RUN)

    asked = [(), ("-vv",), *(("-a", uid) for uid in uids)]
    stored = check_in_each_way(fleet, task, asked)

    if task != "quota":
        unknown = [uid for uid in uids if "home" in stored["-a", uid].out]
        assert unknown == list(refused)


def test_homes_that_are_not_mounted_leave_the_totals(fleet: Fleet) -> None:
    fleet.settings_text("", OLD)
    fleet.end("4000101", "2026-11-20T20:40:00+01:00")
    fleet.collect(RUN)
    before = check(fleet, "quota")
    fleet.home.rename(fleet.home.with_name("elsewhere"))
    run = fleet.collect(NEXT_DAY)

    assert run.failed
    assert " used=1000B;;;0;2000" in before.out
    assert check(fleet, "quota") == before


def test_the_quick_answer_knows_what_the_store_knows() -> None:
    """It has them by hand, since it loads neither states nor times."""
    assert tuple((state.name, state.value) for state in STATES) == quick_read._STATES
    assert timedelta(seconds=quick_read._SLACK) == CLOCK_SLACK
    assert tuple(quick_read._DAMAGE) == tuple(
        each for each in UNREADABLE if each not in (OSError, ArithmeticError)
    )


@pytest.mark.parametrize(
    ("settings", "quick"),
    [
        ('folder = "store"', True),
        (' folder="store"  ', True),
        ('max_loss = 6\nfolder = "store"', True),
        ('folder = "store"  # of the collector', False),
        ("folder = 'store'", False),
        ('"folder" = "store"', False),
        ('folder = "st\\u006fre"', False),
    ],
)
def test_the_folder_is_guessed_or_read(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, settings: str, quick: bool
) -> None:
    text = fleet.file.read_text().replace('folder = "store"', f"{settings}\n{OLD}")
    fleet.file.write_text(text)
    fleet.collect(RUN)

    assert check(fleet, "quota", "-a", "4000101").code == 0
    assert (find_quick_answer("quota", asked(fleet, "4000101"), Untimed()) is not None) is quick
    (fleet.folder / "other").mkdir()
    copied = fleet.folder / "other" / "settings.toml"
    copied.write_text(text)  # names other/store, which does not exist
    monkeypatch.setenv("BACKUP_MONITORING_CONFIG", str(copied))
    assert find_quick_answer("quota", ("-a", "4000101"), Untimed()) is None


def asked(fleet: Fleet, uid: str) -> tuple[str, ...]:
    return ("-a", uid, "--config", str(fleet.file))


@pytest.mark.parametrize(
    "options",
    [
        *(("-a", "4000101,4000102"), ("-a", "4000101", "-a", "4000102"), ("-a", ""), ("-a",)),
        ("-a", "4000101", "--output", "json"),
        *((), ("-a", "4000101", "-v"), ("-a", "4000101", "--live"), ("-a", "4000101", "-w", "9")),
        *(("-a", "-v"), ("-a", "nobody"), ("-a", "4000101", "-t", "0"), ("-a=4000101",)),
        ("-a", "4000101", "-t", "1.5"),
        *(("-a", "4000101", "--help"), ("-a", "="), ("-a", "=="), ("-a", "= 4000101")),
    ],
)
def test_what_is_not_usual_has_no_quick_answer(fleet: Fleet, options: tuple[str, ...]) -> None:
    fleet.settings_text("", OLD)
    fleet.collect(RUN)

    config = ("--config", str(fleet.file))
    assert find_quick_answer("quota", (*config, *options), Untimed()) is None
    for usual in (
        *(("-a", "4000101"), ("--account=4000101", "--timeout=9"), ("-a", " 4000101 ")),
        *(("-a", "=4000101"), ("--account==4000101",)),
    ):
        assert find_quick_answer("quota", (*config, *usual), Untimed()) is not None


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE meta SET value = value + 3e9 WHERE key LIKE '%_read'", "read in the future"),
        ("UPDATE meta SET value = 1 WHERE key = 'storage_read'", "more than 3650d ago"),
        ("UPDATE meta SET value = NULL WHERE key = 'directory_read'", "was never read"),
        ("UPDATE meta SET value = 'x' WHERE key = 'directory_read'", "is damaged"),
        ("PRAGMA user_version = 3", "has layout 3"),
        ("DROP TABLE verdicts", "cannot be read"),
        ("UPDATE verdicts SET verdict = '[1'", "is damaged"),
        ("UPDATE verdicts SET badness = 7", "is damaged"),
        *(
            (f"UPDATE verdicts SET verdict = '[{texts}, [], \"\", [], [], []]'", "is damaged")
            for texts in (
                *('"s", null, "abc"', "7, null, []", '"s", 7, []', '"s", null, [[1]]'),
                *('"s", null, [["a", "b", "", null, null, 0, null]]', '"s", null, [7]'),
                '"s", null, [["a", 1, "", [0, 5], null, 0, null]]',
            )
        ),
        ("UPDATE accounts SET key = 'x'", "no such account"),
        ("UPDATE accounts SET uid = 'x'", "is damaged"),
    ],
)
def test_what_is_wrong_is_said_as_by_the_check(fleet: Fleet, statement: str, says: str) -> None:
    fleet.settings_text("", OLD)
    fleet.collect(RUN)
    execute(fleet, statement)

    assert find_quick_answer("schedule", asked(fleet, "4000101"), Untimed()) is None
    done = check(fleet, "schedule", "-a", "4000101")
    assert done.code == 3
    assert says in done.out


def test_only_what_asks_for_another_judgement_is_judged(
    mixed: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[object] = []

    def judge(*arguments: object) -> object:
        judged.append(arguments)
        raise AssertionError("judged")

    monkeypatch.setattr("backup_monitoring.plugin.judged_accounts.evaluate_all", judge)

    assert check(mixed, "quota", "-a", "good", "--now", NEXT_DAY).code == 0
    assert check(mixed, "quota").code == 2
    assert not judged
    for options in (("-w", "10"), ("--now", "2026-11-22T12:01+01:00"), ("--live",)):
        with pytest.raises(AssertionError, match="judged"):
            check(mixed, "quota", "-a", "good", *options)
    mixed.settings_text("", OLD + "\n[quota]\nwarning = 20")
    with pytest.raises(AssertionError, match="judged"):
        check(mixed, "quota", "-a", "good")


def test_options_judge_what_the_run_stored(mixed: Fleet) -> None:
    mixed.entries()  # what is live has no account any more

    done = check(mixed, "quota", "-a", "good", "-w", "40")

    assert done.out.startswith("BACKUP QUOTA WARNING - good: 50.0 % of 0.0 GiB used")


@pytest.mark.parametrize("uid", ["=x", "a,b", "="])
def test_a_uid_is_the_same_for_the_quick_answer(fleet: Fleet, uid: str) -> None:
    fleet.settings_text("", OLD)
    fleet.entries(entry("x", sstBackupSize=900), entry(uid))
    (fleet.home / "x").mkdir()
    fleet.collect(RUN)

    for written in (uid, f"={uid}"):
        config = ("--config", str(fleet.file), "-a", written)
        quick = find_quick_answer("quota", config, Untimed())
        complete = check(fleet, "quota", "-a", written, "-v")
        if quick is not None:
            assert quick[1] == complete.out.partition("\n")[0]


# --- since when ---


def states(fleet: Fleet, uid: str = "4000101", task: str = "quota") -> StateSince:
    state = open_store(fleet.store)
    try:
        return state.verdicts().find_states(uid)[task]
    finally:
        state.close()


def use(fleet: Fleet, *percents: int | None) -> None:
    fleet.entries(
        *(
            entry(f"400010{number}", sstBackupSize=None if percent is None else 10 * percent)
            for number, percent in enumerate(percents, 1)
        )
    )


def runs(fleet: Fleet, *percents: int | None, first: str = RUN) -> list[str]:
    """Collect every five minutes, with that use of the quota each time; return the times."""
    times = []
    for number, percent in enumerate(percents):
        use(fleet, percent, 50)
        times.append((at(first) + number * MINUTE).isoformat())
        fleet.collect(times[-1])
    return times


def test_a_state_begins_with_the_run_that_found_it(fleet: Fleet) -> None:
    times = runs(fleet, 50, 90, 90, 100, 100)

    assert states(fleet) == StateSince(CRITICAL, at(times[3]), before=WARNING)
    assert states(fleet, "4000102") == StateSince(OK, at(times[0]), at_least=True)


def test_an_unknown_state_does_not_restart_a_problem(fleet: Fleet) -> None:
    times = runs(fleet, 50, 90, None, None, 90)

    assert states(fleet) == StateSince(WARNING, at(times[1]), before=OK)


def test_a_problem_begins_anew_after_it_was_solved(fleet: Fleet) -> None:
    times = runs(fleet, 90, None, 50, 90)

    assert states(fleet) == StateSince(WARNING, at(times[3]), before=OK)


def test_an_outage_of_the_directory_keeps_what_is_known(fleet: Fleet) -> None:
    times = runs(fleet, 50, 90)
    (fleet.folder / "directory.ldif").unlink()
    run = fleet.collect("2026-11-21T12:10+01:00")

    assert run.failed
    assert states(fleet) == StateSince(WARNING, at(times[1]), before=OK)


def test_homes_that_are_not_mounted_keep_what_is_known(fleet: Fleet) -> None:
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect(RUN)
    before = states(fleet, task="status")
    fleet.home.rename(fleet.home.with_name("elsewhere"))
    run = fleet.collect("2026-11-21T12:05+01:00")

    assert run.failed
    assert states(fleet, task="status") == before


def test_an_account_that_is_new_fails_since_the_run_that_found_it(fleet: Fleet) -> None:
    use(fleet, 50)
    fleet.collect(RUN)
    use(fleet, 50, 90)
    fleet.collect(NEXT_DAY)

    assert states(fleet, "4000102") == StateSince(WARNING, at(NEXT_DAY))


def test_without_the_history_it_is_the_state_file_that_knows(fleet: Fleet) -> None:
    times = runs(fleet, 50, 90)
    (fleet.store / "past.sqlite").unlink()
    run = fleet.collect("2026-11-21T12:10+01:00")

    assert run.failed
    assert states(fleet) == StateSince(WARNING, at(times[1]), before=OK)


@pytest.mark.parametrize(
    "lose",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"damaged"),
    ],
)
def test_a_state_file_that_is_lost_leaves_a_lower_bound(fleet: Fleet, lose: object) -> None:
    assert callable(lose)
    runs(fleet, 50, 90)
    lose(fleet.store / "state.sqlite")
    later = "2026-11-21T12:10+01:00"
    fleet.collect(later)
    fleet.collect("2026-11-21T12:15+01:00")

    assert states(fleet) == StateSince(WARNING, at(later), at_least=True)


@pytest.mark.parametrize(
    "column", ["since = 'x'", "badness = 9", "before = 'NEW'", "suspended = '['"]
)
def test_a_damaged_row_leaves_a_lower_bound(fleet: Fleet, column: str) -> None:
    times = runs(fleet, 50, 90)
    execute(fleet, f"UPDATE verdicts SET {column} WHERE account = 1")
    later = "2026-11-21T12:10+01:00"
    fleet.collect(later)

    assert states(fleet) == StateSince(WARNING, at(later), at_least=True)
    assert states(fleet, "4000102") == StateSince(OK, at(times[0]), at_least=True)


@pytest.mark.parametrize("column", ["since = 'x'", "badness = 9", "verdict = '['"])
def test_a_damaged_verdict_is_unknown(fleet: Fleet, column: str) -> None:
    fleet.settings_text("", OLD)
    runs(fleet, 90)
    execute(fleet, f"UPDATE verdicts SET {column} WHERE account = 1")

    for options in ((), ("-a", "4000101", "-v")):
        done = check(fleet, "quota", *options)
        assert done.code == 3
        assert f"{fleet.store / 'state.sqlite'}: is damaged (" in done.out


def test_since_when_stands_among_the_details(fleet: Fleet) -> None:
    fleet.settings_text("", OLD)
    runs(fleet, 50, 90)

    assert "\n  WARNING since 2026-11-21 11:05 +00:00, OK before\n" in (
        check(fleet, "quota", "-a", "4000101", "-v").out + "\n"
    )
    assert "\n  OK at least since 2026-11-21 11:00 +00:00\n" in (
        check(fleet, "quota", "-vvv").out + "\n"
    )


def test_a_clock_that_was_ahead_leaves_no_state_in_the_future() -> None:
    known = StateSince(WARNING, at(NEXT_DAY), before=OK)

    assert follow_state(known, WARNING, at(RUN)) == StateSince(WARNING, at(RUN), before=OK)
    unknown = follow_state(known, UNKNOWN, at(RUN))
    assert follow_state(unknown, WARNING, at(RUN)) == StateSince(WARNING, at(RUN), before=OK)


@given(st.lists(st.sampled_from(list(State)), min_size=1))
def test_a_state_lasts_since_its_first_run_but_for_unknown_ones(found: list[State]) -> None:
    """The same by another way: without UNKNOWN, a state began where its last row begins."""
    times = [at(RUN) + number * MINUTE for number in range(len(found))]
    known: StateSince | None = None
    for state, now in zip(found, times, strict=True):
        known = follow_state(known, state, now, at_least=known is None)
    assert known is not None

    clear = [(state, now) for state, now in zip(found, times, strict=True) if state is not UNKNOWN]
    if found[-1] is UNKNOWN:
        expected = first_of_row(list(zip(found, times, strict=True)))
        assert known.before == (clear[-1][0] if clear else None)
    else:
        expected = first_of_row(clear)
        earlier = [state for state, _ in clear if state is not found[-1]]
        assert known.before == (earlier[-1] if earlier else None) or found[0] is UNKNOWN
    assert (known.state, known.at) == (found[-1], expected)


def first_of_row(found: list[tuple[State, datetime]]) -> datetime:
    state, first = found[-1]
    for other, when in reversed(found):
        if other is not state:
            break
        first = when
    return first
