"""A real mail server on loopback that misbehaves on demand."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from integration import slapd
from integration.slapd import free_port, make_authority

USER, PASSWORD = "notifier", "secret of the tests"


class Got(NamedTuple):
    """A mail that was accepted."""

    sender: str
    address: str
    key: str
    content: bytes


class Behaviour:
    """What the server does, and what it got; tests set the attributes."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.commands: list[str] = []
        self.answers: dict[str, str] = {}  # by address and phase, "RCPT a@example.org"
        self.greylist: set[str] = set()
        self.drop: str = ""  # a phase: the connection is cut there
        self.drops = 10**6  # how many times
        self.stall: str = ""  # a phase: nothing is answered

    @property
    def connections(self) -> int:
        return self.commands.count("EHLO")

    def keys(self) -> Counter[str]:
        return Counter(each.key for each in self.got)

    async def at(self, phase: str, server: Any) -> None:
        """Misbehave as configured when *phase* is reached."""
        self.commands.append(phase)
        if self.stall == phase:
            await asyncio.sleep(30)
        if self.drop == phase and self.drops > 0:
            self.drops -= 1
            server.transport.abort()
            await asyncio.sleep(0.01)

    def find_answer(self, phase: str, address: str) -> str | None:
        if phase == "RCPT" and address in self.greylist:
            self.greylist.discard(address)
            return "450 4.2.0 greylisted, try again"
        return self.answers.get(f"{phase} {address}") or self.answers.get(phase)


class Handler:
    def __init__(self, behaviour: Behaviour) -> None:
        self._b = behaviour

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        session.host_name = hostname
        await self._b.at("EHLO", server)
        return lines

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._b.at("MAIL", server)
        answer = self._b.find_answer("MAIL", address)
        if answer is None:
            envelope.mail_from = address  # '<>' for the null return path
        return answer or "250 2.1.0 fine"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._b.at("RCPT", server)
        answer = self._b.find_answer("RCPT", address)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 2.1.5 fine"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        await self._b.at("DATA", server)
        content = envelope.content
        assert isinstance(content, bytes)
        address = envelope.rcpt_tos[0]
        answer = self._b.find_answer("DATA", address)
        if answer is None:
            key = str(message_from_bytes(content)["Message-ID"])
            self._b.got.append(Got(envelope.mail_from or "", address, key, content))
        await self._b.at("ACCEPTED", server)
        return answer or "250 2.0.0 queued"

    async def handle_RSET(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        await self._b.at("RSET", server)
        return "250 OK"


class _Server(SMTP):
    """Counts connections, and can misbehave before it says a word."""

    behaviour: Behaviour

    def connection_made(self, transport: Any) -> None:
        if self.behaviour.drop == "CONNECT":
            transport.abort()
            return
        super().connection_made(transport)

    async def _handle_client(self) -> None:
        if self.behaviour.stall == "CONNECT":
            await asyncio.sleep(30)
        await super()._handle_client()


class _Controller(Controller):
    behaviour: Behaviour

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._servers: list[_Server] = []  # one a connection

    def _trigger_server(self) -> None:
        # aiosmtpd's own trial connection trusts no authority of ours
        with socket.create_connection((self.hostname, self.port)):
            pass

    def factory(self) -> SMTP:
        server = _Server(self.handler, **self.SMTP_kwargs)
        server.behaviour = self.behaviour
        self._servers.append(server)
        return server

    def cancel_tasks(self, stop_loop: bool = True) -> None:
        # From Python 3.12 on the end of a server waits for connections that clients left open.
        for server in self._servers:
            if isinstance(server.transport, asyncio.Transport):
                server.transport.abort()
        super().cancel_tasks(stop_loop)


@contextmanager
def running(
    tls: ssl.SSLContext | None = None, start_tls: ssl.SSLContext | None = None, login: bool = False
) -> Iterator[tuple[Behaviour, int]]:
    """Give a server's behaviour and its port; *tls* from the beginning, or by *start_tls*."""
    behaviour = Behaviour()
    port = free_port()
    controller = _Controller(
        Handler(behaviour),
        hostname="127.0.0.1",
        port=port,
        ssl_context=tls,
        server_hostname="mx.example.org",
        tls_context=start_tls,
        require_starttls=start_tls is not None,
        auth_required=login,
        auth_require_tls=False,
        authenticator=_authenticate if login else None,
    )
    controller.behaviour = behaviour
    controller.start()
    try:
        yield behaviour, port
    finally:
        controller.stop()


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    assert isinstance(data, LoginPassword)
    fine = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=fine, handled=fine)


def certificate(folder: Path, name: str = "localhost") -> tuple[ssl.SSLContext, Path]:
    """Return a server's context for *name*, and the authority's certificate."""
    authority = make_authority(folder)
    names = f"subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE\n"
    (folder / "extensions").write_text(names + slapd.KEY_IDENTIFIERS)
    key, request, signed = (folder / f"server.{each}" for each in ("key", "csr", "crt"))
    slapd._run(
        *("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", f"/CN={name}", "-keyout", key, "-out", request),
    )
    slapd._run(
        *("openssl", "x509", "-req", "-in", request, "-days", "2", "-CA", authority),
        *("-CAkey", folder / "ca.key", "-CAcreateserial", "-extfile", folder / "extensions"),
        *("-out", signed),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed, key)
    return context, authority
