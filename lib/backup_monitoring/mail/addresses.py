"""Reads mail addresses, which others have written."""

import re
import unicodedata
from typing import NamedTuple

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_PLAIN_NAME = re.compile(r"[\w !#$%&'*+/=?^`{|}~-]*")
# RFC 5321, 4.5.3.1, and the 254 that are left of a path's 256 without its brackets
_LONGEST_LOCAL, _LONGEST_DOMAIN, _LONGEST_LABEL, _LONGEST = 64, 253, 63, 254
_LONGEST_NAME = 128
# IDNA's two versions make different domains of these: mail must not go to either.
_AMBIGUOUS = "ßς\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}\N{IDEOGRAPHIC FULL STOP}"


class AddressError(ValueError):
    """A text is no address that mail can be sent to; says why."""


class Mailbox(NamedTuple):
    """An *address*, its domain in lower case and ASCII, and the *name* before it, '' without."""

    address: str
    name: str = ""

    def __str__(self) -> str:
        """Return what `parse_mailbox` reads, and a header may hold where *name* is ASCII."""
        if not self.name:
            return self.address
        if _PLAIN_NAME.fullmatch(self.name):
            return f"{self.name} <{self.address}>"
        escaped = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{self.address}>'


def parse_mailbox(text: str) -> Mailbox:
    """Return the mailbox *text*, ``address`` or ``Name <address>``.

    Raises:
        AddressError: see `parse_address`; or the name is long, or holds what looks like another
            address in brackets.
    """
    text = _printable(text)
    if not text.endswith(">"):
        return Mailbox(parse_address(text))
    name, bracket, address = text[:-1].rpartition("<")
    if not bracket:
        raise AddressError("a bracket is never opened")
    return Mailbox(parse_address(address), _name(name.strip()))


def parse_address(text: str) -> str:
    """Return the address *text*, its domain in lower case and ASCII, so that equals are equal.

    An own reading, narrower than RFC 5322: the standard library's parsers repair, skip comments,
    and take the first of several, and so find an address where none, or another one, was meant.

    Raises:
        AddressError: not one address; control or other characters that do not print; a part is
            too long; a domain that is no host name, or read differently by IDNA's two versions.
    """
    text = _printable(text)
    if not text:
        raise AddressError("empty")
    local, at, domain = text.partition("@")
    if not at or "@" in domain:
        raise AddressError("not with exactly one @")
    if not _LOCAL.fullmatch(local):
        raise AddressError("its part before the @ has characters that are not allowed here")
    if local.startswith("-"):  # mail servers refuse it, programs take it for an option
        raise AddressError("begins with a hyphen")
    address = f"{local}@{_host(domain)}"
    if len(local) > _LONGEST_LOCAL or len(address) > _LONGEST:
        raise AddressError("too long")
    return address


def clean_name(text: str) -> str:
    """Return a person's name *text* as it may stand in a header or a greeting, '' if too long."""
    name = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return name if len(name) <= _LONGEST_NAME else ""


def _printable(text: str) -> str:
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    if not text.isprintable():  # newlines, other controls, bytes that are no text
        raise AddressError("has characters that do not print")
    return text.strip(" ")


def _name(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1]).strip()
    if len(text) > _LONGEST_NAME:
        raise AddressError("its name is too long")
    if "<" in text or ">" in text:
        raise AddressError("more than one address, or brackets in its name")
    return text


def _host(domain: str) -> str:
    lower = domain.lower()
    if not lower.isascii():
        lower = _in_ascii(lower)
    labels = lower.split(".")
    for label in labels:
        if not _LABEL.fullmatch(label) or len(label) > _LONGEST_LABEL:
            raise AddressError("its domain is no host name")
    if len(labels) < 2 or labels[-1].isdigit():
        raise AddressError("its domain is no full host name")
    if len(lower) > _LONGEST_DOMAIN:
        raise AddressError("too long")
    return lower


def _in_ascii(domain: str) -> str:
    strange = any(char in domain for char in _AMBIGUOUS)
    if strange or unicodedata.normalize("NFKC", domain) != domain or len(domain) > _LONGEST:
        raise AddressError("its domain is ambiguous: write it in ASCII (xn--...)")
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise AddressError("its domain is no host name") from error
