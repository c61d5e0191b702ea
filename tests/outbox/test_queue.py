"""What waits in the outbox, and what it remembers."""

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

from backup_monitoring.model.notices import Event, EventKind, Recipient, Role
from backup_monitoring.model.verdicts import State
from backup_monitoring.outbox import outbox_file
from backup_monitoring.outbox.backlog import OutboxStatus, read_status
from backup_monitoring.outbox.messages import Problem, SentState
from backup_monitoring.outbox.outbox_errors import OutboxError
from backup_monitoring.outbox.problems import (
    delete_problem,
    find_problem,
    list_problems,
    save_problem,
)
from backup_monitoring.outbox.queue import (
    queue_for_digest,
    queue_mail,
    record_event,
    track_failure,
)
from backup_monitoring.outbox.sent import record_sent
from backup_monitoring.outbox.transaction import Outbox, Transaction
from backup_monitoring.settings.notify import NotifySettings
from outbox.outbox_cases import MINUTE, NOW, OPERATOR, event, find_last_sent, mail, reseller

ANNA = "anna@example.org"
TO_ANNA = Recipient(ANNA, "", Role.CUSTOMER)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite"


@pytest.fixture
def t(file: Path) -> Iterator[Transaction]:
    with Outbox(file) as outbox, outbox.transaction(NOW) as transaction:
        yield transaction


def statuses(t: Transaction) -> list[str]:
    return [row[0] for row in t.execute("SELECT status FROM mails ORDER BY id")]


CUSTOM = event(kind=EventKind.CUSTOM)._replace(comment="Call us")
SOLVED = event(kind=EventKind.RECOVERY, state=State.OK)


@pytest.mark.parametrize(
    ("events", "new"),
    [
        pytest.param([event(), event(at=NOW + timedelta(seconds=59))], "+-", id="again"),
        pytest.param([event(), event(at=NOW + MINUTE)], "++", id="a minute later"),
        pytest.param([event(), event(state=State.WARNING)], "++", id="another state"),
        pytest.param([event(), event(kind=EventKind.REMINDER)], "++", id="another type"),
        pytest.param([CUSTOM, CUSTOM, CUSTOM._replace(comment="Now")], "+-+", id="a comment"),
        pytest.param([CUSTOM, CUSTOM._replace(author="Another")], "+-", id="an author"),
        pytest.param([event(), event(task="status")], "++", id="another check"),
        pytest.param([event(), event(uid="4000102"), event()], "++-", id="another account"),
        pytest.param([event("ACME"), event("acme")], "+-", id="an account in another case"),
        pytest.param([event(), SOLVED, event()], "+++", id="failing, solved, failing"),
        pytest.param(
            [event(), SOLVED, SOLVED, event(), event()], "++-+-", id="only the last counts"
        ),
        pytest.param([event(), CUSTOM, event()], "+++", id="a comment in between"),
    ],
)
def test_a_duplicate_is_the_last_event_again(t: Transaction, events: list[Event], new: str) -> None:
    found = "".join("+" if record_event(t, each) else "-" for each in events)

    assert found == new


def test_all_or_nothing(file: Path) -> None:
    with Outbox(file) as outbox:
        with pytest.raises(OutboxError), outbox.transaction(NOW) as t:  # noqa: PT012
            record_event(t, event())
            queue_mail(t, mail("1@t", about=event()))
            t.execute("nonsense")
        assert read_status(file, NotifySettings(), NOW) == OutboxStatus()
        with outbox.transaction(NOW) as t:
            assert record_event(t, event())


def test_a_thousand_mails_in_one_batch(file: Path) -> None:
    with Outbox(file) as outbox:
        begin = time.process_time()
        with outbox.transaction(NOW) as t:
            for number in range(1000):
                about = event(str(number))
                not record_event(t, about)
                track_failure(t, about)
                find_last_sent(t, (ANNA, Role.CUSTOMER), about.uid, about.task)
                queue_mail(t, mail(f"{number}@t", about=about))
        seconds = time.process_time() - begin

    with Outbox(file) as outbox, outbox.transaction(NOW) as t:
        assert statuses(t) == ["settling"] * 1000
    assert seconds < 3


