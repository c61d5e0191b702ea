"""Parses the report of a mail server that a mail could not be delivered (RFC 3464).

Anybody can send one: it is taken apart within bounds, without recursion, and what is not such a
report has no failures.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from backup_monitoring.mail.transport import quote_answer

MAX_BYTES = 1 << 20  # what is behind them, usually the mail itself, is not looked at
_MOST_PARTS = 20
_MOST_GROUPS = 100  # of a report: one per recipient
_MOST_FIELDS = 200
# Fields with the address that a report was sent to; servers differ in which they write.
_SENT_TO = ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]{1,70})"|([^\s";]{1,70}))', re.I)
_STATUS = re.compile(r"\s*(5\.\d{1,3}\.\d{1,3})")
_DIAGNOSTIC = re.compile(r"\s*smtp\s*;\s*5\d\d[ -](5\.\d{1,3}\.\d{1,3})", re.I)
_ANYTHING = "5.0.0"  # Exim writes this whatever the other server has answered
# RFC 3463 X.1: the address. Not 5.1.0 (anything), 5.1.7 to 5.1.9 (the sender, the way).
_OF_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10"})


class DeliveryReport(NamedTuple):
    """What a report says.

    Args:
        sent_to: texts of the fields in which the address that it was sent to can be.
        failures: why the mail failed for good because of an address, with the code, as one
            harmless line; empty if it did not.
    """

    sent_to: tuple[str, ...]
    failures: tuple[str, ...]


def parse_report(message: bytes) -> DeliveryReport:
    """Parse *message*, header and body; of more than `MAX_BYTES` the beginning."""
    message = message[:MAX_BYTES].replace(b"\r\n", b"\n")
    head, _, body = message.partition(b"\n\n")
    fields = _parse_fields(head)
    sent_to = tuple(value for name, value in fields if name in _SENT_TO)
    return DeliveryReport(sent_to, tuple(_list_failures(fields, body)))


def _parse_fields(head: bytes) -> list[tuple[str, str]]:
    """Return names, in small letters, and values of the fields of a header."""
    text = re.sub(rb"\n[ \t]+", b" ", head).decode("ascii", "replace")
    fields = []
    for line in text.split("\n", _MOST_FIELDS)[:_MOST_FIELDS]:
        name, colon, value = line.partition(":")
        if colon:
            fields.append((name.strip().lower(), value.strip()))
    return fields


def _list_failures(fields: list[tuple[str, str]], body: bytes) -> Iterator[str]:
    kind = dict(reversed(fields)).get("content-type", "")
    boundary = _BOUNDARY.search(kind)
    if not kind.lower().startswith("multipart/report") or boundary is None:
        return
    edge = b"\n--" + (boundary[1] or boundary[2]).encode("ascii", "replace")
    for part in (b"\n" + body).split(edge, _MOST_PARTS)[1:_MOST_PARTS]:
        head, _, content = part.partition(b"\n\n")
        kind = dict(_parse_fields(head)).get("content-type", "").lower()
        if kind.startswith("message/delivery-status"):
            for group in content.split(b"\n\n", _MOST_GROUPS)[:_MOST_GROUPS]:
                yield from _find_failure(dict(_parse_fields(group.strip(b"\n"))))


def _find_failure(group: dict[str, str]) -> Iterator[str]:
    """Yield why the recipient of *group* failed, if it is the address."""
    if group.get("action", "").lower() != "failed":
        return
    diagnostic = group.get("diagnostic-code", "")
    status = _STATUS.match(group.get("status", ""))
    if status is None or status[1] == _ANYTHING:
        status = _DIAGNOSTIC.match(diagnostic)
    if status is not None and status[1] in _OF_ADDRESS:
        yield quote_answer(f"{status[1]} {diagnostic}")
