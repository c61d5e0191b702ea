"""Connects to a directory server within a time limit, and encrypts the connection."""

import socket
import ssl
import threading
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from backup_monitoring.model import DirectoryError, SettingsError
from backup_monitoring.net.tls import (
    HUNG_UP,
    Trust,
    explain_failure,
    explain_rejection,
    make_context,
)
from backup_monitoring.settings import DirectorySettings

_PORTS = {"ldap": 389, "ldaps": 636}
_LOCAL = "/var/run/slapd/ldapi"


class UnreachableError(DirectoryError):
    """This server cannot be used; another one may be."""


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
    """Parse *uri* of the settings file *file*; SettingsError if it is not a server's."""
    try:
        # urlsplit leaves out tabs and line ends, and so would read another URI.
        parts = urlsplit(uri if uri.isprintable() else "")
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
    except ValueError:  # a port that is not a number, brackets without an IPv6 address
        pass
    raise SettingsError(
        f"{file}: [directory] uri",
        f"{uri!r} is not a valid URI",
        "write it as ldap://HOST, ldaps://HOST, ldapi://PATH (%2F for /) or ldif:FILE",
    )


def connect(server: ServerAddress, timeout: float) -> socket.socket:
    """Return a connection to *server* on which no wait is longer than *timeout* seconds.

    Raises:
        UnreachableError: unknown name, connection refused, or no answer in time.
    """
    try:
        if server.scheme == "ldapi":
            return _open_socket(socket.AF_UNIX, server.host, timeout)
        return _connect_first(_resolve(server, timeout), timeout)
    except TimeoutError as error:
        raise make_timeout_error(server, timeout) from error
    except OSError as error:
        raise UnreachableError(
            server.uri,
            f"not reachable: {error.strerror or error}",
            "check that the server is running and that [directory] uri is right",
        ) from error


def make_timeout_error(server: ServerAddress, timeout: float) -> UnreachableError:
    """Return the error of a server that has not answered within *timeout* seconds."""
    return UnreachableError(
        server.uri,
        f"no answer within {timeout:g} s",
        "check whether the server is overloaded, or raise [directory] timeout",
    )


def _resolve(server: ServerAddress, timeout: float) -> list[tuple[Any, ...]]:
    # The resolver cannot be interrupted, so a thread calls it, which may be left behind.
    answer: list[Callable[[], list[tuple[Any, ...]]]] = []

    def ask() -> None:
        try:
            addresses = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            answer.append(_make_raiser(OSError(None, f"{server.host}: {error}")))
        else:
            answer.append(lambda: list(addresses))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    if not answer:
        raise UnreachableError(
            server.uri,
            f"DNS does not respond within {timeout:g} s",
            "check the name servers in /etc/resolv.conf, or add the server to /etc/hosts",
        )
    return answer[0]()


def _make_raiser(error: OSError) -> Callable[[], list[tuple[Any, ...]]]:
    def fail() -> list[tuple[Any, ...]]:
        raise error

    return fail


def _connect_first(addresses: list[tuple[Any, ...]], timeout: float) -> socket.socket:
    failure: OSError = OSError(None, "no address")
    for family, _, _, _, address in addresses:
        try:
            connection = _open_socket(family, address, timeout / len(addresses))
        except OSError as error:
            failure = error
        else:
            connection.settimeout(timeout)
            return connection
    raise failure


def _open_socket(family: int, address: object, timeout: float) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(address)  # type: ignore[arg-type]  # the family's own kind
    except BaseException:
        connection.close()
        raise
    return connection


def is_private(connection: socket.socket) -> bool:
    """Return whether *connection* is encrypted or does not leave this machine."""
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
        DirectoryError: the certificate is rejected, or the server does not speak TLS.
        SettingsError: ``ca_file`` cannot be loaded.
    """
    trust = Trust(settings.ca_file, "directory", "uri", settings.file)
    context = make_context(trust)
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(connection, server_hostname=server.host)
    except ssl.SSLCertVerificationError as error:
        problem, remedy = explain_rejection(error, server.host, trust)
        raise DirectoryError(server.uri, problem, remedy) from error
    except TimeoutError as error:
        raise make_timeout_error(server, connection.gettimeout() or 0) from error
    except ssl.SSLError as error:
        # One that only hangs up may be a balancer before a server that is down: try the next.
        kind = UnreachableError if isinstance(error, HUNG_UP) else DirectoryError
        raise kind(
            server.uri,
            f"no TLS: {explain_failure(error)}",
            "ldaps:// is for a port that speaks TLS at once, start_tls for one of ldap://; "
            "else see the server's log: versions of TLS, or it demands a client certificate, which "
            "is not supported",
        ) from error
    except (OSError, ValueError) as error:
        raise UnreachableError(
            server.uri, f"the connection broke during TLS: {error}", "see the server's log"
        ) from error
