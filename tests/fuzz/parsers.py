"""The parsers of what comes from outside, each with what must hold for any input.

A check gets bytes, parses them, and asserts what its parser promises: what it may raise is in the
table, all else is a fault. Where there is an inverse function, what was parsed comes back.
"""

import smtplib
import socket
import tempfile
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from ldap3 import Connection, Server
from ldap3.core.exceptions import LDAPSessionTerminatedByServerError

from backup_monitoring.directory.account_reader import AccountReader, KnownAttributes
from backup_monitoring.directory.ber import DecodeError, EntryStrategy, Names, take_entries
from backup_monitoring.directory.dn import normalize_dn
from backup_monitoring.directory.entries import Entry, as_text
from backup_monitoring.directory.filters import escape_value, parse_filter
from backup_monitoring.directory.generalized_time import parse_time as parse_generalized_time
from backup_monitoring.directory.ldif import LdifDirectory
from backup_monitoring.icinga.api import _parse_permissions
from backup_monitoring.mail.addresses import (
    AddressError,
    clean_name,
    parse_address,
    parse_mailbox,
)
from backup_monitoring.mail.delivery_report import parse_report
from backup_monitoring.mail.return_path import find_tokens
from backup_monitoring.mail.sanitize import hide_internals, neutralize, neutralize_lines
from backup_monitoring.mail.smtp_connection import SmtpConnection, Waits
from backup_monitoring.mail.smtp_login import log_in
from backup_monitoring.mail.smtp_session import parse_server
from backup_monitoring.mail.transport import TransportError
from backup_monitoring.model import (
    Codec,
    Contact,
    Customer,
    DirectoryError,
    Growth,
    InvalidReport,
    Need,
    Person,
    Receipt,
    Reseller,
    SettingsError,
    SizeDrop,
    Start,
    UsageError,
    format_duration_setting,
    parse_duration,
    sanitize,
)
from backup_monitoring.model.languages import LanguageError, parse_languages
from backup_monitoring.net import parse_server_uri
from backup_monitoring.notify.batch import _Batch
from backup_monitoring.notify.call_values import parse_time as parse_call_time
from backup_monitoring.outbox.columns import EVENT, RECIPIENT
from backup_monitoring.outbox.drafts import read_draft, write_draft
from backup_monitoring.plugin.thresholds import parse_age
from backup_monitoring.settings.directory import DirectorySettings
from backup_monitoring.settings.hook_settings import find_hook_outbox
from backup_monitoring.settings.load import read_settings
from backup_monitoring.settings.notify import NotifySettings
from backup_monitoring.settings.store_guess import guess_store_folder
from backup_monitoring.store import schema
from backup_monitoring.store.files import UNREADABLE
from backup_monitoring.store.size_table import read_sizes
from backup_monitoring.tasks.client import parse_version
from backup_monitoring.uploads.arrivals import ReportFile
from backup_monitoring.uploads.cron import parse_field
from backup_monitoring.uploads.offsets import ReportWriter, parse_offset
from backup_monitoring.uploads.reports import read_end, read_schedule, read_start

TESTS = Path(__file__).parent.parent
EXAMPLES = TESTS.parent / "examples"
REPORTS = TESTS / "uploads" / "corpus"

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MODIFIED = datetime(2026, 11, 23, 19, 1, tzinfo=UTC)
ZONES = (ZoneInfo("Europe/Zurich"),)
STARTED = Start(MODIFIED, timedelta(hours=1), "461239", None, Receipt(MODIFIED))
BASE = "ou=accounts,dc=example,dc=org"
NOTIFY = NotifySettings(username="anna", password="secret")
# A parser may be given a file: it is written again for each input.
FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-")
FILE = Path(FOLDER.name, "input")


