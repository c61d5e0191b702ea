"""Composes mails: headers around a text and an HTML body of the same words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, tzinfo
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, NamedTuple

from backup_monitoring.notify.about import About
from backup_monitoring.notify.addresses import AddressError, parse_mailbox
from backup_monitoring.notify.content import (
    Content,
    Listing,
    content_of_event,
    content_of_listing,
    scene_of,
)
from backup_monitoring.notify.foreign import harmless
from backup_monitoring.notify.model import Event, Recipient
from backup_monitoring.notify.settings import NotifySettings
from backup_monitoring.notify.variables import reader_zone
from backup_monitoring.notify.wording import MailError, Wording, wording
from backup_monitoring.text import clean

CRLF = "\r\n"
_LIST = "backup-warnings"
_LONGEST_DOMAIN = 40
_LONGEST_NAME = 60
_WIDTH = 75


class Thread(NamedTuple):
    """The mails that a recipient already has of a problem: Message-IDs with their ``<>``."""

    first: str
    last: str


class Mail(NamedTuple):
    """A mail that is ready to be handed over.

    Args:
        message_id: with its ``<>``; the same event and recipient give the same one.
        subject: as readers see it.
        data: the whole message, lines end with CRLF.
        complaints: what an administrator should put right; the mail is good all the same.
    """

    message_id: str
    subject: str
    data: bytes
    complaints: tuple[str, ...] = ()


def compose(
    event: Event,
    recipient: Recipient,
    about: About,
    policy: NotifySettings,
    thread: Thread | None = None,
) -> Mail:
    """Write the mail that tells *recipient* of *event*.

    Where a provider's own template fails, the packaged ones are used, with a complaint.

    Args:
        thread: what the recipient has of this problem; None: nothing yet.

    Raises:
        MailError: neither the recipient's sender nor [notify] from is an address, or the
            recipient's address is none.
    """

    def write(words: Wording) -> Content:
        return content_of_event(scene_of(words, recipient, policy, about.zone), event, about)

    what = (event.uid, event.task, event.kind.value, event.state.name, event.at.isoformat())
    return _compose(write, _Envelope(recipient, policy, event.at, about.zone, what, thread))


def compose_digest(
    listing: Listing, recipient: Recipient, policy: NotifySettings, at: datetime, zone: tzinfo
) -> Mail:
    """Write the mail with a list of events, as `compose` does.

    Args:
        at: when it is written, aware. zone: shown where the recipient's own is not known.
    """

    def write(words: Wording) -> Content:
        return content_of_listing(scene_of(words, recipient, policy, zone), listing)

    told = [(i.event.uid, i.event.task, i.event.kind.value, i.event.at) for i in listing.items]
    what = (listing.digest.value, listing.host, at.isoformat(), repr(told))
    return _compose(write, _Envelope(recipient, policy, at, zone, what))


class _Envelope(NamedTuple):
    recipient: Recipient
    policy: NotifySettings
    at: datetime
    zone: tzinfo
    what: tuple[str, ...]
    thread: Thread | None = None


def _compose(write: Callable[[Wording], Content], envelope: _Envelope) -> Mail:
    sender, complaints = _sender(envelope.recipient, envelope.policy)
    content, text, html, complaint = _rendered(write, envelope)
    digest = hashlib.sha256(repr((envelope.what, envelope.recipient.address)).encode()).hexdigest()
    message_id = f"<{digest[:32]}@{_domain(sender)}>"
    message = EmailMessage(policy=SMTP)
    for name, value in _headers(envelope, sender, message_id).items():
        message[name] = _header(name, str(value)) if name in _REPEATED else value
    # Quoted-printable keeps every line short, whatever a name holds and a server can do.
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message.set_boundary(f"=_{digest[32:56]}")
    found = (*complaints, *([complaint] if complaint else []))
    data = _subject_line(content.subject) + message.as_bytes()
    return Mail(message_id, content.subject, data, found)


# What a template's expressions can raise beside Jinja's own errors.
_SLIPS = (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)


def _rendered(
    write: Callable[[Wording], Content], envelope: _Envelope
) -> tuple[Content, str, str, str]:
    """Return the words, text, HTML and why own templates were passed over, '' if not."""
    from jinja2 import TemplateError

    folder = envelope.policy.templates
    tags = (envelope.recipient.language, envelope.policy.language)
    try:
        return (*_bodies(write, wording(folder, *tags)), "")
    except (TemplateError, *_SLIPS) as error:
        if folder is None:
            raise
        # A provider's slip in a template must not keep a warning from a customer.
        place = getattr(error, "filename", None) or folder
        complaint = f"{place}: {type(error).__name__}: {clean(str(error), 300)}"
    return (*_bodies(write, wording(None, *tags)), complaint)


def _bodies(write: Callable[[Wording], Content], words: Wording) -> tuple[Content, str, str]:
    content = write(words)
    variables = content._asdict()
    text = words.layout("mail.txt", variables).strip() + "\n"
    return content, text, words.layout("mail.html", variables)


# Parsing headers is a quarter of the work: those that many mails share are parsed once.
_REPEATED = frozenset({"From", "Reply-To", "Auto-Submitted", "X-Auto-Response-Suppress", "List-Id"})


@lru_cache(maxsize=256)
def _header(name: str, value: str) -> Any:
    return SMTP.header_store_parse(name, value)[1]


def _headers(envelope: _Envelope, sender: Address, message_id: str) -> dict[str, str | Address]:
    recipient, policy, thread = envelope.recipient, envelope.policy, envelope.thread
    local = envelope.at.astimezone(reader_zone(recipient, envelope.zone))
    headers: dict[str, str | Address] = {
        "Message-ID": message_id,
        "Date": format_datetime(local),
        "From": sender,
        "To": _recipient(recipient),
    }
    if policy.reply_to and not recipient.sender:
        headers["Reply-To"] = _address(policy.reply_to, "[notify] reply_to")
    if thread is not None:
        headers["In-Reply-To"] = thread.last
        headers["References"] = " ".join(dict.fromkeys(thread))
    headers["Auto-Submitted"] = "auto-generated"
    headers["X-Auto-Response-Suppress"] = "All"
    headers["List-Id"] = f"<{_LIST}.{_domain(sender)}>"
    return headers


def _subject_line(subject: str) -> bytes:
    """Return the header, folded.

    EmailMessage would leave the first line empty where an ASCII subject is long: allowed, but
    programs then show a blank before it, and filters dislike it.
    """
    foldable = subject.isascii() and all(len(word) < _LONGEST_NAME for word in subject.split(" "))
    charset = "us-ascii" if foldable else "utf-8"
    header = Header(subject, charset, maxlinelen=_WIDTH, header_name="Subject")
    return f"Subject: {header.encode(linesep=CRLF)}{CRLF}".encode("ascii")


def _sender(recipient: Recipient, policy: NotifySettings) -> tuple[Address, tuple[str, ...]]:
    complaints: tuple[str, ...] = ()
    if recipient.sender:
        try:
            return _address(recipient.sender, "sstMailFrom of the reseller"), ()
        except MailError as error:
            complaints = (str(error),)
    return _address(policy.sender, "[notify] from"), complaints


def _recipient(recipient: Recipient) -> Address:
    found = _address(recipient.address, recipient.reason or recipient.address)
    return _shown(recipient.name, found.addr_spec)


def _address(text: str, where: str) -> Address:
    try:
        found = parse_mailbox(text)
    except AddressError as error:
        problem = f"{harmless(text)!r} is no address: {error}"
        raise MailError(where, problem, "write NAME <USER@DOMAIN>") from error
    return _shown(found.name, found.address)


def _shown(name: str, address: str) -> Address:
    # A longer name would be folded without its quotes.
    return Address(harmless(name, _LONGEST_NAME).removesuffix("..."), addr_spec=address)


def _domain(sender: Address) -> str:
    """Return the sender's domain, of a long one the end: an identifier must not be folded."""
    labels = sender.domain.split(".")
    while len(".".join(labels)) > _LONGEST_DOMAIN and len(labels) > 1:
        del labels[0]
    return ".".join(labels)[-63:]
