"""Opens a session with a mail server, step by step: connection, TLS, login."""

import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from backup_monitoring.mail.headers import choose_mailbox
from backup_monitoring.mail.transport import TransportError, TransportRemark, quote_answer
from backup_monitoring.net import (
    ServerAddress,
    Trust,
    UnreachableError,
    connect,
    explain_failure,
    explain_rejection,
    is_private,
    make_context,
    read_password,
)
from backup_monitoring.settings import NotifySettings

_PORTS = {"smtp": 25, "smtps": 465}
_DONE, _LATER, _REFUSED = 250, 4, 5  # codes; of the latter two the first digit


class MailServer(NamedTuple):
    """The address of a mail server: the *uri* of the settings, and its parts."""

    uri: str
    scheme: str
    host: str
    port: int


def parse_server(uri: str) -> MailServer:
    """Parse *uri*, ``smtp://HOST:PORT`` or ``smtps://HOST:PORT``; TransportError if not valid."""
    try:
        parts = urlsplit(uri)
        if parts.scheme in _PORTS and parts.hostname:
            port = parts.port or _PORTS[parts.scheme]
            return MailServer(uri, parts.scheme, parts.hostname, port)
    except ValueError:  # an invalid port, or brackets without an IPv6 address
        pass
    remedy = "write [notify] smtp as smtp://HOST:PORT or smtps://HOST:PORT"
    raise TransportError(uri, "is not valid", remedy)


class SmtpConnection(smtplib.SMTP):
    """smtplib's connection over an open socket, so that every wait is bounded, also for DNS."""

    def __init__(self, connected: socket.socket, server: MailServer, wait: float) -> None:
        self._connected = connected
        self.greeting = ""
        super().__init__(timeout=wait, local_hostname=_choose_ehlo_name(connected))
        self._host = server.host  # starttls() verifies the certificate for this name
        code, text = self.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPResponseException(code, text)
        self.greeting = quote_answer(text)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._connected