class Parser(NamedTuple):
    """A parser of what comes from outside.

    Args:
        check: parses, and asserts. allowed: what it may raise.
        seeds: folders and files besides ``corpus/NAME`` (a seed per file) and ``corpus/NAME.txt``
            (one per line).
        share: of the inputs; slow parsers get less.
    """

    check: Callable[[bytes], object]
    allowed: tuple[type[Exception], ...] = ()
    seeds: tuple[Path, ...] = ()
    share: int = 10


def check_report(read: Callable[[ReportFile], Any], codec: Codec[Any]) -> Callable[[bytes], object]:
    """Return the check of a report: its reader raises nothing, and what it gives can be stored."""

    def check(data: bytes) -> object:
        file = ReportFile(data, "x.xml", MODIFIED, by_client=False, received=Receipt(MODIFIED))
        report = read(file)
        if isinstance(report, InvalidReport):
            assert len(report.problem) < 300
        assert codec.decode(codec.encode(report)) == report
        return report

    return check


def check_date(data: bytes) -> object:
    text = escape(as_text(data))
    xml = f"<backup_started><startdate>{text}</startdate><id>1</id></backup_started>"
    return check_start(xml.encode("utf-8", "surrogateescape"))


def check_offset(data: bytes) -> object:
    text = as_text(data)
    found = [parse_offset(text, writer) for writer in ReportWriter]
    for offsets in found:
        assert len(offsets) <= 2
        assert all(abs(offset) <= timedelta(hours=14) for offset in offsets)
    return found


def check_cron(data: bytes) -> object:
    values = parse_field(as_text(data), 0, 59)
    if values is not None:
        assert values
        assert values <= set(range(60))
        assert parse_field(",".join(map(str, values)), 0, 59) == values
    return values


def check_ldif(data: bytes) -> object:
    FILE.write_bytes(data)
    settings = DirectorySettings(uri=(f"ldif:{FILE}",), accounts_base=BASE, file="s.toml")
    names = ("uid", "cn", "mail", "sstQuota", "sstUsedSpace")
    with LdifDirectory(settings, lambda phase: None) as directory:
        entries = list(directory.tree(BASE, "(|(uid=*)(!(cn=a*b)))", names))
        for entry in entries[:3]:
            again = directory.entry(entry.dn, names)
            assert again is not None
    return entries


def check_account(data: bytes) -> object:
    """Lines of an attribute and a value, as they are in LDIF: any bytes may be a value."""
    attributes: dict[str, list[bytes]] = {}
    for line in data.split(b"\n"):
        name, _, value = line.partition(b": ")
        attributes.setdefault(as_text(name).lower(), []).append(value)
    directory = DirectorySettings(uri=("ldap://ldap.example.org",), file="s.toml")
    reader = AccountReader(directory.attributes, ~Need(0), NOW, KnownAttributes.NOTHING)
    return reader.account(Entry("uid=4000101,ou=accounts,dc=example,dc=org", attributes))


def check_ber(data: bytes) -> object:
    """The entries are the same however their bytes arrive."""
    whole: list[Entry] = []
    at, _ = take_entries(data, 7, Names(), whole)
    assert 0 <= at <= len(data)
    parts: list[Entry] = []
    names = Names()
    half = len(data) // 2
    first, other = take_entries(data[:half], 7, names, parts)
    if other is None:
        second, _ = take_entries(data[first:], 7, names, parts)
        assert first + second == at
        assert parts == whole
    return whole


