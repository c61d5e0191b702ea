"""Drafts: what a mail about an event is written from, while it waits in the outbox.

A mail is written when it is delivered: the monitoring system's notification command, which queues
it, neither loads the template engine nor waits for it.
"""

from collections.abc import Mapping
from datetime import tzinfo
from typing import NamedTuple

from backup_monitoring.mail import (
    About,
    Mailbox,
    MailError,
    choose_sender,
    make_message_id,
)
from backup_monitoring.model import Codec, Event, Recipient, Thread
from backup_monitoring.settings import NotifySettings
from backup_monitoring.tasks import pack_facts, unpack_facts

_NO_DOMAIN = "backup-monitoring.invalid"  # RFC 2606: belongs to nobody


class Draft(NamedTuple):
    """What `mail.compose_event` writes the mail to *recipient* about *event* from.

    The *key*, its Message-ID, stays the same if the settings change before the delivery.
    """

    event: Event
    recipient: Recipient
    about: About
    thread: Thread | None = None
    key: str = ""

    def with_key(self, policy: NotifySettings) -> "Draft":
        """Return the draft with a Message-ID, of the sender's domain by *policy*."""
        try:
            sender, _ = choose_sender(self.recipient, policy)
        except MailError:  # the mail waits until the settings have a valid sender
            sender = Mailbox(f"backup-monitoring@{_NO_DOMAIN}")
        return self._replace(key=make_message_id(sender))


class _StoredAbout(NamedTuple):
    """An `About` whose facts are by name: those of each task have a type of their own."""

    name: str
    customer: str
    facts: Mapping[str, object] | None
    zone: tzinfo


class _StoredDraft(NamedTuple):
    event: Event
    recipient: Recipient
    about: _StoredAbout
    thread: Thread | None = None
    key: str = ""


_CODEC: Codec[_StoredDraft] = Codec(_StoredDraft)


def write_draft(draft: Draft) -> str:
    """Return *draft* as JSON, with those facts that mails use."""
    facts = pack_facts(draft.event.task, draft.about.facts)
    about = _StoredAbout(draft.about.name, draft.about.customer, facts, draft.about.zone)
    return _CODEC.encode(_StoredDraft(draft.event, draft.recipient, about, *draft[3:]))


def read_draft(text: str) -> Draft:
    """Return the draft of the JSON *text*; times are in UTC."""
    stored = _CODEC.decode(text)
    name, customer, packed, zone = stored.about
    about = About(name, customer, unpack_facts(stored.event.task, packed), zone)
    return Draft(stored.event, stored.recipient, about, stored.thread, stored.key)
