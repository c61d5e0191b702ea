"""Puts an event into the outbox: a mail, or a digest's line, for each whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from backup_monitoring.notify.about import About
from backup_monitoring.notify.addresses import AddressError
from backup_monitoring.notify.drafts import Draft, write_draft
from backup_monitoring.notify.mails import QueuedMail
from backup_monitoring.notify.model import Decision, Event, Kind, Recipient, Role, Thread
from backup_monitoring.notify.outbox import Transaction
from backup_monitoring.notify.people import People
from backup_monitoring.notify.recipients import provider, recipients, switched_off
from backup_monitoring.notify.settings import NotifySettings
from backup_monitoring.settings import Settings

if TYPE_CHECKING:  # writing mails takes libraries that queueing them does without
    from backup_monitoring.notify.mail import Mail

_OVER = (Kind.RECOVERY, Kind.UNWATCHED)
_FAILING = (Kind.PROBLEM, Kind.REMINDER)


class Letter(NamedTuple):
    """What one recipient is told: a mail or its draft, or None for a line in a digest."""

    recipient: Recipient
    mail: Mail | Draft | None


class Outcome(NamedTuple):
    """What became of an event.

    Args:
        decision: who is told, and why.
        letters: what was put into the outbox.
        fallback: it was, or had to be, handed to the fallback: why; None if not.
    """

    decision: Decision
    letters: tuple[Letter, ...] = ()
    fallback: str | None = None


class Teller:
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

    def tell(
        self, event: Event, facts: Mapping[str, object], held: str = "", settled: bool = False
    ) -> Outcome:
        """Put *event* into the outbox.

        Args:
            facts: of the verdict, see `About`.
            held: why it waits for a release, '' where it does not.
            settled: it is part of no storm.

        Raises:
            DirectoryError, StoreError: people cannot be looked up.
            OutboxError: the outbox cannot be written.
            MailError: [notify] from is no address.
        """
        self._transaction.note(event, settled=settled)
        decision = self._decision(event)
        letters = []
        for recipient in decision.recipients:
            reason = self._not_told(event, recipient)
            if reason:
                self._transaction.not_told(event, recipient.address, reason)
            else:
                letters.append(self._letter(event, recipient, facts, held))
        letters += self._farewells(event, decision, facts)
        if decision.unreached is None:
            return Outcome(decision, tuple(letters))
        notice = self.hand_over(event, decision.unreached)
        return Outcome(decision, (*letters, *notice), decision.unreached)

    def _decision(self, event: Event) -> Decision:
        if event.kind is Kind.UNWATCHED and self._people.contact(event.uid) is None:
            return self._told_before(event)
        return recipients(event, self._people, self._policy, self._settings.directory.attributes)

    def take_leave(self, event: Event, facts: Mapping[str, object]) -> Outcome | None:
        """Tell those who know of *event*, and switched warnings off since, that this was the last.

        None where there is nobody to tell it; raises as `tell`.
        """
        if not switched_off(event, self._people, self._policy):
            return None
        decision = self._decision(event)
        letters = self._farewells(event, decision, facts)
        return Outcome(decision._replace(unreached=None), tuple(letters)) if letters else None

    def _farewells(
        self, event: Event, decision: Decision, facts: Mapping[str, object]
    ) -> list[Letter]:
        if event.kind is Kind.CUSTOM:
            return []
        event = event._replace(kind=Kind.UNWATCHED)
        told = {each.address for each in decision.recipients}
        letters = []
        for recipient in switched_off(event, self._people, self._policy):
            last = self._transaction.last_told(recipient.address, event.uid, event.task)
            # without a mail of its own, it was a line in a reseller's digest
            known = last is not None and last.first_id and last.kind in _FAILING
            if known and recipient.address not in told:
                letters.append(self._letter(event, recipient, facts, ""))
        return letters

    def _told_before(self, event: Event) -> Decision:
        """Return whom the end concerns of an account that the directory has no more."""
        reason = f"account {event.uid} is gone: told of its problem before"
        found = tuple(
            Recipient(address, "", Role.CUSTOMER, self._policy.language, reason=reason)
            for address in self._transaction.told_of(event.uid, event.task)
        )
        return Decision(found, tuple(f"{reason}: {each.address}" for each in found))

    def _not_told(self, event: Event, recipient: Recipient) -> str:
        """Return why *recipient* is not told after all, '' if it is."""
        if recipient.role is Role.RESELLER and not self._policy.reseller.enabled:
            return "[notify.reseller] enabled is false"
        if event.kind in _OVER:
            last = self._transaction.last_told(recipient.address, event.uid, event.task)
            if last is None or last.kind not in _FAILING:
                return "was not told of a problem before"
        return ""

    def _letter(
        self, event: Event, recipient: Recipient, facts: Mapping[str, object], held: str
    ) -> Letter:
        collected = (
            recipient.role is Role.RESELLER and self._policy.reseller.digest
        ) or recipient.role is Role.PROVIDER
        if collected:
            self._transaction.add_digest(recipient, event, held)
            return Letter(recipient, None)
        last = self._transaction.last_told(recipient.address, event.uid, event.task)
        thread = Thread(last.first_id, last.last_id) if last is not None and last.first_id else None
        draft = Draft(event, recipient, self._about(event, facts), thread)
        self._transaction.queue(drafted(draft, self._policy), held)
        return Letter(recipient, draft)

    def _about(self, event: Event, facts: Mapping[str, object]) -> About:
        zone = facts.get("zone")  # of the computer's own clock
        known = zone if isinstance(zone, tzinfo) else zone_of(self._settings)
        return about(event, self._people, facts, known)

    def hand_over(self, event: Event, reason: str) -> list[Letter]:
        """Tell the fallback that *event* could not be told, and why.

        Returns nothing where there is no fallback: the exit code must say it then.
        """
        self._transaction.not_told(event, "", reason)
        try:
            recipient = provider(self._policy)
        except AddressError:
            return []
        from backup_monitoring.notify.content import Digest, Item, Listing
        from backup_monitoring.notify.mail import compose_digest

        listing = Listing(Digest.FALLBACK, [Item(event, About(), reason)], event.host)
        mail = compose_digest(listing, recipient, self._policy, event.at, zone_of(self._settings))
        self._transaction.queue(queued(mail, recipient, self._policy))
        return [Letter(recipient, mail)]


def zone_of(settings: Settings) -> tzinfo:
    """Return the zone to say times in, where a recipient's own is not known."""
    zones = settings.policies.schedule.zones
    return zones[0] if zones else UTC


def about(event: Event, people: People, facts: Mapping[str, object], zone: tzinfo) -> About:
    """Return what a mail says about the account of *event*; raises what *people* raises."""
    contact = people.contact(event.uid)
    if contact is None:
        return About(facts=facts, zone=zone)
    named = (people.customer(uid) for uid in contact.customers)
    customer = next((each.name for each in named if each is not None and each.name), "")
    return About(contact.name, customer, facts, zone)


def drafted(draft: Draft, policy: NotifySettings) -> QueuedMail:
    """Return *draft* for the outbox; raises MailError if there is no sender."""
    event, recipient, _, thread = draft
    return QueuedMail(
        draft.key(policy),
        recipient.address,
        recipient.role,
        b"",
        policy.bounces,
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


def queued(mail: Mail, recipient: Recipient, policy: NotifySettings) -> QueuedMail:
    """Return *mail*, which is about many, for the outbox."""
    return QueuedMail(
        mail.message_id,
        recipient.address,
        recipient.role,
        mail.data,
        policy.bounces,
        reseller=recipient.reseller,
    )
