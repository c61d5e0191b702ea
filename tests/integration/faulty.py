"""Stands before an LDAP server, passes requests and answers on, and then does something wrong."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count

from directory.test_ber import element

Fault = Callable[[socket.socket, bytes], object]

_BIND, _UNBIND, _SEARCH = 0x60, 0x42, 0x63
_ANSWERS = {_BIND: 0x61, _SEARCH: 0x65, 0x77: 0x78}  # of the last message of an answer
_PAGES = b"1.2.840.113556.1.4.319"
_NOTICE = bytes.fromhex("8a16") + b"1.3.6.1.4.1.1466.20036"


def read_message(source: socket.socket) -> bytes:
    """Return the next request or answer; EOFError at the end, an unbind, and where TLS begins."""
    head = _read(source, 2)
    if head[0] != 0x30:
        raise EOFError
    if head[1] > 127:
        head += _read(source, head[1] & 127)
    length = int.from_bytes(head[2:], "big") if len(head) > 2 else head[1]
    message = head + _read(source, length)
    if split_message(message)[1] == _UNBIND:
        raise EOFError
    return message


def _read(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = source.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def split_message(message: bytes) -> tuple[bytes, int]:
    """Return the element with the message's number, and the tag of its operation."""
    at = 2 + (message[1] & 127 if message[1] > 127 else 0)
    end = at + 2 + message[at + 1]
    return message[at:end], message[end]


def make_result(
    request: bytes, code: int, text: bytes = b"", more: bytes = b"", cookie: bytes | None = None
) -> bytes:
    """Return the answer to *request* that is a result with *code* and *text*.

    Args:
        more: follows the fields of the result. cookie: of a page.
    """
    number, tag = split_message(request)
    result = bytes([0x0A, 1, code, 4, 0]) + element(4, text) + more
    controls = b"" if cookie is None else make_control(element(2, b"\0") + element(4, cookie))
    return element(0x30, number + element(_ANSWERS[tag], result) + controls)


def make_control(page: bytes) -> bytes:
    """Return the controls of an answer: *page* is the content of that for pages (RFC 2696)."""
    return element(0xA0, element(0x30, element(4, _PAGES) + element(4, element(0x30, page))))


def break_off(client: socket.socket, request: bytes) -> None:
    raise EOFError


def reset(client: socket.socket, request: bytes) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise EOFError


def hang(client: socket.socket, request: bytes) -> None:
    client.recv(1)
    raise EOFError


def say_goodbye(client: socket.socket, request: bytes) -> None:
    """Send the notice of disconnection (RFC 4511, 4.4.1)."""
    client.sendall(element(0x30, b"\2\1\0" + element(0x78, b"\x0a\1\x34\4\0\4\0" + _NOTICE)))
    raise EOFError


def answer(code: int) -> Fault:
    """Return what answers with the result *code*."""
    return lambda client, request: client.sendall(make_result(request, code))


@contextmanager
def listening(serve: Callable[[socket.socket], object]) -> Iterator[str]:
    """Give the URI of a server that does *serve* with one connection after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:  # at the end
                    return
                with suppress(OSError, EOFError), client:
                    serve(client)

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"ldap://localhost:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def faulty(port: int, at: int, fault: Fault) -> AbstractContextManager[str]:
    """Give the URI of a server that is that at *port*, and does *fault* at request *at*."""

    def serve(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            _relay(client, server, at, fault)

    return listening(serve)


def answering(*answers: Callable[[bytes], bytes]) -> AbstractContextManager[str]:
    """Give the URI of a server with these *answers* to requests, the last one again and again."""

    def serve(client: socket.socket) -> None:
        for number in count():
            request = read_message(client)
            client.sendall(answers[min(number, len(answers) - 1)](request))

    return listening(serve)


def _relay(client: socket.socket, server: socket.socket, at: int, fault: Fault) -> None:
    for number in count(1):
        request = read_message(client)
        _, tag = split_message(request)
        if number >= at:
            fault(client, request)
            continue
        server.sendall(request)
        answered = None
        while answered != _ANSWERS[tag]:
            message = read_message(server)
            client.sendall(message)
            _, answered = split_message(message)
