"""The weekly summary: who gets one, of which accounts, and whether it may be sent."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from backup_monitoring.model import Contact, Event, EventKind, People, Recipient, Role, State
from backup_monitoring.notify.rules import (
    RuleScope,
    apply_rules,
    has_thresholds_off,
    wants_warnings,
)
from backup_monitoring.outbox import Undeliverable
from backup_monitoring.settings import AttributeNames, NotifySettings
from backup_monitoring.store import AccountVerdict
from backup_monitoring.tasks import TASKS, is_covered_elsewhere

BEGIN, END = time(7), time(12)  # a summary is sent in the morning, on Monday if that is possible
_WEEKDAYS = 5
_EPOCH = datetime.fromtimestamp(0, UTC)


class Summary(NamedTuple):
    """What a recipient's summary says.

    Args:
        accounts: of how many accounts. failing: their verdicts that are not OK.
        objections: why it must not be sent, for example an account that could not be judged.
    """

    recipient: Recipient
    accounts: int
    failing: tuple[AccountVerdict, ...]
    objections: tuple[str, ...]


def find_week(now: datetime, zone: tzinfo) -> date | None:
    """Return the Monday of the week whose summaries are sent at *now*, None at other times."""
    local = now.astimezone(zone)
    if local.weekday() >= _WEEKDAYS or not BEGIN <= local.time() < END:
        return None
    return local.date() - timedelta(days=local.weekday())


class _Collected:
    """What has been found for one recipient."""

    def __init__(self, recipient: Recipient) -> None:
        self.recipient = recipient
        self.accounts: set[str] = set()
        self.failing: list[AccountVerdict] = []
        self.objections: dict[str, None] = {}  # a set that keeps its order


def build_summaries(
    uids: Iterable[str],
    failing: Sequence[AccountVerdict],
    withheld: Collection[tuple[str, str]],
    people: People,
    policy: NotifySettings,
    names: AttributeNames,
    undeliverable: Undeliverable,
) -> list[Summary]:
    """Return the summary of each recipient.

    Who is notified of a task's problem of an account, by the recipients' rules, has the account
    and this task in the summary.

    Args:
        uids: of all accounts. failing: all verdicts that are not OK.
        withheld: accounts, in lower case, and tasks of problems that nobody is notified of yet.
        policy: ``summary_customers``. names: of the accounts' attributes.
        undeliverable: addresses that bounced, which get none.

    Raises what *people* raises.
    """
    bad: dict[tuple[str, str], AccountVerdict] = {
        (each.uid.lower(), each.task): each
        for each in failing
        if not is_covered_elsewhere(each.task, each.verdict)
    }
    found: dict[tuple[str, Role, str], _Collected] = {}
    finder = _RecipientFinder(people, policy, names, undeliverable)
    for uid in uids:
        contact = people.contact(uid)
        if contact is None:
            continue
        for task, recipient in finder.find(contact):
            key = (recipient.address, recipient.role, recipient.reseller or recipient.sender)
            collected = found.setdefault(key, _Collected(recipient))
            collected.accounts.add(uid)
            verdict = bad.get((uid.lower(), task))
            if verdict is not None:
                _add_verdict(collected, verdict, withheld)
    return [
        Summary(each.recipient, len(each.accounts), tuple(each.failing), tuple(each.objections))
        for each in found.values()
    ]


def _add_verdict(
    collected: _Collected, verdict: AccountVerdict, withheld: Collection[tuple[str, str]]
) -> None:
    if verdict.verdict.state is State.UNKNOWN:
        collected.objections[f"{verdict.uid} is UNKNOWN in {verdict.task}"] = None
    elif (verdict.uid.lower(), verdict.task) in withheld:
        text = f"mails about {verdict.uid}, {verdict.task}, are held"
        collected.objections[text] = None
    else:
        collected.failing.append(verdict)


class _RecipientFinder:
    """Finds recipients: the customer's once for all tasks, and resellers once for all accounts."""

    def __init__(
        self,
        people: People,
        policy: NotifySettings,
        names: AttributeNames,
        undeliverable: Undeliverable,
    ) -> None:
        self._people = people
        self._policy = policy
        self._names = names
        self._undeliverable = undeliverable
        self._resellers: dict[tuple[tuple[str, ...], str], tuple[Recipient, ...]] = {}

    def find(self, contact: Contact) -> Iterator[tuple[str, Recipient]]:
        """Yield each task of the account of *contact* with each of its recipients."""
        customers = self._find_customers(contact)
        for task in TASKS:
            found = {}
            if customers and not has_thresholds_off(contact, _make_event(contact.uid, task)):
                found = {self._make_key(each): each for each in customers}
            for recipient in self._find_resellers(contact, task):
                found.setdefault(self._make_key(recipient), recipient)
            for recipient in found.values():
                yield task, recipient

    def _make_key(self, recipient: Recipient) -> tuple[str, Role | None]:
        """Return what is notified once: without digests an address, whatever its roles."""
        return recipient.address, recipient.role if self._policy.reseller.digest else None

    def _find_customers(self, contact: Contact) -> tuple[Recipient, ...]:
        if not self._policy.summary_customers or not wants_warnings(contact, self._policy):
            return ()
        event = _make_event(contact.uid, next(iter(TASKS)))
        return self._apply_rules(contact, event, RuleScope.CUSTOMER)

    def _find_resellers(self, contact: Contact, task: str) -> tuple[Recipient, ...]:
        key = (contact.resellers, task)
        if key not in self._resellers:
            # Whether an address is the customer's as well is another account's matter.
            alone = contact._replace(mails=(), person="", warning_on="FALSE")
            event = _make_event(contact.uid, task)
            self._resellers[key] = self._apply_rules(alone, event, RuleScope.WANTED)
        return self._resellers[key]

    def _apply_rules(
        self, contact: Contact, event: Event, scope: RuleScope
    ) -> tuple[Recipient, ...]:
        return apply_rules(
            contact, event, self._people, self._policy, self._names, scope, self._undeliverable
        ).recipients


def _make_event(uid: str, task: str) -> Event:
    return Event(uid, task, EventKind.PROBLEM, State.CRITICAL, _EPOCH, "")
