"""Whatever keeps the directory from being opened: the homes are read, and the cause is shown."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from backup_monitoring.directory.opening import create_directory
from backup_monitoring.model.errors import DirectoryError
from backup_monitoring.model.verdicts import State
from backup_monitoring.settings.directory import DirectorySettings
from faults.programs import replace_by_folder, run
from store.fleet import Fleet

LATER = "2026-11-20T21:05+01:00"
_LDAP = 'uri = "ldaps://localhost:1"\nbind_dn = "cn=reader"\npassword_file = "password"'


class Fault(NamedTuple):
    """What [directory] has in place of its uri, what is done to the files, and what is said."""

    directory: str
    break_it: Callable[[Path], object]
    text: str


def write_password(text: bytes, mode: int) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        (folder / "password").write_bytes(text)
        (folder / "password").chmod(mode)

    return write


def rewrite_ldif(change: Callable[[str], bytes]) -> Callable[[Path], object]:
    def rewrite(folder: Path) -> None:
        file = folder / "directory.ldif"
        file.write_bytes(change(file.read_text()))

    return rewrite


def nothing(folder: Path) -> None:
    return


_CA = f'{_LDAP}\nca_file = "ca.pem"'
FAULTS = {
    "password missing": Fault(_LDAP, nothing, "password: cannot read the password (No such file"),
    "password empty": Fault(_LDAP, write_password(b"", 0o600), "password: is empty"),
    "password too open": Fault(
        _LDAP, write_password(b"secret\n", 0o644), "password: other users can read this password"
    ),
    "password no text": Fault(
        _LDAP, write_password(b"\xff\xfe\n", 0o600), "password: cannot read the password (not UTF-8"
    ),
    "password a folder": Fault(
        _LDAP,
        lambda folder: (folder / "password").mkdir(),
        "password: cannot read the password (Is a directory",
    ),
    "no server": Fault(_LDAP, write_password(b"secret\n", 0o600), "localhost:1: not reachable"),
    "uri not valid": Fault('uri = "ldap://localhost:x"', nothing, "is not a valid URI"),
    "a file and a server": Fault(
        'uri = ["ldif:directory.ldif", "ldap://localhost:1"]', nothing, "a file cannot be combined"
    ),
    "filter not valid": Fault(
        'uri = "ldif:directory.ldif"\naccounts_filter = "(objectClass="', nothing, "not valid at"
    ),
    "filter for servers only": Fault(
        'uri = "ldif:directory.ldif"\naccounts_filter = "(uid:dn:=4000101)"',
        nothing,
        "an extensible match (:=) needs a server",
    ),
    "ldif missing": Fault(
        'uri = "ldif:elsewhere.ldif"', nothing, "elsewhere.ldif: cannot be read: No such file"
    ),
    "ldif a folder": Fault(
        'uri = "ldif:directory.ldif"',
        lambda folder: replace_by_folder(folder / "directory.ldif"),
        "directory.ldif: cannot be read: Is a directory",
    ),
    "ldif no text": Fault(
        'uri = "ldif:directory.ldif"',
        lambda folder: (folder / "directory.ldif").write_bytes(b"\x00\xff" * 999),
        "directory.ldif: line 1",
    ),
    "ldif in UTF-16": Fault(
        'uri = "ldif:directory.ldif"', rewrite_ldif(lambda text: text.encode("utf-16")), "is UTF-16"
    ),
    "ldif of a search that reached a limit": Fault(
        'uri = "ldif:directory.ldif"',
        rewrite_ldif(lambda text: f"{text}search: 2\nresult: 4 Size limit exceeded\n".encode()),
        "ldapsearch ended with '4 Size limit exceeded': a part is missing",
    ),
    "ldif with an entry twice": Fault(
        'uri = "ldif:directory.ldif"',
        rewrite_ldif(lambda text: (text + text).encode()),
        "is there twice",
    ),
    "ldif with replication state": Fault(
        'uri = "ldif:directory.ldif"',
        rewrite_ldif(lambda text: text.replace("sstIsActive", "sstIsActive;vucsn-5fd0").encode()),
        "sstIsActive;vucsn-5fd0: not read, because of the options; export without replication",
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_directory_that_cannot_be_opened_is_a_failed_part(fleet: Fleet, fault: Fault) -> None:
    fleet.end("4000101", "2026-11-20T20:40:00+01:00", 0)
    fleet.collect()
    fault.break_it(fleet.folder)
    fleet.end("4000101", "2026-11-20T21:04:00+01:00", 0)
    _set_uri(fleet, fault.directory)

    ran = run(fleet, LATER, "collect_backup_state")

    lines = ran.text.splitlines()
    assert (ran.code, len(lines)) == (2, 2)
    assert lines[0].startswith("FAILED: directory: ")
    assert fault.text in lines[0]
    assert lines[1].startswith("2 accounts, 1 computer, ")
    _, uploads = fleet.read()["4000101"]
    assert [computer.history.failed for computer in uploads.computers if computer.history] == [1]
    check = run(fleet, LATER, "check_backup_monitoring")
    assert check.code == State.WARNING.value
    assert fault.text in check.first
    assert "directory read 2026-11-20 20:00 +00:00, 5 min ago" in check.first


@pytest.mark.parametrize("content", [None, b"", b"no certificate\n"])
def test_an_authority_that_cannot_be_loaded_is_a_failed_part(
    fleet: Fleet, content: bytes | None
) -> None:
    fleet.collect()
    write_password(b"secret\n", 0o600)(fleet.folder)
    if content is not None:
        (fleet.folder / "ca.pem").write_bytes(content)
    with _listening(lambda peer: peer.recv(1)) as port:
        _set_uri(fleet, _CA.replace("localhost:1", f"localhost:{port}"))
        ran = run(fleet, LATER, "collect_backup_state")

    assert (ran.code, len(ran.text.splitlines())) == (2, 2)
    assert "ca.pem: cannot load CA certificates" in ran.first
    assert "ca.pem" in run(fleet, LATER, "check_backup_monitoring").first


def test_a_server_that_hangs_up_before_the_bind_is_a_directory_error() -> None:
    reached, reset = threading.Event(), threading.Event()

    def hang_up(peer: socket.socket) -> None:
        reached.wait(10)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        reset.set()

    with _listening(hang_up) as port:
        uri = f"ldap://127.0.0.1:{port}"
        settings = DirectorySettings(
            file="f", uri=(uri,), bind="simple", bind_dn="cn=reader", password="x"
        )
        directory = create_directory(settings, lambda _: None)
        steps = directory.steps()
        assert next(steps) == f"reached {uri}"
        reached.set()
        reset.wait(10)
        time.sleep(0.1)  # on its way

        with pytest.raises(DirectoryError, match="the connection broke"):
            next(steps)


def test_the_first_run_has_nothing_to_go_on(fleet: Fleet) -> None:
    _set_uri(fleet, _LDAP)

    ran = run(fleet, LATER, "collect_backup_state")

    assert (ran.code, len(ran.text.splitlines())) == (2, 1)
    assert ran.first.startswith("FAILED: ")
    assert "password: cannot read the password" in ran.first


def _set_uri(fleet: Fleet, directory: str) -> None:
    text = fleet.file.read_text()
    fleet.file.write_text(text.replace('uri = "ldif:directory.ldif"', directory))


@contextmanager
def _listening(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            serve(peer)
            peer.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)
