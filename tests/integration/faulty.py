"""Stands before an LDAP server, passes requests and answers on, and then does something wrong."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count

Fault = Callable[[socket.socket, bytes], object]

_BIND, _SEARCH = 0x60, 0x63
_ANSWERS = {_BIND: 0x61, _SEARCH: 0x65, 0x77: 0x78}  # of the last message of an answer
_NOTICE = bytes.fromhex("8a16") + b"1.3.6.1.4.1.1466.20036"


def read_message(source: socket.socket) -> bytes:
    """Return the next message; EOFError at the end."""
    head = _read(source, 2)
    if head[1] > 127:
        head += _read(source, head[1] & 127)
    length = int.from_bytes(head[2:], "big") if len(head) > 2 else head[1]
    return head + _read(source, length)


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


def make_result(request: bytes, code: int, more: bytes = b"") -> bytes:
    """Return the answer to *request* that is a result with *code*; *more* follows its fields."""
    number, tag = split_message(request)
    return _make_message(number, _ANSWERS[tag], code, more)


def _make_message(number: bytes, tag: int, code: int, more: bytes) -> bytes:
    result = bytes([0x0A, 1, code, 4, 0, 4, 0]) + more
    content = number + bytes([tag, len(result)]) + result
    return bytes([0x30, len(content)]) + content


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
    client.sendall(_make_message(b"\2\1\0", 0x78, 52, _NOTICE))
    raise EOFError


def answer(code: int) -> Fault:
    """Return what answers with the result *code*."""
    return lambda client, request: client.sendall(make_result(request, code))


@contextmanager
def faulty(port: int, at: int, fault: Fault) -> Iterator[str]:
    """Give the URI of a server that is that at *port*, and does *fault* at request *at*."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError, EOFError):
                client, _ = listener.accept()
                with client, socket.create_connection(("127.0.0.1", port)) as server:
                    _relay(client, server, at, fault)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"ldap://localhost:{listener.getsockname()[1]}"


def _relay(client: socket.socket, server: socket.socket, at: int, fault: Fault) -> None:
    for number in count(1):
        request = read_message(client)
        _, tag = split_message(request)
        if tag not in _ANSWERS:  # an unbind
            return
        if number >= at:
            fault(client, request)
            continue
        server.sendall(request)
        answered = None
        while answered != _ANSWERS[tag]:
            message = read_message(server)
            client.sendall(message)
            _, answered = split_message(message)
