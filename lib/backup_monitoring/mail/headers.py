"""The sender of a mail, and its Message-ID."""

import hashlib

from backup_monitoring.mail.addresses import AddressError, Mailbox, parse_mailbox
from backup_monitoring.model import Event, MonitoringError, Recipient, sanitize
from backup_monitoring.settings import NotifySettings

_LONGEST_DOMAIN = 40


class MailError(MonitoringError):
    """A mail cannot be written: a template or the sender is wrong."""


def choose_sender(recipient: Recipient, policy: NotifySettings) -> tuple[Mailbox, tuple[str, ...]]:
    """Return the sender of a mail to *recipient*, and complaints for an administrator.

    Raises:
        MailError: neither the recipient's own sender nor [notify] from is valid.
    """
    complaints: tuple[str, ...] = ()
    if recipient.sender:
        try:
            return choose_mailbox(recipient.sender, "sstMailFrom of the reseller"), ()
        except MailError as error:
            complaints = (str(error),)
    return choose_mailbox(policy.sender, "[notify] from"), complaints


def choose_mailbox(text: str, where: str) -> Mailbox:
    """Return the mailbox *text*; MailError, which names *where*, if it is not valid."""
    try:
        return parse_mailbox(text)
    except AddressError as error:
        problem = f"{sanitize(text, 200)!r} is not valid: {error}"
        raise MailError(where, problem, "write NAME <USER@DOMAIN>") from error


def make_message_id(what: tuple[str, ...], recipient: Recipient, sender: Mailbox) -> str:
    """Return the Message-ID, with ``<>``, of the mail to *recipient* about *what*."""
    content = (what, recipient.address, recipient.role.name)
    digest = hashlib.sha256(repr(content).encode()).hexdigest()
    return f"<{digest[:32]}@{get_domain(sender)}>"


def make_event_key(event: Event) -> tuple[str, ...]:
    """Return what distinguishes the mails about *event* from those about other events."""
    return event.uid, event.task, event.kind.value, event.state.name, event.at.isoformat()


def get_domain(sender: Mailbox) -> str:
    """Return the sender's domain, or the end of a long one: an identifier must not be folded."""
    labels = sender.address.rpartition("@")[2].split(".")
    while len(".".join(labels)) > _LONGEST_DOMAIN and len(labels) > 1:
        del labels[0]
    return ".".join(labels)[-63:]
