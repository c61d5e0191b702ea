"""Icinga 2's API: what is said of one that does not answer."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from backup_monitoring.icinga.api import ApiError, submit, try_api
from backup_monitoring.icinga.results import CheckResult
from backup_monitoring.model.verdicts import State
from backup_monitoring.settings.icinga import IcingaSettings
from integration.slapd import free_port
from net.authorities import make_certificate
from net.hanging_up import LAST_WORDS, hanging_up

NO_RETRY = timedelta(0)
RESULT = CheckResult("backup-01", "4000101-quota", State.OK, ("fine",), ())


@pytest.mark.parametrize("last_words", LAST_WORDS.values(), ids=LAST_WORDS)
def test_an_api_that_hangs_up_instead_of_tls(last_words: bytes) -> None:
    with hanging_up(last_words) as port:
        url = f"https://localhost:{port}"
        submitted = submit([RESULT], IcingaSettings(url=url, retry_for=NO_RETRY), seconds=5)

    assert submitted.missing == 1
    assert submitted.error is not None
    assert submitted.error.startswith(f"{url}: no answer (the server hung up); see whether Icinga")


def test_icinga_that_says_that_it_reloads(tmp_path: Path) -> None:
    """Later releases than Debian 12 has answer so while they reload or shut down."""
    context = make_context(tmp_path)
    answers = [b"503 Service Unavailable", b"404 Not Found", b"200 OK", b"200 OK"]
    bodies: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with context.wrap_socket(client, server_side=True) as encrypted:
                for answer in answers:
                    while not (text := encrypted.recv(65536)).endswith(b"}"):
                        pass
                    bodies.append(text)
                    encrypted.sendall(b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        port = listener.getsockname()[1]
        settings = IcingaSettings(f"https://localhost:{port}", tmp_path / "ours.crt")
        results = [RESULT._replace(service=name) for name in ("first", "second", "third")]
        submitted = submit(results, settings, seconds=20)

    assert (submitted.accepted, submitted.missing, submitted.refused) == (2, 0, {404: 1})
    order = [json.loads(body.partition(b"\r\n\r\n")[2] or body)["service"] for body in bodies]
    assert order == [f"backup-01!{name}" for name in ("first", "second", "third", "first")]


def test_icinga_that_does_not_listen_yet(tmp_path: Path) -> None:
    context = make_context(tmp_path)
    port = free_port()

    def serve() -> None:
        time.sleep(1.5)
        with socket.create_server(("127.0.0.1", port)) as listener:
            client, _ = listener.accept()
            with context.wrap_socket(client, server_side=True) as encrypted:
                while not encrypted.recv(65536).endswith(b"}"):
                    pass
                encrypted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    url, retry_for = f"https://localhost:{port}", timedelta(seconds=10)
    settings = IcingaSettings(url, tmp_path / "ours.crt", retry_for=retry_for)

    submitted = submit([RESULT], settings, seconds=30)

    assert (submitted.accepted, submitted.error) == (1, None)


def make_context(folder: Path) -> ssl.SSLContext:
    """Return the TLS of a server for localhost whose authority is ``ours.crt`` in *folder*."""
    make_certificate(folder, "ours", "authority")
    make_certificate(folder, "server", "named", by="ours")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    return context


@contextmanager
def answering(folder: Path, answer: bytes, address: str = "127.0.0.1") -> Iterator[int]:
    """Give the port of an API at *address* that gives *answer*, and then zeros without end."""
    context = make_context(folder)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with suppress(OSError), context.wrap_socket(client, server_side=True) as encrypted:
                encrypted.recv(65536)
                encrypted.sendall(answer)
                while True:
                    encrypted.sendall(b"0" * 65536)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"Content-Length: 2147483648\r\n\r\n", id="2 GiB"),
        pytest.param(b"\r\n", id="until it hangs up"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n", id="a chunk of 2 GiB"),
    ],
)
@pytest.mark.parametrize("status", [b"200 OK", b"404 Not Found", b"500 Error"])
def test_an_answer_without_end(tmp_path: Path, head: bytes, status: bytes) -> None:
    with answering(tmp_path, b"HTTP/1.1 " + status + b"\r\n" + head) as port:
        url = f"https://localhost:{port}"
        settings = IcingaSettings(url, tmp_path / "ours.crt", retry_for=NO_RETRY)
        submitted = submit([RESULT] * 3, settings, seconds=20)

    assert (submitted.accepted, submitted.missing) == (0, 3)
    assert submitted.error == (
        f"{url}: no answer (an answer of more than 65536 bytes); see whether Icinga runs, and "
        "[icinga] url"
    )


def test_an_ipv6_address(tmp_path: Path) -> None:
    """Its answer shows that certificate and address were right."""
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"
    with answering(tmp_path, answer, "::1") as port:
        settings = IcingaSettings(f"https://[::1]:{port}", tmp_path / "ours.crt")
        submitted = submit([RESULT], settings, seconds=20)

    assert submitted.refused == {404: 1}
    assert submitted.examples == ("backup-01!4000101-quota: 404 gone",)


def test_an_answer_that_is_nested_without_end(tmp_path: Path) -> None:
    """JSON of a kilobyte, and Python's decoder gives up: it is no answer of Icinga."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"[" * 60_000
    with answering(tmp_path, answer) as port:
        settings = IcingaSettings(f"https://localhost:{port}", tmp_path / "ours.crt")
        with pytest.raises(ApiError, match=r"not an answer of Icinga's API: 200 \[\[\["):
            try_api(settings)
