"""Reads entries from an LDIF file (RFC 2849, content records), for example from slapcat."""

import binascii
import os
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from backup_monitoring.directory.bases import MissingBaseError, find_base_key
from backup_monitoring.directory.dn import Normalised, normalize_dn
from backup_monitoring.directory.entries import (
    Attributes,
    Entry,
    as_text,
    canonicalize,
    check_attributes,
    is_name,
)
from backup_monitoring.directory.filters import parse_filter
from backup_monitoring.model import DirectoryError, is_utf16
from backup_monitoring.settings import DirectorySettings, open_regular

if TYPE_CHECKING:
    from backup_monitoring.directory.base import PhaseCallback

_BLOCK = 256 * 1024
_SEARCH_BEGINS = b"\n# extended LDIF\n"  # in front of each page that ldapsearch writes
_LONGEST_RECORD = 16 * 1024 * 1024
_REMEMBERED = 10_000
_DELETED = {"deleted", "deletedattribute"}


class LdifDirectory:
    """A directory in an LDIF file; every search reads the file again, in little memory."""

    def __init__(self, settings: DirectorySettings, phase: "PhaseCallback") -> None:
        self._settings = settings
        self._phase = phase
        self._path = Path(settings.uri[0][len("ldif:") :])

    def steps(self) -> Iterator[str]:
        """Check that the file can be opened."""
        self._phase(f"opening {self._path}")
        with self._open():
            yield f"opened {self._path}"

    def entries(self, base: str, ldap_filter: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """Yield the entries directly below *base*, in the file's order; raises as `Directory`."""
        start = _Base(base)
        return self._search(start, start.is_parent, ldap_filter, attributes)

    def tree(self, base: str, ldap_filter: str, attributes: Sequence[str]) -> Iterator[Entry]:
        """Yield *base* and the entries anywhere below it; raises as `Directory`."""
        start = _Base(base)
        return self._search(start, start.is_above, ldap_filter, attributes)

    def _search(
        self,
        base: "_Base",
        is_covered: Callable[[bytes], bool],
        ldap_filter: str,
        attributes: Sequence[str],
    ) -> Iterator[Entry]:
        chosen = parse_filter(ldap_filter)
        names = {canonicalize(name) for name in check_attributes(attributes)}
        extra = chosen.names - names
        # An extract may lack the base itself: an entry below it is as good.
        exists = False

        def is_wanted(dn: bytes) -> bool:
            nonlocal exists
            covered = is_covered(dn)
            exists = exists or covered or base.is_named(dn)
            return covered

        for dn, body in self._read(is_wanted, names | extra):
            if chosen.matches(_merge_options(body) if ";" in "".join(body) else body):
                for name in [each for each in body if each.partition(";")[0] in extra]:
                    del body[name]
                yield Entry(dn, body)
        if not exists:
            raise self._make_base_error(base.dn)

    def entry(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """Return the entry *dn*, None if there is none; raises as `Directory`."""
        names = {canonicalize(name) for name in check_attributes(attributes)}
        for name, body in self._read(_Base(dn).is_named, names):
            return Entry(name, body)
        return None

    def close(self) -> None:
        """Do nothing: the file is only open during a search."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _read(
        self, is_wanted: Callable[[bytes], bool], names: set[str]
    ) -> Iterator[tuple[str, Attributes]]:
        self._phase(f"reading {self._path}")
        wanted = _Wanted(names)
        seen: set[bytes] = set()
        with self._open() as file:
            records = _Records(file)
            try:
                for record in records:
                    dn, body = _split_record(record)
                    if is_wanted(dn):
                        if dn in seen:
                            raise _MalformedError(f"the entry {as_text(dn)!r} is there twice")
                        seen.add(dn)
                        yield as_text(dn), _parse_attributes(body, wanted)
            except _MalformedError as error:
                raise self._make_error(f"line {records.line}: {error}") from error
            except OSError as error:
                raise self._make_error(f"cannot be read: {error.strerror}") from error

    def _open(self) -> BinaryIO:
        try:
            return os.fdopen(open_regular(self._path), "rb")
        except OSError as error:
            raise DirectoryError(
                str(self._path),
                f"cannot be read: {error.strerror}",
                f"check [directory] uri in {self._settings.file}, and the file's permissions",
            ) from error

    def _make_error(self, problem: str) -> DirectoryError:
        return DirectoryError(
            str(self._path), problem, "use a complete LDIF file of entries, as slapcat writes it"
        )

    def _make_base_error(self, base: str) -> MissingBaseError:
        return MissingBaseError(
            str(self._path),
            f"no entry {base!r}, nor any below it",
            f"check [directory] {find_base_key(self._settings, base)} in {self._settings.file}",
        )


class _MalformedError(Exception):
    """The file is not LDIF of entries."""


class _Base:
    """The base *dn* of a search, compared with the names of entries."""

    def __init__(self, dn: str) -> None:
        self.dn = dn
        self._name = normalize_dn(dn)
        self._parents: dict[bytes, Normalised] = {}

    def is_named(self, dn: bytes) -> bool:
        """Return whether *dn* is the base."""
        # The parents first: theirs are remembered, and nearly always differ.
        is_beside = self._find_parent(dn) == self._name[1:]
        return is_beside and normalize_dn(as_text(dn)) == self._name

    def is_parent(self, dn: bytes) -> bool:
        """Return whether *dn* is directly below the base."""
        return self._find_parent(dn) == self._name

    def is_above(self, dn: bytes) -> bool:
        """Return whether *dn* is the base or anywhere below it."""
        parent = self._find_parent(dn)
        return parent[len(parent) - len(self._name) :] == self._name or self.is_named(dn)

    def _find_parent(self, dn: bytes) -> Normalised:
        if b"\\" in dn or b";" in dn or dn[:1] == b",":
            return normalize_dn(as_text(dn))[1:]
        text = dn.partition(b",")[2]
        parent = self._parents.get(text)
        if parent is None:
            if len(self._parents) >= _REMEMBERED:
                self._parents.clear()
            parent = self._parents[text] = normalize_dn(as_text(text))
        return parent


class _Wanted(dict[bytes, str | None]):
    """Canonical names by the bytes before the colon; None for attributes that are not needed."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def __missing__(self, raw: bytes) -> str | None:
        name = as_text(raw)
        if not is_name(name):
            raise _MalformedError(f"{name[:40]!r} is not a valid attribute name")
        key = canonicalize(name)
        wanted = key if key.partition(";")[0] in self._names else None
        if len(self) < _REMEMBERED:
            self[raw] = wanted
        return wanted


class _Records:
    """The records of a file; *line* is where the last one begins, from 1."""

    def __init__(self, file: BinaryIO) -> None:
        self.line = self._next_line = 1
        self._file = file
        self._at_start = self._is_first = True
        self._is_export = False
        self._lacks_result = False

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        while block := self._read_block():
            *complete, rest = (rest + block).split(b"\n\n")
            for raw in complete:
                if record := self._prepare(raw):
                    yield record
            if len(rest) > _LONGEST_RECORD:
                self.line = self._next_line
                raise _MalformedError(f"an entry of more than {_LONGEST_RECORD} bytes")
        if rest.strip(b"\n"):
            record = self._prepare(rest)
            if not rest.endswith(b"\n"):
                raise _MalformedError("the file ends in the middle of a line")
            if record:
                # slapcat ends every entry with an empty line: without one the file was cut off.
                if self._is_export:
                    raise _MalformedError("the file ends in the middle of an entry")
                yield record
        if self._lacks_result:
            raise _MalformedError("the file ends before the result of ldapsearch")

    def _read_block(self) -> bytes:
        block = self._file.read(_BLOCK)
        if self._at_start:
            self._at_start = False
            block = _decode_start(block)
        if b"\r" in block:
            if block.endswith(b"\r"):
                block += self._file.read(1)
            block = block.replace(b"\r\n", b"\n")
        return block

    def _prepare(self, raw: bytes) -> bytes:
        self.line = self._next_line + len(raw) - len(raw.lstrip(b"\n"))
        self._next_line += raw.count(b"\n") + 2
        record = raw.strip(b"\n")
        if self._is_first or record[:1] == b"#" or record[:7] == b"search:":
            is_answer = _SEARCH_BEGINS in b"\n" + record
            record = _unfold(record)
            if record[:7] == b"search:":  # by ldapsearch without -LLL
                self._lacks_result = _has_more_pages(record)
                record = b""
            self._lacks_result = self._lacks_result or is_answer
        if self._is_first and record:
            self._is_first = False
            self._is_export = b"\nentryUUID:" in record
            record = _remove_version(record)
        return record


def _decode_start(block: bytes) -> bytes:
    """Return the first *block* of a file without UTF-8's byte order mark."""
    if is_utf16(block):
        raise _MalformedError("it is UTF-16; convert it, for example by iconv -f UTF-16 -t UTF-8")
    return block.removeprefix(BOM_UTF8)


def _has_more_pages(record: bytes) -> bool:
    """Return whether the result of ldapsearch in *record* is that of a page before the last."""
    lines = dict(line.partition(b": ")[::2] for line in record.split(b"\n"))
    result = lines.get(b"result", b"")
    if result.partition(b" ")[0] != b"0":
        raise _MalformedError(f"ldapsearch ended with {as_text(result[:80])!r}: a part is missing")
    return lines.get(b"pagedresults", b"cookie=") != b"cookie="


def _unfold(record: bytes) -> bytes:
    """Return *record* without folded lines and comments."""
    lines = record.replace(b"\n ", b"").split(b"\n")
    return b"\n".join(line for line in lines if line[:1] != b"#")


def _remove_version(record: bytes) -> bytes:
    first, _, rest = record.partition(b"\n")
    name, _, version = first.partition(b":")
    if name.lower() != b"version":
        return record
    if version.strip() != b"1":
        raise _MalformedError("not LDIF version 1")
    return rest


def _split_record(record: bytes) -> tuple[bytes, bytes]:
    """Return the distinguished name of *record*, and the lines below it."""
    head, _, body = record.partition(b"\n")
    if body[:1] in (b" ", b"#"):
        head, _, body = _unfold(record).partition(b"\n")
    name, colon, value = head.partition(b":")
    if name.lower() != b"dn" or not colon:
        raise _MalformedError("an entry must begin with dn:")
    if not body:
        raise _MalformedError("the entry has no attributes")
    if body[:11].lower() == b"changetype:" or body[:8].lower() == b"control:":
        raise _MalformedError("a change record; only entries are read")
    if b"\ndn:" in body.lower():  # otherwise both would be read as one
        raise _MalformedError("two entries without an empty line between them")
    if b"<" in record:
        _refuse_links(_unfold(record))
    return (_decode_base64(value) if value[:1] == b":" else value.lstrip(b" ")), body


def _refuse_links(record: bytes) -> None:
    for line in record.split(b"\n"):
        name, _, value = line.partition(b":")
        if value[:1] == b"<":
            raise _MalformedError(f"the value of {as_text(name)} is in another file (:<)")


def _parse_attributes(body: bytes, wanted: _Wanted) -> Attributes:
    try:
        return _parse_lines(body, wanted)
    except _MalformedError:  # perhaps only a folded line or a comment, which few entries have
        return _parse_lines(_unfold(body), wanted)


def _parse_lines(body: bytes, wanted: _Wanted) -> Attributes:
    attributes: Attributes = {}
    for line in body.split(b"\n"):
        name, colon, value = line.partition(b":")
        if not colon:
            raise _MalformedError(f"no colon in {as_text(line[:40])!r}")
        key = wanted[name]
        if key is None:
            continue
        value = _decode_base64(value) if value[:1] == b":" else value.lstrip(b" ")
        values = attributes.get(key)
        if values is None:
            attributes[key] = [value]
        else:
            values.append(value)
    return attributes


def _merge_options(attributes: Attributes) -> Attributes:
    """Return *attributes* as a filter compares them: a name means it with options, too."""
    merged = dict(attributes)
    for name, values in attributes.items():
        base, *options = name.split(";")
        # 389 Directory Server exports deleted values as well, as a part of its replication state.
        if options and not _DELETED.intersection(options):
            merged[base] = [*merged.get(base, ()), *values]
    return merged


def _decode_base64(value: bytes) -> bytes:
    try:
        return binascii.a2b_base64(value[1:].strip(b" "), strict_mode=True)
    except binascii.Error as error:
        raise _MalformedError("a value is not valid base64") from error