@pytest.mark.parametrize(
    ("events", "failing"),
    [
        pytest.param([event(state=State.UNKNOWN)], False, id="UNKNOWN is not a failure"),
        pytest.param([event(kind=EventKind.CUSTOM)], False, id="a note is not a failure"),
        pytest.param([event(state=State.WARNING)], True, id="a failure"),
        pytest.param([event(state=State.WARNING), event()], True, id="it becomes worse"),
        pytest.param(
            [event(), event(kind=EventKind.RECOVERY, state=State.OK)], False, id="it recovers"
        ),
        pytest.param(
            [event(kind=EventKind.RECOVERY, state=State.OK), event()], True, id="it fails again"
        ),
    ],
)
def test_failures_are_tracked(t: Transaction, events: list[Event], failing: bool) -> None:
    for each in events:
        track_failure(t, each)

    rows = t.execute("SELECT account, task FROM failing").fetchall()
    assert rows == [("4000101", "quota")] * failing


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("over", [EventKind.RECOVERY, EventKind.MONITORING_ENDED])
def test_a_recovery_drops_what_has_not_been_sent(
    t: Transaction, settled: bool, over: EventKind
) -> None:
    track_failure(t, event(), settled=settled)
    queue_mail(t, mail("1@t", about=event()))
    queue_mail(t, mail("2@t", OPERATOR, event(state=State.UNKNOWN), Role.OPERATOR))
    queue_mail(t, mail("3@t", about=event(kind=EventKind.CUSTOM)))
    queue_mail(t, mail("4@t", about=event(uid="4000102")))
    queue_for_digest(t, reseller(), event())

    track_failure(t, event(kind=over, state=State.OK))

    assert statuses(t) == ["dropped", "waiting", "waiting", "waiting"]
    assert t.execute("SELECT count(*) FROM digests").fetchone() == (0,)
    assert find_last_sent(t, (ANNA, Role.CUSTOMER), "4000101", "quota") is None
    raw = t.execute("SELECT raw FROM mails WHERE status = 'dropped'").fetchone()
    assert raw == (b"",)


def test_what_is_being_sent_is_not_dropped_and_needs_a_recovery(t: Transaction) -> None:
    track_failure(t, event(), settled=True)
    queue_mail(t, mail("1@t", about=event()))
    t.execute("UPDATE mails SET status = 'sending'")

    track_failure(t, event(kind=EventKind.RECOVERY, state=State.OK))

    assert find_last_sent(t, (ANNA, Role.CUSTOMER), "4000101", "quota") == SentState(
        EventKind.PROBLEM, State.CRITICAL, TO_ANNA, "<1@t>", "<1@t>"
    )


def test_the_last_sent_mail(t: Transaction) -> None:
    about = ((ANNA, Role.CUSTOMER), "4000101", "quota")
    assert find_last_sent(t, *about) is None
    record_sent(t, *about, EventKind.PROBLEM, State.WARNING, "", "<1@t>")
    record_sent(t, *about, EventKind.REMINDER, State.WARNING, "", "<2@t>", "<1@t>")
    reminded = SentState(EventKind.REMINDER, State.WARNING, TO_ANNA, "<1@t>", "<2@t>")
    assert find_last_sent(t, ("anna@EXAMPLE.org", Role.CUSTOMER), "4000101", "quota") == reminded
    assert find_last_sent(t, ("Anna@example.org", Role.CUSTOMER), "4000101", "quota") is None
    record_sent(t, *about, EventKind.CUSTOM, State.OK, "", "<3@t>", "<1@t>")
    assert find_last_sent(t, *about) == reminded._replace(last_id="<3@t>")
    track_failure(t, event())
    queue_mail(t, mail("4@t", about=event(), thread="<1@t>"))
    assert find_last_sent(t, *about) == SentState(
        EventKind.PROBLEM, State.CRITICAL, TO_ANNA, "<1@t>", "<3@t>"
    ), "a mail that waits for the storm guard is not part of the thread yet"


def test_a_waiting_digest_counts_as_sent(t: Transaction) -> None:
    queue_for_digest(t, reseller(), event())

    last = find_last_sent(t, (reseller().address, Role.RESELLER), "4000101", "quota")

    assert last == SentState(EventKind.PROBLEM, State.CRITICAL, reseller())


