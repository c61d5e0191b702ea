"""What waits in the outbox, and what it knows about those who were told."""

import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from backup_monitoring.model.notices import EventKind, Role
from backup_monitoring.model.verdicts import State
from backup_monitoring.outbox import outbox_file
from backup_monitoring.outbox.backlog import OutboxStatus, read_status
from backup_monitoring.outbox.messages import Problem, SentState, Standing
from backup_monitoring.outbox.outbox_file import OutboxError
from backup_monitoring.outbox.queue import DuplicateError, Outbox, Transaction
from backup_monitoring.outbox.sent import find_last_sent, list_sent_to, record_sent
from outbox.outbox_cases import MINUTE, NOBODY, NOW, event, mail, reseller

ANNA = "anna@example.org"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite"


@pytest.fixture
def t(file: Path) -> Iterator[Transaction]:
    with Outbox(file) as outbox, outbox.transaction(NOW) as transaction:
        yield transaction


def statuses(t: Transaction) -> list[str]:
    return [row[0] for row in t.execute("SELECT status FROM mails ORDER BY id")]


def test_the_same_event_to_the_minute(t: Transaction) -> None:
    assert not t.seen(event())
    assert t.seen(event(at=NOW + timedelta(seconds=59)))
    assert not t.seen(event(at=NOW + MINUTE))
    assert not t.seen(event(state=State.WARNING))
    assert not t.seen(event(kind=EventKind.CUSTOM))
    assert not t.seen(event(task="status"))
    assert not t.seen(event(uid="4000102"))


def test_all_or_nothing(file: Path) -> None:
    with Outbox(file) as outbox:
        with pytest.raises(DuplicateError), outbox.transaction(NOW) as t:  # noqa: PT012
            t.seen(event())
            t.queue(mail("1@t", about=event()))
            t.queue(mail("1@t", about=event()))
        assert read_status(file, NOW) == OutboxStatus()
        with outbox.transaction(NOW) as t:
            assert not t.seen(event())


def test_a_thousand_mails_in_one_batch(file: Path) -> None:
    with Outbox(file) as outbox:
        begin = time.monotonic()
        with outbox.transaction(NOW) as t:
            for number in range(1000):
                about = event(str(number))
                t.seen(about)
                t.note(about)
                find_last_sent(t, (ANNA, Role.CUSTOMER), about.uid, about.task)
                t.queue(mail(f"{number}@t", about=about))
        took = time.monotonic() - begin

    assert read_status(file, NOW).settling == 1000
    assert took < 3


def test_standing(t: Transaction) -> None:
    assert t.note(event(state=State.UNKNOWN)) is Standing.NONE
    assert t.note(event(kind=EventKind.CUSTOM)) is Standing.NONE
    assert t.note(event(state=State.WARNING)) is Standing.NEW
    assert t.note(event()) is Standing.KNOWN
    assert t.note(event(kind=EventKind.RECOVERY, state=State.OK)) is Standing.OVER
    assert t.note(event(kind=EventKind.RECOVERY, state=State.OK)) is Standing.NONE
    assert t.note(event()) is Standing.NEW


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("over", [EventKind.RECOVERY, EventKind.MONITORING_ENDED])
def test_a_recovery_drops_what_nobody_was_told(
    t: Transaction, settled: bool, over: EventKind
) -> None:
    t.note(event(), settled=settled)
    t.queue(mail("1@t", about=event()))
    t.queue(mail("2@t", NOBODY, event(), Role.OPERATOR))
    t.queue(mail("3@t", about=event(kind=EventKind.CUSTOM)))
    t.queue(mail("4@t", about=event(uid="4000102")))
    t.add_digest(reseller(), event())

    t.note(event(kind=over, state=State.OK))

    assert statuses(t) == ["dropped", "waiting", "waiting", "waiting"]
    assert t.execute("SELECT count(*) FROM digests").fetchone() == (0,)
    assert find_last_sent(t, (ANNA, Role.CUSTOMER), "4000101", "quota") is None
    raw = t.execute("SELECT raw FROM mails WHERE status = 'dropped'").fetchone()
    assert raw == (b"",)


def test_what_is_being_sent_is_not_dropped_and_needs_a_recovery(t: Transaction) -> None:
    t.note(event(), settled=True)
    t.queue(mail("1@t", about=event()))
    t.execute("UPDATE mails SET status = 'sending'")

    t.note(event(kind=EventKind.RECOVERY, state=State.OK))

    assert find_last_sent(t, (ANNA, Role.CUSTOMER), "4000101", "quota") == SentState(
        EventKind.PROBLEM, State.CRITICAL, "<1@t>", "<1@t>", NOW
    )


