"""Queues the weekly summaries that are due."""

import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from backup_monitoring.mail import ListItem, ListPurpose, MailList, compose_parts
from backup_monitoring.model import EventKind, Need, Needs
from backup_monitoring.notify.dispatch import choose_zone, describe_account, make_queued_mail
from backup_monitoring.notify.events import make_event
from backup_monitoring.notify.steps import RECORDED
from backup_monitoring.notify.summary import Summary, build_summaries, find_week
from backup_monitoring.outbox import (
    LogAction,
    Outbox,
    Transaction,
    is_summary_due,
    list_problems,
    list_undeliverable,
    list_withheld,
    queue_mail,
    record_objection,
    record_summary,
)
from backup_monitoring.settings import Settings
from backup_monitoring.store import Source

_DONE = "summaries done"  # in the outbox's meta: the Monday of the week whose summaries are sent
_TRIED = "summaries tried"  # in the outbox's meta: when some could not be sent
_PAUSE = timedelta(hours=1)  # before those are tried again: judging all accounts takes a while
_LIMIT = 60  # seconds, after which the next delivery goes on
_ENTRY = Needs(Need.NOTHING, None)


def find_due_week(outbox: Outbox, settings: Settings, now: datetime) -> date | None:
    """Return the Monday of the week whose summaries may have to be sent now, None if none have."""
    week = find_week(now, choose_zone(settings))
    if week is None:
        return None
    with outbox.transaction(now) as transaction:
        tried = transaction.get_meta(_TRIED)
        done = transaction.get_meta(_DONE)
    if done == week.isoformat():
        return None
    if tried and timedelta(0) <= now - datetime.fromisoformat(tried) < _PAUSE:
        return None
    return week


def queue_summaries(
    outbox: Outbox, source: Source, settings: Settings, now: datetime, week: date
) -> str:
    """Queue the summaries of *week* that can be sent; return what was done, in a sentence.

    Each is recorded in the transaction that queues it: a process that is killed leaves to the next
    one what it has not done.

    Raises:
        StoreError: the store cannot be read, or is too old: nothing is said of its accounts.
        OutboxError: the outbox cannot be written.
    """
    until = time.monotonic() + _LIMIT
    with outbox.transaction(now) as transaction:
        withheld = list_withheld(transaction)
        undeliverable = list_undeliverable(transaction)
        problems = [each for each in list_problems(transaction) if each.status == RECORDED]
        withheld |= {(each.account.lower(), each.task) for each in problems}
        # Written before the work: a fault in it must not repeat it every minute.
        transaction.set_meta(_TRIED, now.isoformat())
    _, failing = source.list_failing(())
    uids = [account.uid for account, _ in source.accounts(None, _ENTRY)]
    uids += [each.uid for each in failing]  # also of an account that is missing
    policy, names = settings.notify, settings.directory.attributes
    summaries = build_summaries(
        dict.fromkeys(uids), failing, withheld, source.people, policy, names, undeliverable
    )
    run = _SummaryRun(source, settings, now, week)
    for number, summary in enumerate(summaries):
        if time.monotonic() > until:
            with outbox.transaction(now) as transaction:
                transaction.set_meta(_TRIED, "")
            return f"weekly summaries: {run.queued} queued, {len(summaries) - number} to follow"
        with outbox.transaction(now) as transaction:
            run.handle(transaction, summary)
    if not run.waiting:
        with outbox.transaction(now) as transaction:
            transaction.set_meta(_DONE, week.isoformat())
    return f"weekly summaries: {run.queued} queued, {run.waiting} not possible yet"


class _SummaryRun:
    """The summaries of a week, one after the other."""

    def __init__(self, source: Source, settings: Settings, now: datetime, week: date) -> None:
        self.queued = self.waiting = 0
        self._people = source.people
        self._settings = settings
        self._now = now
        self._week = week

    def handle(self, transaction: Transaction, summary: Summary) -> None:
        """Queue *summary*, unless it is not due or must wait."""
        recipient = summary.recipient
        if not is_summary_due(transaction, recipient, self._week):
            return
        if summary.objections:
            self.waiting += 1
            if record_objection(transaction, recipient, self._week):
                reason = f"weekly summary: {_join(summary.objections)}"
                transaction.log(LogAction.NOT_SENT, address=recipient.address, reason=reason)
            return
        items = [self._make_item(summary, place) for place in range(len(summary.failing))]
        listing = MailList(ListPurpose.SUMMARY, items, of=summary.accounts)
        policy, zone = self._settings.notify, choose_zone(self._settings)
        for mail, _ in compose_parts(listing, recipient, policy, self._now, zone):
            queue_mail(transaction, make_queued_mail(mail, recipient))
        record_summary(transaction, recipient, self._week)
        self.queued += 1

    def _make_item(self, summary: Summary, place: int) -> ListItem:
        found = summary.failing[place]
        host = found.hosts[0] if found.hosts else ""
        problem = EventKind.PROBLEM
        event = make_event(found.uid, found.task, problem, found.verdict, host, self._now)
        zone = choose_zone(self._settings)
        return ListItem(event, describe_account(event, self._people, found.verdict.facts, zone))


def _join(objections: Sequence[str]) -> str:
    """Return the first of *objections*, and how many more there are."""
    more = f", and {len(objections) - 1} more" if objections[1:] else ""
    return objections[0] + more
