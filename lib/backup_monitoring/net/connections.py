"""Connects to a directory server within a bound of time, and secures the connection."""

import socket
import ssl
import threading
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from backup_monitoring.model import DirectoryError, SettingsError
from backup_monitoring.net.tls import HUNG_UP, explain_failure
from backup_monitoring.settings import DirectorySettings

_PORTS = {"ldap": 389, "ldaps": 636}
_LOCAL = "/var/run/slapd/ldapi"
# OpenSSL's X509_V_ERR numbers: RFC 5280 paths that end at nobody we trust; names; dates
_UNTRUSTED = (2, 18, 19, 20, 21)
_OTHER_NAME = (62, 64)
_DATES = {9: "is not valid yet", 10: "has expired"}


class UnreachableError(DirectoryError):
    """This server cannot be talked to: another one may."""


class ServerAddress(NamedTuple):
    """A server's address.

    Args:
        uri: as the settings have it.
        scheme: ldap, ldaps or ldapi.
        host: name or address; of ldapi the socket's path.
        port: 0 for ldapi.
    """

    uri: str
    scheme: str
    host: str
    port: int


def parse_server_uri(uri: str, file: str) -> ServerAddress:
    """Understand *uri*, from the settings file *file*; SettingsError if it is no server's."""
    try:
        parts = urlsplit(uri)
        if parts.scheme == "ldapi":
            path = unquote(uri.partition("://")[2].rstrip("/"))
            return ServerAddress(uri, parts.scheme, path or _LOCAL, 0)
        if (
            parts.scheme in _PORTS
            and parts.hostname
            and not uri.split("://")[1].rstrip("/").count("/")
        ):
            return ServerAddress(
                uri, parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]
            )
    except ValueError:  # a port that is no number, brackets without an IPv6 address
        pass
    raise SettingsError(
        f"{file}: [directory] uri",
        f"{uri!r} is not understood",
        "write it as ldap://HOST, ldaps://HOST, ldapi://PATH (%2F for /) or ldif:FILE",
    )


def connect(server: ServerAddress, timeout: float) -> socket.socket:
    """Return a connection to *server*, whose every wait is bounded by *timeout* seconds.

    Raises:
        UnreachableError: no name, nobody listens, or no answer in time.
    """
    try:
        if server.scheme == "ldapi":
            return _connected(socket.AF_UNIX, server.host, timeout)
        return _first(_resolved(server, timeout), timeout)
    except TimeoutError as error:
        raise make_timeout_error(server, timeout) from error
    except OSError as error:
        raise UnreachableError(
            server.uri,
            f"not reachable: {error.strerror or error}",
            "see whether the server runs and [directory] uri is right",
        ) from error


def make_timeout_error(server: ServerAddress, timeout: float) -> UnreachableError:
    """Return the error of a server that let *timeout* seconds pass."""
    return UnreachableError(
        server.uri,
        f"no answer within {timeout:g} s",
        "see whether the server is overloaded, or raise [directory] timeout",
    )


def _resolved(server: ServerAddress, timeout: float) -> list[tuple[Any, ...]]:
    # The resolver cannot be interrupted: a thread that may be left behind asks it.
    answer: list[Callable[[], list[tuple[Any, ...]]]] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            answer.append(_raising(OSError(None, f"{server.host}: {error}")))
        else:
            answer.append(lambda: list(found))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    if not answer:
        raise UnreachableError(
            server.uri,
            f"no answer of the name servers within {timeout:g} s",
            "see whether they run, or give the server's address in /etc/hosts",
        )
    return answer[0]()


def _raising(error: OSError) -> Callable[[], list[tuple[Any, ...]]]:
    def fail() -> list[tuple[Any, ...]]:
        raise error

    return fail


def _first(addresses: list[tuple[Any, ...]], timeout: float) -> socket.socket:
    failure: OSError = OSError(None, "no address")
    for family, _, _, _, address in addresses:
        try:
            connection = _connected(family, address, timeout / len(addresses))
        except OSError as error:
            failure = error
        else:
            connection.settimeout(timeout)
            return connection
    raise failure


def _connected(family: int, address: object, timeout: float) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(address)  # type: ignore[arg-type]  # the family's own kind
    except BaseException:
        connection.close()
        raise
    return connection


def is_private(connection: socket.socket) -> bool:
    """Tell whether nobody else can read *connection*: it is encrypted or does not leave here."""
    if isinstance(connection, ssl.SSLSocket) or connection.family == socket.AF_UNIX:
        return True
    host = str(connection.getpeername()[0])
    return ip_address(host.partition("%")[0]).is_loopback


def secure(
    connection: socket.socket, server: ServerAddress, settings: DirectorySettings
) -> ssl.SSLSocket:
    """Return *connection* encrypted, the server's certificate and name verified if so set.

    The standard library's own verification also knows IP addresses on every Python version.

    Raises:
        UnreachableError: no answer in time, or the connection broke.
        DirectoryError: the certificate is refused, or the server talks no TLS.
    """
    context = _context(settings)
    try:
        return context.wrap_socket(connection, server_hostname=server.host)
    except ssl.SSLCertVerificationError as error:
        raise _refused(error, server, settings) from error
    except TimeoutError as error:
        raise make_timeout_error(server, connection.gettimeout() or 0) from error
    except ssl.SSLError as error:
        # One that only hangs up may be a balancer before a server that is down: try the next.
        kind = UnreachableError if isinstance(error, HUNG_UP) else DirectoryError
        raise kind(
            server.uri,
            f"no TLS: {explain_failure(error)}",
            "ldaps:// is for a port that speaks TLS at once, start_tls for one of ldap://; "
            "else see the server's log (versions of TLS, client certificates)",
        ) from error
    except (OSError, ValueError) as error:
        raise UnreachableError(
            server.uri, f"the connection broke during TLS: {error}", "see the server's log"
        ) from error


def _context(settings: DirectorySettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise DirectoryError(
            f"{settings.ca_file}",
            f"no certificates to be had: {error.strerror or error}",
            f"name a readable PEM file as [directory] ca_file in {settings.file}",
        ) from error
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _refused(
    error: ssl.SSLCertVerificationError, server: ServerAddress, settings: DirectorySettings
) -> DirectoryError:
    code = error.verify_code
    if code in _UNTRUSTED:
        problem = f"its certificate's authority is not trusted ({error.verify_message})"
        remedy = f"name the authority's certificate as [directory] ca_file in {settings.file}"
    elif code in _OTHER_NAME:
        problem = f"its certificate is not for {server.host}"
        remedy = f"use a name that the certificate has in [directory] uri in {settings.file}"
    else:
        problem = f"its certificate {_DATES.get(code, f'is refused ({error.verify_message})')}"
        remedy = "see to the server's certificate, and to the clocks"
    return DirectoryError(server.uri, problem, remedy)
