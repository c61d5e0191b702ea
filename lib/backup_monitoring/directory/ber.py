"""Decodes search results for ldap3, whose own decoder takes several times as long."""

import gc
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from ldap3 import Connection
from ldap3.core.exceptions import LDAPExceptionError, LDAPSessionTerminatedByServerError
from ldap3.strategy.base import RESPONSE_COMPLETE
from ldap3.strategy.sync import SyncStrategy
from ldap3.utils.asn1 import decode_message_fast
from pyasn1.error import PyAsn1Error

from backup_monitoring.directory.entries import Attributes, Entry, NameTable

_READ = 256 * 1024
_MANY = 1000
_LONGEST_MESSAGE = 16 * 1024 * 1024
_LONGEST_RESULT = 64 * 1024  # of all that is not an entry: ldap3 decodes a number in squared time

_TWO_OCTETS = 0x82  # of a length
_SEQUENCE, _SET, _INTEGER, _OCTETS, _ENTRY, _CONTROLS = 0x30, 0x31, 0x02, 0x04, 0x64, 0xA0
_TLS_ALERT = b"\x15\x03"
_DISCONNECTED = "1.3.6.1.4.1.1466.20036"
_INTERMEDIATE = 25
_PAGES = b"1.2.840.113556.1.4.319"
_PARTIAL = ("searchResRef", "intermediateResponse")
# What ldap3 raises on answers that do not follow the protocol: it does not check them.
_FAULTS = (
    AttributeError,
    LDAPExceptionError,
    LookupError,
    PyAsn1Error,
    RecursionError,
    TypeError,
    ValueError,
)


class DecodeError(Exception):
    """The server's answer is not valid BER, or not LDAP; *remedy* is what to do about it."""

    def __init__(self, problem: str, remedy: str = "check which service listens there") -> None:
        super().__init__(problem)
        self.remedy = remedy


class Names(NameTable):
    """Canonical names by the server's bytes, in *short* from the name's tag to the next tag."""

    def __init__(self) -> None:
        super().__init__()
        self.short: dict[bytes, str] = {}

    def remember(self, header: bytes, name: str) -> None:
        """Remember *name* by *header*, the bytes from its tag to the tag of its values."""
        if len(self.short) < _MANY:
            self.short[header] = name


class EntryStrategy(SyncStrategy):
    """ldap3's synchronous strategy over an open socket, with entries as `Entry`.

    Everything but entries is decoded by ldap3.
    """

    def __init__(self, connection: Connection, opened: socket.socket) -> None:
        super().__init__(connection)
        self._opened = opened
        self._names = Names()
        self._buffer = b""
        self._until: float | None = None  # by the monotonic clock

    def open(self, reset_usage: bool = True, read_server_info: bool = True) -> None:
        """Use the open socket; ldap3 would open one of its own."""
        self._outstanding: dict[int, Any] = {}
        self.connection.socket = self._opened
        self.connection.closed = False
        self.connection.listening = True

    def replace_socket(self, encrypted: socket.socket) -> None:
        """Continue over *encrypted*.

        Raises:
            DecodeError: data came unencrypted after the answer to StartTLS, perhaps injected.
        """
        if self._buffer:
            raise DecodeError("data before TLS started")
        self._opened = self.connection.socket = encrypted
        self.connection.tls_started = True

    def post_send_search(self, message_id: int) -> int:  # type: ignore[override]
        """Leave reading the answers to `read_answers`."""
        self._outstanding.pop(message_id)
        return message_id

    def read_answers(self, message_id: int) -> Iterator[list[Entry] | dict[str, Any]]:
        """Yield the answers to a request as they arrive: entries in lists, others one by one.

        The last one is the result, with its ``cookie`` (RFC 2696), None without one. The server
        goes on while the caller handles entries.
        """
        while True:
            entries: list[Entry] = []
            with _collector_off():
                at, other = take_entries(self._buffer, message_id, self._names, entries)
            self._buffer = self._buffer[at:]
            if entries:
                yield entries
            if other is None:
                self._receive()
                continue
            answer = self._decode(other, message_id)
            yield answer
            if answer["type"] not in _PARTIAL:
                return

    def _get_response(self, message_id: int, timeout: float | None) -> list[Any]:
        # Short answers, for example to a bind: all of it must arrive within the time of one wait.
        # Otherwise a server that sends a byte now and then would keep us from trying the next.
        opened = self.connection.socket
        bound = opened.gettimeout()
        self._until = None if bound is None else monotonic() + bound
        try:
            return [*self.read_answers(message_id), RESPONSE_COMPLETE]
        finally:
            self._until = None
            opened.settimeout(bound)

    def _receive(self) -> None:
        opened = self.connection.socket
        if self._until is not None:
            left = self._until - monotonic()
            if left <= 0:
                raise TimeoutError
            opened.settimeout(left)
        data = opened.recv(_READ)
        if not data:
            raise LDAPSessionTerminatedByServerError("connection closed by the server")
        self._buffer = self._buffer + data if self._buffer else data

    def _decode(self, message: bytes, message_id: int) -> dict[str, Any]:
        if len(message) > _LONGEST_RESULT:
            raise DecodeError(f"a result of {len(message)} bytes")
        try:
            fields = decode_message_fast(message)  # type: ignore[no-untyped-call]
            controls, fields["controls"] = fields["controls"], None
            _refuse_numbers(fields["protocolOp"], fields["payload"])
            answer: dict[str, Any] = self.decode_response_fast(fields)  # type: ignore[no-untyped-call]
            answer["cookie"] = _find_cookie(controls or ())
        except _FAULTS as error:
            raise DecodeError("not a valid message") from error
        if fields["messageID"] == 0 and answer.get("responseName") == _DISCONNECTED:
            reason = answer.get("message") or answer["description"]
            raise LDAPSessionTerminatedByServerError(f"the server ended the connection: {reason}")
        if fields["messageID"] != message_id:
            raise DecodeError("an answer to another request")
        return answer


