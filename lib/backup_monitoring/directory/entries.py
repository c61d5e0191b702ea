"""An entry of the directory, with one spelling for each attribute's name."""

import re
from collections.abc import Iterable
from typing import NamedTuple
from unicodedata import normalize

from backup_monitoring.model import SettingsError

Attributes = dict[str, list[bytes]]

# The schemas of OpenLDAP; a server answers with the first name, an LDIF file has either.
_ALIASES = {
    "commonname": "cn",
    "countryname": "c",
    "domaincomponent": "dc",
    "fax": "facsimiletelephonenumber",
    "gn": "givenname",
    "hometelephonenumber": "homephone",
    "localityname": "l",
    "mobiletelephonenumber": "mobile",
    "organizationalunitname": "ou",
    "organizationname": "o",
    "pagertelephonenumber": "pager",
    "rfc822mailbox": "mail",
    "stateorprovincename": "st",
    "streetaddress": "street",
    "surname": "sn",
    "userid": "uid",
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*(;[A-Za-z0-9-]+)*|[0-2](\.[0-9]+)+(;[A-Za-z0-9-]+)*")
_REMEMBERED = 1000


class Entry(NamedTuple):
    """An entry: *dn*, and the values of each attribute by its canonical name.

    Bytes of a DN or text that are not UTF-8 are kept as surrogates.
    """

    dn: str
    attributes: Attributes

    def texts(self, name: str) -> list[str]:
        """Return the values of attribute *name*, in any spelling, as texts."""
        return [as_text(value) for value in self.attributes.get(canonicalize(name), ())]

    def text(self, name: str) -> str | None:
        """Return the first value of attribute *name* as text, None without one."""
        values = self.attributes.get(canonicalize(name))
        return as_text(values[0]) if values else None


class NameTable(dict[bytes, str]):
    """Canonical names by the source's bytes; fills itself."""

    def __missing__(self, raw: bytes) -> str:
        name = canonicalize(as_text(raw))
        if len(self) < _REMEMBERED:
            self[raw] = name
        return name


def as_text(value: bytes) -> str:
    """Decode *value*; bytes that are not UTF-8 become surrogates, so nothing is lost."""
    return str(value, "utf-8", "surrogateescape")


def fold_case(text: str) -> str:
    """Return a form of *text* that is equal for texts that a server takes for equal.

    As slapd does it: compatible characters are equal (``ﬁ`` and ``fi``), composed or not, and so
    are the two cases of a letter; but ``ß`` is not ``ss``, unlike in full case folding.
    """
    if text.isascii():
        return text.lower()
    return normalize("NFKC", normalize("NFKD", text).lower())


def canonicalize(name: str) -> str:
    """Return the one spelling of attribute *name* that entries use: lower case, short name."""
    lower = name.lower()
    if ";" not in lower:
        return _ALIASES.get(lower, lower)
    base, _, options = lower.partition(";")
    return f"{_ALIASES.get(base, base)};{options}"


def is_name(name: str) -> bool:
    """Return whether *name* is an attribute description (RFC 4512)."""
    return _NAME.fullmatch(name) is not None


def check_attributes(attributes: Iterable[str]) -> list[str]:
    """Return *attributes* for a search, each once.

    Raises:
        SettingsError: one is not a valid name, or is the password, which is never read.
    """
    names = list(dict.fromkeys(attributes))
    for name in names:
        if not is_name(name) or canonicalize(name).startswith("userpassword"):
            raise SettingsError(
                "[directory.attributes]",
                f"{name!r} is not an attribute that is read here",
                "name one of the schema's attributes",
            )
    return names
