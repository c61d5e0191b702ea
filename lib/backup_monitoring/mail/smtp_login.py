"""Logs in to a mail server, by the first way that server and this host both have."""

import hmac
import smtplib
from collections.abc import Iterator

from backup_monitoring.mail.smtp_connection import SmtpConnection
from backup_monitoring.mail.transport import TransportError, quote_answer
from backup_monitoring.net import is_private, read_password
from backup_monitoring.settings import NotifySettings

_REMEDY = "check username and password_file in [notify]"
_WAYS = ("CRAM-MD5", "PLAIN", "LOGIN")


def log_in(connection: SmtpConnection, settings: NotifySettings) -> None:
    """Log in as ``username``; a way that the server refuses is followed by the next one.

    Raises:
        TransportError: the connection is not private, or no way is left.
        SettingsError: the file of the password.
        OSError, SMTPException: the connection broke.
    """
    uri = settings.smtp
    if connection.sock is None or not is_private(connection.sock):
        remedy = "set start_tls = true, or use smtps://"
        raise TransportError(uri, "the password would be sent in the clear", remedy)
    connection.user, connection.password = settings.username, _read_password(settings)
    refusal = ""
    for way in _choose_ways(connection, uri):
        name = f"auth_{way.lower().replace('-', '_')}"
        try:
            connection.auth(way, getattr(connection, name))
        except smtplib.SMTPAuthenticationError as error:
            refusal = f"{error.smtp_code} {quote_answer(error.smtp_error)}"
        except UnicodeEncodeError:  # never its text: it holds the password
            problem = "the login has characters that are not ASCII"
            raise TransportError(uri, problem, _REMEDY) from None
        else:
            return
    raise TransportError(uri, f"refuses the login: {refusal}", _REMEDY)


def _read_password(settings: NotifySettings) -> str:
    if settings.password or settings.password_file is None:
        return settings.password
    return read_password(settings.password_file)


def _choose_ways(connection: SmtpConnection, uri: str) -> list[str]:
    """Return the ways to log in that both sides have; TransportError if there is none."""
    offered = connection.esmtp_features.get("auth", "").upper().split()
    if not offered:
        raise TransportError(uri, "offers no login", "leave username out")
    ways = list(_list_common(offered))
    if not ways:
        only = quote_answer(" ".join(dict.fromkeys(offered)))
        without = " (without MD5, which this host does not have)" if "CRAM-MD5" in offered else ""
        problem = f"offers only {only} to log in, and not PLAIN, LOGIN or CRAM-MD5{without}"
        raise TransportError(uri, problem, "let the server offer one of them, or use another one")
    return ways


def _list_common(offered: list[str]) -> Iterator[str]:
    for way in _WAYS:
        if way in offered and (way != "CRAM-MD5" or _has_md5()):
            yield way


def _has_md5() -> bool:
    """Return whether this host computes MD5: one in FIPS mode refuses to."""
    try:
        hmac.new(b"", b"", "md5")
    except ValueError:
        return False
    return True
