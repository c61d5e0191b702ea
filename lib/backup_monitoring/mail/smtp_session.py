"""Opens a session with a mail server, step by step: connection, TLS, login."""

import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from backup_monitoring.mail.headers import choose_mailbox
from backup_monitoring.mail.return_path import make_return_path
from backup_monitoring.mail.smtp_connection import LateError, SmtpConnection, Waits, is_done
from backup_monitoring.mail.smtp_login import log_in
from backup_monitoring.mail.transport import TransportError, TransportRemark, quote_answer
from backup_monitoring.net import (
    ServerAddress,
    Trust,
    UnreachableError,
    connect,
    explain_failure,
    explain_rejection,
    make_context,
)
from backup_monitoring.settings import NotifySettings

_PORTS = {"smtp": 25, "smtps": 465}
_LATER, _REFUSED = 4, 5  # the first digit
_SEE_LOG = "check the mail server's log"
_EXPECTED = "check that it serves this host, and smtp, username and start_tls in [notify]"
LOGIN = (530, 534, 535, 538)  # RFC 4954: answers about a login, whatever the command was


class MailServer(NamedTuple):
    """The address of a mail server: the *uri* of the settings, and its parts."""

    uri: str
    scheme: str
    host: str
    port: int


def parse_server(uri: str) -> MailServer:
    """Parse *uri*, ``smtp://HOST:PORT`` or ``smtps://HOST:PORT``; TransportError if not valid."""
    try:
        # urlsplit leaves out tabs and line ends, and so would read another URI.
        parts = urlsplit(uri if uri.isprintable() else "")
        if parts.scheme in _PORTS and parts.hostname:
            port = parts.port or _PORTS[parts.scheme]
            return MailServer(uri, parts.scheme, parts.hostname, port)
    except ValueError:  # an invalid port, or brackets without an IPv6 address
        pass
    remedy = "write [notify] smtp as smtp://HOST:PORT or smtps://HOST:PORT"
    raise TransportError(uri, "is not valid", remedy)


def open_session(settings: NotifySettings, waits: Waits) -> SmtpConnection:
    """Return a connection that is ready for mails; raises what `open_in_steps` raises."""
    connection = None
    for connection, _ in open_in_steps(settings, waits):  # noqa: B007 - the last one is used
        pass
    assert connection is not None  # noqa: S101 - there are steps, or an error
    return connection


def hang_up(connection: SmtpConnection) -> None:
    """Quit the session if the server still answers, and close the connection."""
    try:
        connection.quit()
    except (OSError, smtplib.SMTPException):
        connection.close()


def open_in_steps(settings: NotifySettings, waits: Waits) -> Iterator[tuple[SmtpConnection, str]]:
    """Open a session; after each step yield the connection and a line about the step.

    Raises:
        TransportError: the step that failed, with its remedy; the connection is closed.
        LateError: the time limit was reached.
        SettingsError: the file of the password, or of the authorities.
    """
    server = parse_server(settings.smtp)
    trust = _make_trust(settings)
    with _explain_errors(server, waits, trust):
        connected = _connect(server, waits)
        try:
            if server.scheme == "smtps":
                connected = make_context(trust).wrap_socket(connected, server_hostname=server.host)
            connection = SmtpConnection(
                connected, server.host, server.port, waits, settings.helo_name
            )
            connection.ehlo_or_helo_if_needed()
            yield connection, f"reached {server.uri}: {connection.greeting}"
            if server.scheme == "smtp" and settings.start_tls:
                _start_tls(connection, server, trust)
                connected = connection.sock or connected
            if isinstance(connected, ssl.SSLSocket):
                yield connection, f"{connected.version()}, certificate verified"
            if settings.username:
                log_in(connection, settings)
                yield connection, f"logged in as {settings.username}"
        except BaseException:
            connected.close()
            raise


def _connect(server: MailServer, waits: Waits) -> socket.socket:
    wait = waits.begin().until - time.monotonic()
    try:
        # also bounds the wait for DNS
        return connect(ServerAddress(server.uri, server.scheme, server.host, server.port), wait)
    except UnreachableError as error:
        remedy = "check that the mail server runs, and [notify] smtp"
        raise TransportError(server.uri, error.problem, remedy) from None


def _make_trust(settings: NotifySettings) -> Trust:
    return Trust(settings.ca_file, "notify", "smtp")


