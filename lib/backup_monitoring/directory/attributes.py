"""Reads and checks the values of an entry's attributes."""

from collections.abc import Collection, Sequence
from datetime import datetime

from backup_monitoring.directory.entries import as_text, canonicalize
from backup_monitoring.directory.generalized_time import parse_time
from backup_monitoring.model import Finding

WITHOUT_STATE = "export without replication state (389 Directory Server: db2ldif without -r)"

_NONE: tuple[bytes, ...] = ()


class AttributeReader:
    """An attribute: its *name* in the settings, and its *key* in entries."""

    __slots__ = ("key", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = canonicalize(name)


class EntryValues:
    """The values of one entry; one that is not valid counts as missing, and is a finding."""

    __slots__ = ("_attributes", "_dn", "findings")

    def __init__(self, dn: str, attributes: dict[str, list[bytes]]) -> None:
        self._dn = dn
        self._attributes = attributes
        self.findings: tuple[Finding, ...] = ()

    def all(self, attribute: AttributeReader) -> Sequence[bytes]:
        """Return all values, none if the attribute is missing."""
        return self._attributes.get(attribute.key, _NONE)

    def one(self, attribute: AttributeReader) -> bytes | None:
        """Return the only value; several, which only a file can have, are not valid."""
        values = self._attributes.get(attribute.key)
        if not values:
            return None
        if len(values) == 1:
            return values[0]
        self.add_invalid(attribute, values[1], f"one of {len(values)} values where one is allowed")
        return None

    def number(self, attribute: AttributeReader, least: int, most: int | None = None) -> int | None:
        """Return the value, an integer from *least* to *most*."""
        values = self._attributes.get(attribute.key)
        # Nearly always there is one value: that case is spared a call.
        value = values[0] if values and len(values) == 1 else self.one(attribute)
        if value is None:
            return None
        if value.isdigit() and len(value) < 20:
            number = int(value)
            if number >= least and (most is None or number <= most):
                return number
        if most is None and value.isdigit():
            self.add_invalid(attribute, value, "number too large")
            return None
        expected = f"from {least} to {most}" if most is not None else f"of {least} or more"
        self.add_invalid(attribute, value, f"not a whole number {expected}")
        return None

    def has(self, attribute: AttributeReader) -> bool:
        """Return whether the entry has the attribute, valid or not."""
        return bool(self._attributes.get(attribute.key))

    def flag(self, attribute: AttributeReader) -> bool | None:
        """Return the value, TRUE or FALSE in any case."""
        value = self.one(attribute)
        if value is None:
            return None
        upper = value.upper()
        if upper not in (b"TRUE", b"FALSE"):
            self.add_invalid(attribute, value, "not TRUE or FALSE")
            return None
        return upper == b"TRUE"

    def is_among(self, attribute: AttributeReader, words: Collection[bytes]) -> bool:
        """Return whether a value is one of *words*, which are in lower case."""
        for value in self._attributes.get(attribute.key, _NONE):  # noqa: SIM110 - twice as fast
            if value.lower() in words:
                return True
        return False

    def time(self, attribute: AttributeReader) -> datetime | None:
        """Return the value, a time, in UTC."""
        value = self.one(attribute)
        if value is None:
            return None
        time = parse_time(value)
        if time is None:
            self.add_invalid(attribute, value, "not a time, for example 20250301101500Z")
        return time

    def text(self, attribute: AttributeReader) -> str | None:
        """Return the value as text."""
        value = self.one(attribute)
        return None if value is None else as_text(value)

    def times_by_name(self, attribute: AttributeReader) -> dict[str, datetime]:
        """Return the times of values ``name:time``, the latest per name; ``0`` means none."""
        times: dict[str, datetime] = {}
        for value in self.all(attribute):
            name, colon, written = value.rpartition(b":")
            time = parse_time(written) if colon else None
            if time is not None:
                computer = as_text(name)
                times[computer] = max(time, times.get(computer, time))
            elif value != b"0":
                self.add_invalid(attribute, value, "not computer:YYYYMMDDTHHMMSSZ")
        return times

    def add_missing(self, attribute: AttributeReader) -> None:
        """Add a finding: *attribute* is missing or hidden."""
        self.findings += (Finding("attribute", self._dn, f"{attribute.name}: missing"),)

    def add_unread(self, names: str) -> None:
        """Add a finding: the values of *names*, which have options, are not read."""
        problem = f"{names}: not read, because of the options; {WITHOUT_STATE}"
        self.findings += (Finding("attribute", self._dn, problem),)

    def add_invalid(self, attribute: AttributeReader, value: bytes, problem: str) -> None:
        """Add a finding: *value* of *attribute* is not valid."""
        text = f"{attribute.name} {as_text(value[:80])!r}: {problem}"
        self.findings += (Finding("attribute", self._dn, text),)
