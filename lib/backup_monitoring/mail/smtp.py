"""Delivers mails to a mail server, many over one connection."""

import math
import smtplib

from backup_monitoring.mail.headers import MailError, choose_mailbox
from backup_monitoring.mail.smtp_connection import (
    CONTINUE,
    LateError,
    SmtpConnection,
    Waits,
    is_done,
)
from backup_monitoring.mail.smtp_session import (
    LOGIN,
    explain_refused_operator,
    explain_refused_sender,
    hang_up,
    open_session,
)
from backup_monitoring.mail.transport import (
    SendOutcome,
    SendResult,
    TransportError,
    find_unusable,
    quote_answer,
)
from backup_monitoring.settings import NotifySettings

_LATER, _REFUSED = 4, 5  # the first digit
_CLOSING = 421


class Smtp:
    """A transport by SMTP; certificates are always verified.

    Args:
        settings: ``smtp``, ``start_tls``, ``ca_file``, the login, ``helo_name`` and ``operator``.
        wait: seconds to wait for each answer.
        deadline: monotonic time at which the last answer has come, or was not waited for.
    """

    def __init__(self, settings: NotifySettings, wait: float, deadline: float = math.inf) -> None:
        self._settings = settings
        self._waits = Waits(wait, deadline)
        self._connection: SmtpConnection | None = None
        self._is_clean = False

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        """Send *message* over the open connection, or a new one; see `Transport`.

        An answer to RCPT is about the address. All other answers are about us: whatever they say,
        the mail waits. Only a server that refuses its operator, too, refuses an address because of
        us.
        """
        problem = find_unusable(address)
        if problem:
            return SendResult(SendOutcome.REFUSED, problem)
        try:
            code, text = self._begin(sender, not message.isascii())
            result = self._transact(code, text, sender, address, message)
        except (OSError, smtplib.SMTPException) as error:
            result = SendResult(SendOutcome.LOST, quote_answer(str(error)))
        except TransportError:
            self.close()
            raise
        if result.outcome in (SendOutcome.LOST, SendOutcome.UNANSWERED):
            self._abandon()
        return result

    def _begin(self, sender: str, needs_8bit: bool) -> tuple[int, bytes]:
        """Return the answer to MAIL on the open connection, or on a new one.

        A server may end a connection anytime: that is noticed here, when nothing is lost.
        """
        if self._connection is not None:
            try:
                if self._is_clean or is_done(self._connection.rset()[0]):
                    code, text = _send_mail_command(self._connection, sender, needs_8bit)
                    if code != _CLOSING:
                        return code, text
            except LateError:
                raise
            except (OSError, smtplib.SMTPException):
                pass  # the reason does not matter: a new connection is opened
            self._abandon()
        self._connection = open_session(self._settings, self._waits)
        return _send_mail_command(self._connection, sender, needs_8bit)

    def _transact(
        self, code: int, text: bytes, sender: str, address: str, message: bytes
    ) -> SendResult:
        """Go on after the answer *code* and *text* to MAIL."""
        connection = self._connection
        assert connection is not None  # noqa: S101 - there was an answer
        self._is_clean = False
        if code // 100 == _REFUSED:
            raise explain_refused_sender(self._settings, sender, code, text)
        if not is_done(code):
            return _put_off(code, text)
        code, text = connection.rcpt(address)
        if code in LOGIN:
            raise explain_refused_sender(self._settings, sender, code, text)
        if code // 100 == _REFUSED:
            return self._judge_refusal(connection, address, code, text)
        if not is_done(code):
            return _put_off(code, text)
        code, text = connection.docmd("DATA")
        if code == CONTINUE:
            return self._send_content(connection, message)
        if code // 100 == _REFUSED:
            return self._refuse_message("to send a mail", code, text)
        return _put_off(code, text)

    def _send_content(self, connection: SmtpConnection, message: bytes) -> SendResult:
        lines = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        connection.begin_content()
        connection.send_content(lines)
        try:
            code, text = connection.getreply()
        except (OSError, smtplib.SMTPException) as error:
            return SendResult(SendOutcome.UNANSWERED, quote_answer(str(error)))
        if is_done(code):
            self._is_clean = True  # the server awaits the next mail: RFC 5321, 4.1.1.4
            return SendResult(SendOutcome.ACCEPTED, f"{code} {quote_answer(text)}")
        if code // 100 == _REFUSED:
            return self._refuse_message("the content of a mail", code, text)
        result = _put_off(code, text)
        if result.outcome is SendOutcome.LOST and code != _CLOSING:  # neither yes nor no
            return result._replace(outcome=SendOutcome.UNANSWERED)
        return result

    def _judge_refusal(
        self, connection: SmtpConnection, address: str, code: int, text: bytes
    ) -> SendResult:
        """Return the result of a mail to *address*, which is refused with *code* and *text*."""
        refused = SendResult(SendOutcome.REFUSED, f"{code} {quote_answer(text)}")
        operator = self._find_operator()
        if not operator:
            return refused
        if operator != address:
            code, text = connection.rcpt(operator)
        if code // 100 != _REFUSED:
            return refused
        error = explain_refused_operator(self._settings, code, text)
        return refused._replace(outcome=SendOutcome.LATER, error=error)

    def _find_operator(self) -> str:
        """Return the operator's address, '' without one: the settings are not this mail's fault."""
        try:
            return choose_mailbox(self._settings.operator, "[notify] operator").address
        except MailError:
            return ""

    def _refuse_message(self, what: str, code: int, text: bytes) -> SendResult:
        """Return the result of a mail that the server does not take from us."""
        answer = f"{code} {quote_answer(text)}"
        remedy = "check from and username in [notify], the reseller's sstMailFrom, the server's log"
        error = TransportError(self._settings.smtp, f"refuses {what}: {answer}", remedy)
        return SendResult(SendOutcome.LATER, answer, error)

    def _abandon(self) -> None:
        if self._connection is not None:
            self._connection.close()  # without QUIT, which may never be answered
        self._connection = None

    def close(self) -> None:
        """Quit the session, if there is one."""
        if self._connection is not None:
            hang_up(self._connection)
        self._connection = None


def _send_mail_command(
    connection: SmtpConnection, sender: str, needs_8bit: bool
) -> tuple[int, bytes]:
    has_8bit = needs_8bit and connection.has_extn("8bitmime")
    return connection.mail(sender, ["BODY=8BITMIME"] if has_8bit else [])


def _put_off(code: int, text: bytes) -> SendResult:
    """Return the result of an answer that is neither yes nor a refusal for good."""
    outcome = SendOutcome.LATER if code // 100 == _LATER else SendOutcome.LOST
    if code == _CLOSING:
        outcome = SendOutcome.LOST
    return SendResult(outcome, f"{code} {quote_answer(text)}")
