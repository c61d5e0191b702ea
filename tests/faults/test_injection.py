"""Each system call of a check and of the collector fails once: no state is ever wrong.

By default a few of each kind; ``--injections 100000 -s`` lets each one fail, and prints the table.
"""

import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from faults.injection import ERRORS, Injected, Program, spread
from faults.test_state_faults import outputs
from store.fleet import Fleet
from store.test_stored_verdicts import OLD

NOW = "2026-11-20T21:05+01:00"
UIDS = ("4000101", "4000102")
BEFORE, TRUTH = dict.fromkeys(UIDS, "OK"), {"4000101": "WARNING", "4000102": "OK"}
NO_STATE = "UNKNOWN"
_STATE = re.compile(r"^(OK|WARNING|CRITICAL|UNKNOWN) - (\d{7})\b", re.MULTILINE)
_CODES = {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A fleet with a failure since its last run; both runs of the collector are kept."""
    fleet = Fleet(tmp_path_factory.mktemp("injection") / "fleet")
    fleet.settings_text("", OLD)
    for uid in UIDS:
        fleet.start(uid, "2026-11-19T20:00:00+01:00", run="19")
        fleet.end(uid, "2026-11-19T20:40:00+01:00", run="19")
    fleet.collect("2026-11-20T20:55+01:00")
    shutil.copytree(fleet.store, fleet.folder / "before")
    for uid in UIDS:
        fleet.start(uid, "2026-11-20T20:00:00+01:00", run="20")
        fleet.end(uid, "2026-11-20T20:58:00+01:00", int(TRUTH[uid] == "OK"), run="20")
    return fleet


def read_states(text: str) -> dict[str, str]:
    return {uid: state for state, uid in _STATE.findall(text)}


def test_a_check_of_one_account(failing: Fleet, pytestconfig: pytest.Config) -> None:
    """What fails in the quick answer is left to the complete check."""
    restore(failing, "before")
    failing.collect(NOW)
    program = Program("check_backup_status", ("--config", str(failing.file), "-a", "4000101"))
    expected = program.run()
    assert expected.stdout.startswith("BACKUP STATUS WARNING - 4000101 web01: ")

    def judge(ran: Injected) -> str:
        if (ran.code, ran.out, ran.err) == (expected.returncode, expected.stdout, ""):
            return "as without it"
        assert (ran.code, ran.err) == (3, ""), ran
        assert not ran.out or (ran.out.count("\n") == 1 and "UNKNOWN" in ran.out), ran
        return "UNKNOWN"

    inject_all(program, judge, failing, pytestconfig)


def test_a_check_of_the_store(failing: Fleet, pytestconfig: pytest.Config) -> None:
    restore(failing, "before")
    failing.collect(NOW)
    check_check(failing, pytestconfig, "-vv")


def test_a_check_of_directory_and_homes(failing: Fleet, pytestconfig: pytest.Config) -> None:
    check_check(failing, pytestconfig, "-vv", "--live")


def check_check(fleet: Fleet, pytestconfig: pytest.Config, *options: str) -> None:
    program = Program("check_backup_status", ("--config", str(fleet.file), "--now", NOW, *options))
    expected = program.run()
    assert read_states(expected.stdout) == TRUTH

    def judge(ran: Injected) -> str:
        assert (ran.code in range(4), ran.err) == (True, ""), ran
        if (ran.code, ran.out) == (expected.returncode, expected.stdout):
            return "as without it"
        assert "UNKNOWN" in ran.out or (ran.code, ran.out) == (3, ""), ran  # nobody read it
        assert (
            not ran.out or ran.out.count("\n") == 1 or read_states(ran.out).keys() == TRUTH.keys()
        ), ran
        states = read_states(ran.out)
        assert states or ran.code == _CODES[NO_STATE], ran
        for uid, state in states.items():
            assert state in (TRUTH[uid], NO_STATE), ran
            # The worst state is the program's: CRITICAL, WARNING, UNKNOWN, OK.
            if state in ("WARNING", "CRITICAL"):
                assert ran.code == _CODES[state], ran
        return "UNKNOWN"

    inject_all(program, judge, fleet, pytestconfig)


def test_a_collector_run(failing: Fleet, pytestconfig: pytest.Config) -> None:
    program = Program("collect_backup_state", ("--config", str(failing.file), "--now", NOW))
    restore(failing, "before")
    expected = program.run()
    assert expected.returncode == 0

    def judge(ran: Injected) -> str:
        assert (ran.code in range(4), ran.err) == (True, ""), ran
        assert "internal error" not in ran.out, ran
        try:
            check_store(failing, ran)
            # The next run is complete, whatever this one has left.
            again = failing.collect("2026-11-20T21:10+01:00")
            assert again.failed == [], (ran, again)
            assert states_of(failing) == TRUTH, ran
        finally:
            restore(failing, "before")
        return {0: "as without it"}.get(ran.code, "FAILED")

    assert states_of(failing) == TRUTH
    restore(failing, "before")
    inject_all(program, judge, failing, pytestconfig)


def restore(fleet: Fleet, kept: str) -> None:
    shutil.rmtree(fleet.store)
    shutil.copytree(fleet.folder / kept, fleet.store)


def states_of(fleet: Fleet) -> Mapping[str, str]:
    """Return each account's state, as a check of the store has it."""
    program = ("check_backup_status", "-vv")
    _, text = outputs(fleet, "2026-11-20T21:10+01:00", [program])[" ".join(program)]
    return read_states(text) if read_states(text) else {"": text}


def check_store(fleet: Fleet, ran: Injected) -> None:
    """Check that both files are sound, and say what is true of this run or the one before."""
    assert not list(fleet.store.glob("*.new*")), ran
    for name in ("state.sqlite", "past.sqlite"):
        db = sqlite3.connect(fleet.store / name)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], ran
        db.close()
    earlier = {} if ran.code == 0 else BEFORE
    for uid, state in states_of(fleet).items():
        assert state in (earlier.get(uid), TRUTH.get(uid), NO_STATE), ran


def inject_all(
    program: Program,
    judge: Callable[[Injected], str],
    fleet: Fleet,
    pytestconfig: pytest.Config,
) -> None:
    """Let calls of *program* fail, judge each run, and print how many ended how."""
    most: int = pytestconfig.getoption("--injections")
    counts = program.count_calls(fleet.folder / "trace")
    total, calls, wrong = Counter[str](), 0, []
    for call, error in ERRORS:
        numbers, ended = counts.get(call, range(0)), Counter[str]()
        for ran in program.inject(call, error, spread(numbers, most)):
            try:
                ended[judge(ran)] += 1
            except AssertionError as failure:
                ended["WRONG"] += 1
                wrong.append(str(failure))
        calls += len(numbers)
        total += ended
        if numbers:
            print(f"{program.name} {call} {error}: {len(numbers)} calls, {dict(ended)}")
    print(f"{program.name}: {calls} calls, {total.total()} of them failed, {dict(total)}")
    assert not wrong, "\n".join(wrong)
    assert total.total() >= len(counts)