# ldap3 2.9.1 (core/connection.py) makes its strategy in Connection.__init__, and copies these
# bound methods of it into the connection, which then calls only the copies. It offers no way to
# give it a strategy of one's own, so each of them is replaced. tests/integration/test_ldap.py
# compares this list with the installed ldap3, and the entries with those of an unchanged one.
_COPIED = (
    "open",  # would connect a socket of its own, whose name look-up no time limit bounds
    "send",  # must write to our socket, which StartTLS replaces
    "get_response",  # reads short answers by `_get_response`, within one time limit
    "post_send_single_response",  # of bind and StartTLS: calls `get_response` of its strategy
    "post_send_search",  # would read and decode all entries before the first one is returned
)


def attach(connection: Connection, opened: socket.socket) -> EntryStrategy:
    """Let *connection* use the socket *opened*, and return its entries as `Entry`."""
    strategy = EntryStrategy(connection, opened)
    connection.strategy = strategy
    for name in _COPIED:
        setattr(connection, name, getattr(strategy, name))
    strategy.open()
    return strategy


def _refuse_numbers(operation: int, payload: Any) -> None:
    # ldap3 makes bytes of what follows the result code: of a number as many zeros as it says.
    texts = payload if operation == _INTERMEDIATE else payload[1:]
    if any(isinstance(content, int) for *_, content in texts):
        raise DecodeError("a number in place of a text")


def _find_cookie(controls: Iterable[Any]) -> bytes | None:
    """Return the cookie of the control for paged results among *controls*."""
    for *_, ((*_, kind), *_, (*_, value)) in controls:
        if kind == _PAGES:
            at, end = _find_content(value, 0, len(value), _SEQUENCE)
            _, at = _find_content(value, at, end, _INTEGER)
            start, end = _find_content(value, at, end, _OCTETS)
            return bytes(value[start:end])
    return None


@contextmanager
def _collector_off() -> Iterator[None]:
    # Entries have no cycles, and searching a page of them for cycles takes a fifth of the time.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def take_entries(
    data: bytes, message_id: int, names: Names, entries: list[Any]
) -> tuple[int, bytes | None]:
    """Append the entries at the beginning of *data* to *entries*.

    Returns:
        The number of bytes that are done with, and the message that followed the entries, which
        they include; None if *data* ends before.

    Raises:
        DecodeError: invalid BER, or an entry for another request than *message_id*.
    """
    at, size = 0, len(data)
    checked = b""  # message number and tag of the entry before
    try:
        while True:
            start, end = _find_frame(data, at, size)
            if end > size:
                return at, None
            tag_at = start + 2 + data[start + 1]
            if data[start : tag_at + 1] != checked:
                if not _is_entry(data, start, tag_at, end, message_id):
                    return end, data[at:end]
                checked = data[start : tag_at + 1]
            entries.append(_decode_entry(data, tag_at, end, names))
            at = end
    except IndexError as error:
        raise DecodeError("a length beyond the end of the message") from error


