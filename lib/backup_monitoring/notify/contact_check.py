"""Checks the contacts of accounts, before anything fails."""

from datetime import UTC, datetime

from backup_monitoring.model import Contact, Event, EventKind, People, Role, State
from backup_monitoring.notify.rules import (
    NAMES,
    NONE_UNDELIVERABLE,
    RuleScope,
    apply_rules,
    format_missing_customer,
    format_missing_person,
    wants_warnings,
)
from backup_monitoring.outbox import Undeliverable
from backup_monitoring.settings import AttributeNames, NotifySettings
from backup_monitoring.tasks import TASKS

_MEDIA = ("mail", "sms")


def check_contacts(
    contact: Contact,
    people: People,
    policy: NotifySettings,
    names: AttributeNames = NAMES,
    undeliverable: Undeliverable = NONE_UNDELIVERABLE,
) -> tuple[str, ...]:
    """Return what is wrong with the contacts that *contact* leads to.

    Addresses are checked whether warnings are on or off; that there is none for the customer is
    reported only if they are on. Those that are *undeliverable* are listed. Raises what *people*
    raises.
    """
    findings: dict[str, None] = {}  # a set that keeps its order
    epoch = datetime.fromtimestamp(0, UTC)
    for task in TASKS:
        event = Event(contact.uid, task, EventKind.PROBLEM, State.CRITICAL, epoch, "")
        decision = apply_rules(
            contact, event, people, policy, names, RuleScope.EVERYBODY, undeliverable
        )
        findings.update(dict.fromkeys(decision.findings))
        customers = [each for each in decision.recipients if each.role is Role.CUSTOMER]
        if not customers and wants_warnings(contact, policy):
            findings[format_missing_customer(contact.dn)] = None
    if contact.medium.lower() not in _MEDIA:
        findings[f"{contact.dn}: {names.medium} {contact.medium!r}: neither mail nor sms"] = None
    if contact.person and people.person(contact.person) is None:
        findings[format_missing_person(contact.dn, names.person, contact.person)] = None
    return tuple(findings)
