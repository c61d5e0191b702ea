"""The sender of a mail, and its Message-ID."""

import secrets

from backup_monitoring.mail.addresses import AddressError, Mailbox, parse_mailbox
from backup_monitoring.model import MonitoringError, Recipient, sanitize
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


def make_message_id(sender: Mailbox) -> str:
    """Return a new Message-ID, with ``<>``, of the domain of *sender*."""
    return f"<{secrets.token_hex(16)}@{get_domain(sender)}>"


def get_domain(sender: Mailbox) -> str:
    """Return the sender's domain, or the end of a long one: an identifier must not be folded."""
    labels = sender.address.rpartition("@")[2].split(".")
    while len(".".join(labels)) > _LONGEST_DOMAIN and len(labels) > 1:
        del labels[0]
    return ".".join(labels)[-63:]
