"""A server that hangs up instead of TLS, as a balancer does whose servers are down."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Python has an exception for each; which one the first has depends on Python's version.
LAST_WORDS = {"no word": b"", "close_notify": bytes.fromhex("15030300020100")}


@contextmanager
def hanging_up(last_words: bytes, *before: bytes) -> Iterator[int]:
    """Give the port of a server that reads the first message of a TLS handshake, and hangs up.

    Args:
        before: what it says before that: the first at once, each of the others when asked.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                for said in before or (b"",):
                    client.sendall(said)
                    client.recv(4096)
                client.sendall(last_words)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
