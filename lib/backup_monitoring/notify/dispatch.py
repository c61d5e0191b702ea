"""Dispatches an event into the outbox: a mail or a digest's event per recipient."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from backup_monitoring.mail import About, AddressError
from backup_monitoring.model import (
    Decision,
    Ending,
    Event,
    EventKind,
    Facts,
    People,
    Recipient,
    Role,
    Thread,
)
from backup_monitoring.notify.recipients import find_operator, find_recipients, find_switched_off
from backup_monitoring.outbox import (
    GUARDED,
    OVER,
    Draft,
    DuplicateError,
    LogAction,
    QueuedMail,
    SentState,
    Transaction,
    find_last_sent,
    forget_sent,
    is_notified,
    list_notified,
    queue_for_digest,
    queue_mail,
    record_sent,
    track_failure,
    withdraw,
    write_draft,
)
from backup_monitoring.settings import NotifySettings, Settings
from backup_monitoring.tasks import SchedulePolicy

if TYPE_CHECKING:  # composing loads libraries that queueing does without
    from backup_monitoring.mail import Mail


class Notification(NamedTuple):
    """What a recipient gets: a mail or its draft, or None for an event in a digest."""

    recipient: Recipient
    mail: Mail | Draft | None


class EventResult(NamedTuple):
    """What was done with an event.

    Args:
        decision: who is notified, and why.
        notifications: what was queued.
        operator_reason: why the operator was, or should have been, notified; None if not.
    """

    decision: Decision
    notifications: tuple[Notification, ...] = ()
    operator_reason: str | None = None


class Dispatcher:
    """Notifies recipients of events, within one transaction of the outbox.

    Args:
        transaction: all of its notifications are stored, or none.
        people: where recipients are looked up.
        settings: section [notify], and the zones for times.
    """

    def __init__(self, transaction: Transaction, people: People, settings: Settings) -> None:
        self._transaction = transaction
        self._people = people
        self._settings = settings
        self._policy = settings.notify

    def notify(self, event: Event, facts: Facts | None, *, settled: bool = False) -> EventResult:
        """Notify everybody whom *event* concerns.

        Args:
            facts: of the verdict.
            settled: the event cannot be part of a storm.

        Raises:
            DirectoryError, StoreError: people cannot be looked up.
            OutboxError: the outbox cannot be written.
        """
        track_failure(self._transaction, event, settled=settled)
        decision = self._decide(event)
        notifications = []
        for recipient in decision.recipients:
            objection = self._find_objection(event, recipient)
            if objection:
                self._log_not_sent(event, recipient.address, objection)
            else:
                notifications.append(self._notify_recipient(event, recipient, facts))
        notifications += self._send_final_notices(event, decision, facts)
        if event.kind in OVER:
            keep = [(each.recipient.address, each.recipient.role) for each in notifications]
            forget_sent(self._transaction, event.uid, event.task, keep)
        if decision.operator_reason is None or self._is_end_unexpected(event):
            return EventResult(decision._replace(operator_reason=None), tuple(notifications))
        queued, failure = self.notify_operator([(event, decision.operator_reason)])
        return EventResult(decision, (*notifications, *queued), decision.operator_reason + failure)

    def catch_up(self, event: Event, facts: Facts | None) -> EventResult | None:
        """Notify those whose account was switched off or on since a lasting problem began.

        If warnings were switched off, they get a final notice; if they were switched on again, the
        problem. None if nobody is notified; raises what `notify` raises.
        """
        decision = self._decide(event)
        notifications = self._send_final_notices(event, decision, facts)
        for recipient in decision.recipients:
            last = self._find_last_sent(event, recipient)
            if last is not None and last.kind is EventKind.MONITORING_ENDED:
                notifications.append(self._notify_recipient(event, recipient, facts))
        if not notifications:
            return None
        return EventResult(decision._replace(operator_reason=None), tuple(notifications))

    def notify_operator(
        self, events: Sequence[tuple[Event, str]]
    ) -> tuple[list[Notification], str]:
        """Let the operator's digest say what could not be sent to everybody, each with the reason.

        Returns what was queued, and a text to append to the reason if nothing could be: only exit
        code and output can report it then.
        """
        for event, reason in events:
            self._log_not_sent(event, "", reason)
        try:
            operator = find_operator(self._policy)
        except AddressError as error:
            unset = not self._policy.operator  # reported once, by the program
            return [], "" if unset else f"; nobody was notified: [notify] operator: {error}"
        for event, reason in events:
            queue_for_digest(self._transaction, operator, event, reason)
        return [Notification(operator, None) for _ in events], ""

    def _is_end_unexpected(self, event: Event) -> bool:
        """Return whether *event* is the end of what the operator was not notified of."""
        if event.kind not in OVER:
            return False
        try:
            last = self._find_last_sent(event, find_operator(self._policy))
        except AddressError:
            return False
        return last is None or last.kind not in GUARDED

    def _decide(self, event: Event) -> Decision:
        if event.kind is EventKind.MONITORING_ENDED and self._people.contact(event.uid) is None:
            return self._decide_without_entry(event)
        return find_recipients(
            event, self._people, self._policy, self._settings.directory.attributes
        )

    def _decide_without_entry(self, event: Event) -> Decision:
        """Return who was notified of the problem of an account that has left the directory."""
        reason = f"account {event.uid} is gone: was notified of its problem"
        recipients: dict[tuple[str, Role | None], Recipient] = {}
        for address, role in list_notified(self._transaction, event.uid, event.task):
            key = (address, role if self._policy.reseller.digest else None)
            recipient = Recipient(address, "", role, self._policy.language, reason=reason)
            recipients.setdefault(key, recipient)
        explanation = tuple(f"{reason}: {each.address}" for each in recipients.values())
        return Decision(tuple(recipients.values()), explanation)

    def _find_objection(self, event: Event, recipient: Recipient) -> str:
        """Return why *recipient* is not notified after all, '' if they are."""
        if recipient.role is Role.RESELLER and not self._policy.reseller.enabled:
            return "[notify.reseller] enabled is false"
        if event.kind in OVER:
            last = self._find_last_sent(event, recipient)
            if last is None or last.kind not in GUARDED:
                return "was not notified of a problem"
        return ""

    def _notify_recipient(
        self, event: Event, recipient: Recipient, facts: Facts | None
    ) -> Notification:
        if event.kind is EventKind.REMINDER and not self._is_notified(event, recipient):
            # The problem was held in a storm, or the warnings were switched off until now.
            event = event._replace(kind=EventKind.PROBLEM)
        if self._gets_digest(recipient):
            queue_for_digest(self._transaction, recipient, event)
            return Notification(recipient, None)
        thread = self._find_thread(event, recipient)
        about = describe_account(event, self._people, facts, choose_zone(self._settings))
        draft = Draft(event, recipient, about, thread)
        try:
            queue_mail(self._transaction, make_queued_draft(draft, self._policy))
        except DuplicateError as error:  # this mail is on its way: it must not end a scan
            self._log_not_sent(event, recipient.address, str(error))
        return Notification(recipient, draft)

    def _send_final_notices(
        self, event: Event, decision: Decision, facts: Facts | None
    ) -> list[Notification]:
        """Notify those whose warnings were switched off that this mail is their last."""
        if event.kind is EventKind.CUSTOM:
            return []
        notifications = []
        # Without digests an address gets one mail, whatever its roles: it is notified in the other.
        others = {each.address for each in decision.recipients}
        for recipient in find_switched_off(event, self._people, self._policy):
            if recipient.address in others and not self._policy.reseller.digest:
                continue
            withdraw(self._transaction, event, recipient, "its warnings were switched off")
            last = self._find_last_sent(event, recipient)
            if last is None and event.kind in GUARDED:
                self._record_switched_off(event, recipient)
            elif last is not None and last.kind in GUARDED:
                state = event.state if event.kind in OVER else last.state
                notice = event._replace(
                    kind=EventKind.MONITORING_ENDED,
                    state=state,
                    ending=event.ending or Ending.WARNINGS,
                )
                notifications.append(self._notify_recipient(notice, recipient, facts))
        return notifications

    def _record_switched_off(self, event: Event, recipient: Recipient) -> None:
        """Let `catch_up` notify *recipient* when the warnings are switched on again."""
        to = (recipient.address, recipient.role)
        ended = EventKind.MONITORING_ENDED
        record_sent(self._transaction, to, event.uid, event.task, ended, event.state)

    def _find_last_sent(self, event: Event, recipient: Recipient) -> SentState | None:
        states = (
            find_last_sent(self._transaction, (recipient.address, role), event.uid, event.task)
            for role in self._list_roles(recipient)
        )
        return max(filter(None, states), key=lambda state: state.at, default=None)

    def _is_notified(self, event: Event, recipient: Recipient) -> bool:
        return any(
            is_notified(self._transaction, (recipient.address, role), event.uid, event.task)
            for role in self._list_roles(recipient)
        )

    def _list_roles(self, recipient: Recipient) -> tuple[Role, ...]:
        """Return the roles in which *recipient* may have been notified: without digests, either."""
        either = (Role.CUSTOMER, Role.RESELLER)
        if self._policy.reseller.digest or recipient.role not in either:
            return (recipient.role,)
        return either

    def _gets_digest(self, recipient: Recipient) -> bool:
        if recipient.role is Role.RESELLER:
            return self._policy.reseller.digest
        return recipient.role is Role.OPERATOR

    def _find_thread(self, event: Event, recipient: Recipient) -> Thread | None:
        last = self._find_last_sent(event, recipient)
        if last is None or not last.first_id:
            return None
        begins = event.kind is EventKind.PROBLEM and last.kind in OVER  # one thread per problem
        return None if begins else Thread(last.first_id, last.last_id)

    def _log_not_sent(self, event: Event, address: str, reason: str) -> None:
        self._transaction.log_event(LogAction.NOT_SENT, event, address, reason)


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
    event, recipient, thread = draft.event, draft.recipient, draft.thread
    return QueuedMail(
        draft.key,
        recipient.address,
        recipient.role,
        b"",
        policy.return_path,
        event.uid,
        event.task,
        event.kind,
        event.state,
        event.host,
        recipient.reseller,
        thread.first if thread is not None else "",
        draft=write_draft(draft),
        customer=recipient.customer,
    )


def make_queued_mail(mail: Mail, recipient: Recipient, policy: NotifySettings) -> QueuedMail:
    """Return *mail*, which is about many events, for the outbox."""
    return QueuedMail(
        mail.message_id,
        recipient.address,
        recipient.role,
        mail.data,
        policy.return_path,
        reseller=recipient.reseller,
        complaints=mail.complaints,
        customer=recipient.customer,
    )
