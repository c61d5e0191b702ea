"""Connects to a mail server step by step: TLS, verified, and the login."""

import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from backup_monitoring.mail.transport import TransportError, quote_answer
from backup_monitoring.net import (
    ServerAddress,
    UnreachableError,
    connect,
    explain_failure,
    is_private,
    read_password,
)
from backup_monitoring.settings import NotifySettings

_PORTS = {"smtp": 25, "smtps": 465}


class MailServer(NamedTuple):
    """A mail server's address: *uri* as the settings have it, and its parts."""

    uri: str
    scheme: str
    host: str
    port: int


def parse_server(uri: str) -> MailServer:
    """Understand *uri*, ``smtp://HOST:PORT`` or ``smtps://HOST:PORT``; TransportError if not."""
    try:
        parts = urlsplit(uri)
        if parts.scheme in _PORTS and parts.hostname:
            port = parts.port or _PORTS[parts.scheme]
            return MailServer(uri, parts.scheme, parts.hostname, port)
    except ValueError:  # a port that is no number, brackets without an IPv6 address
        pass
    remedy = "write [notify] smtp as smtp://HOST:PORT or smtps://HOST:PORT"
    raise TransportError(uri, "is not understood", remedy)


class SmtpConnection(smtplib.SMTP):
    """smtplib's connection, over a socket whose every wait, name look-up included, is bounded."""

    def __init__(self, connected: socket.socket, server: MailServer, wait: float) -> None:
        self._connected = connected
        self.greeting = ""
        super().__init__(timeout=wait, local_hostname=_own_name(connected))
        self._host = server.host  # what starttls() verifies the certificate against
        code, text = self.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPResponseException(code, text)
        self.greeting = quote_answer(text)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._connected


def _own_name(connected: socket.socket) -> str:
    """Return what EHLO says: smtplib would ask the name servers, without a bound of time."""
    name = socket.gethostname()
    if "." in name and re.fullmatch(r"[A-Za-z0-9.-]+", name):
        return name
    address = str(connected.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def open_session(settings: NotifySettings, wait: float) -> SmtpConnection:
    """Return a connection that mails can be sent over; TransportError if there is none."""
    connection = None
    for connection, _ in steps(settings, wait):  # noqa: B007 - the last one is wanted
        pass
    assert connection is not None  # noqa: S101 - there are steps, or an error
    return connection


def hang_up(connection: SmtpConnection) -> None:
    """Say good-bye, if the server still listens, and close."""
    try:
        connection.quit()
    except (OSError, smtplib.SMTPException):
        connection.close()


def steps(settings: NotifySettings, wait: float) -> Iterator[tuple[SmtpConnection, str]]:
    """Connect; after each step give the connection and, in a few words, what succeeded.

    Raises:
        TransportError: the step that failed, with its remedy; the connection is closed.
        SettingsError: the password's file.
    """
    server = parse_server(settings.smtp)
    connected = _reached(server, wait)
    try:
        with _explained(server, wait):
            if server.scheme == "smtps":
                connected = _context(settings).wrap_socket(connected, server_hostname=server.host)
            connection = SmtpConnection(connected, server, wait)
            connected = connection.sock or connected
            connection.ehlo_or_helo_if_needed()
            yield connection, f"reached {server.uri}: {connection.greeting}"
            if server.scheme == "smtp" and settings.start_tls:
                _start_tls(connection, server, settings)
                connected = connection.sock or connected
            if isinstance(connected, ssl.SSLSocket):
                yield connection, f"{connected.version()}, certificate verified"
            if settings.username:
                _log_in(connection, server, settings)
                yield connection, f"logged in as {settings.username}"
    except BaseException:
        connected.close()
        raise


def _reached(server: MailServer, wait: float) -> socket.socket:
    try:
        # the directory's way to connect: it bounds the look-up of the name, too
        return connect(ServerAddress(server.uri, server.scheme, server.host, server.port), wait)
    except UnreachableError as error:
        remedy = "see whether the mail server runs, and [notify] smtp"
        raise TransportError(server.uri, error.problem, remedy) from None


@contextmanager
def _explained(server: MailServer, wait: float) -> Iterator[None]:
    """Turn what goes wrong with *server* into a TransportError."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        problem = f"its certificate is refused ({error.verify_message})"
        remedy = "see [notify] ca_file, the name in smtp, and the server's certificate"
        raise TransportError(server.uri, problem, remedy) from None
    except ssl.SSLError as error:
        remedy = "smtps:// is for a port that speaks TLS at once, start_tls for one of smtp://"
        raise TransportError(server.uri, f"no TLS: {explain_failure(error)}", remedy) from None
    except smtplib.SMTPResponseException as error:
        problem = f"turns us away: {error.smtp_code} {quote_answer(error.smtp_error)}"
        raise TransportError(server.uri, problem, "see the mail server's log") from None
    except (OSError, ValueError, smtplib.SMTPException) as error:
        problem = f"the connection broke: {quote_answer(str(error))}"
        if "timed out" in str(error):  # as smtplib says it
            problem = f"no answer within {wait:g} s"
        raise TransportError(server.uri, problem, "see the mail server's log") from None


def _context(settings: NotifySettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        problem = f"no certificates to be had: {error.strerror or error}"
        remedy = "name a readable PEM file as [notify] ca_file"
        raise TransportError(str(settings.ca_file), problem, remedy) from None


def _start_tls(connection: SmtpConnection, server: MailServer, settings: NotifySettings) -> None:
    if not connection.has_extn("starttls"):
        remedy = "use smtps://, or set start_tls = false where the way there is safe"
        raise TransportError(server.uri, "offers no STARTTLS", remedy)
    connection.starttls(context=_context(settings))
    connection.ehlo()


def _log_in(connection: SmtpConnection, server: MailServer, settings: NotifySettings) -> None:
    sock = connection.sock
    if sock is None or not is_private(sock):
        remedy = "set start_tls = true, or use smtps://"
        raise TransportError(server.uri, "the password would be sent in the clear", remedy)
    password = settings.password
    if not password and settings.password_file is not None:
        password = read_password(settings.password_file)
    remedy = "check username and password_file in [notify]"
    try:
        connection.login(settings.username, password)
    except smtplib.SMTPAuthenticationError as error:
        problem = f"refuses the login: {error.smtp_code} {quote_answer(error.smtp_error)}"
        raise TransportError(server.uri, problem, remedy) from None
    except smtplib.SMTPNotSupportedError:
        raise TransportError(server.uri, "offers no login", "leave username out") from None
    except UnicodeEncodeError:  # never its text: it holds the password
        problem = "the login has characters that are not ASCII"
        raise TransportError(server.uri, problem, remedy) from None


def try_server(settings: NotifySettings, wait: float) -> Iterator[str]:
    """Try the mail server without sending anything; say after each step what succeeded.

    Raises:
        TransportError: the step that failed, with its remedy.
    """
    connection = None
    for connection, said in steps(settings, wait):  # noqa: B007 - the last one is used
        yield said
    assert connection is not None  # noqa: S101 - there are steps, or an error
    with _explained(parse_server(settings.smtp), wait):
        code, text = connection.noop()
        if code != 250:
            raise smtplib.SMTPResponseException(code, text)
    hang_up(connection)
    yield "it takes commands; nothing was sent"
