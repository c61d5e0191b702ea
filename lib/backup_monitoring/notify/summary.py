"""The weekly summary: who gets one, of which accounts, and whether it may be sent."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from backup_monitoring.model import Contact, Event, EventKind, People, Recipient, Role, State
from backup_monitoring.notify.recipients import find_recipients
from backup_monitoring.settings import NotifySettings
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
) -> list[Summary]:
    """Return the summary of each recipient.

    Who is notified of a task's problem of an account, by the recipients' rules, has the account
    and this task in the summary.

    Args:
        uids: of all accounts. failing: all verdicts that are not OK.
        withheld: accounts, in lower case, and tasks of problems that nobody is notified of yet.
        policy: ``summary_customers``.

    Raises what *people* raises.
    """
    bad: dict[tuple[str, str], AccountVerdict] = {
        (each.uid.lower(), each.task): each
        for each in failing
        if not is_covered_elsewhere(each.task, each.verdict)
    }
    found: dict[tuple[str, Role, str], _Collected] = {}
    finder = _RecipientFinder(people, policy)
    for uid in uids:
        contact = people.contact(uid)
        if contact is None:
            continue
        for task in TASKS:
            verdict = bad.get((uid.lower(), task))
            for recipient in finder.find(contact, task):
                key = (recipient.address, recipient.role, recipient.reseller or recipient.sender)
                collected = found.setdefault(key, _Collected(recipient))
                collected.accounts.add(uid)
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
    """Finds recipients; resellers, who are those of many accounts, once."""

    def __init__(self, people: People, policy: NotifySettings) -> None:
        self._people = people
        self._policy = policy
        self._resellers: dict[tuple[tuple[str, ...], str], tuple[Recipient, ...]] = {}

    def find(self, contact: Contact, task: str) -> tuple[Recipient, ...]:
        """Return who gets a summary of *task* of the account of *contact*."""
        if self._policy.summary_customers:
            return self._apply_rules(contact, task)
        key = (contact.resellers, task)
        if key not in self._resellers:
            self._resellers[key] = tuple(
                each for each in self._apply_rules(contact, task) if each.role is Role.RESELLER
            )
        return self._resellers[key]

    def _apply_rules(self, contact: Contact, task: str) -> tuple[Recipient, ...]:
        event = Event(contact.uid, task, EventKind.PROBLEM, State.CRITICAL, _EPOCH, "")
        found = find_recipients(event, self._people, self._policy).recipients
        return tuple(each for each in found if each.role is not Role.OPERATOR)
