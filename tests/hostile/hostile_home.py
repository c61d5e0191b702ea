"""What a hostile customer can put into a home directory and into an own entry, by chance."""

import base64
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

_REPORTS = ("backupStarted.xml", "backupEnded.xml", "scheduler.xml")
_NAMES = [
    b"web01",
    b"a" * 255,
    b"new\nline",
    b"pipe | load=0",
    b"\x1b[2J\x1b]0;title\x07",
    "\u202etxt.exe".encode(),
    "\u0000".encode().replace(b"\0", b"%00"),
    b"\xff\xfe\xfd",
    b"-rf",
    b"..data",
    b"' OR 1=1 --",
    b'"quoted"',
    b"<img src=x onerror=alert(1)>",
    b"{{ 7 * 7 }}",
    b"$(reboot)`reboot`",
    b"log in at www.93.184.216.34",
    b"4000101",
    b"incoming",
    b".snapshots",
    b" ",
    b"\xe2\x80\x8b",
    "a\u0301".encode() * 60,
]
_TEXTS = [
    b"",
    b"0",
    b"-1",
    b"1e999",
    b"9" * 5000,
    b"9223372036854775808",
    b"2026-11-24T11:59:60+14:00",
    b"0000-00-00T00:00:00+00:00",
    b"9999-12-31T23:59:59-14:00",
    b"2026-11-24T12:00:00+99:99",
    b"1970-01-01T00:00:00Z",
    b"2038-01-19T03:14:08Z",
    "\u0662\u0660\u0662\u0666-11-24T08:00:00+01:00".encode(),
    b"tomorrow",
    b"*",
    b"NaN",
    b"&x;",
    b"\xff\xfe",
    b"<nested/>",
    b"]]>",
    b"\x1b[31m",
    b"CRITICAL | used=0",
]
_MODES = (0, 0o000, 0o111, 0o200, 0o777, 0o1777, 0o2770, 0o4755)
# What a customer may change in the provider's self-service.
_ATTRIBUTES = (
    *("mail", "cn", "preferredLanguage", "sstNotificationWarningMedium", "mobile"),
    *("sstNotificationWarningLevel", "sstBackupWarningOn", "sstBackupWarningDays"),
    *("sstBackupWarningNumbers", "sstQuota"),
)


def make_attributes(random: Random) -> str:
    """Return lines of LDIF with hostile values."""
    lines = []
    for name in random.sample(_ATTRIBUTES, random.randint(0, len(_ATTRIBUTES))):
        for _ in range(random.choice((1, 1, 1, 2, 40))):
            value = random.choice([*_TEXTS, *_NAMES, b"victim@example.org", b"a" * 70_000])
            lines.append(f"{name}:: {base64.b64encode(value).decode()}\n")
    return "".join(lines)