def test_a_reminder_replaces_what_is_held(t: Transaction) -> None:
    track_failure(t, event())
    queue_mail(t, mail("1@t", about=event()))
    queue_mail(t, mail("2@t", "other@example.org", event()))
    queue_mail(t, mail("3@t", about=event(kind=EventKind.REMINDER)))
    queue_for_digest(t, reseller(), event())
    queue_for_digest(t, reseller(), event(kind=EventKind.REMINDER))

    assert statuses(t) == ["dropped", "settling", "settling"]
    assert t.execute("SELECT kind FROM digests").fetchall() == [("REMINDER",)]


def test_problems(file: Path) -> None:
    problem = Problem(
        *("4000101", "status", State.WARNING, NOW - MINUTE),
        computers=("web01", "\udcff|\n"),
        last_sent=NOW,
        status="open",
    )
    with Outbox(file) as outbox:
        with outbox.transaction(NOW) as t:
            save_problem(t, problem._replace(status="new"))
            save_problem(t, problem)
            save_problem(t, problem._replace(account="4000102", last_sent=None))
            t.set_meta("first_scan", "1")
        with outbox.transaction(NOW) as t:
            assert find_problem(t, "4000101", "status") == problem
            delete_problem(t, "4000102", "status")
            assert list_problems(t) == [problem]
            assert (t.get_meta("first_scan"), t.get_meta("other")) == ("1", None)


def test_names_that_are_not_text(t: Transaction) -> None:
    hostile = event("a\udcff\n\0'\"", host="b\udc80")

    assert record_event(t, hostile)
    assert not record_event(t, hostile)
    track_failure(t, hostile)
    queue_mail(t, mail("1@t", about=hostile))
    queue_for_digest(t, reseller(), hostile)
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
from backup_monitoring.outbox.queue import queue_mail
from backup_monitoring.outbox.transaction import Outbox
from pathlib import Path
os.setgroups([12345]); os.setgid(65534); os.setuid(65534)
with Outbox(Path(sys.argv[1])) as outbox, outbox.transaction(NOW) as t:
    queue_mail(t, mail(sys.argv[2], about=event()))
    if sys.argv[3:]:
        os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_two_users_of_a_group(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    os.chown(folder, 0, 12345)
    folder.chmod(0o2770)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o011)
    file = folder / "outbox"

    child(ANOTHER_USER, str(file), "1@t")
    with Outbox(file) as outbox, outbox.transaction(NOW) as t:
        queue_mail(t, mail("2@t"))
    child(ANOTHER_USER, str(file), "3@t", "killed", code=-9)
    child(ANOTHER_USER, str(file), "4@t")

    assert read_status(file, NotifySettings(), NOW).waiting == 3


INTERRUPTED = """
import os, sys
from outbox.outbox_cases import NOW, mail
from backup_monitoring.outbox.queue import queue_mail
from backup_monitoring.outbox.transaction import Outbox
from pathlib import Path
with Outbox(Path(sys.argv[1])) as outbox:
    with outbox.transaction(NOW) as t:
        queue_mail(t, mail("1@t"))
    with outbox.transaction(NOW) as t:
        t.execute("PRAGMA cache_size = 1")  # what is changed is written before the commit
        for number in range(2, 200):
            queue_mail(t, mail(f"{number}@t"))
        os.kill(os.getpid(), 9)
"""
READER = """
import os, sys
from outbox.outbox_cases import NOW
from backup_monitoring.outbox.backlog import read_status
from backup_monitoring.settings.notify import NotifySettings
from pathlib import Path
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(12345); os.setuid(65534)
print(read_status(Path(sys.argv[1]), NotifySettings(), NOW).waiting)
"""


def test_a_transaction_that_was_killed_is_judged_without_it(tmp_path: Path) -> None:
    file = tmp_path / "shared" / "outbox"
    file.parent.mkdir()
    child(INTERRUPTED, str(file), code=-9)
    journal = file.with_name("outbox-journal")
    for parent in (file.parent, tmp_path, *tmp_path.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o055)
    for each in file.parent.iterdir():
        each.chmod(0o444)  # a reader cannot end what the writer began
    before = (file.read_bytes(), journal.read_bytes())
    assert before[1]

    assert child(READER, str(file)) == "1\n"
    assert (file.read_bytes(), journal.read_bytes()) == before
    journal.chmod(0o600)
    if os.geteuid() == 0:
        failed = child(READER, str(file), code=1, stream="stderr")
        assert "OutboxAccessError" in failed
        assert "outbox-journal: cannot be used (Permission denied)" in failed