@contextmanager
def _explain_errors(server: MailServer, waits: Waits, trust: Trust) -> Iterator[None]:
    """Turn errors of *server* into a TransportError with a remedy."""
    try:
        yield
    except LateError:  # nobody's fault but the time limit's
        raise
    except ssl.SSLCertVerificationError as error:
        problem, remedy = explain_rejection(error, server.host, trust)
        raise TransportError(server.uri, problem, remedy) from None
    except ssl.SSLError as error:
        remedy = "use smtps:// for a port with TLS from the start, start_tls with smtp://"
        raise TransportError(server.uri, f"no TLS: {explain_failure(error)}", remedy) from None
    except smtplib.SMTPResponseException as error:
        answer = f"{error.smtp_code} {quote_answer(error.smtp_error)}"
        problem, remedy = f"rejected the connection: {answer}", _EXPECTED
        if isinstance(error, smtplib.SMTPHeloError):
            problem = f"refuses the name of this host in EHLO and HELO: {answer}"
            remedy = "set helo_name in [notify] to the full name that DNS has for this host"
        raise TransportError(server.uri, problem, remedy) from None
    except TimeoutError as error:
        text = str(error)
        if "timed out" in text:  # the ssl module's words
            text = f"no answer within {waits.seconds:g} s"
        raise TransportError(server.uri, text, _SEE_LOG) from None
    except (OSError, ValueError, smtplib.SMTPException) as error:
        problem = f"the connection broke: {quote_answer(str(error))}"
        raise TransportError(server.uri, problem, _SEE_LOG) from None


def _start_tls(connection: SmtpConnection, server: MailServer, trust: Trust) -> None:
    if not connection.has_extn("starttls"):
        remedy = "use smtps://, or set start_tls = false if the network is trusted"
        raise TransportError(server.uri, "does not offer STARTTLS", remedy)
    connection.encrypt(make_context(trust))


def try_server(settings: NotifySettings, wait: float) -> Iterator[str]:
    """Try the mail server without sending anything; yield a line after each step.

    With ``[notify] from`` a mail to the operator is begun, and given up before its content.

    Raises:
        TransportError: the step that failed, with its remedy.
        MailError: ``from`` or ``operator`` is not valid.
    """
    connection = None
    waits = Waits(wait)
    for connection, line in open_in_steps(settings, waits):  # noqa: B007 - the last one is used
        yield line
    assert connection is not None  # noqa: S101 - there are steps, or an error
    try:
        with _explain_errors(parse_server(settings.smtp), waits, _make_trust(settings)):
            _require_done(connection.noop())
            if settings.sender:
                yield from _try_envelopes(connection, settings)
    finally:
        hang_up(connection)
    yield "accepts commands; nothing was sent"


def explain_refused_sender(
    settings: NotifySettings, sender: str, code: int, text: bytes
) -> TransportError:
    """Return the error of a server that answers *code* and *text* to the return path *sender*."""
    if code in LOGIN:
        remedy = "check username, password_file and start_tls in [notify]"
    elif sender:
        remedy = "check return_path in [notify], and that the server serves this host or username"
    else:
        remedy = "set return_path in [notify], or let the server accept bounces from this host"
    problem = f"refuses mails from {sender or 'the null return path'}: {code} {quote_answer(text)}"
    return TransportError(settings.smtp, problem, remedy)


def _require_done(answer: tuple[int, bytes]) -> None:
    if not is_done(answer[0]):
        raise smtplib.SMTPResponseException(*answer)


def _try_envelopes(connection: SmtpConnection, settings: NotifySettings) -> Iterator[str]:
    sender = choose_mailbox(settings.sender, "[notify] from").address
    return_path = make_return_path(settings.return_path, "test")
    code, text = connection.mail(return_path)
    if not is_done(code):
        raise explain_refused_sender(settings, return_path, code, text)
    yield f"accepts mails from {return_path or 'the null return path'}"
    if settings.operator:
        yield _try_operator(connection, settings)
    _require_done(connection.rset())
    if sender != return_path:
        code, text = connection.mail(sender)
        if not is_done(code):
            answer = f"{code} {quote_answer(text)}"
            yield TransportRemark(
                f"refuses mails from {sender}: {answer}; it is only the From of the mails, which "
                "cannot be tried without sending: see notify_backup --test-mail"
            )
        _require_done(connection.rset())


def explain_refused_operator(settings: NotifySettings, code: int, text: bytes) -> TransportError:
    """Return the error of a server that answers *code* and *text* to the operator's address."""
    address = choose_mailbox(settings.operator, "[notify] operator").address
    problem = f"refuses the operator {address}: {code} {quote_answer(text)}"
    remedy = "check operator and username in [notify], and that the server relays for this host"
    return TransportError(settings.smtp, problem, remedy)


def _try_operator(connection: SmtpConnection, settings: NotifySettings) -> str:
    address = choose_mailbox(settings.operator, "[notify] operator").address
    code, text = connection.rcpt(address)
    if code // 100 == _REFUSED:
        raise explain_refused_operator(settings, code, text)
    if code // 100 == _LATER:
        answer = f"{code} {quote_answer(text)}"
        return f"asks to try the operator {address} again later: {answer}"
    return f"accepts the operator {address}"
