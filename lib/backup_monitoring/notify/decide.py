"""Decides what each recipient of an event gets, by what was sent before."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from backup_monitoring.mail import About
from backup_monitoring.model import (
    MAX_ADDRESSES,
    Contact,
    Decision,
    Ending,
    Event,
    EventKind,
    Recipient,
    Role,
    Thread,
)
from backup_monitoring.outbox import GUARDED, OVER, Conversation, SentState
from backup_monitoring.settings import NotifySettings


class Audience(NamedTuple):
    """Whom the directory names for the events of an account in one task, whatever their kind.

    Args:
        decision: the recipients, by the rules. switched_off: those of the customer who miss the
            event, because the warnings are switched off.
        about: names and zone, without facts.
        contact: of the account, None if it has no entry any more.
    """

    decision: Decision
    switched_off: tuple[Recipient, ...] = ()
    about: About = About()
    contact: Contact | None = None


class Sending(NamedTuple):
    """What a recipient gets: a mail of *thread*, None: a new one; or a line of a digest."""

    recipient: Recipient
    event: Event
    thread: Thread | None
    in_digest: bool


class Instructions(NamedTuple):
    """What follows of an event.

    Args:
        sendings: what is queued.
        objections: addresses that the rules name and that are not notified, each with the reason.
        withdrawn: recipients for whom nothing must wait any more.
        operator_reason: why the operator must be notified, too; None if not.
        reported: uids of the resellers in that reason, who are not to be reported again.
    """

    sendings: tuple[Sending, ...] = ()
    objections: tuple[tuple[str, str], ...] = ()
    withdrawn: tuple[Recipient, ...] = ()
    operator_reason: str | None = None
    reported: frozenset[str] = frozenset()


def decide(
    event: Event,
    audience: Audience,
    conversation: Conversation,
    policy: NotifySettings,
    *,
    reported: Collection[str] = (),
    only_new: bool,
) -> Instructions:
    """Decide what everybody gets whom *event* concerns.

    A problem is sent to those whom the rules name; its end to all who were notified of it, in the
    language and from the sender of the mails before, whether the rules still name them or not.

    Args:
        conversation: about the account and task, before the event.
        reported: uids, in lower case, of resellers without settings that the operator knows of.
        only_new: the event is a problem that goes on: notify only who has not heard of it, because
            an address is new, or the warnings were switched on; and who misses its end, because
            they were switched off.
    """
    if event.kind in OVER:
        conversation = conversation.drop_unsent()
    planner = _Planner(event, audience, conversation, policy)
    if only_new:
        planner.plan_new()
    elif event.kind in OVER:
        planner.plan_end()
    else:
        planner.plan_all()
    if event.kind is not EventKind.CUSTOM:
        planner.plan_last_notices()
    reason, unreported = (None, {}) if only_new else _explain(event, audience, reported)
    return Instructions(
        tuple(planner.sendings),
        tuple(planner.objections),
        tuple(planner.withdrawn),
        reason,
        frozenset(unreported),
    )


def _explain(
    event: Event, audience: Audience, reported: Collection[str]
) -> tuple[str | None, dict[str, str]]:
    """Return why the operator must be notified, and the findings to report only once, by uid."""
    decision = audience.decision
    reason = decision.operator_reason
    if audience.contact is None and event.kind is EventKind.MONITORING_ENDED:
        reason = None  # that is what the event says
    unreported = {
        uid.lower(): text for uid, text in decision.missing_resellers if uid.lower() not in reported
    }
    return "; ".join(filter(None, (reason, *unreported.values()))) or None, unreported


class _Planner:
    """Collects what follows of an event."""

    def __init__(
        self, event: Event, audience: Audience, conversation: Conversation, policy: NotifySettings
    ) -> None:
        self.sendings: list[Sending] = []
        self.objections: list[tuple[str, str]] = []
        self.withdrawn: list[Recipient] = []
        self._event = event
        self._audience = audience
        self._recipients = audience.decision.recipients
        self._conversation = conversation
        self._policy = policy

    def plan_all(self) -> None:
        """Send the event to everybody whom the rules name."""
        for recipient in self._recipients:
            event = self._event
            notified = self._conversation.is_notified(
                recipient.address, self._list_roles(recipient)
            )
            if event.kind is EventKind.REMINDER and not notified:
                # The problem was held in a storm, or the warnings were switched off until now.
                event = event._replace(kind=EventKind.PROBLEM)
            self._send(recipient, event, self._find_last(recipient))

    def plan_new(self) -> None:
        """Send the problem to those whom the rules name and who do not know of it.

        Not to more than `MAX_ADDRESSES`: an account whose addresses change all the time must not
        make this server send mail to everybody.
        """
        count = self._conversation.count_addresses()
        for recipient in self._recipients:
            last, roles = self._find_last(recipient), self._list_roles(recipient)
            if last is not None and last.kind not in OVER:
                continue
            if self._conversation.is_refused(recipient.address, roles):
                continue
            if recipient.role is Role.CUSTOMER and count >= MAX_ADDRESSES:
                reason = f"{count} addresses know of this problem: no others are notified"
                self.objections.append((recipient.address, reason))
                continue
            count += recipient.role is Role.CUSTOMER
            self._send(recipient, self._event, None)

    def plan_end(self) -> None:
        """Send the end of a problem to everybody who was notified of it, and to nobody else."""
        known: set[tuple[str, Role | None]] = set()
        for recipient in self._recipients:
            last = self._find_last(recipient)
            if last is None or last.kind not in GUARDED:
                self.objections.append((recipient.address, "was not notified of a problem"))
            else:
                self._send(_as_before(recipient, last), self._event, last)
            known.add(self._make_key(recipient))
        known.update(self._make_key(each) for each in self._audience.switched_off)
        for former in self._list_former(known):
            last = self._find_last(former)
            if former.role is Role.RESELLER and not self._policy.reseller.enabled:
                self.objections.append((former.address, "[notify.reseller] enabled is false"))
            else:
                self._send(former, self._event, last)

    def _list_former(self, known: set[tuple[str, Role | None]]) -> Iterator[Recipient]:
        """Yield those who were notified and are not *known*, each once."""
        for last in self._conversation.list_notified():
            key = self._make_key(last.recipient)
            if key not in known:
                known.add(key)
                reason = f"was notified of the problem of account {self._event.uid} before"
                yield last.recipient._replace(reason=reason)

    def plan_last_notices(self) -> None:
        """Notify those whose warnings were switched off that this mail is their last."""
        # Without digests an address gets one mail, whatever its roles: it is notified in the other.
        others = {each.address for each in self._recipients}
        for recipient in self._audience.switched_off:
            if recipient.address in others and not self._policy.reseller.digest:
                continue
            self.withdrawn.append(recipient)
            conversation = self._conversation.drop_unsent()
            last = conversation.find_last(recipient.address, self._list_roles(recipient))
            if last is not None and last.kind in GUARDED:
                notice = self._event._replace(
                    kind=EventKind.MONITORING_ENDED,
                    state=self._event.state if self._event.kind in OVER else last.state,
                    ending=self._event.ending or Ending.WARNINGS,
                )
                self._send(_as_before(recipient, last), notice, last)

    def _send(self, recipient: Recipient, event: Event, last: SentState | None) -> None:
        thread = None
        # One thread per problem: a new one begins with it.
        begins = last is None or (event.kind is EventKind.PROBLEM and last.kind in OVER)
        if last is not None and last.first_id and not begins:
            thread = Thread(last.first_id, last.last_id)
        self.sendings.append(Sending(recipient, event, thread, self._gets_digest(recipient)))

    def _gets_digest(self, recipient: Recipient) -> bool:
        if recipient.role is Role.RESELLER:
            return self._policy.reseller.digest
        return recipient.role is Role.OPERATOR

    def _find_last(self, recipient: Recipient) -> SentState | None:
        return self._conversation.find_last(recipient.address, self._list_roles(recipient))

    def _list_roles(self, recipient: Recipient) -> tuple[Role, ...]:
        """Return the roles in which *recipient* may have been notified: without digests, either."""
        either = (Role.CUSTOMER, Role.RESELLER)
        if self._policy.reseller.digest or recipient.role not in either:
            return (recipient.role,)
        return either

    def _make_key(self, recipient: Recipient) -> tuple[str, Role | None]:
        return recipient.address, recipient.role if self._policy.reseller.digest else None


def _as_before(recipient: Recipient, last: SentState) -> Recipient:
    """Return *recipient* with the language and the sender of the *last* mail."""
    before = last.recipient
    return recipient._replace(language=before.language, sender=before.sender)
