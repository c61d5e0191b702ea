"""A home goes in, what lies there comes out; the customer may have put anything into it."""

import errno
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.findings import Finding
from backup_monitoring.model.needs import Files
from backup_monitoring.model.uploads import (
    Computer,
    End,
    InvalidReport,
    Pattern,
    Schedule,
    Start,
    Uploads,
)
from backup_monitoring.settings.homes import HomesSettings
from backup_monitoring.uploads import traversal as walk
from backup_monitoring.uploads.reader import read_uploads
from backup_monitoring.uploads.safe_open import open_below

CORPUS = Path(__file__).parent / "corpus"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
REPORTS = Files.START | Files.END | Files.SCHEDULE
ALL = REPORTS | Files.DATA
UPLOADED = datetime(2026, 11, 23, 19, 42, tzinfo=UTC)
NOBODY = 65534


class Tree:
    """An account's home below a folder of the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home" / "4000101"
        self.incoming = self.home / "incoming"
        self.incoming.mkdir(parents=True)

    def computer(self, name: str, *, start: str = "perl_start.xml") -> Path:
        folder = self.incoming / name / ".sepiola_backup"
        folder.mkdir(parents=True)
        for file, source in (
            ("backupStarted.xml", start),
            ("backupEnded.xml", "perl_end.xml"),
            ("scheduler.xml", "perl_schedule.xml"),
        ):
            (folder / file).write_bytes((CORPUS / source).read_bytes())
            os.utime(folder / file, (UPLOADED.timestamp(),) * 2)
        return folder

    def read(self, wanted: Files = ALL, settings: HomesSettings | None = None) -> Uploads:
        settings = settings or HomesSettings(root=self.root)
        account = Account("4000101", "", home="/home/4000101")
        return read_uploads(account, settings, [], wanted, NOW)._replace(home=None)

    def names(self) -> list[str]:
        return [computer.name for computer in self.read().computers]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def only(uploads: Uploads) -> Computer:
    (computer,) = uploads.computers
    return computer


def start_problem(uploads: Uploads) -> str:
    start = only(uploads).start
    assert isinstance(start, InvalidReport), start
    assert Finding("report", start.where, start.problem) in uploads.findings
    return start.problem


def test_a_computer_with_its_three_reports(tree: Tree) -> None:
    tree.computer("web01")

    uploads = tree.read(REPORTS)

    computer = only(uploads)
    assert computer.name == "web01"
    assert isinstance(computer.start, Start)
    assert isinstance(computer.end, End)
    assert isinstance(computer.schedule, Schedule)
    assert computer.start.at == datetime(2026, 11, 23, 19, 0, 4, tzinfo=UTC)
    assert computer.schedule.modified == UPLOADED
    assert computer.end.success is True
    assert uploads == Uploads((computer,))


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        (Files.START, (Start, None, None)),
        (Files.END, (None, End, None)),
        (Files.SCHEDULE, (Start, None, Schedule)),
        (Files.START | Files.END, (Start, End, None)),
        (Files.DATA, (None, None, None)),
    ],
)
def test_only_what_is_wanted_is_read(
    tree: Tree, wanted: Files, kinds: tuple[type | None, ...]
) -> None:
    tree.computer("web01")

    computer = only(tree.read(wanted))

    reports = (computer.start, computer.end, computer.schedule)
    assert tuple(None if report is None else type(report) for report in reports) == kinds


def test_missing_reports_are_none(tree: Tree) -> None:
    folder = tree.computer("web01")
    (folder / "backupEnded.xml").unlink()
    (folder / "scheduler.xml").unlink()

    uploads = tree.read()

    assert (only(uploads).end, only(uploads).schedule) == (None, None)
    assert uploads.findings == ()


def test_the_schedule_takes_the_offset_of_its_start(tree: Tree) -> None:
    folder = tree.computer("web01")
    start = folder / "backupStarted.xml"
    start.write_bytes(start.read_bytes().replace(b"20:00:04+01:00", b"08:42:00+13:00"))
    os.utime(start, (UPLOADED.timestamp(),) * 2)
    schedule = folder / "scheduler.xml"
    schedule.write_bytes(schedule.read_bytes().replace(b"+01:00", b"-11:00"))

    computer = only(tree.read())

    assert isinstance(computer.start, Start)
    assert isinstance(computer.schedule, Schedule)
    assert isinstance(computer.schedule.plan, Pattern)
    assert computer.start.offset == computer.schedule.plan.offset == timedelta(hours=-11)


def test_computers_are_found_at_every_allowed_depth_by_name(tree: Tree) -> None:
    for name in ("web02", "a/b/c", "customer/web01", "a/x", "web02-old", "web01"):
        tree.computer(name)

    assert tree.names() == ["a/b/c", "a/x", "customer/web01", "web01", "web02", "web02-old"]


def test_deeper_folders_are_not_searched(tree: Tree) -> None:
    tree.computer("a/b/c/d")

    assert tree.names() == []


def test_below_a_computer_is_its_data(tree: Tree) -> None:
    tree.computer("web01")
    tree.computer("web01/backup/home")

    assert tree.names() == ["web01"]


def test_reports_directly_in_incoming_do_not_hide_computers(tree: Tree) -> None:
    tree.computer("")
    tree.computer("web01")

    assert tree.names() == ["", "web01"]


def test_the_data_of_a_client_directly_in_incoming_is_not_walked(tree: Tree) -> None:
    tree.computer("")
    for number in range(1001):
        (tree.incoming / "backup" / str(number)).mkdir(parents=True)

    uploads = tree.read()

    assert only(uploads).name == ""
    assert uploads.cut_short is None


def test_own_names(tree: Tree) -> None:
    folder = tree.computer("web01")
    (folder / "backupStarted.xml").rename(folder / "begin.xml")
    folder.rename(folder.parent / "reports")
    (tree.home / "incoming").rename(tree.home / "in")
    settings = HomesSettings(
        root=tree.root,
        incoming="in",
        report_folders=(".sepiola_backup", "reports"),
        start_files=("backupStarted.xml", "begin.xml"),
    )

    computer = only(tree.read(settings=settings))

    assert isinstance(computer.start, Start)
    assert isinstance(computer.end, End)


def test_the_first_name_counts(tree: Tree) -> None:
    folder = tree.computer("web01")
    (folder / "second.xml").write_text("no XML")
    names = ("backupStarted.xml", "second.xml")

    settings = HomesSettings(root=tree.root, start_files=names)
    assert isinstance(only(tree.read(settings=settings)).start, Start)
    settings = HomesSettings(root=tree.root, start_files=names[::-1])
    assert isinstance(only(tree.read(settings=settings)).start, InvalidReport)


def test_an_unreadable_report_is_a_finding_and_hides_no_other(tree: Tree) -> None:
    folder = tree.computer("web01")
    (folder / "backupStarted.xml").write_text("")

    uploads = tree.read()

    path = f"{folder}/backupStarted.xml"
    start = only(uploads).start
    assert isinstance(start, InvalidReport)
    came = datetime.fromtimestamp(Path(path).stat().st_ctime, UTC)
    assert start == InvalidReport(path, "empty file", start.received)
    assert start.received is not None
    assert start.received.moment == came
    assert uploads.findings == (Finding("report", path, "empty file"),)
    assert isinstance(only(uploads).end, End)


@pytest.mark.parametrize(
    ("home", "uploads"),
    [
        (None, Uploads(refused="its entry has no home")),
        ("home/4000101", Uploads(refused="home 'home/4000101' is not an absolute path")),
        ("/home/9/../4000101", Uploads(refused="home '/home/9/../4000101' contains ..")),
        ("/home/4000101\0", Uploads(refused="home '/home/4000101\\x00' contains a NUL")),
    ],
)
def test_homes_that_are_refused(tree: Tree, home: str | None, uploads: Uploads) -> None:
    settings = HomesSettings(root=tree.root)

    assert read_uploads(Account("4000101", "", home=home), settings, [], ALL, NOW) == uploads


@pytest.mark.parametrize("home", ["/home/4000999", "/none/4000101", "/home/\ud800"])
def test_a_home_that_is_not_there(tree: Tree, home: str) -> None:
    uploads = read_uploads(Account("1", "", home=home), HomesSettings(root=tree.root), [], ALL, NOW)

    assert uploads == Uploads(missing=f"{tree.root}{home}")


def test_a_home_that_is_a_file(tree: Tree) -> None:
    (tree.root / "home" / "file").write_text("")
    settings = HomesSettings(root=tree.root)

    uploads = read_uploads(Account("1", "", home="/home/file"), settings, [], ALL, NOW)

    assert uploads == Uploads(refused=f"{tree.root}/home/file: Not a directory")


def test_an_empty_home_and_a_jail(tree: Tree) -> None:
    tree.computer("web01")
    settings = HomesSettings(root=tree.root)

    jailed = read_uploads(Account("1", "", home="/home/./4000101"), settings, [], ALL, NOW)
    assert [computer.name for computer in jailed.computers] == ["web01"]
    empty = Uploads(no_incoming=str(tree.root / "home" / "incoming"))
    found = read_uploads(Account("1", "", home="/home"), settings, [], ALL, NOW)
    assert found._replace(home=None) == empty


def test_links_of_the_administrator_lead_to_the_home(tree: Tree) -> None:
    tree.computer("web01")
    (tree.root / "data").symlink_to(tree.root / "home")
    settings = HomesSettings(root=tree.root)

    uploads = read_uploads(Account("1", "", home="/data/4000101"), settings, [], ALL, NOW)

    assert isinstance(only(uploads).start, Start)


# What a customer can put into his home.


def other_customer(tree: Tree) -> Path:
    other = Tree(tree.root / "other")
    return other.computer("victim")


def link_incoming(tree: Tree) -> None:
    tree.incoming.rmdir()
    tree.incoming.symlink_to(other_customer(tree).parent.parent)


def test_incoming_as_a_link_is_refused(tree: Tree) -> None:
    link_incoming(tree)

    words = f"{tree.incoming}: a link, which is not followed, or not a folder"
    assert tree.read() == Uploads(refused=words)


def test_incoming_as_a_file_is_refused(tree: Tree) -> None:
    tree.incoming.rmdir()
    tree.incoming.write_text("")

    assert tree.read().refused is not None


def test_a_computer_as_a_link_is_not_followed(tree: Tree) -> None:
    (tree.incoming / "mine").symlink_to(other_customer(tree).parent)

    assert tree.read() == Uploads(data=True)


def test_a_folder_on_the_way_as_a_link_is_not_followed(tree: Tree) -> None:
    (tree.incoming / "a").mkdir()
    (tree.incoming / "a" / "b").symlink_to(other_customer(tree).parent.parent)

    assert tree.names() == []


def test_a_report_folder_as_a_link_is_not_followed_and_not_silent(tree: Tree) -> None:
    (tree.incoming / "web01").mkdir()
    (tree.incoming / "web01" / ".sepiola_backup").symlink_to(other_customer(tree))

    assert start_problem(tree.read()) == ".sepiola_backup is a link, or not a folder"


def test_below_a_computer_whose_report_folder_is_a_link_is_its_data(tree: Tree) -> None:
    tree.computer("web01/backup")
    (tree.incoming / "web01" / ".sepiola_backup").symlink_to(other_customer(tree))

    assert tree.names() == ["web01"]


def test_report_folders_that_are_links_are_bounded_too(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        (tree.incoming / f"pc{number:02}").mkdir()
        (tree.incoming / f"pc{number:02}" / ".sepiola_backup").symlink_to("nowhere")
    monkeypatch.setattr(walk, "MAX_COMPUTERS", 20)

    uploads = tree.read()

    assert len(uploads.computers) == 20
    assert uploads.cut_short == "more than 20 computers"


def a_link(path: Path) -> None:
    path.symlink_to(path.with_name("backupEnded.xml"))


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path is short
        try:
            listener.bind(path.name)
        finally:
            os.chdir(here)


def a_sparse_file(path: Path) -> None:
    path.touch()
    os.truncate(path, 10 * 2**30)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (a_link, "a link, which is not followed"),
        (a_dangling_link, "a link, which is not followed"),
        (os.mkfifo, "not a regular file"),
        (a_socket, "not a regular file"),
        (Path.mkdir, "not a regular file"),
        (a_sparse_file, "larger than 64 KiB"),
        (lambda path: path.write_bytes(b" " * 65537), "larger than 64 KiB"),
        (lambda path: path.write_bytes(b"x" * 65536), "not well-formed XML"),
    ],
)
def test_what_is_no_report(tree: Tree, make: Callable[[Path], object], says: str) -> None:
    path = tree.computer("web01") / "backupStarted.xml"
    path.unlink()
    make(path)

    began = time.process_time()
    assert says in start_problem(tree.read())
    assert time.process_time() - began < 1


def test_a_pipe_is_not_even_opened(tree: Tree) -> None:
    path = tree.computer("web01") / "backupStarted.xml"
    path.unlink()
    os.mkfifo(path)
    # whoever writes into a pipe waits until somebody opens it for reading
    writer = threading.Thread(target=path.write_text, args=("x",), daemon=True)
    writer.start()
    time.sleep(0.1)

    tree.read()

    writer.join(0.2)
    assert writer.is_alive()
    assert path.read_text() == "x"


def test_a_file_that_grows_while_it_is_read(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.computer("web01")
    real = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: real(fd, size) + b"x" * 65536)

    assert start_problem(tree.read()) == "larger than 64 KiB"


def test_a_file_that_a_broken_disk_does_not_give(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.computer("web01")

    def broken(fd: int, size: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "read", broken)

    assert start_problem(tree.read()) == "Input/output error"


def test_a_file_that_comes_in_pieces(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.computer("web01")
    real = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: real(fd, min(size, 100)))

    assert isinstance(only(tree.read()).start, Start)


def test_a_hard_link_to_another_users_report_is_refused(tree: Tree) -> None:
    folder = tree.computer("web01")
    victim = other_customer(tree) / "backupStarted.xml"
    uid = NOBODY if os.getuid() == 0 else os.getuid()
    (folder / "backupStarted.xml").unlink()
    os.link(victim, folder / "backupStarted.xml")
    if uid == NOBODY:
        os.chown(victim, uid, uid)
        assert start_problem(tree.read()) == "belongs to another user than its folder"
    else:  # one user cannot make the case; the same user's links are snapshots'
        assert isinstance(only(tree.read()).start, Start)


def test_a_hard_link_of_a_snapshot_is_fine(tree: Tree) -> None:
    start = tree.computer("web01") / "backupStarted.xml"
    os.link(start, tree.root / "snapshot.xml")

    assert isinstance(only(tree.read()).start, Start)


@pytest.mark.parametrize(
    "name",
    [b"new\nline", b"a|b=1", b"\x1b[31m", b"<b>", b"\xff\xfe", b" ", b"...", b"*", b"\xe2\x80\xae"],
)
def test_any_folder_name(tree: Tree, name: bytes) -> None:
    tree.computer(os.fsdecode(name))

    computer = only(tree.read())

    assert os.fsencode(computer.name) == name
    assert isinstance(computer.start, Start)


@pytest.mark.parametrize(
    ("seconds", "year"), [(-(10**9), 1970), (2 * 10**9, 2033), (2**33, 2242), (2**34 - 1, 2514)]
)
def test_any_modification_time(tree: Tree, seconds: int, year: int) -> None:
    path = tree.computer("web01") / "scheduler.xml"
    os.utime(path, (seconds, seconds))
    kept = path.stat().st_mtime  # a filesystem may hold less

    schedule = only(tree.read()).schedule

    assert isinstance(schedule, Schedule)
    assert schedule.modified.year == year or kept != seconds


def test_a_modification_time_beyond_all_years(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.computer("web01")
    real = os.fstat

    def check_clock_ahead(fd: int) -> os.stat_result:
        status = list(real(fd))
        return os.stat_result([*status[:8], 10**15, *status[9:]])

    monkeypatch.setattr(os, "fstat", check_clock_ahead)

    schedule = only(tree.read()).schedule

    assert isinstance(schedule, Schedule)
    assert schedule.modified.year == 8307


def test_3000_junk_folders_are_cut_short_quickly(tree: Tree) -> None:
    tree.computer("web01")
    for number in range(3000):
        (tree.incoming / f"junk{number}").mkdir()

    began = time.process_time()
    uploads = tree.read()

    assert time.process_time() - began < 2
    assert uploads.cut_short == "more than 1000 folders in one"
    words = Finding("traversal", str(tree.incoming), "more than 1000 folders in one")
    assert uploads.findings == (words,)


def a_list(number: int) -> bytes:
    """A schedule with hundreds of fields, none of them as in another file."""
    field = "*," * 250 + "{},{}"
    minutes = "".join(
        f"<minute_selected>{field.format(number, each % 60)}</minute_selected>"
        for each in range(110)
    )
    schedule = (CORPUS / "perl_schedule.xml").read_bytes()
    return schedule.replace(b"<minute_selected>30</minute_selected>", minutes.encode())


ATTRIBUTES = b" ".join(b"a:b%d=''" % number for number in range(390))


def a_path(name: bytes) -> bytes:
    """A report with hundreds of elements whose path from the root is long."""
    opened, closed = b"<" + name + b">", b"</" + name.partition(b" ")[0] + b">"
    leaves = b"".join(b"<a%d/>" % number for number in range(380))
    return b"<backup_ended>" + opened * 6 + leaves + closed * 6 + b"</backup_ended>"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda _: b"<backup_ended>" + b"<a/>" * 16000, id="elements"),
        pytest.param(lambda _: a_path(b"n" * 4700), id="long paths"),
        pytest.param(lambda _: a_path(b"n xmlns='" + b"u" * 8000 + b"'"), id="namespaces"),
        pytest.param(
            lambda _: (
                b"<backup_ended xmlns:a='" + b"u" * 50000 + b"' " + ATTRIBUTES + b"></backup_ended>"
            ),
            id="attributes in a namespace",
        ),
        pytest.param(a_list, id="fields"),
    ],
)
def test_many_large_reports_cost_little(tree: Tree, content: Callable[[int], bytes]) -> None:
    """Hundreds of them, of one customer, must leave time for the others."""
    for number in range(50):
        folder = tree.computer(f"pc{number}")
        (folder / "backupEnded.xml").write_bytes(content(number))
        (folder / "scheduler.xml").write_bytes(content(number))

    began = time.process_time()
    tree.read()

    assert time.process_time() - began < 0.4


def test_a_slow_home_is_cut_short(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        tree.computer(f"host{number:02}")
    opened = []

    def open_slowly(parent: int, parts: tuple[str, ...]) -> int:
        time.sleep(0.05)
        opened.append(parts)
        return open_below(parent, parts)

    monkeypatch.setattr(walk, "open_below", open_slowly)

    settings = HomesSettings(root=tree.root, timeout=timedelta(seconds=1))
    uploads = tree.read(settings=settings)

    assert len(opened) <= 12  # those of half a second, on any machine
    assert uploads.cut_short == "more than 0.5 s"
    assert 0 < len(uploads.computers) < 20
    assert all(isinstance(each.start, Start) for each in uploads.computers)


def test_1000_folders_are_not_cut_short(tree: Tree) -> None:
    for number in range(1000):
        (tree.incoming / f"folder{number}").mkdir()

    assert tree.read() == Uploads()


def test_many_files_of_plain_rsync_are_no_reason_to_stop(tree: Tree) -> None:
    (tree.incoming / "mail").mkdir()
    for number in range(1500):
        (tree.incoming / "mail" / str(number)).touch()

    assert tree.read() == Uploads(data=True)


@pytest.mark.parametrize(
    ("bound", "most", "says"),
    [
        ("MAX_FOLDERS", 20, "more than 20 folders"),
        ("MAX_ENTRIES", 20, "more than 20 files and folders"),
        ("MAX_COMPUTERS", 20, "more than 20 computers"),
    ],
)
def test_bounds(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, bound: str, most: int, says: str
) -> None:
    for number in range(30):
        tree.computer(f"pc{number:02}")
    monkeypatch.setattr(walk, bound, most)

    uploads = tree.read()

    assert uploads.cut_short == says
    assert 0 < len(uploads.computers) <= 20


def test_256_computers_are_read_and_the_257th_is_reported(tree: Tree) -> None:
    for number in range(257):
        (tree.incoming / f"pc{number:03}" / ".sepiola_backup").mkdir(parents=True)

    uploads = tree.read()

    assert [computer.name for computer in uploads.computers] == [f"pc{n:03}" for n in range(256)]
    assert uploads.cut_short == "more than 256 computers"


def test_a_deep_tree_does_not_hide_a_computer(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(100):
        (tree.incoming / "aaa" / str(number)).mkdir(parents=True)
    tree.computer("web01")
    monkeypatch.setattr(walk, "MAX_FOLDERS", 50)

    uploads = tree.read()

    assert isinstance(only(uploads).start, Start)
    assert uploads.cut_short is not None


def test_a_deep_tree(tree: Tree) -> None:
    fd = os.open(tree.incoming, os.O_RDONLY)
    for _ in range(100):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)

    assert tree.read() == Uploads(data=True)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        (None, False),
        ("file", True),
        ("pc/file", True),
        ("a/b/file", True),
        ("a/b/c/file", True),
        ("a/b/c/d/e/file", True),
        ("a/b/", False),
        ("a/b/c/", False),
    ],
)
def test_data_without_reports(tree: Tree, path: str | None, data: bool) -> None:
    if path and path.endswith("/"):
        (tree.incoming / path).mkdir(parents=True)
    elif path:
        (tree.incoming / path).parent.mkdir(parents=True, exist_ok=True)
        (tree.incoming / path).write_text("data")

    assert tree.read() == Uploads(data=data)


@pytest.mark.parametrize(
    ("path", "data"), [(None, False), ("file", True), ("backup/", False), ("backup/file", True)]
)
def test_data_beside_reports(tree: Tree, path: str | None, data: bool) -> None:
    tree.computer("web01")
    if path:
        (tree.incoming / "web01" / "backup").mkdir()
        if not path.endswith("/"):
            (tree.incoming / "web01" / path).write_text("data")

    assert tree.read().data is data


def test_data_beside_the_reports_of_any_computer(tree: Tree) -> None:
    for name in ("a", "b", "c"):
        tree.computer(name)
    (tree.incoming / "b" / "file").write_text("data")

    assert tree.read().data


def test_a_computer_replaced_by_a_link_while_walking(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is real when it is listed, and another customer's when it is opened."""
    victim = other_customer(tree)
    tree.computer("web01")
    tree.computer("web02")
    real = open_below

    def swap(parent: int, parts: tuple[str, ...]) -> int:
        mine = tree.incoming / "web01"
        if parts == ("web01",) and not mine.is_symlink():
            mine.rename(tree.root / "moved")
            mine.symlink_to(victim.parent)
        return real(parent, parts)

    monkeypatch.setattr("backup_monitoring.uploads.traversal.open_below", swap)

    assert [computer.name for computer in tree.read().computers] == ["web02"]


