"""Reads entries from LDAP servers, completely or not at all."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from socket import socket
from ssl import SSLSocket
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from backup_monitoring.directory.base import FallbackStep
from backup_monitoring.directory.bases import find_base_key
from backup_monitoring.directory.entries import Entry, check_attributes
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
_MOST_EMPTY_PAGES = 1000


class LdapDirectory:
    """A directory on one or more servers, each tried once: the first that can be used is used.

    If it fails later, the next one continues, with a search that has not yielded an entry.
    """

    def __init__(self, settings: DirectorySettings, phase: "PhaseCallback") -> None:
        self._settings = settings
        self._phase = phase
        self._timeout = settings.timeout.total_seconds()
        self._untried = [parse_server_uri(uri, settings.file) for uri in settings.uri]
        self._server = self._untried[0]
        self._failures: list[UnreachableError] = []
        self._answered = False  # over the present connection, and by TLS if it has that
        self._socket: socket | None = None
        self._connection: ldap3.Connection | None = None

    def steps(self) -> Iterator[str]:
        """Connect, start TLS, bind; at the next server if one cannot be used."""
        while self._untried:
            server = self._untried.pop(0)
            _check_bind(self._settings, server)
            if self._failures:
                yield FallbackStep(f"{self._failures[-1]}; trying the next")
            self._server = server
            try:
                yield from self._open(server)
            except UnreachableError as error:
                self.close()
                self._failures.append(error)
            else:
                return
        raise _combine(self._failures)

    def _open(self, server: ServerAddress) -> Iterator[str]:
        self._phase(f"connecting to {server.uri}")
        self._socket = connect(server, self._timeout)
        self._answered = False
        yield f"reached {server.uri}"
        if server.scheme == "ldaps":
            yield from self._start_tls()
        connection = self._connection = _make_connection(self._settings)
        strategy = attach(connection, self._socket)
        if server.scheme == "ldap" and self._settings.start_tls:
            self._phase(f"asking {server.uri} for TLS")
            self._ask(lambda: connection.extended(_START_TLS))
            yield from self._start_tls(strategy)
        yield self._bind(connection)

    def _start_tls(self, strategy: EntryStrategy | None = None) -> Iterator[str]:
        assert self._socket is not None  # noqa: S101 - connected just before
        self._phase(f"starting TLS with {self._server.uri}")
        encrypted = self._socket = secure(self._socket, self._server, self._settings)
        self._answered = False
        if strategy:
            self._guard(lambda: strategy.replace_socket(encrypted))
        checked = "verified" if self._settings.verify else "NOT verified (verify = false)"
        yield f"{encrypted.version()}, certificate {checked}"

    def _bind(self, connection: ldap3.Connection) -> str:
        settings = self._settings
        # A server that has hung up leaves a socket without a peer: that is an OSError, too.
        if settings.bind == "simple" and not self._guard(lambda: is_private(connection.socket)):
            raise DirectoryError(
                self._server.uri,
                "the password would be sent unencrypted",
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
        """Yield the entries directly below *base*, page by page; raises as `Directory`."""
        return self._search_pages(base, ldap_filter, attributes, ldap3.LEVEL)

    def tree(self, base: str, ldap_filter: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """Yield *base* and the entries anywhere below it, page by page; raises as `Directory`."""
        return self._search_pages(base, ldap_filter, attributes, ldap3.SUBTREE)

    def _search_pages(
        self, base: str, ldap_filter: str, attributes: Sequence[str], scope: str
    ) -> Iterator[Entry]:
        parse_filter(ldap_filter)  # its errors show the place, unlike those of a server
        request = {
            "search_filter": ldap_filter,
            "search_scope": scope,
            "attributes": check_attributes(attributes),
            "paged_size": self._settings.page_size,
            "paged_criticality": True,
        }
        return self._read_from_any(lambda: self._read_pages(base, request))

    def _read_from_any(self, read: Callable[[], Iterator[list[Entry]]]) -> Iterator[Entry]:
        """Yield what *read* yields; of the next server if one fails before its first entry."""
        while True:
            used = False
            try:
                for entries in read():
                    used = True
                    yield from entries
            except UnreachableError as error:
                if used:
                    raise
                self.close()
                self._failures.append(error)
            else:
                return
            for _ in self.steps():
                pass

    def _read_pages(self, base: str, request: dict[str, Any]) -> Iterator[list[Entry]]:
        cookie: bytes | None = None
        seen: set[str] = set()
        empty = 0
        while cookie != b"":
            before = len(seen)
            for entries in self._search(base, **request, paged_cookie=cookie):
                self._refuse_repeated(entries, seen)
                yield entries
            # A server may send an empty page, for example where it hides all entries of one.
            empty = empty + 1 if len(seen) == before else 0
            if empty > _MOST_EMPTY_PAGES:
                problem = f"more than {_MOST_EMPTY_PAGES} pages in succession without an entry"
                raise DirectoryError(self._server.uri, problem, "see the server's log")
            cookie = self._get_cookie()

    def _refuse_repeated(self, entries: list[Entry], seen: set[str]) -> None:
        """Raise DirectoryError if one of *entries* is in *seen*; add them there."""
        for entry in entries:
            if entry.dn in seen:
                problem = f"the entry {entry.dn!r} was sent twice in one answer"
                raise DirectoryError(self._server.uri, problem, "see the server's log")
            seen.add(entry.dn)

    def entry(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """Return the entry *dn*, None if there is none; raises as `Directory`."""
        request = {
            "search_filter": "(objectClass=*)",
            "search_scope": ldap3.BASE,
            "attributes": check_attributes(attributes),
        }
        found = self._read_from_any(lambda: self._search(dn, may_be_missing=True, **request))
        return next(iter(list(found)), None)

    def _search(
        self, base: str, may_be_missing: bool = False, **request: Any
    ) -> Iterator[list[Entry]]:
        self._phase(f"reading the directory at {self._server.uri}")
        connection = self._open_connection()
        message_id = self._guard(
            lambda: connection.search(base, dereference_aliases=ldap3.DEREF_NEVER, **request)
        )
        answers = connection.strategy.read_answers(message_id)
        try:
            while (answer := self._guard(lambda: next(answers, None))) is not None:
                if isinstance(answer, list):
                    yield answer
                else:
                    self._refuse_reference(answer)
                    connection.result = answer
        except BaseException:
            # The rest of the answer would be taken for that to the next request.
            self.close()
            raise
        if not (may_be_missing and connection.result.get("result") == NO_SUCH_OBJECT):
            self._check_result(base)

    def _refuse_reference(self, answer: dict[str, Any]) -> None:
        if answer["type"] != "searchResRef":
            return
        raise DirectoryError(
            self._server.uri,
            f"a part is on another server ({', '.join(answer['uri'])}); referrals are not followed",
            f"set a server that has all parts as [directory] uri in {self._settings.file}",
        )

    def _get_cookie(self) -> bytes:
        cookie: bytes | None = self._open_connection().result["cookie"]
        if cookie is None:
            raise DirectoryError(
                self._server.uri,
                "the answer does not say whether there are more pages",
                "allow the simple paged results control (RFC 2696)",
            )
        return cookie

    def _ask(self, operation: Callable[[], object]) -> None:
        self._guard(operation)
        self._check_result(self._settings.bind_dn)

    def _check_result(self, base: str) -> None:
        result = self._open_connection().result
        self._answered = True
        if "result" not in result:
            raise self._make_kind_error()
        if result["result"] != SUCCESS:
            key = find_base_key(self._settings, base)
            raise make_refusal(result, self._server, self._settings, base, key)

    def _guard(self, operation: Callable[[], T]) -> T:
        """Return the result of *operation*; raise what goes wrong with the connection as ours."""
        uri = self._server.uri
        failure: DirectoryError
        try:
            return operation()
        except TimeoutError:
            failure = make_timeout_error(self._server, self._timeout)
        except LDAPInvalidFilterError as error:
            problem = f"the request cannot be encoded: {error}"
            failure = DirectoryError(uri, problem, "check accounts_filter in the settings")
        except (OSError, LDAPException) as error:
            # ldap3 wraps the errors of the system into texts of its own.
            cause = error.__context__ if isinstance(error.__context__, OSError) else error
            problem = f"the connection broke: {getattr(cause, 'strerror', None) or cause}"
            failure = UnreachableError(uri, problem, self._explain_break())
        except DecodeError as error:
            failure = DirectoryError(uri, f"the answer is not LDAP: {error}", error.remedy)
        except KeyError:  # ldap3 takes an answer of another kind for the result
            failure = self._make_kind_error()
        except (ValueError, PyAsn1Error) as error:
            problem = f"the request cannot be encoded: {error}"
            failure = DirectoryError(uri, problem, "check the bases and the filter in the settings")
        # The rest of the answer would be taken for that to the next request.
        self.close()
        raise failure

    def _make_kind_error(self) -> DirectoryError:
        error = DecodeError("an answer of another kind in place of the result")
        return DirectoryError(self._server.uri, f"the answer is not LDAP: {error}", error.remedy)

    def _explain_break(self) -> str:
        """Return the remedy for a connection that broke."""
        remedy = "see the server's log"
        if isinstance(self._socket, SSLSocket) and not self._answered:
            # By TLS 1.3 a client without a certificate learns of it after the handshake.
            return f"{remedy}: it may demand a client certificate, which is not supported"
        if self._server.scheme == "ldap" and not self._answered:
            return f"{remedy}, and use ldaps:// if that port is one for TLS"
        return remedy

    def _open_connection(self) -> ldap3.Connection:
        if self._connection is None:
            raise DirectoryError(
                self._server.uri, "the connection is closed", "see the first error"
            )
        return self._connection

    def close(self) -> None:
        """Unbind and disconnect; a second time does nothing."""
        connection, self._connection = self._connection, None
        opened, self._socket = self._socket, None
        if connection:
            # Nothing that was read before depends on it: errors do not matter.
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
        # A server takes an empty password for an anonymous bind, and answers success.
        problem = "a simple bind needs bind_dn and a password"
    elif settings.bind == "external" and server.scheme != "ldapi":
        problem = "an external bind needs an ldapi:// uri"
    if problem:
        raise SettingsError(f"{settings.file}: [directory] bind", problem, "change one of them")


def _make_connection(settings: DirectorySettings) -> ldap3.Connection:
    ways: dict[str, dict[str, Any]] = {
        "simple": {
            "authentication": ldap3.SIMPLE,
            "user": settings.bind_dn,
            # Bytes: servers compare them, and ldap3 would normalize a text (SASLprep).
            "password": settings.password.encode("utf-8", "surrogateescape"),
        },
        "external": {
            "authentication": ldap3.SASL,
            "sasl_mechanism": ldap3.EXTERNAL,
            "sasl_credentials": "",  # with None slapd would ask for them first
        },
        "anonymous": {"authentication": ldap3.ANONYMOUS},
    }
    return ldap3.Connection(
        ldap3.Server("localhost", get_info=ldap3.NONE),  # only a name, since the socket is ours
        auto_referrals=False,
        auto_range=False,
        auto_escape=False,
        auto_encode=False,
        check_names=False,
        return_empty_attributes=False,
        **ways[settings.bind],
    )


def _combine(failures: list[UnreachableError]) -> DirectoryError:
    if len(failures) == 1:
        return failures[0]
    where = ", ".join(failure.where for failure in failures)
    problem = "; ".join(f"{failure.where} {failure.problem}" for failure in failures)
    return DirectoryError(where, f"no server can be used: {problem}", failures[-1].remedy)
