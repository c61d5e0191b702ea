"""Decides who is notified of an event."""

from backup_monitoring.mail import AddressError, parse_mailbox
from backup_monitoring.model import Decision, Event, People, Recipient, Role, State
from backup_monitoring.notify.rules import (
    NAMES,
    NONE_UNDELIVERABLE,
    RuleScope,
    apply_rules,
    explain_operator,
    has_thresholds_off,
    wants_warnings,
)
from backup_monitoring.outbox import Undeliverable
from backup_monitoring.settings import AttributeNames, NotifySettings


def find_recipients(
    event: Event,
    people: People,
    policy: NotifySettings,
    names: AttributeNames = NAMES,
    undeliverable: Undeliverable = NONE_UNDELIVERABLE,
) -> Decision:
    """Decide who is notified of *event*.

    If the decision has an ``operator_reason``, `find_operator` must be notified, too.

    Args:
        event: of UNKNOWN, only the operator is notified.
        people: where contacts, persons and resellers are looked up.
        policy: section [notify].
        names: of the accounts' attributes.
        undeliverable: addresses that bounced, which are not notified.

    Raises what *people* raises.
    """
    if event.state is State.UNKNOWN:
        return _decide_unknown(policy)
    contact = people.contact(event.uid)
    if contact is None:
        reason = f"account {event.uid}: no such account"
        return Decision((), (explain_operator(reason),), (), reason)
    return apply_rules(contact, event, people, policy, names, RuleScope.WANTED, undeliverable)


def find_switched_off(
    event: Event, people: People, policy: NotifySettings, names: AttributeNames = NAMES
) -> tuple[Recipient, ...]:
    """Return the customer's recipients who miss *event* because warnings are switched off.

    Empty if warnings are on. Arguments as of `find_recipients`. Raises what *people* raises.
    """
    contact = people.contact(event.uid)
    if contact is None or event.state is State.UNKNOWN:
        return ()
    if wants_warnings(contact, policy) and not has_thresholds_off(contact, event):
        return ()
    return apply_rules(contact, event, people, policy, names, RuleScope.CUSTOMER).recipients


def find_operator(policy: NotifySettings) -> Recipient:
    """Return the operator as a recipient.

    Raises:
        AddressError: ``[notify] operator`` is not a valid address.
    """
    mailbox = parse_mailbox(policy.operator)
    return Recipient(
        mailbox.address, mailbox.name, Role.OPERATOR, policy.language, reason="[notify] operator"
    )


def _decide_unknown(policy: NotifySettings) -> Decision:
    recipients, reason = [], None
    explanation, findings = [], []
    try:
        operator = find_operator(policy)
        recipients.append(operator)
        explanation.append(f"{operator.reason}: {operator.address} is notified")
    except AddressError as error:
        reason = f"[notify] operator {policy.operator!r}: {error}"
        findings.append(reason)
        explanation.append(explain_operator(reason))
    explanation.append(
        "state UNKNOWN: only [notify] operator is notified, neither customer nor reseller"
    )
    return Decision(tuple(recipients), tuple(explanation), tuple(findings), reason)
