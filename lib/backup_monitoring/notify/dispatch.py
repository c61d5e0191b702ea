"""Applies what is decided on an event: a mail or a digest's event per recipient in the outbox."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from backup_monitoring.mail import About, AddressError
from backup_monitoring.model import (
    Decision,
    Event,
    Facts,
    People,
    Recipient,
    Role,
    State,
    name_customer,
)
from backup_monitoring.notify.decide import Audience, Instructions, Sending, decide
from backup_monitoring.notify.recipients import find_operator, find_recipients, find_switched_off
from backup_monitoring.notify.rules import NONE_UNDELIVERABLE
from backup_monitoring.outbox import (
    GUARDED,
    OVER,
    Conversation,
    Draft,
    LogAction,
    QueuedMail,
    SentState,
    Transaction,
    Undeliverable,
    forget_sent,
    queue_for_digest,
    queue_mail,
    read_conversation,
    track_failure,
    withdraw,
    write_draft,
)
from backup_monitoring.settings import NotifySettings, Settings
from backup_monitoring.tasks import SchedulePolicy

if TYPE_CHECKING:  # composing loads libraries that queueing does without
    from backup_monitoring.mail import Mail

_REPORTED = "resellers without settings"  # in the outbox's meta: uids that the operator knows of


class Notification(NamedTuple):
    """What a recipient gets: a mail or its draft, or None for an event in a digest."""

    recipient: Recipient
    mail: Mail | Draft | None


class EventResult(NamedTuple):
    """What was done with an event.

    Args:
        event: what it was.
        decision: who is notified, and why.
        notifications: what was queued.
        operator_reason: why the operator was, or should have been, notified; None if not.
    """

    event: Event
    decision: Decision
    notifications: tuple[Notification, ...] = ()
    operator_reason: str | None = None


def find_audience(
    event: Event,
    people: People,
    settings: Settings,
    undeliverable: Undeliverable = NONE_UNDELIVERABLE,
) -> Audience:
    """Look up everybody whom *event* may concern: nothing is, within a transaction.

    Raises:
        DirectoryError, StoreError: people cannot be looked up.
    """
    policy, names = settings.notify, settings.directory.attributes
    return Audience(
        find_recipients(event, people, policy, names, undeliverable),
        find_switched_off(event, people, policy, names),
        describe_account(event, people, None, choose_zone(settings)),
        people.contact(event.uid),
    )


def notify(
    transaction: Transaction,
    event: Event,
    facts: Facts | None,
    audience: Audience,
    settings: Settings,
    *,
    settled: bool = False,
    only_new: bool = False,
) -> EventResult:
    """Notify everybody whom *event* concerns, all or none.

    Args:
        transaction: the whole conversation is read and continued in it.
        facts: of the verdict.
        settled: the event cannot be part of a storm.
        only_new: see `decide`.

    Raises:
        OutboxError: the outbox cannot be written.
    """
    reported = frozenset(json.loads(transaction.get_meta(_REPORTED) or "[]"))
    conversation = read_conversation(transaction, event.uid, event.task)
    instructions = decide(
        event,
        audience,
        conversation,
        settings.notify,
        reported=reported,
        only_new=only_new,
    )
    if not only_new:
        contact = audience.contact
        customer = name_customer(contact.customers if contact is not None else (), event.uid)
        track_failure(transaction, event, customer, settled=settled)
    queued = _apply(transaction, event, facts, audience.about, instructions, settings)
    decision, reason = audience.decision, instructions.operator_reason
    if event.kind in OVER:
        with suppress(AddressError):  # reported with the reason
            heard = find_operator_state(conversation, settings.notify)
            if heard is None:
                reason = None
            elif reason is None and heard.state is not State.UNKNOWN:
                # The reason is gone, for example since there is an address now; the end is said.
                operator = find_operator(settings.notify)
                queue_for_digest(transaction, operator, event)
                queued.append(Notification(operator, None))
    # Who has got settings in the meantime is reported again if they are lost again.
    known = reported.difference(each.reseller.lower() for each in decision.recipients)
    if reason is not None:
        asked, failure = notify_operator(transaction, [(event, reason)], settings)
        queued += asked
        reason += failure
        if asked:
            known |= instructions.reported
    if known != reported:
        transaction.set_meta(_REPORTED, json.dumps(sorted(known)))
    return EventResult(event, decision, tuple(queued), reason)


def _apply(
    transaction: Transaction,
    event: Event,
    facts: Facts | None,
    about: About,
    instructions: Instructions,
    settings: Settings,
) -> list[Notification]:
    """Queue what was decided on *event*, and return it."""
    for recipient in instructions.withdrawn:
        withdraw(transaction, event, recipient, "its warnings were switched off")
    for address, reason in instructions.objections:
        transaction.log_event(LogAction.NOT_SENT, event, address, reason)
    about = about._replace(facts=facts)
    queued = [_queue(transaction, each, about, settings) for each in instructions.sendings]
    if event.kind in OVER:
        keep = [(each.recipient.address, each.recipient.role) for each in instructions.sendings]
        forget_sent(transaction, event.uid, event.task, keep)
    return queued


def _queue(
    transaction: Transaction, sending: Sending, about: About, settings: Settings
) -> Notification:
    recipient, event, thread, in_digest = sending
    if in_digest:
        queue_for_digest(transaction, recipient, event)
        return Notification(recipient, None)
    draft = Draft(event, recipient, about, thread)
    queue_mail(transaction, make_queued_draft(draft, settings.notify))
    return Notification(recipient, draft)


def notify_operator(
    transaction: Transaction, events: Sequence[tuple[Event, str]], settings: Settings
) -> tuple[list[Notification], str]:
    """Let the operator's digest say what could not be sent to everybody, each with the reason.

    Returns what was queued, and a text to append to the reason if nothing could be: only exit
    code and output can report it then.
    """
    for event, reason in events:
        transaction.log_event(LogAction.NOT_SENT, event, "", reason)
    policy = settings.notify
    try:
        operator = find_operator(policy)
    except AddressError as error:
        unset = not policy.operator  # reported once, by the program
        return [], "" if unset else f"; nobody was notified: [notify] operator: {error}"
    for event, reason in events:
        queue_for_digest(transaction, operator, event, reason)
    return [Notification(operator, None) for _ in events], ""


def find_operator_state(conversation: Conversation, policy: NotifySettings) -> SentState | None:
    """Return what the operator has heard last of a problem, None if not, or if of its end.

    Raises:
        AddressError: ``[notify] operator`` is not a valid address.
    """
    operator = find_operator(policy)
    last = conversation.drop_unsent().find_last(operator.address, (Role.OPERATOR,))
    return last if last is not None and last.kind in GUARDED else None


def choose_zone(settings: Settings) -> tzinfo:
    """Return the zone of times in mails where that of the computer is not known."""
    zones = settings.policies[SchedulePolicy].zones
    return zones[0] if zones else UTC


def describe_account(event: Event, people: People, facts: Facts | None, zone: tzinfo) -> About:
    """Return what a mail says about the account of *event*; raises what *people* raises."""
    contact = people.contact(event.uid)
    if contact is None:
        return About(facts=facts, zone=zone)
    customers = (people.customer(uid) for uid in contact.customers)
    name = next((each.name for each in customers if each is not None and each.name), "")
    return About(contact.name, name, facts, zone)


def make_queued_draft(draft: Draft, policy: NotifySettings) -> QueuedMail:
    """Return *draft* as a mail for the outbox, with its Message-ID."""
    draft = draft.with_key(policy)
    first = draft.thread.first if draft.thread is not None else ""
    return QueuedMail(draft.key, draft.recipient, b"", draft.event, first, draft=write_draft(draft))


def make_queued_mail(mail: Mail, recipient: Recipient) -> QueuedMail:
    """Return *mail*, which is about many events, for the outbox."""
    return QueuedMail(mail.message_id, recipient, mail.data, complaints=mail.complaints)