def test_last_told(t: Transaction) -> None:
    about = ((ANNA, Role.CUSTOMER), "4000101", "quota")
    assert find_last_sent(t, *about) is None
    record_sent(t, *about, EventKind.PROBLEM, State.WARNING, "<1@t>")
    record_sent(t, *about, EventKind.REMINDER, State.WARNING, "<2@t>", "<1@t>")
    reminded = SentState(EventKind.REMINDER, State.WARNING, "<1@t>", "<2@t>", NOW)
    assert find_last_sent(t, ("anna@EXAMPLE.org", Role.CUSTOMER), "4000101", "quota") == reminded
    assert find_last_sent(t, ("Anna@example.org", Role.CUSTOMER), "4000101", "quota") is None
    record_sent(t, *about, EventKind.CUSTOM, State.OK, "<3@t>", "<1@t>")
    assert find_last_sent(t, *about) == reminded._replace(last_id="<3@t>")
    t.note(event())
    t.queue(mail("4@t", about=event(), thread="<1@t>"))
    assert find_last_sent(t, *about) == SentState(
        EventKind.PROBLEM, State.CRITICAL, "<1@t>", "<3@t>", NOW
    ), "a mail that waits for a storm to show is no part of the thread yet"


def test_a_waiting_digest_is_told(t: Transaction) -> None:
    t.add_digest(reseller(), event())

    told = find_last_sent(t, (reseller().address, Role.RESELLER), "4000101", "quota")

    assert told == SentState(EventKind.PROBLEM, State.CRITICAL, "", "", NOW)


def test_a_reminder_takes_the_place_of_what_is_held(t: Transaction) -> None:
    t.note(event())
    t.queue(mail("1@t", about=event()))
    t.queue(mail("2@t", "other@example.org", event()))
    t.queue(mail("3@t", about=event(kind=EventKind.REMINDER)))
    t.add_digest(reseller(), event())
    t.add_digest(reseller(), event(kind=EventKind.REMINDER))

    assert statuses(t) == ["dropped", "settling", "settling"]
    assert t.execute("SELECT kind FROM digests").fetchall() == [("REMINDER",)]


def test_the_same_mail_twice_is_refused(t: Transaction) -> None:
    t.queue(mail("1@t"))
    t.queue(mail("1@t", "other@example.org"))
    with pytest.raises(DuplicateError):
        t.queue(mail("1@t"))
    assert statuses(t) == ["waiting", "waiting"]


def test_what_the_scan_remembers(file: Path) -> None:
    problem = Problem(
        *("4000101", "status", State.WARNING, NOW - MINUTE),
        computers=("web01", "\udcff|\n"),
        find_last_sent=NOW,
        status="told",
    )
    with Outbox(file) as outbox:
        with outbox.transaction(NOW) as t:
            t.remember(problem._replace(status="new"))
            t.remember(problem)
            t.remember(problem._replace(account="4000102", find_last_sent=None))
            t.set_meta("first_scan", "1")
        with outbox.transaction(NOW) as t:
            assert t.problem("4000101", "status") == problem
            t.forget("4000102", "status")
            assert list(t.problems()) == [problem]
            assert (t.meta("first_scan"), t.meta("other")) == ("1", None)


def test_names_that_are_no_text(t: Transaction) -> None:
    hostile = event("a\udcff\n\0'\"", host="b\udc80")

    assert not t.seen(hostile)
    assert t.seen(hostile)
    t.note(hostile)
    t.queue(mail("1@t", about=hostile))
    t.add_digest(reseller(), hostile)
    assert find_last_sent(t, (ANNA, Role.CUSTOMER), hostile.uid, "quota") is not None


