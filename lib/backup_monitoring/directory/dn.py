"""Distinguished names as of RFC 4514: tells which are equal."""

import re

from backup_monitoring.directory.entries import as_text, canonicalize, fold_case

Normalised = tuple[tuple[tuple[str, str], ...], ...]

_ESCAPED = re.compile(rb"\\(?:([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_PARTS = {
    ",": re.compile(r"(?:\\.|[^\\,;])+", re.DOTALL),  # RFC 2253 read ";" as "," too
    "+": re.compile(r"(?:\\.|[^\\+])+", re.DOTALL),
}


def normalize_dn(dn: str) -> Normalised:
    """Return *dn* in a form in which equal names are equal: case, spaces, escapes, aliases aside.

    The first element is the entry's own name, the others are its parent's. Text that is no
    distinguished name has a form too, which equals only that of the same text.
    """
    return tuple(_relative(part) for part in _PARTS[","].findall(dn))


def _relative(name: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition("=") for part in _PARTS["+"].findall(name)]
    return tuple(sorted((canonicalize(kind.strip()), _value(value)) for kind, _, value in pairs))


def _value(text: str) -> str:
    raw = _ESCAPED.sub(_unescaped, text.encode("utf-8", "surrogateescape"))
    return fold_case(" ".join(as_text(raw).split()))


def _unescaped(found: re.Match[bytes]) -> bytes:
    digits, char = found.groups()
    return bytes.fromhex(digits.decode("ascii")) if digits else char
