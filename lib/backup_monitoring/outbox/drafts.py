"""Drafts: what a mail about an event is written from, while it waits in the outbox.

A mail is written when it is delivered: the monitoring system's notification command, which queues
it, neither loads the template engine nor waits for it.
"""

import json
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from backup_monitoring.mail import (
    About,
    Mailbox,
    MailError,
    choose_sender,
    make_event_key,
    make_message_id,
)
from backup_monitoring.model import Event, Recipient, Thread
from backup_monitoring.outbox.columns import (
    read_event,
    read_recipient,
    read_time,
    write_event,
    write_recipient,
    write_time,
)
from backup_monitoring.settings import NotifySettings
from backup_monitoring.tasks import FACTS

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
        return self._replace(
            key=make_message_id(make_event_key(self.event), self.recipient, sender)
        )


def write_draft(draft: Draft) -> str:
    """Return *draft* as JSON, with those facts that mails use."""
    about = draft.about
    facts = {name: _write_fact(value) for name, value in about.facts.items() if name in FACTS}
    values = {
        "event": write_event(draft.event),
        "recipient": write_recipient(draft.recipient),
        "name": about.name,
        "customer": about.customer,
        "facts": facts,
        "zone": _write_zone(about.zone, draft.event.at),
        "thread": draft.thread,
        "key": draft.key,
    }
    return json.dumps(values)


def read_draft(text: str) -> Draft:
    """Return the draft of the JSON *text*."""
    values = json.loads(text)
    facts = {name: _read_fact(value) for name, value in values["facts"].items()}
    about = About(values["name"], values["customer"], facts, _read_zone(values["zone"]))
    thread = Thread(*values["thread"]) if values["thread"] else None
    event, recipient = read_event(values["event"]), read_recipient(values["recipient"])
    return Draft(event, recipient, about, thread, values["key"])


def _write_fact(value: object) -> Any:
    match value:
        case datetime():
            return {"time": write_time(value)}
        case date():
            return {"day": value.isoformat()}
        case timedelta():
            return {"seconds": value.total_seconds()}
    return value


def _read_fact(value: Any) -> object:
    match value:
        case {"time": seconds}:
            return read_time(seconds)
        case {"day": text}:
            return date.fromisoformat(text)
        case {"seconds": seconds}:
            return timedelta(seconds=seconds)
    return value


def _write_zone(zone: tzinfo, at: datetime) -> Any:
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    return (zone.utcoffset(at) or timedelta(0)).total_seconds()


def _read_zone(written: Any) -> tzinfo:
    if isinstance(written, str):
        return ZoneInfo(written)
    return timezone(timedelta(seconds=written)) if written else UTC