def _is_entry(data: bytes, start: int, tag_at: int, end: int, message_id: int) -> bool:
    """Return whether the message with its content at *start* is an entry for *message_id*."""
    if data[start] != _INTEGER or tag_at >= end:
        raise DecodeError("a message without a number")
    if data[tag_at] != _ENTRY:
        return False
    if int.from_bytes(data[start + 2 : tag_at], "big", signed=True) != message_id:
        raise DecodeError("an entry for another request")
    return True


def _find_frame(data: bytes, at: int, size: int) -> tuple[int, int]:
    """Return the start and the end of the content of the message at *at*.

    While its length has not arrived yet, the end is beyond *size*.
    """
    if size - at < 2:
        return at, size + 1
    if data[at] != _SEQUENCE:
        if data[at : at + 2] == _TLS_ALERT:
            raise DecodeError("a message of TLS", "use ldaps:// if that port is one for TLS")
        raise DecodeError("not an LDAP message")
    length, at = data[at + 1], at + 2
    if length > 127:
        if size - at < (length & 127):
            return at, size + 1
        length, at = _read_long_length(data, at, length)
    if length > _LONGEST_MESSAGE:
        raise DecodeError(f"a message of {length} bytes")
    return at, at + length


def _read_long_length(data: bytes, at: int, first: int) -> tuple[int, int]:
    """Return the length whose first octet is *first*, and the start of the content."""
    if first == _TWO_OCTETS:  # nearly always
        return data[at] << 8 | data[at + 1], at + 2
    octets = first & 127
    if not 1 <= octets <= 8:
        raise DecodeError("a length that is not valid")
    return int.from_bytes(data[at : at + octets], "big"), at + octets


def _find_content(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Return the start and the end of the content of the element at *at*, which must have *tag*."""
    if data[at] != tag:
        raise DecodeError(f"tag {data[at]:#x} instead of {tag:#x}")
    length, at = data[at + 1], at + 2
    if length > 127:
        length, at = _read_long_length(data, at, length)
    if at + length > end:
        raise DecodeError("a length beyond the end of its element")
    return at, at + length


def _decode_entry(data: bytes, at: int, end: int, names: Names) -> Entry:
    """Decode the SearchResultEntry at *at* of the message that ends at *end*."""
    at, entry_end = _find_content(data, at, end, _ENTRY)
    if entry_end != end and _find_content(data, entry_end, end, _CONTROLS)[1] != end:
        raise DecodeError("data after an entry")
    dn, dn_end = _find_content(data, at, entry_end, _OCTETS)
    at, list_end = _find_content(data, dn_end, entry_end, _SEQUENCE)
    if list_end != entry_end:
        raise DecodeError("data after the attributes")
    name = str(data[dn:dn_end], "utf-8", "surrogateescape")
    return Entry(name, _decode_attributes(data, at, list_end, names))


def _decode_attributes(data: bytes, at: int, end: int, names: Names) -> Attributes:
    attributes: Attributes = {}
    short = names.short
    while at < end:
        # Nearly all attributes have one value of less than 128 bytes. Then the name with its tag
        # and length, and the tag of the values, are looked up as they are, and only the lengths
        # of three elements remain to be compared.
        values_at = at + 4 + data[at + 3]
        name = short.get(data[at + 2 : values_at + 1])
        attribute_end = at + 2 + data[at + 1]
        length = attribute_end - values_at - 4
        if (
            name is not None
            and data[at] == _SEQUENCE
            and data[at + 1] < 128
            and length >= 0
            and data[values_at + 1] == length + 2
            and data[values_at + 2] == _OCTETS
            and data[values_at + 3] == length
            and attribute_end <= end
        ):
            attributes[name] = [data[values_at + 4 : attribute_end]]
            at = attribute_end
        else:
            at = _decode_attribute(data, at, end, names, attributes)
    return attributes


def _decode_attribute(data: bytes, at: int, end: int, names: Names, attributes: Attributes) -> int:
    """Decode the attribute at *at*, of any form, into *attributes*; return its end."""
    at, attribute_end = _find_content(data, at, end, _SEQUENCE)
    name_at, name_end = _find_content(data, at, attribute_end, _OCTETS)
    name = names[data[name_at:name_end]]
    value_at, values_end = _find_content(data, name_end, attribute_end, _SET)
    names.remember(data[at : name_end + 1], name)
    if values_end != attribute_end:
        raise DecodeError("data after the values of an attribute")
    values = attributes[name] = []
    while value_at < values_end:
        start, value_at = _find_content(data, value_at, values_end, _OCTETS)
        values.append(data[start:value_at])
    return attribute_end
