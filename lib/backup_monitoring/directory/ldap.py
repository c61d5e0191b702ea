"""Reads entries from LDAP servers, completely or not at all."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from socket import socket
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from backup_monitoring.directory.base import FallbackStep
from backup_monitoring.directory.bases import base_key
from backup_monitoring.directory.entries import Entry, list_asked
from backup_monitoring.directory.filters import parse_filter
from backup_monitoring.directory.ldap_errors import NO_SUCH_OBJECT, SUCCESS, make_refusal
from backup_monitoring.model import DirectoryError, SettingsError
from backup_monitoring.net import (
    ServerAddress,
    UnreachableError,
    connect,
    is_private,
    make_timeout_error,
    parse_server_uri,
    secure,
)
from backup_monitoring.settings import DirectorySettings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # ldap3 uses names that pyasn1 has deprecated
    import ldap3
    from ldap3.core.exceptions import LDAPException, LDAPInvalidFilterError
    from pyasn1.error import PyAsn1Error

    from backup_monitoring.directory.ber import DecodeError, EntryStrategy, attach

if TYPE_CHECKING:
    from backup_monitoring.directory.base import PhaseCallback

T = TypeVar("T")

_START_TLS = "1.3.6.1.4.1.1466.20037"
_PAGES = "1.2.840.113556.1.4.319"


class LdapDirectory:
    """A directory on servers: the first that can be reached is used."""

    def __init__(self, settings: DirectorySettings, phase: "PhaseCallback") -> None:
        self._settings = settings
        self._phase = phase
        self._timeout = settings.timeout.total_seconds()
        self._servers = [parse_server_uri(uri, settings.file) for uri in settings.uri]
        self._server = self._servers[0]
        self._socket: socket | None = None
        self._connection: ldap3.Connection | None = None

    def steps(self) -> Iterator[str]:
        """See `backup_monitoring.directory.Directory`."""
        failures: list[UnreachableError] = []
        for server in self._servers:
            _check_bind(self._settings, server)
            if failures:
                yield FallbackStep(f"{failures[-1]}; trying the next")
            self._server = server
            try:
                yield from self._steps(server)
            except UnreachableError as error:
                self.close()
                failures.append(error)
            else:
                return
        raise _all(failures)

    def _steps(self, server: ServerAddress) -> Iterator[str]:
        self._phase(f"connecting to {server.uri}")
        self._socket = connect(server, self._timeout)
        yield f"reached {server.uri}"
        if server.scheme == "ldaps":
            yield from self._secured()
        connection = self._connection = _unbound(self._settings)
        strategy = attach(connection, self._socket)
        if server.scheme == "ldap" and self._settings.start_tls:
            self._phase(f"asking {server.uri} for TLS")
            self._ask(lambda: connection.extended(_START_TLS))
            yield from self._secured(strategy)
        yield self._bound(connection)

    def _secured(self, strategy: EntryStrategy | None = None) -> Iterator[str]:
        assert self._socket is not None  # noqa: S101 - connected just before
        self._phase(f"starting TLS with {self._server.uri}")
        encrypted = self._socket = secure(self._socket, self._server, self._settings)
        if strategy:
            self._guarded(lambda: strategy.replace_socket(encrypted))
        checked = "verified" if self._settings.verify else "NOT verified (verify = false)"
        yield f"{encrypted.version()}, certificate {checked}"

    def _bound(self, connection: ldap3.Connection) -> str:
        settings = self._settings
        if settings.bind == "simple" and not is_private(connection.socket):
            raise DirectoryError(
                self._server.uri,
                "the password would be sent in the clear",
                f"set start_tls = true, or use ldaps://, in {settings.file}",
            )
        self._phase(f"binding to {self._server.uri}")
        self._ask(lambda: connection.bind(read_server_info=False))
        return (
            f"bound as {settings.bind_dn}"
            if settings.bind == "simple"
            else f"bound ({settings.bind})"
        )

    def entries(self, base: str, ldap_filter: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """See `backup_monitoring.directory.Directory`."""
        return self._pages(base, ldap_filter, attributes, ldap3.LEVEL)

    def tree(self, base: str, ldap_filter: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """See `backup_monitoring.directory.Directory`."""
        return self._pages(base, ldap_filter, attributes, ldap3.SUBTREE)

    def _pages(
        self, base: str, ldap_filter: str, attributes: Sequence[str], scope: str
    ) -> Iterator[Entry]:
        parse_filter(ldap_filter)  # a bad one is told by its place, before the server sees it
        names = list_asked(attributes)
        cookie: bytes | None = None
        while cookie != b"":
            self._phase(f"reading the directory at {self._server.uri}")
            for found in self._search(
                base,
                search_filter=ldap_filter,
                search_scope=scope,
                attributes=names,
                paged_size=self._settings.page_size,
                paged_criticality=True,
                paged_cookie=cookie,
            ):
                yield from found
            cookie = self._cookie()

    def entry(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """See `backup_monitoring.directory.Directory`."""
        self._phase(f"reading the directory at {self._server.uri}")
        answers = self._search(
            dn,
            search_filter="(objectClass=*)",
            search_scope=ldap3.BASE,
            attributes=list_asked(attributes),
            may_be_missing=True,
        )
        found = [entry for entries in answers for entry in entries]
        return found[0] if found else None

    def _search(
        self, base: str, may_be_missing: bool = False, **request: Any
    ) -> Iterator[list[Entry]]:
        connection = self._open_connection()
        message_id = self._guarded(
            lambda: connection.search(base, dereference_aliases=ldap3.DEREF_NEVER, **request)
        )
        answers = connection.strategy.answers(message_id)
        try:
            while (answer := self._guarded(lambda: next(answers, None))) is not None:
                if isinstance(answer, list):
                    yield answer
                else:
                    self._refuse_reference(answer)
                    connection.result = answer
        except BaseException:
            # What still comes would be taken for the answer to the next request.
            self.close()
            raise
        result: dict[str, Any] = connection.result
        if not (may_be_missing and result["result"] == NO_SUCH_OBJECT):
            self._check_result(base)

    def _refuse_reference(self, answer: dict[str, Any]) -> None:
        if answer["type"] != "searchResRef":
            return
        raise DirectoryError(
            self._server.uri,
            f"a part is elsewhere ({', '.join(answer['uri'])}), and referrals are not followed",
            f"name a server that has all as [directory] uri in {self._settings.file}",
        )

    def _cookie(self) -> bytes:
        result = self._open_connection().result
        try:
            cookie: bytes = result["controls"][_PAGES]["value"]["cookie"]
        except KeyError as error:
            raise DirectoryError(
                self._server.uri,
                "the server does not say whether there are more pages",
                "allow the simple paged results control (RFC 2696)",
            ) from error
        return cookie

    def _ask(self, operation: Callable[[], object]) -> None:
        self._guarded(operation)
        self._check_result(self._settings.bind_dn)

    def _check_result(self, base: str) -> None:
        result = self._open_connection().result
        if result["result"] != SUCCESS:
            key = base_key(self._settings, base)
            raise make_refusal(result, self._server, self._settings, base, key)

    def _guarded(self, operation: Callable[[], T]) -> T:
        """Run *operation*; whatever can go wrong with a connection is an error of ours."""
        uri = self._server.uri
        failure: DirectoryError
        try:
            return operation()
        except TimeoutError:
            failure = make_timeout_error(self._server, self._timeout)
        except LDAPInvalidFilterError as error:
            problem = f"the request cannot be written: {error}"
            failure = DirectoryError(uri, problem, "see accounts_filter in the settings")
        except (OSError, LDAPException) as error:
            # ldap3 wraps what the system said into texts of its own
            said = error.__context__ if isinstance(error.__context__, OSError) else error
            problem = f"the connection broke: {getattr(said, 'strerror', None) or said}"
            failure = UnreachableError(uri, problem, "see the server's log")
        except DecodeError as error:
            failure = DirectoryError(
                uri, f"its answer is not LDAP: {error}", "see what listens there"
            )
        except (ValueError, PyAsn1Error) as error:
            problem = f"the request cannot be written: {error}"
            failure = DirectoryError(uri, problem, "see the bases and the filter in the settings")
        # What still comes would be taken for the answer to the next request.
        self.close()
        raise failure

    def _open_connection(self) -> ldap3.Connection:
        if self._connection is None:
            raise DirectoryError(
                self._server.uri, "the connection is closed", "see the error before"
            )
        return self._connection

    def close(self) -> None:
        """See `backup_monitoring.directory.Directory`."""
        connection, self._connection = self._connection, None
        opened, self._socket = self._socket, None
        if connection:
            # A courtesy to the server; what it sent before is not affected.
            with contextlib.suppress(OSError, LDAPException):
                connection.unbind()
        if opened:
            opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _check_bind(settings: DirectorySettings, server: ServerAddress) -> None:
    problem = None
    if settings.bind == "simple" and not (settings.bind_dn and settings.password):
        # A server takes an empty password for an anonymous bind, and says success.
        problem = "a simple bind needs bind_dn and a password"
    elif settings.bind == "external" and server.scheme != "ldapi":
        problem = "an external bind needs an ldapi:// uri"
    if problem:
        raise SettingsError(f"{settings.file}: [directory] bind", problem, "change one of them")


def _unbound(settings: DirectorySettings) -> ldap3.Connection:
    ways: dict[str, dict[str, Any]] = {
        "simple": {
            "authentication": ldap3.SIMPLE,
            "user": settings.bind_dn,
            # as it is: servers compare the bytes, and text would be normalised before (SASLprep)
            "password": settings.password.encode("utf-8", "surrogateescape"),
        },
        "external": {
            "authentication": ldap3.SASL,
            "sasl_mechanism": ldap3.EXTERNAL,
            "sasl_credentials": "",  # with none at all, slapd would ask for them first
        },
        "anonymous": {"authentication": ldap3.ANONYMOUS},
    }
    return ldap3.Connection(
        ldap3.Server("localhost", get_info=ldap3.NONE),  # a name only: the socket is ours
        auto_referrals=False,
        auto_range=False,
        auto_escape=False,
        auto_encode=False,
        check_names=False,
        return_empty_attributes=False,
        **ways[settings.bind],
    )


def _all(failures: list[UnreachableError]) -> DirectoryError:
    if len(failures) == 1:
        return failures[0]
    where = ", ".join(failure.where for failure in failures)
    problem = "; ".join(f"{failure.where} {failure.problem}" for failure in failures)
    return DirectoryError(where, f"no server can be used: {problem}", failures[-1].remedy)