def test_the_file_is_for_the_group(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    if os.geteuid() == 0:
        os.chown(tmp_path, -1, 12345)
    old = os.umask(0o077)
    try:
        with Outbox(tmp_path / "outbox"):
            pass
    finally:
        os.umask(old)

    made = (tmp_path / "outbox").stat()
    assert stat.S_IMODE(made.st_mode) == 0o660
    assert made.st_gid == tmp_path.stat().st_gid


ANOTHER_USER = """
import os, sys
from outbox.outbox_cases import NOW, event, mail
from backup_monitoring.outbox.queue import Outbox
from pathlib import Path
os.setgroups([12345]); os.setgid(65534); os.setuid(65534)
with Outbox(Path(sys.argv[1])) as outbox, outbox.transaction(NOW) as t:
    t.queue(mail(sys.argv[2], about=event()))
    if sys.argv[3:]:
        os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_two_users_of_a_group(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    os.chown(folder, 0, 12345)
    folder.chmod(0o2770)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(parent.stat().st_mode | 0o011)
    file = folder / "outbox"

    child(ANOTHER_USER, str(file), "1@t")
    with Outbox(file) as outbox, outbox.transaction(NOW) as t:
        t.queue(mail("2@t"))
    child(ANOTHER_USER, str(file), "3@t", "killed", code=-9)
    child(ANOTHER_USER, str(file), "4@t")

    assert read_status(file, NOW).waiting == 3


def child(program: str, *arguments: str, code: int = 0) -> str:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | {"PYTHONPATH": f"{root / 'lib'}:{root / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


FULL = """
import sys
from pathlib import Path
from outbox.outbox_cases import NOW, mail
from backup_monitoring.outbox.queue import Outbox
from backup_monitoring.outbox.outbox_file import OutboxError
with Outbox(Path(sys.argv[1])) as outbox:
    queued = 0
    try:
        for number in range(1000):
            with outbox.transaction(NOW) as t:
                t.queue(mail(f"{number}@t")._replace(raw=b"x" * 3000))
            queued += 1
    except OutboxError as error:
        print(queued, error)
"""
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300000,) * 2)\n"


def _limited(folder: Path) -> str:
    return child(LIMITED + FULL, str(folder / "outbox"))


def _mounted(folder: Path) -> str:
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here")
    return child(FULL, str(folder / "outbox"))


@pytest.mark.parametrize("filled", [_limited, _mounted])
def test_a_full_disk(tmp_path: Path, filled: Callable[[Path], str]) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    try:
        queued, _, said = filled(folder).partition(" ")
        assert "cannot be written" in said
        assert "make room" in said
        assert 10 < int(queued) < 100
        assert read_status(folder / "outbox", NOW).waiting == int(queued)
    finally:
        subprocess.run(["umount", str(folder)], check=False, capture_output=True)


def test_another_process_is_busy(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_file, "BUSY", 0.05)
    with (
        Outbox(file) as one,
        Outbox(file) as other,
        one.transaction(NOW),
        pytest.raises(OutboxError, match="busy"),
        other.transaction(NOW),
    ):
        pass


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        ("PRAGMA user_version = 3; CREATE TABLE mails (id)", "of layout 3"),
        ("CREATE TABLE photos (id)", "is no outbox"),
    ],
)
def test_an_unknown_layout_is_left_alone(file: Path, statements: str, problem: str) -> None:
    db = sqlite3.connect(file)
    db.executescript(statements)
    db.close()
    before = file.read_bytes()

    with pytest.raises(OutboxError, match=problem):
        Outbox(file)
    with pytest.raises(OutboxError):
        read_status(file, NOW)
    assert file.read_bytes() == before


def test_an_older_layout_is_taken_over(file: Path) -> None:
    with Outbox(file) as outbox, outbox.transaction(NOW) as t:
        t.queue(mail("old@tests"))
    db = sqlite3.connect(file)
    db.executescript(
        "ALTER TABLE mails DROP COLUMN draft; DROP TABLE told; CREATE TABLE told (recipient, "
        "account COLLATE NOCASE, task, kind, state, first_id, last_id, at); "
        f"INSERT INTO told VALUES ('{ANNA}', '1', 'quota', 'PROBLEM', 'WARNING', '<1>', '<1>', 0),"
        "('r@example.org', '1', 'quota', 'PROBLEM', 'WARNING', '', '', 0);"
        "PRAGMA user_version = 1"
    )
    db.close()
    assert read_status(file, NOW).waiting == 1  # before anybody took it over

    with Outbox(file) as outbox, outbox.transaction(NOW) as t:
        t.queue(mail("new@tests")._replace(raw=b"", draft="a draft"))
        told = set(list_sent_to(t, "1", "quota"))

    both = {(ANNA, Role.CUSTOMER), (ANNA, Role.RESELLER)}
    assert told == {*both, ("r@example.org", Role.RESELLER)}
    assert read_status(file, NOW).waiting == 2


def test_no_database_and_no_folder(file: Path, tmp_path: Path) -> None:
    with pytest.raises(OutboxError):
        read_status(file, NOW)
    assert not file.exists()
    file.write_bytes(b"hello " * 200)
    with pytest.raises(OutboxError, match="not a database"):
        Outbox(file)
    with pytest.raises(OutboxError):
        Outbox(tmp_path / "none" / "outbox")


def test_status(file: Path) -> None:
    with Outbox(file) as outbox:
        with outbox.transaction(NOW) as t:
            t.queue(mail("1@t"))
            t.queue(mail("2@t", about=event()), held="the first scan")
            t.note(event("4000102"))
            t.queue(mail("3@t", about=event("4000102")))
            t.add_digest(reseller(), event("4000102"))
            t.queue(mail("4@t")._replace(not_before=NOW + 90 * MINUTE))
        with outbox.transaction(NOW + 60 * MINUTE) as t:
            t.queue(mail("5@t"))

    status = read_status(file, NOW + 65 * MINUTE)

    assert status == OutboxStatus(waiting=2, oldest=65 * MINUTE, settling=2, held=1, refused=0)
