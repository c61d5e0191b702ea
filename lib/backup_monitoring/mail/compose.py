"""Composes mails: headers, and the same content as text and as HTML."""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, NamedTuple

from backup_monitoring.mail.about import About
from backup_monitoring.mail.addresses import Mailbox
from backup_monitoring.mail.catalogs import list_uncompiled
from backup_monitoring.mail.content import (
    ListItem,
    MailContent,
    MailList,
    build_event_content,
    build_list_content,
    build_scene,
)
from backup_monitoring.mail.headers import (
    choose_mailbox,
    choose_sender,
    get_domain,
    make_message_id,
)
from backup_monitoring.mail.sanitize import neutralize
from backup_monitoring.mail.template_loader import TemplateSet, load_templates
from backup_monitoring.model import Event, Recipient, Thread, sanitize
from backup_monitoring.settings import NotifySettings

CRLF = "\r\n"
_LIST = "backup-warnings"
_LONGEST_NAME = 60
_WIDTH = 75  # of a line of the header


class Mail(NamedTuple):
    """A mail that is ready for delivery.

    Args:
        message_id: with ``<>``.
        subject: as readers see it.
        data: the whole message, with CRLF.
        complaints: what an administrator should correct; the mail can be sent all the same.
        html_size: of the HTML, in bytes.
    """

    message_id: str
    subject: str
    data: bytes
    complaints: tuple[str, ...] = ()
    html_size: int = 0


def compose_event(
    event: Event,
    recipient: Recipient,
    about: About,
    policy: NotifySettings,
    thread: Thread | None = None,
    key: str = "",
) -> Mail:
    """Compose the mail to *recipient* about *event*.

    If a provider's own template fails, the packaged ones are used, with a complaint.

    Args:
        thread: the mails that the recipient has of this problem; None: none.
        key: the Message-ID, '' to make one.

    Raises:
        MailError: the recipient's address, or both the recipient's sender and [notify] from, are
            not valid.
    """

    zone = event.zone or about.zone

    def write(words: TemplateSet) -> MailContent:
        return build_event_content(build_scene(words, recipient, policy, zone), event, about)

    return _compose(write, _Envelope(recipient, policy, event.at, zone, thread, key))


def compose_shown(
    listing: MailList,
    shown: Sequence[ListItem],
    recipient: Recipient,
    policy: NotifySettings,
    at: datetime,
    zone: tzinfo,
) -> Mail:
    """Compose the mail that shows these items of a list, as `compose_event` does.

    Args:
        at: time of the mail, aware. zone: of times where an event has none.
    """

    def write(words: TemplateSet) -> MailContent:
        return build_list_content(build_scene(words, recipient, policy, zone), listing, shown)

    return _compose(write, _Envelope(recipient, policy, at, zone))


class _Envelope(NamedTuple):
    """What the headers are made from; *key*: the Message-ID, '' to make one."""

    recipient: Recipient
    policy: NotifySettings
    at: datetime
    zone: tzinfo
    thread: Thread | None = None
    key: str = ""


def _compose(write: Callable[[TemplateSet], MailContent], envelope: _Envelope) -> Mail:
    sender, complaints = choose_sender(envelope.recipient, envelope.policy)
    content, text, html, complaint = _render(write, envelope)
    key = envelope.key or make_message_id(sender)
    message = EmailMessage(policy=SMTP)
    for name, value in _make_headers(envelope, sender, key).items():
        message[name] = _parse_header(name, str(value)) if name in _REPEATED else value
    if complaint:
        complaints = (*complaints, complaint)
    head = _fold_subject(content.subject) + _make_unsubscribe(content)
    head += message.as_bytes().removesuffix(b"\r\n")
    data = head + _write_alternatives(f"=_{key[1:25]}", {"plain": text, "html": html})
    return Mail(key, content.subject, data, complaints, len(html.encode()))


def _write_alternatives(boundary: str, texts: Mapping[str, str]) -> bytes:
    """Return the header fields of a body with *texts* by subtype, and that body.

    As EmailMessage does, in a fraction of its time: ten thousand mails may wait for a server.
    """
    lines = [
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
    ]
    for subtype, text in texts.items():
        # Quoted-printable keeps every line short, whatever a name has in it and a server supports.
        body = b2a_qp(b"\r\n".join(text.encode().splitlines()))
        lines += [
            f"--{boundary}",
            f'Content-Type: text/{subtype}; charset="utf-8"',
            "Content-Transfer-Encoding: quoted-printable",
            "",
            body.decode("ascii"),
            "",
        ]
    return "\r\n".join((*lines, f"--{boundary}--", "")).encode("ascii")


