"""Reads entries from an LDIF file (RFC 2849, content records), such as slapcat writes."""

import binascii
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from backup_monitoring.directory.bases import MissingBaseError, base_key
from backup_monitoring.directory.dn import Normalised, normalize_dn
from backup_monitoring.directory.entries import (
    Attributes,
    Entry,
    as_text,
    canonicalize,
    is_name,
    list_asked,
)
from backup_monitoring.directory.filters import parse_filter
from backup_monitoring.model import DirectoryError
from backup_monitoring.settings import DirectorySettings

if TYPE_CHECKING:
    from backup_monitoring.directory.base import PhaseCallback

_BLOCK = 256 * 1024
_LONGEST_RECORD = 16 * 1024 * 1024
_REMEMBERED = 10_000


class LdifDirectory:
    """A directory in an LDIF file; every search reads it from its beginning, in flat memory."""

    def __init__(self, settings: DirectorySettings, phase: "PhaseCallback") -> None:
        self._settings = settings
        self._phase = phase
        self._path = Path(settings.uri[0][len("ldif:") :])

    def steps(self) -> Iterator[str]:
        """See `backup_monitoring.directory.Directory`."""
        self._phase(f"opening {self._path}")
        with self._opened():
            yield f"opened {self._path}"

    def entries(self, base: str, ldap_filter: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """See `backup_monitoring.directory.Directory`."""
        return self._searched(_Scope(base), base, ldap_filter, attributes)

    def tree(self, base: str, ldap_filter: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """See `backup_monitoring.directory.Directory`."""
        return self._searched(_Tree(base), base, ldap_filter, attributes)

    def _searched(
        self, scope: "_Scope", base: str, ldap_filter: str, attributes: Sequence[str]
    ) -> Iterator[Entry]:
        chosen = parse_filter(ldap_filter)
        names = {canonicalize(name) for name in list_asked(attributes)}
        extra = chosen.names - names
        for dn, body in self._found(scope, names | extra):
            if chosen.matches(body):
                for name in extra:
                    body.pop(name, None)
                yield Entry(dn, body)
        if not scope.known:
            raise self._no_base(base)

    def entry(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """See `backup_monitoring.directory.Directory`."""
        names = {canonicalize(name) for name in list_asked(attributes)}
        for found, body in self._found(_Itself(dn), names):
            return Entry(found, body)
        return None

    def close(self) -> None:
        """See `backup_monitoring.directory.Directory`: the file is only open during a search."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _found(self, scope: "_Scope", names: set[str]) -> Iterator[tuple[str, Attributes]]:
        self._phase(f"reading {self._path}")
        wanted = _Wanted(names)
        with self._opened() as file:
            records = _Records(file)
            try:
                for record in records:
                    dn, body = _split(record)
                    if dn in scope:
                        yield as_text(dn), _attributes(body, wanted)
            except _MalformedError as error:
                raise self._error(f"line {records.line}: {error}") from error
            except OSError as error:
                raise self._error(f"not readable: {error.strerror}") from error

    def _opened(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise DirectoryError(
                str(self._path),
                f"not readable: {error.strerror}",
                f"check [directory] uri in {self._settings.file}, and who may read the file",
            ) from error

    def _error(self, problem: str) -> DirectoryError:
        return DirectoryError(
            str(self._path), problem, "give a whole LDIF file of entries, such as slapcat writes"
        )

    def _no_base(self, base: str) -> DirectoryError:
        return MissingBaseError(
            str(self._path),
            f"no entry {base!r}, nor any below it",
            f"check [directory] {base_key(self._settings, base)} in {self._settings.file}",
        )


class _MalformedError(Exception):
    """The file is no LDIF of entries."""


class _Scope:
    """Tells which names are directly below *base*; ``known`` once there was one, or *base*."""

    def __init__(self, base: str) -> None:
        self._base = normalize_dn(base)
        self._parents: dict[bytes, bool] = {}
        self.known = False

    def __contains__(self, dn: bytes) -> bool:
        if b"\\" in dn or b";" in dn:
            inside = self._is_base(normalize_dn(as_text(dn))[1:])
        else:
            parent = dn.partition(b",")[2]
            found = self._parents.get(parent)
            inside = self._remember(parent) if found is None else found
        # an extract may begin at the base, or below it
        self.known = self.known or inside or self._is_base(normalize_dn(as_text(dn)))
        return inside

    def _remember(self, parent: bytes) -> bool:
        if len(self._parents) >= _REMEMBERED:
            self._parents.clear()
        inside = self._parents[parent] = self._is_base(normalize_dn(as_text(parent)))
        return inside

    def _is_base(self, name: object) -> bool:
        return name == self._base


class _Itself(_Scope):
    """Tells which name is *dn* itself."""

    def __contains__(self, dn: bytes) -> bool:
        return self._is_base(normalize_dn(as_text(dn)))


class _Tree(_Scope):
    """Tells which names are *base* or anywhere below it."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self._beside: dict[bytes, bool] = {}  # whether it is the base's parent, by parent

    def __contains__(self, dn: bytes) -> bool:
        if b"\\" in dn or b";" in dn:
            inside = self._below(normalize_dn(as_text(dn)))
        else:
            parent = dn.partition(b",")[2]
            found = self._parents.get(parent)
            inside = self._remember(parent) if found is None else found
            if not inside and self._beside[parent]:
                inside = self._is_base(normalize_dn(as_text(dn)))
        self.known = self.known or inside
        return inside

    def _remember(self, parent: bytes) -> bool:
        if len(self._parents) >= _REMEMBERED:
            self._parents.clear()
            self._beside.clear()
        name = normalize_dn(as_text(parent))
        self._beside[parent] = name == self._base[1:]
        inside = self._parents[parent] = self._below(name)
        return inside

    def _below(self, name: Normalised) -> bool:
        return name[len(name) - len(self._base) :] == self._base


class _Wanted(dict[bytes, str | None]):
    """Canonical names by what the file has before the colon, None where nobody asked for it."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def __missing__(self, raw: bytes) -> str | None:
        name = as_text(raw)
        if not is_name(name):
            raise _MalformedError(f"{name[:40]!r} is no attribute's name")
        key = canonicalize(name)
        wanted = key if key.partition(";")[0] in self._names else None
        if len(self) < _REMEMBERED:
            self[raw] = wanted
        return wanted


class _Records:
    """The records of a file; ``line`` is where the last one begins."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lines_before = 0
        self._block: list[bytes] = []
        self._index = 0
        self._exported = False

    @property
    def line(self) -> int:
        """The line in which the last record begins, from 1."""
        before = self._block[: self._index]
        own = self._block[self._index] if self._block else b""
        leading = len(own) - len(own.lstrip(b"\n"))
        return self._lines_before + sum(r.count(b"\n") + 2 for r in before) + leading + 1

    def __iter__(self) -> Iterator[bytes]:
        first = True
        for block in self._blocks():
            self._block = block
            for index, raw in enumerate(block):
                self._index = index
                record = raw.strip(b"\n")
                if first or record[:1] == b"#":
                    record = _unfolded(record)
                if first and record:
                    first = False
                    self._exported = b"\nentryUUID:" in record
                    record = _without_version(record)
                if record:
                    yield record
            self._lines_before += sum(r.count(b"\n") for r in block) + 2 * len(block)

    def _blocks(self) -> Iterator[list[bytes]]:
        rest = b""
        while block := self._file.read(_BLOCK):
            if b"\r" in block:
                if block.endswith(b"\r"):
                    block += self._file.read(1)
                block = block.replace(b"\r\n", b"\n")
            *records, rest = (rest + block).split(b"\n\n")
            yield records
            if len(rest) > _LONGEST_RECORD:
                self._block, self._index = [rest], 0
                raise _MalformedError(f"an entry of more than {_LONGEST_RECORD} bytes")
        if rest.strip(b"\n"):
            self._block, self._index = [rest], 0
            self._check_end(rest)
            yield [rest]

    def _check_end(self, rest: bytes) -> None:
        if not rest.endswith(b"\n"):
            raise _MalformedError("the file ends in the middle of a line")
        # slapcat ends every entry with an empty line: without it the entry was torn off
        if self._exported:
            raise _MalformedError("the file ends in the middle of an entry")


def _unfolded(record: bytes) -> bytes:
    """Return *record* with each line in one piece, without comments."""
    lines = record.replace(b"\n ", b"").split(b"\n")
    return b"\n".join(line for line in lines if line[:1] != b"#")


def _without_version(record: bytes) -> bytes:
    first, _, rest = record.partition(b"\n")
    name, _, version = first.partition(b":")
    if name.lower() != b"version":
        return record
    if version.strip() != b"1":
        raise _MalformedError("not LDIF version 1")
    return rest


def _split(record: bytes) -> tuple[bytes, bytes]:
    """Return the distinguished name of *record*, and the lines below it."""
    head, _, body = record.partition(b"\n")
    if body[:1] in (b" ", b"#"):
        head, _, body = _unfolded(record).partition(b"\n")
    name, colon, value = head.partition(b":")
    if name.lower() != b"dn" or not colon:
        raise _MalformedError("an entry must begin with dn:")
    if not body:
        raise _MalformedError("the entry has no attributes")
    if body[:11].lower() == b"changetype:" or body[:8].lower() == b"control:":
        raise _MalformedError("a change record, only entries are read")
    if b"\ndn:" in body.lower():  # two that would be taken for one
        raise _MalformedError("two entries without an empty line between them")
    if b"<" in record:
        _refuse_links(_unfolded(record))
    return (_decoded(value) if value[:1] == b":" else value.lstrip(b" ")), body


def _refuse_links(record: bytes) -> None:
    for line in record.split(b"\n"):
        name, _, value = line.partition(b":")
        if value[:1] == b"<":
            raise _MalformedError(f"the value of {as_text(name)} is in another file (:<)")


def _attributes(body: bytes, wanted: _Wanted) -> Attributes:
    try:
        return _plain_attributes(body, wanted)
    except _MalformedError:  # as folded lines and comments are, which most entries have not
        return _plain_attributes(_unfolded(body), wanted)


def _plain_attributes(body: bytes, wanted: _Wanted) -> Attributes:
    attributes: Attributes = {}
    for line in body.split(b"\n"):
        name, colon, value = line.partition(b":")
        if not colon:
            raise _MalformedError(f"no colon in {as_text(line[:40])!r}")
        key = wanted[name]
        if key is None:
            continue
        value = _decoded(value) if value[:1] == b":" else value.lstrip(b" ")
        values = attributes.get(key)
        if values is None:
            attributes[key] = [value]
        else:
            values.append(value)
    return attributes


def _decoded(value: bytes) -> bytes:
    try:
        return binascii.a2b_base64(value[1:].strip(b" "), strict_mode=True)
    except binascii.Error as error:
        raise _MalformedError("a value is no base64") from error
