"""--retire and what it undoes as programs: what they print, and what all checks then say."""

import os
from collections.abc import Callable
from datetime import timedelta

import pytest

from cases import at
from programs.in_process import Done, run_program
from store.fleet import FIRST, Fleet

TASKS = ("client", "quota", "schedule", "status", "unused")
Run = Callable[..., Done]


@pytest.fixture
def run(fleet: Fleet) -> Run:
    """Run a program over the fleet, so many hours after the first run."""

    def run_at(program: str, *arguments: str, hours: float = 0) -> Done:
        now = (at(FIRST) + timedelta(hours=hours)).isoformat()
        return run_program(program, "--config", str(fleet.file), "--now", now, *arguments)

    fleet.plan("4000101", 20)
    fleet.start("4000101", "2026-11-20T20:00:00+01:00")
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    assert run_at("collect_backup_state").code == 0
    return run_at


def collector(run: Run, *arguments: str, hours: float = 0) -> tuple[int, str]:
    return run("collect_backup_state", *arguments, hours=hours)


def codes(run: Run, hours: float) -> dict[str, int]:
    """Return the exit codes of the checks of account 4000101, after a collector run."""
    assert collector(run, hours=hours)[0] == 0
    return {task: run(f"check_backup_{task}", "-a", "4000101", hours=hours).code for task in TASKS}


def test_a_computer_is_retired_until_it_uploads_again(fleet: Fleet, run: Run) -> None:
    fine = dict.fromkeys(TASKS, 0)
    assert codes(run, 100) == {**fine, "schedule": 2, "status": 1}

    assert collector(run, "--retire", "4000101/web01", hours=101) == (
        0,
        "4000101/web01 is retired from the next run on, until it uploads again",
    )
    assert codes(run, 102) == fine
    for task in ("schedule", "status", "client"):
        done = run(f"check_backup_{task}", "-a", "4000101", hours=102)
        assert "web01: retired: by the provider since 2026-11-25 01:00 +00:00" in done.out
    unused = run("check_backup_unused", "-a", "4000101", hours=102)
    assert "all its computers are retired" in unused.out
    assert collector(run, "--retired", hours=103) == (
        0,
        "4000101/web01 since 2026-11-25 01:00 +00:00",
    )

    fleet.end("4000101", "2026-11-25T03:40:00+01:00", 0)
    assert codes(run, 104)["status"] == 1
    assert collector(run, "--retired", hours=104) == (0, "no computer is retired")


def test_what_was_retired_by_mistake(run: Run) -> None:
    collector(run, "--retire", "4000101/web01", hours=101)

    assert collector(run, "--unretire", "4000101/web01", hours=101) == (
        0,
        "4000101/web01 is monitored again from the next run on",
    )
    assert codes(run, 102)["schedule"] == 2
    assert collector(run, "--unretire", "4000101/web01", hours=103) == (
        3,
        "--unretire: '4000101/web01' is not retired; see collect_backup_state --retired",
    )


def test_a_retired_computer_may_go(fleet: Fleet, run: Run) -> None:
    """Its folder is removed in order: neither a loss nor a missing computer."""
    collector(run, "--retire", "4000101/web01", hours=1)
    fleet.remove("4000101")

    assert collector(run, "-v", hours=2)[1].splitlines()[1:] == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("4000101", "'4000101' does not name a computer; write UID/COMPUTER"),
        ("/web01", "'/web01' does not name a computer; write UID/COMPUTER"),
        ("4000110/web01", "no account '4000110' with a computer; the nearest is '4000101'"),
        ("4000101/web02", "account 4000101 has no computer 'web02'; the nearest is 'web01'"),
        ("4000101/", "account 4000101 has no computer ''; the nearest is"),
        ("<b>\x1b[2J/x", "no account '‹b›\\\\x1b[2J' with a computer; the nearest is"),
    ],
)
def test_what_does_not_exist_is_refused(run: Run, given: str, says: str) -> None:
    code, out = collector(run, "--retire", given)

    assert code == 3
    assert out.startswith("--retire: ")
    assert says in out


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("office/pc 1", "office/pc 1"),
        ("a|b\n", "a|b\n"),
        ("a|b\n", "a¦b\\n"),
        ("\udcff", "\udcff"),
        ("\udcff", "\\xff"),
        ("$(reboot)", "$(reboot)"),
    ],
)
def test_names_from_customers(fleet: Fleet, run: Run, name: str, given: str) -> None:
    os.makedirs(fleet.home / "4000102" / "incoming", exist_ok=True)  # noqa: PTH103
    fleet.end("4000102", "2026-11-20T20:40:00+01:00", name=name)
    collector(run, hours=1)

    code, out = collector(run, "--retire", f"4000102/{given}", hours=1)

    assert code == 0
    assert out.isprintable()
    assert "|" not in out
    assert collector(run, "--retired", hours=1)[1].isprintable()


