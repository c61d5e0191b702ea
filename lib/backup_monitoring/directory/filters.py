"""Search filters (RFC 4515): escaping values, and matching entries without a server."""

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
    """A parsed filter.

    Args:
        names: canonical names of the attributes that it compares.
        matches: returns whether an entry with these attributes matches.
    """

    names: frozenset[str]
    matches: Test


def escape_value(value: str) -> str:
    """Return *value*, of any content, escaped for a filter.

    Spaces at its ends are kept too; surrogates stand for bytes that are not UTF-8.
    """
    return _TO_ESCAPE.sub(lambda match: f"\\{ord(match[0]) & 0xFF:02x}", value)


def parse_filter(text: str) -> Filter:
    """Parse *text*.

    Raises:
        SettingsError: it is not a valid filter. An extensible match (``:=``) is valid, but
            matching an entry raises the same, since only a server knows its matching rules.
    """
    parser = _FilterParser(text)
    test, end = parser.parse(0, 0)
    if end != len(text):
        raise parser.make_error(end)
    return Filter(frozenset(parser.names), test)


class _FilterParser:
    def __init__(self, text: str) -> None:
        self._text = text
        self.names: set[str] = set()

    def make_error(self, at: int) -> SettingsError:
        rest = self._text[at : at + 20]
        where = f"at {rest!r}" if rest else "at its end"
        return SettingsError(
            f"filter {self._text!r}",
            f"not valid {where}",
            "write it as in RFC 4515, for example (objectClass=sstBackup)",
        )

    def parse(self, at: int, depth: int) -> tuple[Test, int]:
        """Parse the filter that begins at *at*; return its test and its end."""
        if depth > _DEEPEST:
            raise self.make_error(at)
        sign = self._text[at : at + 2]
        if sign not in ("(&", "(|", "(!"):
            return self._parse_item(at)
        tests, end = self._parse_list(at + 2, depth)
        if sign == "(!":
            if len(tests) != 1:
                raise self.make_error(at)
            inner = tests[0]
            return lambda attributes: not inner(attributes), end
        combine = all if sign == "(&" else any
        return lambda attributes: combine(test(attributes) for test in tests), end

    def _parse_list(self, at: int, depth: int) -> tuple[list[Test], int]:
        tests = []
        while self._text[at : at + 1] == "(":
            test, at = self.parse(at, depth + 1)
            tests.append(test)
        if self._text[at : at + 1] != ")":
            raise self.make_error(at)
        return tests, at + 1

    def _parse_item(self, at: int) -> tuple[Test, int]:
        if match := _EXTENSIBLE.match(self._text, at):
            return self._refuse_extensible, match.end()
        match = _ITEM.match(self._text, at)
        if not match:
            raise self.make_error(at)
        name, sign, value = canonicalize(match[1]), match[2], match[3]
        self.names.add(name)
        if sign == "=" and value == "*":
            return lambda attributes: name in attributes, match.end()
        if "*" not in value:
            return _make_comparison(name, sign, _unescape(value)), match.end()
        if sign != "=":
            raise self.make_error(at)
        return _make_substring_test(
            name, [_unescape(piece) for piece in value.split("*")]
        ), match.end()

    def _refuse_extensible(self, attributes: Attributes) -> bool:
        raise SettingsError(
            f"filter {self._text!r}",
            "an extensible match (:=) needs a server",
            "leave it out if uri is an ldif: file",
        )


def _unescape(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogateescape")
    return _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode("ascii")), raw)


def _fold(value: bytes) -> bytes:
    # caseIgnoreMatch, the matching rule of nearly all attributes that are read
    return _fold_bytes(b" ".join(value.split()))


def _fold_bytes(value: bytes) -> bytes:
    if value.isascii():
        return value.lower()
    return fold_case(as_text(value)).encode("utf-8", "surrogateescape")


def _make_comparison(name: str, sign: str, wanted: bytes) -> Test:
    if sign in (">=", "<="):
        return _make_order_test(name, sign, wanted)
    folded = _fold(wanted)

    def equal(attributes: Attributes) -> bool:
        values = attributes.get(name, ())
        return wanted in values or any(_fold(value) == folded for value in values)

    return equal


def _make_order_test(name: str, sign: str, wanted: bytes) -> Test:
    def holds(value: bytes) -> bool:
        if _INTEGER.fullmatch(value) and _INTEGER.fullmatch(wanted):
            difference = int(value) - int(wanted)
        else:
            left, right = _fold(value), _fold(wanted)
            difference = (left > right) - (left < right)
        return difference >= 0 if sign == ">=" else difference <= 0

    return lambda attributes: any(holds(value) for value in attributes.get(name, ()))


def _make_substring_test(name: str, pieces: list[bytes]) -> Test:
    first, *middle, last = [_fold_bytes(_SPACES.sub(b" ", piece)) for piece in pieces]

    def holds(value: bytes) -> bool:
        text = _fold(value)
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
