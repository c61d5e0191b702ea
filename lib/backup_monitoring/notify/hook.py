"""Handles a call of the hook: who is notified of it, and what is remembered."""

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import NamedTuple

from backup_monitoring.model import (
    CachedPeople,
    Event,
    EventKind,
    Facts,
    NoPeople,
    People,
    State,
    Verdict,
)
from backup_monitoring.notify.call import Call
from backup_monitoring.notify.dispatch import Dispatcher, EventResult, describe_account
from backup_monitoring.notify.events import end_problem, is_end_uncertain, make_event
from backup_monitoring.notify.recipients import find_recipients, find_switched_off
from backup_monitoring.outbox import (
    LogAction,
    Problem,
    Transaction,
    delete_problem,
    find_problem,
    is_anybody_notified,
    record_event,
    save_problem,
    track_failure,
)
from backup_monitoring.settings import Settings
from backup_monitoring.store import Source, StoreError
from backup_monitoring.tasks import is_covered_elsewhere

_DUPLICATE = "duplicate event, already notified"
_COVERED = "the quota is used up: the quota check notifies"
_BACK = "back from UNKNOWN in the state of the last notification"
_UNCERTAIN = "not solved for certain: earlier failures are not known, and no backup succeeded since"
_HOOK = "hook:"  # before the task of a problem of the hook; the scan's have none


class HookResult(NamedTuple):
    """What was done with a call, in a sentence; *result* is None if no event was dispatched."""

    summary: str
    result: EventResult | None = None


class PreparedCall(NamedTuple):
    """What was looked up for a call.

    Args:
        event: to dispatch. facts: of the verdict.
        covered_elsewhere: whether another task notifies of it.
        people: everybody whom `apply_call` asks for, in memory.
        failing, retired, uncertain: names of these computers by the verdict.
    """

    event: Event
    facts: Facts | None
    covered_elsewhere: bool
    people: People
    failing: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()


def prepare_call(call: Call, source: Source, settings: Settings) -> PreparedCall:
    """Look up everything that `apply_call` needs.

    Raises:
        DirectoryError, StoreError: the account or its people cannot be looked up.
    """
    people = CachedPeople(source.people)
    prepared = _match_verdict(call, source, people, settings)
    _load_people(prepared, people, settings)
    return prepared


def _load_people(prepared: PreparedCall, people: CachedPeople, settings: Settings) -> None:
    """Load everybody into the cache of *people* whom the `Dispatcher` will ask for.

    Only the cache counts, not what these functions return: nothing may be looked up within a
    transaction, where other processes would wait for a slow directory, too.
    """
    find_recipients(prepared.event, people, settings.notify)
    find_switched_off(prepared.event, people, settings.notify)
    describe_account(prepared.event, people, prepared.facts, UTC)


def _match_verdict(call: Call, source: Source, people: People, settings: Settings) -> PreparedCall:
    """Return the event of *call*, with the details of the verdict if that has the same state.

    Otherwise, and without a store, the given state counts, and the event has the monitoring
    system's own text.
    """
    event = make_plain_event(call)
    contact = people.contact(call.uid)
    if contact is not None:  # by its own name, in whatever case the call has it
        event = event._replace(uid=contact.uid, host=contact.host or event.host)
    verdict = _find_verdict(call, source) if settings.store.folder is not None else None
    if verdict is None or verdict.state is not call.state:
        return PreparedCall(event, None, False, people)
    detailed = make_event(event.uid, call.task, event.kind, verdict, event.host, call.at)
    return PreparedCall(
        detailed._replace(author=call.author, comment=call.comment),
        verdict.facts,
        is_covered_elsewhere(call.task, verdict),
        people,
        verdict.failing,
        verdict.retired,
        verdict.uncertain,
    )


def _find_verdict(call: Call, source: Source) -> Verdict | None:
    """Return the verdict that *call* is about, None if there is none."""
    try:
        found = source.find_verdict(call.uid, call.task)
    except StoreError:
        return None  # too old for details; the recipients are known, and the state was given
    return None if found is None else found.verdict


def make_plain_event(call: Call) -> Event:
    """Return the event of *call* with the monitoring system's own text."""
    return Event(
        call.uid,
        call.task,
        call.kind or EventKind.CUSTOM,
        call.state,
        call.at,
        call.output,
        host=call.host,
        author=call.author,
        comment=call.comment,
    )


