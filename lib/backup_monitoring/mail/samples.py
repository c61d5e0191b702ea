"""Sample mails of every kind, for --test-mail, for pictures, and to try own templates."""

from collections.abc import Iterator
from datetime import timedelta, timezone
from typing import NamedTuple

from backup_monitoring.mail.about import About
from backup_monitoring.mail.catalogs import list_languages
from backup_monitoring.mail.compose import Mail, compose_event
from backup_monitoring.mail.content import ListItem, ListPurpose, MailList
from backup_monitoring.mail.lists import compose_list
from backup_monitoring.model import DAY, Ending, Event, EventKind, Recipient, Role, State, Thread
from backup_monitoring.settings import NotifySettings
from backup_monitoring.tasks import SAMPLE_EVENING, SAMPLE_NOON, TASKS, list_facts, load_facts

_ZONE = timezone(timedelta(hours=1))
_ENDINGS = {"schedule": Ending.COMPUTER, "status": Ending.COMPUTER, "client": Ending.WARNINGS}
_READERS = {
    ListPurpose.RESELLER: Role.RESELLER,
    ListPurpose.CUSTOMER: Role.CUSTOMER,
    ListPurpose.STATES: Role.CUSTOMER,
    ListPurpose.SUMMARY: Role.RESELLER,
}


class MailSample(NamedTuple):
    """A sample mail and its *name*, for example ``de-problem-quota``."""

    name: str
    mail: Mail


def make_sample_event(task: str, kind: EventKind, state: State = State.WARNING) -> Event:
    """Return the sample event of *task* and *kind*."""
    return Event(
        uid="4000100",
        task=task,
        kind=kind,
        state=State.OK if kind is EventKind.RECOVERY else state,
        at=SAMPLE_NOON,
        summary=f"the summary of the {task} check",
        computer="web01" if TASKS[task].has_computers else None,
        since=SAMPLE_EVENING,
        host="backup-01",
        author="Support" if kind is EventKind.CUSTOM else "",
        comment="The service will be maintained tonight." if kind is EventKind.CUSTOM else "",
        ending=_ENDINGS.get(task, Ending.ACCOUNT) if kind is EventKind.MONITORING_ENDED else None,
    )


def make_sample_about(task: str, kind: EventKind = EventKind.PROBLEM) -> About:
    """Return names and facts of the sample account."""
    solved = kind is EventKind.RECOVERY
    values = {
        each.name: each.fact.solved if solved else each.fact.sample for each in list_facts(task)
    }
    known = {name: value for name, value in values.items() if value is not None}
    facts = load_facts(task)(**known)
    return About("Example server", "Example customer", facts, _ZONE)


def make_samples(recipient: Recipient, policy: NotifySettings) -> Iterator[MailSample]:
    """Yield a mail per kind and task, and one per list, in the recipient's language.

    Raises:
        MailError: as `compose_event`.
    """
    thread = Thread("<first@example.org>", "<last@example.org>")
    name = recipient.language
    for kind in EventKind:
        for task in TASKS:
            event = make_sample_event(task, kind)
            follows = None if kind is EventKind.PROBLEM else thread
            mail = compose_event(event, recipient, make_sample_about(task, kind), policy, follows)
            yield MailSample(f"{name}-{kind.value.lower()}-{task}", mail)
    for purpose in ListPurpose:
        role = _READERS.get(purpose, Role.OPERATOR)
        mail = compose_list(
            make_sample_list(purpose), recipient._replace(role=role), policy, SAMPLE_NOON, _ZONE
        )
        yield MailSample(f"{name}-list-{purpose.value.lower()}", mail)


def make_sample_list(purpose: ListPurpose) -> MailList:
    """Return the sample list for *purpose*."""
    if purpose in (ListPurpose.NO_SCAN, ListPurpose.NO_LOOKUP):
        return MailList(
            purpose, (), reason="the store: its last run is 2 h old", since=SAMPLE_EVENING
        )
    kinds = (
        (EventKind.PROBLEM, EventKind.RECOVERY)
        if purpose in (ListPurpose.RESELLER, ListPurpose.CUSTOMER, ListPurpose.STATES)
        else (EventKind.PROBLEM,)
    )
    known = purpose is not ListPurpose.STORM  # only accounts and task are known
    items = [
        ListItem(
            make_sample_event(task, kind, State.CRITICAL),
            make_sample_about(task, kind) if known else About(),
            "no address was found" if purpose is ListPurpose.OPERATOR else "",
        )
        for kind in kinds
        for task in TASKS
    ]
    if purpose is ListPurpose.OPERATOR:
        unknown = make_sample_event("quota", EventKind.PROBLEM, State.UNKNOWN)
        items.append(ListItem(unknown._replace(uid="4000104"), make_sample_about("quota")))
    listing = MailList(purpose, items, "backup-01", 40)
    if purpose is ListPurpose.STORM:
        since, until = SAMPLE_EVENING, SAMPLE_EVENING + DAY
        listing = listing._replace(since=since, task="schedule", customers=5, until=until)
    return listing


def preview_messages(address: str, policy: NotifySettings) -> Iterator[MailSample]:
    """Yield one mail per kind and per list, in every language, to *address*.

    The kinds use different tasks in turn. The mails' ``complaints`` name own templates that fail.
    """
    for language in list_languages(policy.templates):
        recipient = Recipient(address, "", Role.CUSTOMER, language)
        for turn, sample in enumerate(make_samples(recipient, policy)):
            kinds = len(EventKind) * len(TASKS)
            if turn >= kinds or turn % len(TASKS) == turn // len(TASKS):
                yield sample
