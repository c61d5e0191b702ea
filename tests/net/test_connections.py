"""Connecting: addresses, bounds of time, what may be sent in the clear."""

import socket
import threading
import time
from datetime import timedelta

import pytest

from backup_monitoring.directory import ldap
from backup_monitoring.directory.opening import open_directory
from backup_monitoring.model.errors import DirectoryError, SettingsError
from backup_monitoring.net import connections as dial
from backup_monitoring.settings.directory import DirectorySettings
from integration.slapd import free_port
from net.hanging_up import LAST_WORDS, hanging_up


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("ldap://a.example", ("ldap", "a.example", 389)),
        ("LDAPS://a.example/", ("ldaps", "a.example", 636)),
        ("ldap://a:3389", ("ldap", "a", 3389)),
        ("ldap://[::1]:1", ("ldap", "::1", 1)),
        ("ldapi://%2Frun%2Fslapd%2Fldapi", ("ldapi", "/run/slapd/ldapi", 0)),
        ("ldapi:///", ("ldapi", "/var/run/slapd/ldapi", 0)),
    ],
)
def test_uris(uri: str, expected: tuple[str, str, int]) -> None:
    assert dial.parse_server_uri(uri, "s.toml")[1:] == expected


@pytest.mark.parametrize(
    "uri",
    [
        *("", "a", "ldap:", "ldap://", "ldap://a:x", "ldap://a/dc=b", "http://a", "ldap://[::1"),
        *("ldap:/\n/a", "ldap://a\t.example"),
    ],
)
def test_no_uris(uri: str) -> None:
    with pytest.raises(SettingsError) as raised:
        dial.parse_server_uri(uri, "s.toml")

    assert repr(uri) in str(raised.value)
    assert "s.toml" in raised.value.where


def test_a_deaf_name_server_costs_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: over.wait(60))
    began = time.monotonic()

    with pytest.raises(dial.UnreachableError, match="name servers"):
        dial.connect(dial.ServerAddress("ldap://a", "ldap", "a", 389), 0.2)

    assert time.monotonic() - began < 20
    over.set()


def test_a_full_backlog_costs_the_timeout() -> None:
    with socket.socket() as listener, socket.socket() as filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        with socket.socket() as more:
            more.setblocking(False)
            more.connect_ex(listener.getsockname())
            server = dial.ServerAddress("ldap://x", "ldap", "127.0.0.1", listener.getsockname()[1])

            with pytest.raises(dial.UnreachableError, match=r"no answer within 0\.3 s"):
                dial.connect(server, 0.3)


def test_the_second_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = ("127.0.0.1", free_port())
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", a) for a in (dead, listener.getsockname())
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)

        with dial.connect(dial.ServerAddress("ldap://a", "ldap", "a", 389), 1) as connection:
            assert connection.getpeername() == listener.getsockname()
            assert connection.gettimeout() == 1


class Peer(socket.socket):
    """A socket that is connected to the given address."""

    def __init__(self, address: str) -> None:
        super().__init__(socket.AF_INET)
        self.address = address

    def getpeername(self) -> tuple[str, int]:
        return self.address, 389


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        ("fe80::1%eth0", False),
    ],
)
def test_private(address: str, private: bool) -> None:
    with Peer(address) as peer:
        assert dial.is_private(peer) is private


def test_a_password_is_not_sent_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(ldap, "is_private", lambda connection: False)
        settings = DirectorySettings(
            uri=(f"ldap://localhost:{listener.getsockname()[1]}",),
            bind="simple",
            bind_dn="cn=x",
            password="geheim",
            timeout=timedelta(seconds=2),
            file="s.toml",
        )

        with pytest.raises(DirectoryError, match="unencrypted; set start_tls") as raised:
            open_directory(settings, lambda phase: None)

        assert "geheim" not in repr(raised.value)
        sent, _ = listener.accept()
        with sent:
            assert b"geheim" not in sent.recv(1000)


@pytest.mark.parametrize("last_words", LAST_WORDS.values(), ids=LAST_WORDS)
def test_a_server_that_hangs_up_instead_of_tls_is_unreachable(last_words: bytes) -> None:
    with hanging_up(last_words) as port:
        uri = f"ldaps://localhost:{port}"
        settings = DirectorySettings(uri=(uri,), bind="anonymous", file="s.toml")

        with pytest.raises(dial.UnreachableError) as raised:
            open_directory(settings, lambda phase: None)

    assert str(raised.value).startswith(f"{uri}: no TLS: the server hung up; ldaps:// is for ")
