"""Search filters as of RFC 4515: escaping a value, judging an entry that no server judges."""

import re
from collections.abc import Callable
from typing import NamedTuple

from backup_monitoring.directory.entries import Attributes, as_text, canonicalize, fold_case
from backup_monitoring.model import SettingsError

Test = Callable[[Attributes], bool]

_VALUE = r"((?:[^()\\\0]|\\[0-9A-Fa-f]{2})*)\)"
_ITEM = re.compile(rf"\(([A-Za-z0-9.;-]+)(>=|<=|~=|=){_VALUE}")
_EXTENSIBLE = re.compile(rf"\((?:[A-Za-z0-9.;-]+)?(?::dn)?(?::[A-Za-z0-9.-]+)?:={_VALUE}")
_TO_ESCAPE = re.compile(r"[\\*()\0\uDC80-\uDCFF]|^ | \Z")
_ESCAPED = re.compile(rb"\\([0-9A-Fa-f]{2})")
_SPACES = re.compile(rb"\s+")
_INTEGER = re.compile(rb"-?[0-9]{1,100}")
_DEEPEST = 50


class Filter(NamedTuple):
    """A filter that was understood.

    Args:
        names: canonical names of the attributes that it looks at.
        matches: tells whether it holds for an entry's attributes.
    """

    names: frozenset[str]
    matches: Test


def escape_value(value: str) -> str:
    """Return *value* as it may stand in a filter: it stays a value, whatever it contains.

    Spaces at its ends are kept too; surrogates stand for bytes that are no UTF-8.
    """
    return _TO_ESCAPE.sub(lambda found: f"\\{ord(found[0]) & 0xFF:02x}", value)


def parse_filter(text: str) -> Filter:
    """Understand *text*.

    Raises:
        SettingsError: it is no filter. An extensible match (``:=``) is one, but raises the same
            when it is to judge an entry, for the matching rules are the server's.
    """
    parser = _FilterParser(text)
    test, end = parser.filter(0, 0)
    if end != len(text):
        raise parser.wrong(end)
    return Filter(frozenset(parser.names), test)


class _FilterParser:
    def __init__(self, text: str) -> None:
        self._text = text
        self.names: set[str] = set()

    def wrong(self, at: int) -> SettingsError:
        rest = self._text[at : at + 20]
        where = f"at {rest!r}" if rest else "at its end"
        return SettingsError(
            f"filter {self._text!r}",
            f"not understood {where}",
            "write it as RFC 4515 has it, such as (objectClass=sstBackup)",
        )

    def filter(self, at: int, depth: int) -> tuple[Test, int]:
        """Read the filter that begins at *at*; return its test, and where it ends."""
        if depth > _DEEPEST:
            raise self.wrong(at)
        sign = self._text[at : at + 2]
        if sign not in ("(&", "(|", "(!"):
            return self._item(at)
        tests, end = self._list(at + 2, depth)
        if sign == "(!":
            if len(tests) != 1:
                raise self.wrong(at)
            inner = tests[0]
            return lambda attributes: not inner(attributes), end
        every = all if sign == "(&" else any
        return lambda attributes: every(test(attributes) for test in tests), end

    def _list(self, at: int, depth: int) -> tuple[list[Test], int]:
        tests = []
        while self._text[at : at + 1] == "(":
            test, at = self.filter(at, depth + 1)
            tests.append(test)
        if self._text[at : at + 1] != ")":
            raise self.wrong(at)
        return tests, at + 1

    def _item(self, at: int) -> tuple[Test, int]:
        if found := _EXTENSIBLE.match(self._text, at):
            return self._extensible, found.end()
        found = _ITEM.match(self._text, at)
        if not found:
            raise self.wrong(at)
        name, sign, value = canonicalize(found[1]), found[2], found[3]
        self.names.add(name)
        if sign == "=" and value == "*":
            return lambda attributes: name in attributes, found.end()
        if "*" not in value:
            return _comparison(name, sign, _raw(value)), found.end()
        if sign != "=":
            raise self.wrong(at)
        return _substring(name, [_raw(piece) for piece in value.split("*")]), found.end()

    def _extensible(self, attributes: Attributes) -> bool:
        raise SettingsError(
            f"filter {self._text!r}",
            "an extensible match (:=) is for a server only",
            "leave it out where uri is an ldif: file",
        )


def _raw(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogateescape")
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode("ascii")), raw)


def _folded(value: bytes) -> bytes:
    # caseIgnoreMatch, the rule of nearly all attributes here
    return _cased(b" ".join(value.split()))


def _cased(value: bytes) -> bytes:
    if value.isascii():
        return value.lower()
    return fold_case(as_text(value)).encode("utf-8", "surrogateescape")


def _comparison(name: str, sign: str, wanted: bytes) -> Test:
    if sign in (">=", "<="):
        return _order(name, sign, wanted)
    folded = _folded(wanted)

    def equal(attributes: Attributes) -> bool:
        values = attributes.get(name, ())
        return wanted in values or any(_folded(value) == folded for value in values)

    return equal


def _order(name: str, sign: str, wanted: bytes) -> Test:
    def holds(value: bytes) -> bool:
        if _INTEGER.fullmatch(value) and _INTEGER.fullmatch(wanted):
            difference = int(value) - int(wanted)
        else:
            left, right = _folded(value), _folded(wanted)
            difference = (left > right) - (left < right)
        return difference >= 0 if sign == ">=" else difference <= 0

    return lambda attributes: any(holds(value) for value in attributes.get(name, ()))


def _substring(name: str, pieces: list[bytes]) -> Test:
    first, *middle, last = [_cased(_SPACES.sub(b" ", piece)) for piece in pieces]

    def holds(value: bytes) -> bool:
        text = _folded(value)
        if not text.startswith(first):
            return False
        at = len(first)
        for piece in middle:
            at = text.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        return text.endswith(last) and len(text) - len(last) >= at

    return lambda attributes: any(holds(value) for value in attributes.get(name, ()))