def test_the_case_of_an_account_is_ignored_that_of_a_computer_is_not(
    fleet: Fleet, run: Run
) -> None:
    fleet.end("4000102", "2026-11-20T20:40:00+01:00", name="Web01")
    collector(run, hours=1)

    assert collector(run, "--retire", "4000102/web01", hours=1)[0] == 3
    assert collector(run, "--retire", "4000102/Web01", hours=1)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--retired", "-a", "4000101"),
        ("--accept-loss", "-a", "4000101"),
        ("--retire", "4000101/web01", "--retired"),
        ("--retire", "4000101/web01", "--unretire", "4000101/web01"),
    ],
)
def test_jobs_exclude_each_other(run: Run, arguments: tuple[str, ...]) -> None:
    assert collector(run, *arguments)[0] == 3


def test_without_a_run_there_is_nothing_to_retire(fleet: Fleet, run: Run) -> None:
    fleet.remove_store()

    for job in (("--retire", "4000101/web01"), ("--retired",), ("--accept-loss",)):
        code, out = collector(run, *job)
        assert code == 2
        assert "past.sqlite: does not exist yet; run collect_backup_state" in out
    assert [file.name for file in fleet.store.iterdir()] == ["lock"]


@pytest.mark.parametrize("job", [("--retire", "4000101/web01"), ("--retired",), ("--accept-loss",)])
def test_a_lost_history_is_continued_by_a_run_first(
    fleet: Fleet, run: Run, job: tuple[str, ...]
) -> None:
    """What was changed in a new one would be undone by the next run."""
    for file in fleet.store.glob("past.sqlite*"):
        file.unlink()
    (fleet.store / "past.sqlite").touch()

    code, out = collector(run, *job, hours=1)

    assert code == 2
    assert "was empty" in out
    assert "run collect_backup_state, then repeat this" in out


def test_a_computer_that_was_retired_once_and_is_used_again_can_be_lost(
    fleet: Fleet, run: Run
) -> None:
    assert collector(run, "--retire", "4000101/web01", hours=1)[0] == 0
    fleet.start("4000101", "2026-11-21T20:00:00+01:00", run="2")
    fleet.end("4000101", "2026-11-21T20:40:00+01:00", run="2")
    assert collector(run, hours=30)[0] == 0
    fleet.remove("4000101")

    _, out = collector(run, "-v", hours=50)

    assert "lost: account 4000101" in out
    assert "missing_computer: account 4000101 web01" in out


def test_a_report_that_cannot_be_read_ends_a_retirement(fleet: Fleet, run: Run) -> None:
    """It was uploaded as well: what is torn hides nothing."""
    assert collector(run, "--retire", "4000101/web01", hours=1)[0] == 0
    assert codes(run, 2)["status"] == 0
    torn = fleet.reports("4000101") / "backupStarted.xml"
    torn.write_text("<torn")
    later = (at(FIRST) + timedelta(hours=3)).timestamp()
    os.utime(torn, (later, later))
    torn.chmod(0o600)  # as of the Perl client: its modification time is this server's

    states = codes(run, 30)

    assert states["status"] != 0
    assert collector(run, "--retired", hours=31) == (0, "no computer is retired")
