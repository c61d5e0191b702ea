"""A connection to a mail server: each wait has an end, each answer a size."""

import math
import re
import smtplib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any, NamedTuple

from backup_monitoring.mail.transport import LONGER_AFTER_CONTENT, quote_answer

CONTINUE = 354
_DONE = 2  # the first digit
_CLOSING = (221, 421)
_ANSWER = re.compile(rb"[2-5][0-9][0-9](?![^ \r\n-])")
_MOST_LINES = 100  # of an answer; EHLO's of a server with every extension has about 30
_MOST_BYTES = 64 * 1024  # of an answer; RFC 5321 allows 512 per line
_CHUNK = 8192


class LateError(TimeoutError):
    """The time limit was reached before the content of a mail was sent."""

    def __init__(self) -> None:
        super().__init__("too slow: the time limit was reached before a mail's content was sent")


class Wait(NamedTuple):
    """A wait *until* a monotonic time; *error* is raised after that."""

    until: float
    error: TimeoutError


class Waits(NamedTuple):
    """How long to wait for a mail server.

    Args:
        seconds: for each answer; for the one to a mail's content four times as many.
        deadline: monotonic time at which everything must be over, also the longer wait.
    """

    seconds: float
    deadline: float = math.inf

    def begin(self) -> Wait:
        """Return the wait for an answer that begins now.

        What comes before a mail's content can be given up without harm. So all of it must be done
        while the wait for the answer to the content still fits.

        Raises:
            LateError: it is too late to begin.
        """
        now = time.monotonic()
        last = self.deadline - self.seconds * LONGER_AFTER_CONTENT
        if last <= now:
            raise LateError
        if last < now + self.seconds:
            return Wait(last, LateError())
        return Wait(now + self.seconds, TimeoutError(f"no answer within {self.seconds:g} s"))

    def begin_content(self) -> Wait:
        """Return the wait for the answer to a mail's content, which is sent now.

        Raises:
            LateError: it is too late to send it.
        """
        self.begin()
        seconds = self.seconds * LONGER_AFTER_CONTENT
        error = TimeoutError(f"no answer within {seconds:g} s")
        return Wait(time.monotonic() + seconds, error)


class SmtpConnection(smtplib.SMTP):
    """smtplib's connection over an open socket, with bounds of its own.

    smtplib bounds the wait for each byte and the length of a line, but neither the wait for an
    answer nor its number of lines; and it asks DNS for this host's name, without a time limit.

    Args:
        connected: the socket. host: the server's name, for its certificate. port: its port.
        waits: how long to wait.
        own_name: of this host, for EHLO; '' for the one that the system has.

    Raises:
        SMTPConnectError: the server greets with a refusal.
        OSError, SMTPException: it does not greet, or not as a mail server.
    """

    def __init__(
        self, connected: socket.socket, host: str, port: int, waits: Waits, own_name: str = ""
    ) -> None:
        self._connected = connected
        self._waits = waits
        self._wait = waits.begin()
        self._received = b""
        self.greeting = ""
        own_name = own_name or _choose_own_name(connected)
        super().__init__(timeout=waits.seconds, local_hostname=own_name)
        self._host = host  # starttls() verifies the certificate for this name
        code, text = self.connect(host, port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        self.greeting = quote_answer(text)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._connected

    def encrypt(self, context: SSLContext) -> None:
        """Encrypt the connection by STARTTLS, and greet once more."""
        self.starttls(context=context)
        self._received = b""  # what came before the encryption is nobody's answer
        self.ehlo_or_helo_if_needed()

    def send(self, s: Any) -> None:
        """Send the command *s*, a text; it and its answer share one wait."""
        self._wait = self._waits.begin()
        self._send_all(s.encode(self.command_encoding))

    def begin_content(self) -> None:
        """Begin to wait for the answer to a mail's content; LateError if it is too late."""
        self._wait = self._waits.begin_content()

    def send_content(self, content: bytes) -> None:
        """Send the content of a mail, whose lines end with CR LF."""
        content = content.replace(b"\r\n.", b"\r\n..")
        first = b"." if content.startswith(b".") else b""
        last = b"" if content.endswith(b"\r\n") else b"\r\n"
        self._send_all(first + content + last + b".\r\n")

    def getreply(self) -> tuple[int, bytes]:
        """Return code and text of the server's answer.

        Raises:
            SMTPServerDisconnected: the connection is closed, or what came is not an answer.
            OSError: it broke, or the answer did not come in time.
        """
        lines: list[bytes] = []
        left = _MOST_BYTES
        while len(lines) < _MOST_LINES and left > 0:
            line = self._read_line(left)
            left -= len(line)
            lines.append(line[4:].strip())
            if not _ANSWER.match(line):
                raise self._abandon(f"not an answer of a mail server: {quote_answer(line[:80])}")
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)
        raise self._abandon("an answer without an end")

    def _read_line(self, at_most: int) -> bytes:
        while b"\n" not in self._received and len(self._received) < at_most:
            self._received += self._receive()
        length = self._received.find(b"\n") + 1 or at_most
        line, self._received = self._received[:length], self._received[length:]
        return line

    def _receive(self) -> bytes:
        with self._waiting() as sock:
            received = sock.recv(_CHUNK)
        if not received:
            raise self._abandon("the server closed the connection")
        return received

    def _send_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            with self._waiting() as sock:
                view = view[sock.send(view) :]

    @contextmanager
    def _waiting(self) -> Iterator[socket.socket]:
        """Give the socket, which waits for what is left of the time; TimeoutError after that."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        left = self._wait.until - time.monotonic()
        if left <= 0:
            self.close()
            raise self._wait.error
        self.sock.settimeout(left)
        try:
            yield self.sock
        except OSError as error:
            self.close()  # nobody waits for an answer to QUIT then
            if isinstance(error, TimeoutError):
                raise self._wait.error from None
            raise

    def _abandon(self, why: str) -> smtplib.SMTPServerDisconnected:
        self.close()
        return smtplib.SMTPServerDisconnected(why)


def is_done(code: int) -> bool:
    """Return whether *code* says that a command was carried out, and the session goes on."""
    return code // 100 == _DONE and code not in _CLOSING


def _choose_own_name(connected: socket.socket) -> str:
    name = socket.gethostname()
    if "." in name and re.fullmatch(r"[A-Za-z0-9.-]+", name):
        return name
    address = str(connected.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