def test_a_report_folder_replaced_by_a_link_after_it_was_opened(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was opened stays what it was: no path is looked up again."""
    victim = other_customer(tree)
    (victim / "backupStarted.xml").write_text("another customer's")
    folder = tree.computer("web01")
    real = open_below

    def swap(parent: int, parts: tuple[str, ...]) -> int:
        opened = real(parent, parts)
        if parts == (".sepiola_backup",):
            folder.rename(tree.root / "moved")
            folder.symlink_to(victim)
        return opened

    monkeypatch.setattr("backup_monitoring.uploads.traversal.open_below", swap)

    assert isinstance(only(tree.read()).start, Start)


def as_nobody(look: Callable[[], Uploads]) -> str:
    """Return the repr of what *look* returns to a user who is not root."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            answer = repr(look())
        except BaseException as error:  # a child must not go on with the tests
            answer = f"raised {error!r}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return answer


@pytest.fixture
def open_tree(tree: Tree) -> Tree:
    """Make the way to the tree passable for everybody; pytest's own folders are private."""
    for folder in (tree.root, *tree.root.parents):
        if folder == Path(tempfile.gettempdir()):
            return tree
        folder.chmod(0o755)
    pytest.fail(f"{tree.root} is not below the folder for temporary files")


def test_a_home_that_may_not_be_entered(open_tree: Tree) -> None:
    open_tree.computer("web01")
    open_tree.home.chmod(0)

    answer = as_nobody(open_tree.read)

    open_tree.home.chmod(0o755)
    assert answer == repr(Uploads(refused=f"{open_tree.incoming}: Permission denied"))


def test_a_home_that_may_not_be_reached(open_tree: Tree) -> None:
    open_tree.home.parent.chmod(0)

    answer = as_nobody(open_tree.read)

    open_tree.home.parent.chmod(0o755)
    assert answer == repr(Uploads(refused=f"{open_tree.home}: Permission denied"))


@pytest.mark.parametrize("mode", [0, 0o311])
def test_incoming_that_may_not_be_read(open_tree: Tree, mode: int) -> None:
    open_tree.incoming.chmod(mode)

    answer = as_nobody(open_tree.read)

    open_tree.incoming.chmod(0o755)
    assert answer == repr(Uploads(refused=f"{open_tree.incoming}: Permission denied"))


@pytest.mark.parametrize("below", ["", ".sepiola_backup"])
def test_a_computer_that_may_not_be_read_hides_no_other(open_tree: Tree, below: str) -> None:
    closed = open_tree.computer("web01").parent / below
    open_tree.computer("web02")
    closed.chmod(0)

    answer = as_nobody(lambda: open_tree.read(Files.START))

    closed.chmod(0o755)
    where = str(closed) + ("/backupStarted.xml" if below else "")
    uploads = open_tree.read(Files.START)
    first, second = uploads.computers
    unreadable = InvalidReport(where, "Permission denied")
    expected = Uploads(
        (first._replace(start=unreadable), second),
        findings=(Finding("report", where, unreadable.problem),),
    )
    assert answer == repr(expected)


def test_a_computer_that_may_not_be_listed_is_read_once(open_tree: Tree) -> None:
    folder = open_tree.computer("web01").parent
    folder.chmod(0o311)

    answer = as_nobody(open_tree.read)

    folder.chmod(0o755)
    assert answer == repr(open_tree.read()._replace(data=True))


def test_a_report_that_may_not_be_read(open_tree: Tree) -> None:
    path = open_tree.computer("web01") / "backupEnded.xml"
    path.chmod(0)

    answer = as_nobody(lambda: open_tree.read(Files.END))

    path.chmod(0o644)
    assert repr(InvalidReport(str(path), "Permission denied")) in answer


def test_no_file_stays_open(tree: Tree) -> None:
    for name in ("web01", "a/b/c", "a/b/d"):
        tree.computer(name)
    (tree.incoming / "a" / "link").symlink_to("b")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    for _ in range(3):
        tree.read()

    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