def _choose_ehlo_name(connected: socket.socket) -> str:
    """Return the name for EHLO: smtplib would ask DNS for it, without a time limit."""
    name = socket.gethostname()
    if "." in name and re.fullmatch(r"[A-Za-z0-9.-]+", name):
        return name
    address = str(connected.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def open_session(settings: NotifySettings, wait: float) -> SmtpConnection:
    """Return a connection that is ready for mails; TransportError if that fails."""
    connection = None
    for connection, _ in open_in_steps(settings, wait):  # noqa: B007 - the last one is used
        pass
    assert connection is not None  # noqa: S101 - there are steps, or an error
    return connection


def hang_up(connection: SmtpConnection) -> None:
    """Quit the session if the server still answers, and close the connection."""
    try:
        connection.quit()
    except (OSError, smtplib.SMTPException):
        connection.close()


def open_in_steps(settings: NotifySettings, wait: float) -> Iterator[tuple[SmtpConnection, str]]:
    """Open a session; after each step yield the connection and a line about the step.

    Raises:
        TransportError: the step that failed, with its remedy; the connection is closed.
        SettingsError: the file of the password, or of the authorities.
    """
    server = parse_server(settings.smtp)
    trust = _make_trust(settings)
    connected = _connect(server, wait)
    try:
        with _explain_errors(server, wait, trust):
            if server.scheme == "smtps":
                connected = make_context(trust).wrap_socket(connected, server_hostname=server.host)
            connection = SmtpConnection(connected, server, wait)
            connected = connection.sock or connected
            connection.ehlo_or_helo_if_needed()
            yield connection, f"reached {server.uri}: {connection.greeting}"
            if server.scheme == "smtp" and settings.start_tls:
                _start_tls(connection, server, trust)
                connected = connection.sock or connected
            if isinstance(connected, ssl.SSLSocket):
                yield connection, f"{connected.version()}, certificate verified"
            if settings.username:
                _log_in(connection, server, settings)
                yield connection, f"logged in as {settings.username}"
    except BaseException:
        connected.close()
        raise


def _connect(server: MailServer, wait: float) -> socket.socket:
    try:
        # also bounds the wait for DNS
        return connect(ServerAddress(server.uri, server.scheme, server.host, server.port), wait)
    except UnreachableError as error:
        remedy = "check that the mail server runs, and [notify] smtp"
        raise TransportError(server.uri, error.problem, remedy) from None


def _make_trust(settings: NotifySettings) -> Trust:
    return Trust(settings.ca_file, "notify", "smtp")


@contextmanager
def _explain_errors(server: MailServer, wait: float, trust: Trust) -> Iterator[None]:
    """Turn errors of *server* into a TransportError with a remedy."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        problem, remedy = explain_rejection(error, server.host, trust)
        raise TransportError(server.uri, problem, remedy) from None
    except ssl.SSLError as error:
        remedy = "use smtps:// for a port with TLS from the start, start_tls with smtp://"
        raise TransportError(server.uri, f"no TLS: {explain_failure(error)}", remedy) from None
    except smtplib.SMTPResponseException as error:
        problem = f"rejected the connection: {error.smtp_code} {quote_answer(error.smtp_error)}"
        raise TransportError(server.uri, problem, "check the mail server's log") from None
    except (OSError, ValueError, smtplib.SMTPException) as error:
        problem = f"the connection broke: {quote_answer(str(error))}"
        if "timed out" in str(error):  # smtplib's words
            problem = f"no answer within {wait:g} s"
        raise TransportError(server.uri, problem, "check the mail server's log") from None


def _start_tls(connection: SmtpConnection, server: MailServer, trust: Trust) -> None:
    if not connection.has_extn("starttls"):
        remedy = "use smtps://, or set start_tls = false if the network is trusted"
        raise TransportError(server.uri, "does not offer STARTTLS", remedy)
    connection.starttls(context=make_context(trust))
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
    """Try the mail server without sending anything; yield a line after each step.

    With ``[notify] from`` a mail to the operator is begun, and given up before its content.

    Raises:
        TransportError: the step that failed, with its remedy.
        MailError: ``from`` or ``operator`` is not valid.
    """
    connection = None
    for connection, line in open_in_steps(settings, wait):  # noqa: B007 - the last one is used
        yield line
    assert connection is not None  # noqa: S101 - there are steps, or an error
    try:
        with _explain_errors(parse_server(settings.smtp), wait, _make_trust(settings)):
            _require_done(connection.noop())
            if settings.sender:
                yield from _try_envelopes(connection, settings)
    finally:
        hang_up(connection)
    yield "accepts commands; nothing was sent"


def _require_done(answer: tuple[int, bytes]) -> None:
    if answer[0] != _DONE:
        raise smtplib.SMTPResponseException(*answer)


def _try_envelopes(connection: SmtpConnection, settings: NotifySettings) -> Iterator[str]:
    sender = choose_mailbox(settings.sender, "[notify] from").address
    return_path = settings.return_path or "the null return path"
    code, text = connection.mail(settings.return_path)
    if code != _DONE:
        problem = f"refuses mails from {return_path}: {code} {quote_answer(text)}"
        remedy = "check return_path and username in [notify], and the mail server's log"
        raise TransportError(settings.smtp, problem, remedy)
    yield f"accepts mails from {return_path}"
    if settings.operator:
        yield _try_operator(connection, settings)
    _require_done(connection.rset())
    if sender != settings.return_path:
        code, text = connection.mail(sender)
        if code != _DONE:
            answer = f"{code} {quote_answer(text)}"
            yield TransportRemark(
                f"refuses mails from {sender}: {answer}; it is only the From of the mails, which "
                "cannot be tried without sending: see notify_backup --test-mail"
            )
        _require_done(connection.rset())


def _try_operator(connection: SmtpConnection, settings: NotifySettings) -> str:
    address = choose_mailbox(settings.operator, "[notify] operator").address
    code, text = connection.rcpt(address)
    answer = f"{code} {quote_answer(text)}"
    if code // 100 == _REFUSED:
        problem = f"refuses the operator {address}: {answer}"
        remedy = "check operator in [notify], and that the server relays for this host or login"
        raise TransportError(settings.smtp, problem, remedy)
    if code // 100 == _LATER:
        return f"asks to try the operator {address} again later: {answer}"
    return f"accepts the operator {address}"
