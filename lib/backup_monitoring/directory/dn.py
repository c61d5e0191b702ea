"""Distinguished names (RFC 4514): which are equal?"""

import re

from backup_monitoring.directory.entries import as_text, canonicalize, fold_case

Normalised = tuple[tuple[tuple[str, str], ...], ...]

_ESCAPED = re.compile(rb"\\(?:([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_PARTS = {
    ",": re.compile(r"(?:\\.|[^\\,;])+", re.DOTALL),  # RFC 2253 read ";" as "," too
    "+": re.compile(r"(?:\\.|[^\\+])+", re.DOTALL),
}


def normalize_dn(dn: str) -> Normalised:
    """Return a form of *dn* that is equal for equal names, whatever case, spaces, escapes, aliases.

    The first element is the entry's own name, the others are its parent's. A text that is not a
    valid name has a form too; empty parts of it, as before the first comma of ``,dc=org``, are
    left out.
    """
    return tuple(_normalize_part(part) for part in _PARTS[","].findall(dn))


def _normalize_part(name: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition("=") for part in _PARTS["+"].findall(name)]
    return tuple(
        sorted((canonicalize(kind.strip()), _normalize_value(value)) for kind, _, value in pairs)
    )


def _normalize_value(text: str) -> str:
    raw = _ESCAPED.sub(_unescape, text.encode("utf-8", "surrogateescape"))
    return fold_case(" ".join(as_text(raw).split()))


def _unescape(match: re.Match[bytes]) -> bytes:
    digits, char = match.groups()
    return bytes.fromhex(digits.decode("ascii")) if digits else char
