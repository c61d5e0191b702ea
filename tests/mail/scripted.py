"""A mail server of a few lines, which answers as no well-behaved one would."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

DROP = b""  # instead of an answer
ANSWERS: Mapping[str, bytes] = {
    "CONNECT": b"220 mx.example.org\r\n",
    "EHLO": b"250 mx.example.org\r\n",
    "DATA": b"354 go ahead\r\n",
    ".": b"250 2.0.0 queued\r\n",
    "QUIT": b"221 bye\r\n",
}


class Scripted:
    """What the server answers, and what it was asked (SMTP's keywords in upper case); tests set the
    attributes.

    Args:
        answers: by command, or by command and its argument; "CONNECT" is the greeting, "." the
            answer to a mail's content. One that does not end with a line feed never ends.
        delay: seconds before each answer.
    """

    def __init__(self, answers: Mapping[str, bytes], delay: float = 0) -> None:
        self.answers = dict(answers)
        self.delay = delay
        self.commands: list[str] = []
        self.contents: list[bytes] = []

    def serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as lines, contextlib.suppress(OSError, StopIteration):
            self._answer(client, "CONNECT", "")
            for line in lines:
                asked = _raise_keywords(line.decode("latin-1").strip())
                command, _, argument = asked.partition(" ")
                self.commands.append(asked)
                self._answer(client, command, argument)
                if asked == "DATA" and self._find("DATA", "")[:1] == b"3":
                    content = b""
                    while not content.endswith(b"\r\n.\r\n"):
                        content += next(lines)
                    self.contents.append(content)
                    self._answer(client, ".", "")

    def _find(self, command: str, argument: str) -> bytes:
        for key in (f"{command} {argument}", command):
            if key in self.answers:
                return self.answers[key]
        return ANSWERS.get(command, b"250 fine\r\n")

    def _answer(self, client: socket.socket, command: str, argument: str) -> None:
        answer = self._find(command, argument)
        time.sleep(self.delay)
        if answer == DROP:
            raise ConnectionAbortedError
        client.sendall(answer)
        while not answer.endswith(b"\n"):
            client.sendall(answer * (1 if len(answer) == 1 else 1000))
            time.sleep(0.02 if len(answer) == 1 else 0)


def _raise_keywords(line: str) -> str:
    """Return *line* with SMTP's keywords in upper case: Python 3.13 sends others than 3.11."""
    return re.sub(r"^\w+( (to|from):)?", lambda found: found[0].upper(), line, flags=re.I | re.A)


@contextmanager
def running(answers: Mapping[str, bytes], delay: float = 0) -> Iterator[tuple[Scripted, int]]:
    """Give a server that answers *answers*, else as a good one does, and its port."""
    server = Scripted(answers, delay)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=server.serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server, listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
