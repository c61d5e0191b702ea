"""Writes mails at their delivery: drafts, digests, storms, refusals."""

from collections.abc import Iterator
from datetime import datetime

from backup_monitoring.mail import (
    About,
    AddressError,
    ListItem,
    ListPurpose,
    Mail,
    MailError,
    MailList,
    compose_event,
    compose_list,
)
from backup_monitoring.model import (
    Event,
    EventKind,
    MonitoringError,
    People,
    Recipient,
    Role,
    State,
)
from backup_monitoring.notify.announce import choose_zone, describe_account, make_queued_mail
from backup_monitoring.notify.recipients import find_operator
from backup_monitoring.outbox import Digest, Draft, QueuedMail, RefusedMail, Storm, read_draft
from backup_monitoring.settings import Settings


class NoOperatorError(MonitoringError):
    """The provider has to be told, and [notify] operator is no address."""


class Composer:
    """See `delivery.Composer`.

    Args:
        settings: section [notify].
        people: names accounts; None where nobody can be looked up.
        now: when the mails are written, aware UTC.
    """

    def __init__(self, settings: Settings, people: People | None, now: datetime) -> None:
        self._settings = settings
        self._people = people
        self._now = now

    def draft(self, text: str) -> tuple[bytes, tuple[str, ...]]:
        """Return the mail about an event, and complaints; a fault is one mail's alone."""
        try:
            mail = self.written(read_draft(text))
        except MonitoringError:
            raise
        except Exception as error:
            problem = f"cannot be written ({type(error).__name__})"
            raise MailError(f"a mail drafted as {text[:100]}", problem, "report it") from error
        return mail.data, mail.complaints

    def written(self, draft: Draft) -> Mail:
        """Return the mail that *draft* is for."""
        event, recipient, describe_account, thread, key = draft
        return compose_event(event, recipient, describe_account, self._settings.notify, thread, key)

    def digest(self, digest: Digest) -> QueuedMail:
        """Return the mail with a reseller's events, or with what is unknown."""
        reseller = digest.recipient.role is Role.RESELLER
        purpose = ListPurpose.RESELLER if reseller else ListPurpose.UNKNOWN
        return self._mail(MailList(purpose, list(self._items(digest.events))), digest.recipient)

    def storm(self, storm: Storm) -> QueuedMail:
        """Return the mail with the accounts of a storm."""
        events = [
            Event(
                account,
                storm.task,
                EventKind.PROBLEM,
                State.WARNING,
                storm.since,
                "",
                since=storm.since,
                host=storm.host,
            )
            for account in storm.accounts
        ]
        listing = MailList(ListPurpose.STORM, list(self._items(events)), storm.host, storm.total)
        return self._mail(listing, self._provider())

    def refused(self, mails: tuple[RefusedMail, ...]) -> QueuedMail:
        """Return the mail with what will not arrive."""
        none = Event("", "", EventKind.PROBLEM, State.UNKNOWN, self._now, "")
        items = []
        for mail in mails:
            event = mail.event or none
            items.append(ListItem(event, self._about(event), f"{mail.address}: {mail.reason}"))
        return self._mail(MailList(ListPurpose.FALLBACK, items), self._provider())

    def no_scan(self, reason: str) -> QueuedMail:
        """Return the mail that no scan is possible, and why."""
        listing = MailList(ListPurpose.NO_SCAN, (), reason=reason, since=self._now)
        return self._mail(listing, self._provider())

    def _items(self, events: tuple[Event, ...] | list[Event]) -> Iterator[ListItem]:
        for event in events:
            yield ListItem(event, self._about(event))

    def _about(self, event: Event) -> About:
        try:
            if self._people is not None:
                return describe_account(event, self._people, {}, choose_zone(self._settings))
        except MonitoringError:
            self._people = None  # who is told is known; names alone are not worth a delay
        return About(zone=choose_zone(self._settings))

    def _mail(self, listing: MailList, recipient: Recipient) -> QueuedMail:
        settings = self._settings
        mail = compose_list(listing, recipient, settings.notify, self._now, choose_zone(settings))
        return make_queued_mail(mail, recipient, settings.notify)

    def _provider(self) -> Recipient:
        try:
            return find_operator(self._settings.notify)
        except AddressError as error:
            raise NoOperatorError("[notify] operator", str(error), "set an address") from None