class Received:
    """A socket on which *data* comes, in pieces, and then the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def recv(self, size: int) -> bytes:
        piece, self._data = self._data[: min(size, 50)], self._data[min(size, 50) :]
        return piece

    def send(self, data: bytes) -> int:
        return len(data)

    def settimeout(self, seconds: float | None) -> None:
        pass

    def gettimeout(self) -> float:
        return 5.0

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", 1)

    def getpeername(self) -> tuple[str, int]:
        return ("127.0.0.1", 25)

    family = socket.AF_INET

    def close(self) -> None:
        pass


SERVER = Server("ldap.example.org", get_info="NO_INFO")


def check_answers(data: bytes) -> object:
    connection = Connection(SERVER)
    strategy = EntryStrategy(connection, cast("socket.socket", Received(data)))
    strategy.open()
    return [list(strategy.read_answers(7)) for _ in range(1)]


def check_generalized_time(data: bytes) -> object:
    time = parse_generalized_time(data)
    if time is not None:
        assert time.tzinfo is UTC
        written = f"{time:%Y%m%d%H%M%S}".rjust(14, "0").encode() + f".{time:%f}Z".encode()
        again = parse_generalized_time(written)
        assert again is not None
        assert abs(again - time) <= timedelta(microseconds=1)
    return time


def check_dn(data: bytes) -> object:
    dn = as_text(data)
    name = normalize_dn(dn)
    assert normalize_dn(f"uid=1,{dn}")[1:] == name
    assert normalize_dn(f"{dn},dc=org")[-1] == (("dc", "org"),) or dn.endswith("\\")
    return name


def check_filter(data: bytes) -> object:
    text = as_text(data)
    if text:
        chosen = parse_filter(f"(cn={escape_value(text)})")
        assert chosen.matches({"cn": [data]})
        assert not chosen.matches({"cn": [data + b"x"]})
    return parse_filter(text).matches({"cn": [b"Anna", data], "uid": [b"12"]})


def check_mailbox(data: bytes) -> object:
    text = as_text(data)
    assert len(clean_name(text)) <= 128
    mailbox = parse_mailbox(text)
    assert parse_mailbox(str(mailbox)) == mailbox
    assert parse_address(mailbox.address) == mailbox.address
    assert mailbox.address.isascii()
    assert str(mailbox).isprintable()
    return mailbox


def check_languages(data: bytes) -> object:
    tags = parse_languages(as_text(data))
    assert parse_languages(",".join(tags)) == tags
    return tags


def check_call(data: bytes) -> object:
    batch = SimpleNamespace(failures=[])
    call = _Batch._read_call(cast("Any", batch), data.decode("ascii", "replace"), "file", "delete")
    assert (call is None) == bool(batch.failures)
    assert all(len(each) < 200 for each in batch.failures)
    return call


def check_delivery_report(data: bytes) -> object:
    report = parse_report(data)
    for failure in report.failures:
        assert len(failure) <= 300
        assert failure.isprintable()
    for token in find_tokens("bounces+{token}@example.org", report.sent_to):
        assert len(token) <= 50
    return report


def check_smtp(data: bytes) -> object:
    connected = cast("socket.socket", Received(data))
    connection = SmtpConnection(connected, "mx.example.org", 25, Waits(5))
    assert len(connection.greeting) <= 300
    assert connection.greeting.isprintable()
    connection.ehlo_or_helo_if_needed()
    log_in(connection, NOTIFY)
    answers = [connection.mail("a@example.org"), connection.rcpt("b@example.org")]
    answers.append(connection.docmd("DATA"))
    return answers


def check_settings(data: bytes) -> object:
    FILE.write_bytes(data)
    outbox = find_hook_outbox(str(FILE))
    guessed = guess_store_folder(str(FILE))
    settings = read_settings(FILE, {})
    if outbox is not None:
        assert settings.notify.outbox == Path(outbox)
    assert guessed is None or guessed[1] == settings.digest
    return len(settings.taken)


CODECS: tuple[Codec[Any], ...] = (
    schema.START,
    schema.END,
    schema.SCHEDULE,
    schema.COMPUTER_HISTORY,
    schema.FINDINGS,
    EVENT,
    RECIPIENT,
    Codec(Contact),
    Codec(Person),
    Codec(Customer),
    Codec(Reseller),
    Codec(Growth),
    Codec(SizeDrop),
    Codec(Mapping[str, datetime]),
)


def check_codec(data: bytes) -> object:
    """The first letter says which codec."""
    codec = CODECS[(data or b"a")[0] % len(CODECS)]
    value = codec.decode(data[1:].decode("ascii"))
    if value == value:
        assert codec.decode(codec.encode(value)) == value
    return value


def check_sizes(data: bytes) -> object:
    sizes = read_sizes(data.decode("ascii"))
    assert all(one.day < other.day for one, other in pairwise(sizes))
    return sizes


def check_draft(data: bytes) -> object:
    draft = read_draft(data.decode("ascii"))
    return write_draft(draft)


def check_permissions(data: bytes) -> object:
    return _parse_permissions(data.decode("utf-8", "replace"))


def check_duration(data: bytes) -> object:
    span = parse_duration(as_text(data))
    assert parse_duration(format_duration_setting(span)) == span
    return span


def check_range(data: bytes) -> object:
    return parse_age(as_text(data))


def check_version(data: bytes) -> object:
    version = parse_version(as_text(data))
    if version is not None:
        assert len(str(version)) < 300
    return version


def check_server(data: bytes) -> object:
    text = as_text(data)
    try:
        return parse_server(text)
    except TransportError:
        return parse_server_uri(text, "s.toml")


def check_call_time(data: bytes) -> object:
    moment = parse_call_time(as_text(data))
    assert moment.tzinfo is UTC
    return moment


def check_text(data: bytes) -> object:
    """What prints text from outside parses it, too."""
    text = as_text(data)
    line = sanitize(text)
    assert len(line) <= 1000
    assert line.isprintable()
    assert not set("|<>") & set(line)
    mail = neutralize(text)
    assert len(mail) < 5 * 200
    assert "\n" not in mail
    return [line, mail, neutralize_lines(text), hide_internals(text, "backup.example.org")]


def list_examples() -> Iterable[Path]:
    return sorted(EXAMPLES.glob("*.toml"))


check_start = check_report(lambda file: read_start(file, ZONES, NOW), schema.START)
PARSERS: Mapping[str, Parser] = {
    "start": Parser(check_start, seeds=(REPORTS,)),
    "end": Parser(
        check_report(lambda file: read_end(file, ZONES, NOW), schema.END), seeds=(REPORTS,)
    ),
    "schedule": Parser(
        check_report(lambda file: read_schedule(file, ZONES, NOW, STARTED), schema.SCHEDULE),
        seeds=(REPORTS,),
    ),
    "date": Parser(check_date),
    "offset": Parser(check_offset),
    "cron": Parser(check_cron),
    "ldif": Parser(check_ldif, (DirectoryError,), share=5),
    "account": Parser(check_account),
    "ber": Parser(check_ber, (DecodeError,)),
    "answers": Parser(check_answers, (DecodeError, LDAPSessionTerminatedByServerError), share=5),
    "generalized_time": Parser(check_generalized_time),
    "dn": Parser(check_dn),
    "filter": Parser(check_filter, (SettingsError,)),
    "mailbox": Parser(check_mailbox, (AddressError,)),
    "languages": Parser(check_languages, (LanguageError,)),
    "call": Parser(check_call),
    "call_time": Parser(check_call_time, (UsageError,)),
    "delivery_report": Parser(check_delivery_report),
    "smtp": Parser(
        check_smtp, (OSError, ValueError, smtplib.SMTPException, TransportError), share=5
    ),
    "settings": Parser(check_settings, (SettingsError,), tuple(list_examples()), share=1),
    "codec": Parser(check_codec, UNREADABLE),
    "sizes": Parser(check_sizes, UNREADABLE),
    "draft": Parser(check_draft, UNREADABLE),
    "permissions": Parser(check_permissions),
    "duration": Parser(check_duration, (ValueError,)),
    "range": Parser(check_range, (ArgumentTypeError,)),
    "version": Parser(check_version),
    "server": Parser(check_server, (SettingsError,)),
    "text": Parser(check_text),
}