def apply_call(
    call: Call, prepared: PreparedCall, transaction: Transaction, settings: Settings
) -> HookResult:
    """Dispatch the event of a *prepared* call.

    Raises:
        OutboxError: the outbox cannot be written.
    """
    event, facts = prepared.event, prepared.facts
    if prepared.covered_elsewhere and call.kind is EventKind.PROBLEM:
        transaction.log_event(LogAction.NOT_SENT, event, "", _COVERED)
        return HookResult(_COVERED)
    if not record_event(transaction, event):
        return HookResult(_DUPLICATE)
    dispatcher = Dispatcher(transaction, prepared.people, settings)
    problem = find_problem(transaction, call.uid.lower(), _HOOK + call.task)
    if problem is not None and problem.state is call.state and _is_back_from_unknown(call):
        transaction.log_event(LogAction.NOT_SENT, event, "", _BACK)
        return HookResult(f"{_BACK}, already notified", dispatcher.catch_up(event, facts))
    computers = problem.computers if problem is not None else ()
    if event.kind is EventKind.RECOVERY:
        if is_end_uncertain(computers, prepared.uncertain):
            transaction.log_event(LogAction.NOT_SENT, event, "", _UNCERTAIN)
            return HookResult(_UNCERTAIN)
        event, facts = end_problem(event, facts, computers, prepared.retired)
    _remember_call(call, transaction, {*computers, *prepared.failing})
    result = dispatcher.notify(event, facts)
    return HookResult(f"{len(result.notifications)} queued", result)


def _is_back_from_unknown(call: Call) -> bool:
    return call.kind is EventKind.PROBLEM and call.last_state is State.UNKNOWN


def _remember_call(call: Call, transaction: Transaction, computers: Iterable[str] = ()) -> None:
    """Store state and *computers* of a notified problem; a recovery deletes them."""
    uid, task = call.uid.lower(), _HOOK + call.task
    if call.kind is EventKind.RECOVERY:
        delete_problem(transaction, uid, task)
    elif call.kind is EventKind.PROBLEM and call.state in (State.WARNING, State.CRITICAL):
        names = tuple(sorted(computers))
        save_problem(transaction, Problem(uid, task, call.state, call.at, names, call.at, "hook"))


def log_call(call: Call, transaction: Transaction) -> HookResult:
    """Log a call that nobody is notified of."""
    text = ": ".join(filter(None, (call.type, call.author, call.comment)))
    transaction.log_event(LogAction.NOT_SENT, make_plain_event(call), "", text)
    return HookResult(f"{call.type}: logged, nobody is notified")


def recover_unseen(call: Call, transaction: Transaction) -> bool:
    """Drop what waits of a problem that *call* ends; return whether somebody has heard of it.

    It is no longer true, whoever it is for, and nobody need be looked up to know that.
    """
    track_failure(transaction, make_plain_event(call))
    if is_anybody_notified(transaction, call.uid, call.task):
        return True
    record_event(transaction, make_plain_event(call))
    _remember_call(call, transaction)
    reason = "nobody was notified of the problem"
    transaction.log_event(LogAction.NOT_SENT, make_plain_event(call), "", reason)
    return False


def give_up(
    calls: Sequence[tuple[Call, str]], transaction: Transaction, settings: Settings
) -> list[HookResult]:
    """Notify the operator of *calls* that could not be looked up in time, each with the reason.

    Raises:
        OutboxError: the outbox cannot be written.
    """
    results = []
    new = [each for each in calls if record_event(transaction, make_plain_event(each[0]))]
    for call, _ in new:
        if call.kind is EventKind.RECOVERY:
            _remember_call(call, transaction)
            track_failure(transaction, make_plain_event(call))
    dispatcher = Dispatcher(transaction, NoPeople(), settings)
    queued, failure = dispatcher.notify_operator([(make_plain_event(c), why) for c, why in new])
    for call, reason in new:
        decision = find_recipients(make_plain_event(call), NoPeople(), settings.notify)
        result = EventResult(decision, tuple(queued), reason + failure)
        results.append(HookResult("handed to the operator", result))
    return results
