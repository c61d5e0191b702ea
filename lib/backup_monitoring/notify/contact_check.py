"""Finds what is wrong with whom accounts would have told, before anything fails."""

from datetime import UTC, datetime

from backup_monitoring.model import Contact, Event, EventKind, People, State
from backup_monitoring.notify.recipients import (
    NAMES,
    DecisionBuilder,
    format_missing_person,
    wants_warnings,
)
from backup_monitoring.settings import AttributeNames, NotifySettings
from backup_monitoring.tasks import PROBLEM_WORDS

_MEDIA = ("mail", "sms")


def check_contacts(
    contact: Contact, people: People, policy: NotifySettings, names: AttributeNames = NAMES
) -> tuple[str, ...]:
    """Return what is wrong with whom *contact* would have told, before anything fails.

    Addresses are looked at whether warnings are on or off; that nobody would be told is wrong
    only where they are on. Raises what *people* raises.
    """
    found: dict[str, None] = {}
    told = wants_warnings(contact, policy)
    for task in PROBLEM_WORDS:
        event = Event(
            contact.uid, task, EventKind.PROBLEM, State.CRITICAL, datetime.fromtimestamp(0, UTC), ""
        )
        deciding = DecisionBuilder(event, people, policy, names)
        deciding.switch(contact)
        deciding.customer(contact)
        deciding.resellers(contact)
        found.update(dict.fromkeys(deciding.findings))
        if told:
            found.update(dict.fromkeys(deciding.nobody))
    if contact.medium.lower() not in _MEDIA:
        found[f"{contact.dn}: {names.medium} {contact.medium!r}: neither mail nor sms"] = None
    if contact.person and people.person(contact.person) is None:
        found[format_missing_person(contact.dn, names.person, contact.person)] = None
    return tuple(found)
