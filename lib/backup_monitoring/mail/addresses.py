"""Parses mail addresses, which come from entries and settings."""

import re
import unicodedata
from typing import NamedTuple

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_PLAIN_NAME = re.compile(r"[\w !#$%&'*+/=?^`{|}~-]*")
# RFC 5321, 4.5.3.1: a path of 256 characters less its two brackets leaves 254
_LONGEST_LOCAL, _LONGEST_DOMAIN, _LONGEST_LABEL, _LONGEST = 64, 253, 63, 254
_LONGEST_NAME = 128
# The two versions of IDNA read these differently, as two domains: mail must go to neither.
_AMBIGUOUS = "ßς\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}\N{IDEOGRAPHIC FULL STOP}"


class AddressError(ValueError):
    """A text is not a valid mail address; the message says why."""


class Mailbox(NamedTuple):
    """An *address*, its domain in lower case and ASCII, and the *name* before it, or ''."""

    address: str
    name: str = ""

    def __str__(self) -> str:
        """Return the mailbox as `parse_mailbox` reads it; valid in a header if *name* is ASCII."""
        if not self.name:
            return self.address
        if _PLAIN_NAME.fullmatch(self.name):
            return f"{self.name} <{self.address}>"
        escaped = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{self.address}>'


def parse_mailbox(text: str) -> Mailbox:
    """Parse the mailbox *text*, ``address`` or ``Name <address>``.

    Raises:
        AddressError: see `parse_address`; or the name is too long, or has angle brackets.
    """
    text = _clean_blanks(text)
    if not text.endswith(">"):
        return Mailbox(parse_address(text))
    name, bracket, address = text[:-1].rpartition("<")
    if not bracket:
        raise AddressError("has a '>' without a '<'")
    return Mailbox(parse_address(address), _parse_name(name.strip()))


def parse_address(text: str) -> str:
    """Parse the address *text*; the result has its domain in lower case and ASCII.

    Stricter than RFC 5322 on purpose: the standard library's parsers repair errors, skip comments
    and take the first of several addresses, and so return one where none, or another, was meant.

    Raises:
        AddressError: not exactly one address; unprintable characters; a part is too long; the
            domain is not a host name, or the two versions of IDNA read it differently.
    """
    text = _clean_blanks(text)
    if not text:
        raise AddressError("is empty")
    local, at, domain = text.partition("@")
    if not at or "@" in domain:
        raise AddressError("must have exactly one @")
    if not _LOCAL.fullmatch(local):
        raise AddressError("has characters before the @ that are not allowed")
    if local.startswith("-"):  # mail servers refuse it, programs take it for an option
        raise AddressError("must not begin with a hyphen")
    address = f"{local}@{_parse_host(domain)}"
    if len(local) > _LONGEST_LOCAL or len(address) > _LONGEST:
        raise AddressError("is too long")
    return address


def clean_name(text: str) -> str:
    """Return a person's name for a header or a greeting: one line, '' if it is too long."""
    name = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return name if len(name) <= _LONGEST_NAME else ""


def _clean_blanks(text: str) -> str:
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    if not text.isprintable():  # line ends, control characters, bytes that are not UTF-8
        raise AddressError("has unprintable characters")
    return text.strip(" ")


def _parse_name(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1]).strip()
    if len(text) > _LONGEST_NAME:
        raise AddressError("has a name that is too long")
    if "<" in text or ">" in text:
        raise AddressError("has more than one address, or brackets in its name")
    return text


def _parse_host(domain: str) -> str:
    lower = domain.lower()
    if not lower.isascii():
        lower = _encode_domain(lower)
    labels = lower.split(".")
    for label in labels:
        if not _LABEL.fullmatch(label) or len(label) > _LONGEST_LABEL:
            raise AddressError("has a domain that is not a valid host name")
    if len(labels) < 2 or labels[-1].isdigit():
        raise AddressError("has a domain that is not a full host name")
    if len(lower) > _LONGEST_DOMAIN:
        raise AddressError("is too long")
    return lower


def _encode_domain(domain: str) -> str:
    ambiguous = any(char in domain for char in _AMBIGUOUS)
    if ambiguous or unicodedata.normalize("NFKC", domain) != domain or len(domain) > _LONGEST:
        raise AddressError("has an ambiguous domain: write it in ASCII (xn--...)")
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise AddressError("has a domain that is not a valid host name") from error