class HostileHome:
    """The home directory *home*, filled by *random*; *valid* has real reports to change."""

    def __init__(self, home: Path, valid: Path, other: Path, random: Random) -> None:
        self._home = home
        self._reports = sorted(valid.rglob("*.xml"))
        self._other = other  # another customer's home
        self._random = random

    def fill(self) -> None:
        """Put things there. The home itself cannot be replaced: the folder above is root's."""
        self._home.mkdir()
        incoming = self._home / "incoming"
        if self._random.random() < 0.1:
            self._replace(incoming)
            return
        incoming.mkdir(exist_ok=True)
        for _ in range(self._random.choice((1, 3, 10, 300))):
            self._add_computer(incoming)
        if self._random.random() < 0.2:
            self._bury(incoming)

    def _add_computer(self, incoming: Path) -> None:
        name = self._random.choice(_NAMES)
        if self._random.random() < 0.7:
            name = name[:200] + str(self._random.randrange(1000)).encode()
        folder = incoming / os.fsdecode(name)
        if folder.exists() or folder.is_symlink():
            return
        if self._random.random() < 0.1:
            self._replace(folder)
            return
        reports = folder / self._random.choice((".sepiola_backup", ".lbackup", ""))
        reports.mkdir(parents=True)
        for report in _REPORTS:
            if self._random.random() < 0.8:
                self._write(reports / report)
        if self._random.random() < 0.1:
            reports.chmod(self._random.choice(_MODES))

    def _write(self, file: Path) -> None:
        if self._random.random() < 0.15:
            self._replace(file)
            return
        same = [each for each in self._reports if each.name == file.name] or self._reports
        content = self._mutate(self._random.choice(same).read_bytes())
        file.write_bytes(content)
        if self._random.random() < 0.2:
            size = self._random.choice((0, 1, 1 << 20, 1 << 30, 1 << 42))
            os.truncate(file, size)  # sparse
        if self._random.random() < 0.2:
            at = self._random.choice((0, 1, 2**31, 2**33, 1_763_000_000))
            os.utime(file, (at, at))
        if self._random.random() < 0.1:
            file.chmod(self._random.choice(_MODES))

    def _mutate(self, content: bytes) -> bytes:
        for _ in range(self._random.choice((0, 1, 1, 2, 8))):
            content = self._random.choice(_MUTATIONS)(content, self._random)
        return content[: 4 << 20]

    def _replace(self, path: Path) -> None:
        """Put there what is no file or folder of a client."""
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        self._random.choice(
            (
                lambda: os.mkfifo(path),
                lambda: _make_socket(path),
                lambda: path.symlink_to("/"),
                lambda: path.symlink_to("/dev/zero"),
                lambda: path.symlink_to(path.name),
                lambda: path.symlink_to(self._other),
                lambda: path.symlink_to(f"../../{self._other.name}/incoming"),
                lambda: path.mkdir(mode=0),
                lambda: path.write_bytes(b"x"),
                lambda: _make_device(path),
                lambda: os.link(self._reports[0], path),
            )
        )()

    def _bury(self, folder: Path) -> None:
        """Make folders so deep that no path reaches their end."""
        here = os.open(folder, os.O_RDONLY)
        try:
            for _ in range(400):
                os.mkdir("deep" * 20, dir_fd=here)
                down = os.open("deep" * 20, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=here)
                os.close(here)
                here = down
        except FileExistsError:
            pass
        finally:
            os.close(here)

    @contextmanager
    def swapping(self) -> Iterator[None]:
        """Meanwhile let folders and links take each other's place."""
        pair = (self._home / "incoming", self._home / "swapped")
        ends = threading.Event()

        def swap() -> None:
            link = self._home / "link"
            while not ends.wait(0.001):
                if pair[0].is_symlink() or not pair[0].exists():
                    continue
                pair[0].rename(pair[1])
                link.symlink_to(self._other / "incoming")
                link.rename(pair[0])
                ends.wait(0.001)
                pair[0].unlink()
                pair[1].rename(pair[0])

        thread = threading.Thread(target=swap)
        if self._random.random() < 0.3:
            thread.start()
        try:
            yield
        finally:
            ends.set()
            if thread.ident is not None:
                thread.join()


def _make_socket(path: Path) -> None:
    if len(os.fsencode(path)) > 100:  # a socket's address is short
        os.mkfifo(path)
        return
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def _make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:  # only root can
        os.mkfifo(path)


def _flip(content: bytes, random: Random) -> bytes:
    data = bytearray(content or b"x")
    for _ in range(random.choice((1, 1, 3, 50))):
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _fill_element(content: bytes, random: Random) -> bytes:
    """Replace one element's text."""
    ends = [at for at in range(len(content)) if content.startswith(b"</", at)]
    if not ends:
        return content
    end = random.choice(ends)
    start = content.rfind(b">", 0, end) + 1
    return content[:start] + random.choice([*_TEXTS, *_NAMES]) + content[end:]


def _repeat(content: bytes, random: Random) -> bytes:
    start = random.randrange(len(content) + 1)
    piece = content[start : start + random.choice((1, 30, 300))]
    return content[:start] + piece * random.choice((2, 50, 2000)) + content[start:]


def _declare(content: bytes, random: Random) -> bytes:
    """Begin with a document type: a bomb, or an external file."""
    lines = "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE a [<!ENTITY x0 "x">{lines}<!ENTITY x "&x9;">]>'
    external = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    body = content.partition(b"?>")[2] or content
    return random.choice((bomb, external)).encode() + body


def _nest(content: bytes, random: Random) -> bytes:
    return b"<a>" * random.choice((100, 100_000)) + content


def _encode(content: bytes, random: Random) -> bytes:
    text = content.decode(errors="replace")
    return text.encode(random.choice(("utf-16", "utf-32", "utf-7", "utf-8-sig", "utf-16-le")))


_MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_flip, _cut, _fill_element, _fill_element, _fill_element, _repeat),
    *(_declare, _nest, _encode),
)
