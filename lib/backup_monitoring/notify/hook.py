"""Handles a call of the hook: who is notified of it, and what is remembered."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from backup_monitoring.mail import AddressError
from backup_monitoring.model import (
    CachedPeople,
    Event,
    EventKind,
    Facts,
    NoPeople,
    State,
    Verdict,
)
from backup_monitoring.notify.call import Call
from backup_monitoring.notify.decide import Audience
from backup_monitoring.notify.dispatch import (
    EventResult,
    find_audience,
    find_operator_state,
    notify,
    notify_operator,
)
from backup_monitoring.notify.events import end_problem, is_end_uncertain, make_event
from backup_monitoring.notify.recipients import find_recipients
from backup_monitoring.notify.steps import CALLED, OPEN
from backup_monitoring.outbox import (
    LogAction,
    Problem,
    Transaction,
    Undeliverable,
    delete_problem,
    find_problem,
    read_conversation,
    record_event,
    save_problem,
    track_failure,
)
from backup_monitoring.settings import NotifySettings, Settings
from backup_monitoring.store import Source, StoreError
from backup_monitoring.tasks import is_covered_elsewhere

_DUPLICATE = "duplicate event, already notified"
_COVERED = "the quota is used up: the quota check notifies"
_BACK = "back from UNKNOWN in the state of the last notification"
_UNCERTAIN = "not solved for certain: earlier failures are not known, and no backup succeeded since"
_SCANNED = "a scan has notified of this problem"


class HookResult(NamedTuple):
    """What was done with a call, in a sentence; *result* is None if no event was dispatched."""

    summary: str
    result: EventResult | None = None


class PreparedCall(NamedTuple):
    """What was looked up for a call.

    Args:
        event: to dispatch. facts: of the verdict.
        covered_elsewhere: whether another task notifies of it.
        audience: whom the event may concern.
        failing, retired, uncertain: names of these computers by the verdict.
    """

    event: Event
    facts: Facts | None
    covered_elsewhere: bool
    audience: Audience
    failing: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()


def prepare_call(
    call: Call, source: Source, settings: Settings, undeliverable: Undeliverable
) -> PreparedCall:
    """Look up everything that `apply_call` needs.

    Raises:
        DirectoryError, StoreError: the account or its people cannot be looked up.
    """
    people = CachedPeople(source.people)
    event = make_plain_event(call)
    contact = people.contact(call.uid)
    if contact is not None:  # by its own name, in whatever case the call has it
        event = event._replace(uid=contact.uid, host=contact.host or event.host)
    audience = find_audience(event, people, settings, undeliverable)
    prepared = PreparedCall(event, None, False, audience)
    verdict = _find_verdict(call, source) if settings.store.folder is not None else None
    if verdict is None or verdict.state is not call.state:
        return prepared  # the given state counts, with the monitoring system's own text
    detailed = make_event(event.uid, call.task, event.kind, verdict, event.host, call.at)
    return prepared._replace(
        event=detailed._replace(author=call.author, comment=call.comment),
        facts=verdict.facts,
        covered_elsewhere=is_covered_elsewhere(call.task, verdict),
        failing=verdict.failing,
        retired=verdict.retired,
        uncertain=verdict.uncertain,
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
    problem = find_problem(transaction, event.uid, call.task)
    computers = problem.computers if problem is not None else ()
    if problem is not None and (known := _find_known(call, prepared, problem)):
        transaction.log_event(LogAction.NOT_SENT, event, "", known)
        save_problem(transaction, problem._replace(status=CALLED))
        audience = prepared.audience
        result = notify(transaction, event, facts, audience, settings, only_new=True)
        return HookResult(f"{known}, already notified", result)
    if event.kind is EventKind.RECOVERY:
        if is_end_uncertain(computers, prepared.uncertain):
            transaction.log_event(LogAction.NOT_SENT, event, "", _UNCERTAIN)
            return HookResult(_UNCERTAIN)
        event, facts = end_problem(event, facts, computers, prepared.retired)
    _remember_call(call, event.uid, transaction, {*computers, *prepared.failing})
    result = notify(transaction, event, facts, prepared.audience, settings)
    return HookResult(f"{len(result.notifications)} queued", result)


def _find_known(call: Call, prepared: PreparedCall, problem: Problem) -> str:
    """Return why recipients need not be notified of *call* again, '' if they must."""
    if call.kind is not EventKind.PROBLEM or problem.status not in (OPEN, CALLED):
        return ""
    if call.last_state is State.UNKNOWN and problem.state is call.state:
        return _BACK
    worse = call.state.badness > problem.state.badness
    further = set(prepared.failing) - set(problem.computers)
    return _SCANNED if problem.status == OPEN and not worse and not further else ""


def _remember_call(
    call: Call, uid: str, transaction: Transaction, computers: Iterable[str] = ()
) -> None:
    """Store state and *computers* of a notified problem; a recovery deletes them."""
    if call.kind is EventKind.RECOVERY:
        delete_problem(transaction, uid, call.task)
    elif call.kind is EventKind.PROBLEM and call.state in (State.WARNING, State.CRITICAL):
        names = tuple(sorted(computers))
        problem = Problem(uid, call.task, call.state, call.at, names, call.at, CALLED)
        save_problem(transaction, problem)


def log_call(call: Call, transaction: Transaction) -> HookResult:
    """Log a call that nobody is notified of."""
    text = ": ".join(filter(None, (call.type, call.author, call.comment)))
    transaction.log_event(LogAction.NOT_SENT, make_plain_event(call), "", text)
    return HookResult(f"{call.type}: logged, nobody is notified")


def recover_unseen(call: Call, transaction: Transaction, policy: NotifySettings) -> bool:
    """Drop what waits of a problem that *call* ends; return whether somebody has heard of it.

    It is no longer true, whoever it is for, and nobody need be looked up to know that.
    """
    track_failure(transaction, make_plain_event(call))
    conversation = read_conversation(transaction, call.uid, call.task)
    with suppress(AddressError):  # then the operator hears of nothing
        if find_operator_state(conversation, policy) is not None:
            return True
    if conversation.list_notified():
        return True
    record_event(transaction, make_plain_event(call))
    _remember_call(call, call.uid, transaction)
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
            _remember_call(call, call.uid, transaction)
            track_failure(transaction, make_plain_event(call))
    events = [(make_plain_event(call), why) for call, why in new]
    queued, failure = notify_operator(transaction, events, settings)
    for call, reason in new:
        event = make_plain_event(call)
        decision = find_recipients(event, NoPeople(), settings.notify)
        result = EventResult(event, decision, tuple(queued), reason + failure)
        results.append(HookResult("handed to the operator", result))
    return results
