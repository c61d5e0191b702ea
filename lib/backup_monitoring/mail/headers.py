"""Who a mail is from, and its Message-ID."""

import hashlib

from backup_monitoring.mail.addresses import AddressError, Mailbox, parse_mailbox
from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.model.notices import Event, Recipient
from backup_monitoring.model.text import sanitize
from backup_monitoring.settings.notify import NotifySettings

_LONGEST_DOMAIN = 40


class MailError(MonitoringError):
    """A mail cannot be written: a template or the sender is wrong."""


def sender_of(recipient: Recipient, policy: NotifySettings) -> tuple[Mailbox, tuple[str, ...]]:
    """Return whom a mail to *recipient* is from, and what an administrator should put right.

    Raises:
        MailError: neither the recipient's own sender nor [notify] from is an address.
    """
    complaints: tuple[str, ...] = ()
    if recipient.sender:
        try:
            return mailbox_of(recipient.sender, "sstMailFrom of the reseller"), ()
        except MailError as error:
            complaints = (str(error),)
    return mailbox_of(policy.sender, "[notify] from"), complaints


def mailbox_of(text: str, where: str) -> Mailbox:
    """Return the mailbox *text*; MailError, which names *where*, if it is none."""
    try:
        return parse_mailbox(text)
    except AddressError as error:
        problem = f"{sanitize(text, 200)!r} is no address: {error}"
        raise MailError(where, problem, "write NAME <USER@DOMAIN>") from error


def message_id(what: tuple[str, ...], recipient: Recipient, sender: Mailbox) -> str:
    """Return the Message-ID, with its ``<>``, of the mail that tells *recipient* of *what*."""
    said = (what, recipient.address, recipient.role.name)
    digest = hashlib.sha256(repr(said).encode()).hexdigest()
    return f"<{digest[:32]}@{domain_of(sender)}>"


def event_key(event: Event) -> tuple[str, ...]:
    """Return what tells the mails about one event from those about another."""
    return event.uid, event.task, event.kind.value, event.state.name, event.at.isoformat()


def domain_of(sender: Mailbox) -> str:
    """Return the sender's domain, of a long one the end: an identifier must not be folded."""
    labels = sender.address.rpartition("@")[2].split(".")
    while len(".".join(labels)) > _LONGEST_DOMAIN and len(labels) > 1:
        del labels[0]
    return ".".join(labels)[-63:]
