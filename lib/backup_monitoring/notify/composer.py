"""Writes mails when they are delivered: drafts, digests, storms, refusals."""

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
    compose_parts,
)
from backup_monitoring.model import (
    Ending,
    Event,
    EventKind,
    MonitoringError,
    People,
    Recipient,
    Role,
    State,
    advise_on_fault,
)
from backup_monitoring.notify.dispatch import choose_zone, describe_account, make_queued_mail
from backup_monitoring.notify.recipients import find_operator
from backup_monitoring.outbox import (
    ENDED,
    STATES,
    Digest,
    DigestPart,
    Draft,
    QueuedMail,
    Storm,
    read_draft,
)
from backup_monitoring.settings import Settings

_DIGESTS = {
    Role.CUSTOMER: ListPurpose.CUSTOMER,
    Role.RESELLER: ListPurpose.RESELLER,
    Role.OPERATOR: ListPurpose.OPERATOR,
}
_NOTIFIED = "notified before"  # of an account whose customer a storm came too late for


class NoOperatorError(MonitoringError):
    """The operator should be notified, but [notify] operator is not a valid address."""


class Composer:
    """Composes the mails that `deliver` asks for.

    Args:
        settings: section [notify], and the zones for times.
        people: for the names of accounts; None if nobody can be looked up.
        now: the time of the mails, aware UTC.
    """

    def __init__(self, settings: Settings, people: People | None, now: datetime) -> None:
        self._settings = settings
        self._people = people
        self._now = now

    def compose_draft(self, text: str) -> tuple[bytes, tuple[str, ...]]:
        """Return the message that the draft *text* is for, and complaints about it.

        Raises:
            MailError: it cannot be written, for whatever reason: other mails must not suffer.
        """
        try:
            mail = self.compose_mail(read_draft(text))
        except MonitoringError:
            raise
        except Exception as error:
            problem = f"cannot be written ({type(error).__name__})"
            which, remedy = f"a mail with the draft {text[:100]}", advise_on_fault(error)
            raise MailError(which, problem, remedy) from error
        return mail.data, mail.complaints

    def compose_mail(self, draft: Draft) -> Mail:
        """Return the mail that *draft* is for."""
        event, recipient, about, thread, key = draft
        return compose_event(event, recipient, about, self._settings.notify, thread, key)

    def compose_digest(self, digest: Digest) -> tuple[DigestPart, ...]:
        """Return the *digest* in its parts."""
        purpose = (
            ListPurpose.STATES if digest.purpose == STATES else _DIGESTS[digest.recipient.role]
        )
        items = [
            ListItem(event, read_draft(draft).about if draft else self._make_about(event), note)
            for event, note, draft in zip(digest.events, digest.notes, digest.drafts, strict=True)
        ]
        return self._compose_parts(MailList(purpose, items), digest.recipient)

    def compose_storm(self, storm: Storm) -> QueuedMail:
        """Return the mail to the operator that lists the accounts of *storm*."""
        is_end = storm.task == ENDED
        kind, state = EventKind.PROBLEM, State.WARNING
        if is_end:
            kind, state = EventKind.MONITORING_ENDED, State.OK
        notes = dict.fromkeys(storm.held, "") | dict.fromkeys(storm.notified, _NOTIFIED)
        items = []
        for (account, task), note in sorted(notes.items()):
            event = Event(account, task, kind, state, storm.since, "", host=storm.host)
            event = event._replace(ending=Ending.ACCOUNT if is_end else None)
            items.append(ListItem(event, self._make_about(event), note))
        listing = MailList(
            ListPurpose.STORM,
            items,
            storm.host,
            storm.total,
            since=storm.since,
            task="" if is_end else storm.task,
            customers=storm.customers,
            until=storm.until,
            again=storm.again,
        )
        return self._compose_list(listing)

    def compose_no_scan(self, reason: str) -> QueuedMail:
        """Return the mail to the operator that no scan is possible because of *reason*."""
        return self._compose_list(MailList(ListPurpose.NO_SCAN, (), reason=reason, since=self._now))

    def compose_no_lookup(self, reason: str) -> QueuedMail:
        """Return the mail to the operator that calls of the hook wait because of *reason*."""
        listing = MailList(ListPurpose.NO_LOOKUP, (), reason=reason, since=self._now)
        return self._compose_list(listing)

    def _make_about(self, event: Event) -> About:
        zone = choose_zone(self._settings)
        try:
            if self._people is not None:
                return describe_account(event, self._people, None, zone)
        except MonitoringError:
            # The recipients are known, and names are not worth a delay: ask for no more of them.
            self._people = None
        return About(zone=zone)

    def _compose_parts(self, listing: MailList, recipient: Recipient) -> tuple[DigestPart, ...]:
        """Return the mails that show all of *listing*."""
        settings, zone = self._settings, choose_zone(self._settings)
        parts = compose_parts(listing, recipient, settings.notify, self._now, zone)
        return tuple(DigestPart(make_queued_mail(mail, recipient), shown) for mail, shown in parts)

    def _compose_list(self, listing: MailList) -> QueuedMail:
        """Return the mail with *listing* to the operator."""
        recipient = self.find_operator()
        settings, zone = self._settings, choose_zone(self._settings)
        mail = compose_list(listing, recipient, settings.notify, self._now, zone)
        return make_queued_mail(mail, recipient)

    def find_operator(self) -> Recipient:
        """Return the operator; NoOperatorError if the settings have no valid address."""
        try:
            return find_operator(self._settings.notify)
        except AddressError as error:
            raise NoOperatorError("[notify] operator", str(error), "set a valid address") from None
