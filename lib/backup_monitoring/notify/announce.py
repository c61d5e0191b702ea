"""Puts an event into the outbox: a mail, or a digest's line, for each whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from backup_monitoring.mail import About, AddressError, MailError
from backup_monitoring.model import Decision, Event, EventKind, People, Recipient, Role, Thread
from backup_monitoring.notify.recipients import find_operator, find_recipients, find_switched_off
from backup_monitoring.outbox import (
    GUARDED,
    OVER,
    Draft,
    DuplicateError,
    QueuedMail,
    SentState,
    Transaction,
    find_last_sent,
    forget_sent,
    list_sent_to,
    record_sent,
    was_sent,
    write_draft,
)
from backup_monitoring.settings import NotifySettings, Settings

if TYPE_CHECKING:  # writing mails takes libraries that queueing them does without
    from backup_monitoring.mail import Mail


class Notification(NamedTuple):
    """What one recipient is told: a mail or its draft, or None for a line in a digest."""

    recipient: Recipient
    mail: Mail | Draft | None


class EventResult(NamedTuple):
    """What became of an event.

    Args:
        decision: who is told, and why.
        letters: what was put into the outbox.
        fallback: it was, or had to be, handed to the fallback: why; None if not.
    """

    decision: Decision
    letters: tuple[Notification, ...] = ()
    operator: str | None = None


class Dispatcher:
    """Tells of events, within one transaction of the outbox.

    Args:
        transaction: all that is told in it lasts, or nothing.
        people: where recipients are looked up.
        settings: section [notify], and the zones to say times in.
    """

    def __init__(self, transaction: Transaction, people: People, settings: Settings) -> None:
        self._transaction = transaction
        self._people = people
        self._settings = settings
        self._policy = settings.notify

    def tell(self, event: Event, facts: Mapping[str, object], settled: bool = False) -> EventResult:
        """Put *event* into the outbox.

        Args:
            facts: of the verdict, see `About`.
            settled: it is part of no storm.

        Raises:
            DirectoryError, StoreError: people cannot be looked up.
            OutboxError: the outbox cannot be written.
        """
        self._transaction.note(event, settled=settled)
        decision = self._decision(event)
        letters = []
        for recipient in decision.recipients:
            reason = self._not_told(event, recipient)
            if reason:
                self._transaction.not_told(event, recipient.address, reason)
            else:
                letters.append(self._letter(event, recipient, facts))
        letters += self._farewells(event, decision, facts)
        if event.kind in OVER:
            told = [(letter.recipient.address, letter.recipient.role) for letter in letters]
            forget_sent(self._transaction, event.uid, event.task, told)
        if decision.unreached is None:
            return EventResult(decision, tuple(letters))
        notice, failed = self.notify_operator(event, decision.unreached)
        return EventResult(decision, (*letters, *notice), decision.unreached + failed)

    def _decision(self, event: Event) -> Decision:
        if event.kind is EventKind.MONITORING_ENDED and self._people.contact(event.uid) is None:
            return self._told_before(event)
        return find_recipients(
            event, self._people, self._policy, self._settings.directory.attributes
        )

    def catch_up(self, event: Event, facts: Mapping[str, object]) -> EventResult | None:
        """Tell of a standing problem those for whom the account's switch was turned since.

        Who switched warnings off gets a last mail; who switched them on again is told.
        None where there is nobody to tell; raises as `tell`.
        """
        decision = self._decision(event)
        letters = self._farewells(event, decision, facts)
        for recipient in decision.recipients:
            last = self._last_told(event, recipient)
            if last is not None and last.kind is EventKind.MONITORING_ENDED:
                letters.append(self._letter(event, recipient, facts))
        return EventResult(decision._replace(unreached=None), tuple(letters)) if letters else None

    def _farewells(
        self, event: Event, decision: Decision, facts: Mapping[str, object]
    ) -> list[Notification]:
        if event.kind is EventKind.CUSTOM:
            return []
        letters = []
        # Without digests an address has one mail, whatever its roles: it is told as the other one.
        told = (
            () if self._policy.reseller.digest else [each.address for each in decision.recipients]
        )
        for recipient in find_switched_off(event, self._people, self._policy):
            if recipient.address in told:
                continue
            self._transaction.withdraw(event, recipient, "its warnings were switched off")
            last = self._last_told(event, recipient)
            if last is None and event.kind in GUARDED:  # to be told, if switched on again
                to, describe_account = (recipient.address, recipient.role), (event.uid, event.task)
                record_sent(
                    self._transaction,
                    to,
                    *describe_account,
                    EventKind.MONITORING_ENDED,
                    event.state,
                )
            elif last is not None and last.kind in GUARDED:
                state = event.state if event.kind in OVER else last.state
                farewell = event._replace(kind=EventKind.MONITORING_ENDED, state=state)
                letters.append(self._letter(farewell, recipient, facts))
        return letters

    def _last_told(self, event: Event, recipient: Recipient) -> SentState | None:
        found = (
            find_last_sent(self._transaction, (recipient.address, role), event.uid, event.task)
            for role in self._roles(recipient)
        )
        return max(filter(None, found), key=lambda told: told.at, default=None)

    def _roles(self, recipient: Recipient) -> tuple[Role, ...]:
        """Return the roles in which *recipient* may have been told: without digests, either."""
        either = (Role.CUSTOMER, Role.RESELLER)
        if self._policy.reseller.digest or recipient.role not in either:
            return (recipient.role,)
        return either

    def _told_before(self, event: Event) -> Decision:
        """Return whom the end concerns of an account that the directory has no more."""
        reason = f"account {event.uid} is gone: told of its problem before"
        found: dict[tuple[str, Role | None], Recipient] = {}
        for address, role in list_sent_to(self._transaction, event.uid, event.task):
            key = (address, role if self._policy.reseller.digest else None)
            recipient = Recipient(address, "", role, self._policy.language, reason=reason)
            found.setdefault(key, recipient)
        explained = tuple(f"{reason}: {each.address}" for each in found.values())
        return Decision(tuple(found.values()), explained)

    def _not_told(self, event: Event, recipient: Recipient) -> str:
        """Return why *recipient* is not told after all, '' if it is."""
        if recipient.role is Role.RESELLER and not self._policy.reseller.enabled:
            return "[notify.reseller] enabled is false"
        if event.kind in OVER:
            last = self._last_told(event, recipient)
            if last is None or last.kind not in GUARDED:
                return "was not told of a problem before"
        return ""

    def _letter(
        self, event: Event, recipient: Recipient, facts: Mapping[str, object]
    ) -> Notification:
        if event.kind is EventKind.REMINDER and not self._was_told(event, recipient):
            event = event._replace(
                kind=EventKind.PROBLEM
            )  # held in a storm, or switched off until now
        collected = (
            recipient.role is Role.RESELLER and self._policy.reseller.digest
        ) or recipient.role is Role.OPERATOR
        if collected:
            self._transaction.add_digest(recipient, event)
            return Notification(recipient, None)
        draft = Draft(event, recipient, self._about(event, facts), self._thread(event, recipient))
        try:
            self._transaction.queue(make_queued_draft(draft, self._policy))
        except DuplicateError as error:  # this mail is on its way: it must not end a scan
            self._transaction.not_told(event, recipient.address, str(error))
        return Notification(recipient, draft)

    def _was_told(self, event: Event, recipient: Recipient) -> bool:
        return any(
            was_sent(self._transaction, (recipient.address, role), event.uid, event.task)
            for role in self._roles(recipient)
        )

    def _thread(self, event: Event, recipient: Recipient) -> Thread | None:
        last = self._last_told(event, recipient)
        if last is None or not last.first_id:
            return None
        begins = event.kind is EventKind.PROBLEM and last.kind in OVER  # one thread a problem
        return None if begins else Thread(last.first_id, last.last_id)

    def _about(self, event: Event, facts: Mapping[str, object]) -> About:
        zone = facts.get("zone")  # of the computer's own clock
        known = zone if isinstance(zone, tzinfo) else choose_zone(self._settings)
        return describe_account(event, self._people, facts, known)

    def notify_operator(self, event: Event, reason: str) -> tuple[list[Notification], str]:
        """Tell the fallback that *event* could not be told, and why.

        Returns what was queued, and what to add to the reason where nothing could be: the exit
        code and the output must say it then.
        """
        from backup_monitoring.mail import ListItem, ListPurpose, MailList, compose_list

        self._transaction.not_told(event, "", reason)
        listing = MailList(ListPurpose.FALLBACK, [ListItem(event, About(), reason)], event.host)
        zone = choose_zone(self._settings)
        try:
            recipient = find_operator(self._policy)
            mail = compose_list(listing, recipient, self._policy, event.at, zone)
        except AddressError:
            return [], ""
        except MailError as error:
            return [], f"; nobody was told: {error}"
        self._transaction.queue(make_queued_mail(mail, recipient, self._policy))
        return [Notification(recipient, mail)], ""


def choose_zone(settings: Settings) -> tzinfo:
    """Return the zone to say times in, where a recipient's own is not known."""
    zones = settings.policies.schedule.zones
    return zones[0] if zones else UTC


def describe_account(
    event: Event, people: People, facts: Mapping[str, object], zone: tzinfo
) -> About:
    """Return what a mail says about the account of *event*; raises what *people* raises."""
    contact = people.contact(event.uid)
    if contact is None:
        return About(facts=facts, zone=zone)
    named = (people.customer(uid) for uid in contact.customers)
    customer = next((each.name for each in named if each is not None and each.name), "")
    return About(contact.name, customer, facts, zone)


def make_queued_draft(draft: Draft, policy: NotifySettings) -> QueuedMail:
    """Return *draft* for the outbox."""
    event, recipient, _, thread, _ = draft = draft.with_key(policy)
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
        event.at,
        recipient.reseller,
        thread.first if thread is not None else "",
        draft=write_draft(draft),
    )


def make_queued_mail(mail: Mail, recipient: Recipient, policy: NotifySettings) -> QueuedMail:
    """Return *mail*, which is about many, for the outbox."""
    return QueuedMail(
        mail.message_id,
        recipient.address,
        recipient.role,
        mail.data,
        policy.return_path,
        reseller=recipient.reseller,
        complaints=mail.complaints,
    )