def _render(
    write: Callable[[TemplateSet], MailContent], envelope: _Envelope
) -> tuple[MailContent, str, str, str]:
    """Return content, text, HTML, and a complaint about a provider's own texts, '' for none."""
    folder = envelope.policy.templates
    languages = (envelope.recipient.language, envelope.policy.language)
    try:
        complaint = "; ".join(list_uncompiled(folder)) if folder is not None else ""
        return (*_render_bodies(write, load_templates(folder, *languages)), complaint)
    except Exception as error:
        if folder is None:
            raise
        # A mistake in a provider's template can raise anything; it must not keep a warning from a
        # customer.
        place = getattr(error, "filename", None) or folder
        complaint = f"{place}: {type(error).__name__}: {sanitize(str(error), 300)}"
    return (*_render_bodies(write, load_templates(None, *languages)), complaint)


def _render_bodies(
    write: Callable[[TemplateSet], MailContent], words: TemplateSet
) -> tuple[MailContent, str, str]:
    content = write(words)
    variables = content._asdict()
    text = words.render_layout("mail.txt", variables).strip() + "\n"
    return content, text, words.render_layout("mail.html", variables)


# Parsing headers takes a quarter of the time: those that many mails share are parsed once.
_REPEATED = frozenset({"From", "Reply-To", "Auto-Submitted", "X-Auto-Response-Suppress", "List-Id"})


@lru_cache(maxsize=256)
def _parse_header(name: str, value: str) -> Any:
    return SMTP.header_store_parse(name, value)[1]


def _make_headers(envelope: _Envelope, sender: Mailbox, key: str) -> dict[str, str | Address]:
    recipient, policy, thread = envelope.recipient, envelope.policy, envelope.thread
    headers: dict[str, str | Address] = {
        "Message-ID": key,
        "Date": format_datetime(envelope.at.astimezone(envelope.zone)),
        "From": _make_address(sender),
        "To": _make_recipient_address(recipient),
    }
    if policy.reply_to and not recipient.sender:
        headers["Reply-To"] = _make_address(choose_mailbox(policy.reply_to, "[notify] reply_to"))
    if thread is not None:
        headers["In-Reply-To"] = thread.last
        headers["References"] = " ".join(dict.fromkeys(thread))
    headers["Auto-Submitted"] = "auto-generated"
    headers["X-Auto-Response-Suppress"] = "All"
    headers["List-Id"] = f"<{_LIST}.{get_domain(sender)}>"
    return headers


def _fold_subject(subject: str) -> bytes:
    """Return the header, folded.

    EmailMessage leaves the first line of a long ASCII subject empty: that is allowed, but mail
    programs show a space before it, and filters distrust it.
    """
    foldable = subject.isascii() and all(len(word) < _LONGEST_NAME for word in subject.split(" "))
    charset = "us-ascii" if foldable else "utf-8"
    header = Header(subject, charset, maxlinelen=_WIDTH, header_name="Subject")
    return f"Subject: {header.encode(linesep=CRLF)}{CRLF}".encode("ascii")


def _make_unsubscribe(content: MailContent) -> bytes:
    """Return the header of RFC 2369 with the page where a customer changes who is notified.

    It is written here, in one line, because EmailMessage encodes a long URL.
    """
    url = content.self_service_link
    if not re.fullmatch(r"https://[!-~]{1,900}", url):
        return b""
    return f"List-Unsubscribe: <{url.replace(',', '%2C')}>{CRLF}".encode("ascii")


def _make_recipient_address(recipient: Recipient) -> Address:
    mailbox = choose_mailbox(recipient.address, recipient.reason or recipient.address)
    return _make_address(mailbox._replace(name=recipient.name))


def _make_address(mailbox: Mailbox) -> Address:
    # A longer name would be folded without its quotes.
    name = neutralize(mailbox.name, _LONGEST_NAME).removesuffix("...")
    return Address(name, addr_spec=mailbox.address)
