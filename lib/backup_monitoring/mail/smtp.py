"""Delivers mails to a mail server, many over one connection."""

import re
import smtplib

from backup_monitoring.mail.smtp_session import SmtpConnection, hang_up, open_session
from backup_monitoring.mail.transport import (
    SendOutcome,
    SendResult,
    TransportError,
    find_unusable,
    quote_answer,
)
from backup_monitoring.settings import NotifySettings

_WAIT_FACTOR_AFTER_DATA = 4  # a missed answer means that the mail is sent twice
_NOT_ALLOWED = (530, 534, 535, 538)  # RFC 4954: about our login, not about this mail
_CLOSING = 421


class Smtp:
    """A transport by SMTP; certificates are always verified.

    Args:
        settings: ``smtp``, ``start_tls``, ``ca_file``, and the login.
        wait: seconds to wait for each answer.
    """

    def __init__(self, settings: NotifySettings, wait: float) -> None:
        self._settings = settings
        self._wait = wait
        self._connection: SmtpConnection | None = None

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        """Send *message* over the open connection, or a new one; see `Transport`."""
        problem = find_unusable(address)
        if problem:
            return SendResult(SendOutcome.REFUSED, problem)
        if self._connection is None or not self._reset(self._connection):
            self._connection = open_session(self._settings, self._wait)
        try:
            answer = _transact(self._connection, sender, address, message)
        except (OSError, smtplib.SMTPException) as error:
            self._abandon()
            return SendResult(SendOutcome.LOST, _format_error(error, self._wait))
        except TransportError:
            self.close()
            raise
        if answer.outcome is SendOutcome.LOST:
            self._abandon()
        return answer

    def _reset(self, connection: SmtpConnection) -> bool:
        """Reset a used connection; return whether it still works: servers may end it anytime."""
        try:
            if connection.rset()[0] == 250:
                return True
        except (OSError, smtplib.SMTPException):
            pass  # the reason does not matter: a new connection is opened
        self._abandon()
        return False

    def _abandon(self) -> None:
        if self._connection is not None:
            self._connection.close()  # without QUIT, which may never be answered
        self._connection = None

    def close(self) -> None:
        """Quit the session, if there is one."""
        if self._connection is not None:
            hang_up(self._connection)
        self._connection = None


def _transact(connection: SmtpConnection, sender: str, address: str, message: bytes) -> SendResult:
    options = ["BODY=8BITMIME"] if _needs_8bit(connection, message) else []
    code, text = connection.mail(sender, options)
    if code in _NOT_ALLOWED:
        raise TransportError(
            "the mail server",
            f"refuses the sender: {code} {quote_answer(text)}",
            "check username, password_file and start_tls in [notify]",
        )
    if code // 100 == 2:
        code, text = connection.rcpt(address)
    if code // 100 == 2:
        code, text = _send_data(connection, message)
    return _make_result(code, text)


def _needs_8bit(connection: SmtpConnection, message: bytes) -> bool:
    return not message.isascii() and connection.has_extn("8bitmime")


def _send_data(connection: SmtpConnection, message: bytes) -> tuple[int, bytes]:
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", message)
    sock = connection.sock
    assert sock is not None  # noqa: S101 - just used
    timeout = sock.gettimeout() or 0
    sock.settimeout(timeout * _WAIT_FACTOR_AFTER_DATA)
    try:
        return connection.data(lines)
    except smtplib.SMTPDataError as error:
        return error.smtp_code, _encode(error.smtp_error)
    finally:
        if connection.sock is sock:  # still open
            sock.settimeout(timeout)


def _make_result(code: int, text: bytes) -> SendResult:
    reason = f"{code} {quote_answer(text)}"
    if code // 100 == 2:
        return SendResult(SendOutcome.ACCEPTED, reason)
    if code == _CLOSING:
        return SendResult(SendOutcome.LOST, reason)
    return SendResult(SendOutcome.REFUSED if code // 100 == 5 else SendOutcome.LATER, reason)


def _encode(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _format_error(error: Exception, wait: float) -> str:
    if isinstance(error, TimeoutError) or "timed out" in str(error):  # smtplib's words
        return f"no answer within {wait:g} s"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {quote_answer(error.smtp_error)}"
    return quote_answer(f"the connection broke: {error}")