def child(program: str, *arguments: str, code: int = 0, stream: str = "stdout") -> str:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | {"PYTHONPATH": f"{root / 'lib'}:{root / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return str(getattr(done, stream))


FULL = """
import sys
from pathlib import Path
from outbox.outbox_cases import NOW, mail
from backup_monitoring.outbox.queue import queue_mail
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.outbox.outbox_errors import OutboxError
with Outbox(Path(sys.argv[1])) as outbox:
    queued = 0
    try:
        for number in range(1000):
            with outbox.transaction(NOW) as t:
                queue_mail(t, mail(f"{number}@t")._replace(raw=b"x" * 3000))
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
        queued, _, error = filled(folder).partition(" ")
        assert "cannot be read or written" in error
        assert "free space" in error
        assert 10 < int(queued) < 100
        assert read_status(folder / "outbox", NotifySettings(), NOW).waiting == int(queued)
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
        ("PRAGMA user_version = 2; CREATE TABLE mails (id)", "has layout 2, written by an older"),
        ("PRAGMA user_version = 99; CREATE TABLE mails (id)", "has layout 99, written by a newer"),
        ("CREATE TABLE photos (id)", "is not an outbox"),
    ],
)
def test_another_layout_is_refused(file: Path, statements: str, problem: str) -> None:
    db = sqlite3.connect(file)
    db.executescript(statements)
    db.close()
    before = file.read_bytes()

    with pytest.raises(OutboxError, match=problem):
        Outbox(file)
    with pytest.raises(OutboxError):
        read_status(file, NotifySettings(), NOW)
    assert file.read_bytes() == before


def test_no_database_and_no_folder(file: Path, tmp_path: Path) -> None:
    with pytest.raises(OutboxError):
        read_status(file, NotifySettings(), NOW)
    assert not file.exists()
    file.write_bytes(b"hello " * 200)
    with pytest.raises(OutboxError, match="not a database"):
        Outbox(file)
    with pytest.raises(OutboxError):
        Outbox(tmp_path / "none" / "outbox")


def test_status(file: Path) -> None:
    with Outbox(file) as outbox:
        with outbox.transaction(NOW) as t:
            queue_mail(t, mail("1@t"))
            queue_mail(t, mail("2@t", about=event()))
            t.execute("UPDATE mails SET status = 'held', ready = NULL WHERE key = '<2@t>'")
            track_failure(t, event("4000102"))
            queue_mail(t, mail("3@t", about=event("4000102")))
            queue_for_digest(t, reseller(), event("4000102"))
        with outbox.transaction(NOW + 60 * MINUTE) as t:
            queue_mail(t, mail("5@t"))

    status = read_status(file, NotifySettings(), NOW + 65 * MINUTE)

    assert status == OutboxStatus(waiting=4, oldest=65 * MINUTE, held=1, refused=0)


@pytest.mark.parametrize(
    ("role", "state", "minutes", "waiting", "oldest"),
    [
        pytest.param(Role.CUSTOMER, State.CRITICAL, 9, 0, None, id="the storm guard waits"),
        pytest.param(Role.CUSTOMER, State.CRITICAL, 75, 1, 65, id="a mail was not released"),
        pytest.param(Role.RESELLER, State.CRITICAL, 19, 0, None, id="further events may follow"),
        pytest.param(Role.RESELLER, State.CRITICAL, 85, 1, 65, id="an event was not released"),
        pytest.param(Role.OPERATOR, State.UNKNOWN, 9, 0, None, id="a digest is not due"),
        pytest.param(Role.OPERATOR, State.UNKNOWN, 75, 1, 65, id="a digest was not written"),
    ],
)
def test_what_no_delivery_has_released_or_written_waits(
    file: Path, role: Role, state: State, minutes: int, waiting: int, oldest: int | None
) -> None:
    with Outbox(file) as outbox, outbox.transaction(NOW) as t:
        problem = event(state=state)
        track_failure(t, problem)
        if role is Role.CUSTOMER:
            queue_mail(t, mail("1@t", about=problem))
        else:
            queue_for_digest(t, Recipient("support@example.org", "", role), problem)

    status = read_status(file, NotifySettings(), NOW + minutes * MINUTE)

    age = None if oldest is None else oldest * MINUTE
    assert status == OutboxStatus(waiting=waiting, oldest=age)
