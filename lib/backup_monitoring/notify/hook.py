"""The hook: handles a call as the notification command of a monitoring system."""

import argparse
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from backup_monitoring.model import (
    CachedPeople,
    Event,
    EventKind,
    Facts,
    NoPeople,
    People,
    State,
    UsageError,
    Verdict,
)
from backup_monitoring.notify.dispatch import Dispatcher, EventResult, describe_account
from backup_monitoring.notify.events import end_problem, is_end_uncertain, make_event
from backup_monitoring.notify.recipients import find_recipients, find_switched_off
from backup_monitoring.outbox import (
    OVER,
    LogAction,
    Problem,
    Transaction,
    delete_problem,
    find_problem,
    record_event,
    save_problem,
    track_failure,
)
from backup_monitoring.settings import Settings
from backup_monitoring.store import Source, StoreError
from backup_monitoring.tasks import TASKS, is_covered_elsewhere

_KINDS = {"PROBLEM": EventKind.PROBLEM, "RECOVERY": EventKind.RECOVERY, "CUSTOM": EventKind.CUSTOM}
# The texts of these are for the provider's staff: they are logged, and nobody is notified.
_LOGGED = ("ACKNOWLEDGEMENT", "DOWNTIME", "FLAPPING")
_DUPLICATE = "duplicate event, already notified"
_COVERED = "the quota is used up: the quota check notifies"
_BACK = "back from UNKNOWN in the state of the last notification"
_UNCERTAIN = "not solved for certain: earlier failures are not known, and no backup succeeded since"
_HOOK = "hook:"  # before the task of a problem of the hook; the scan's have none

# The names of our options, and what Nagios calls them; our own variables are NOTIFY_ and the name.
NAGIOS = {
    "account": "NAGIOS__SERVICEBACKUP_ACCOUNT",
    "task": "NAGIOS__SERVICEBACKUP_TASK",
    "type": "NAGIOS_NOTIFICATIONTYPE",
    "state": "NAGIOS_SERVICESTATE",
    "last_state": "NAGIOS_LASTSERVICESTATE",
    "output": "NAGIOS_SERVICEOUTPUT",
    "author": "NAGIOS_NOTIFICATIONAUTHOR",
    "comment": "NAGIOS_NOTIFICATIONCOMMENT",
    "time": "NAGIOS_TIMET",
    "host": "NAGIOS_HOSTNAME",
}


class Call(NamedTuple):
    """A call of the hook.

    Args:
        uid: the account. task: the check.
        type: the monitoring system's word. kind: what it means; None: it is only logged.
        state, last_state: of the service; None if it was not given.
        at: when, aware UTC.
    """

    uid: str
    task: str
    type: str
    kind: EventKind | None
    state: State
    last_state: State | None
    at: datetime
    output: str = ""
    author: str = ""
    comment: str = ""
    host: str = ""


class HookResult(NamedTuple):
    """What the hook did, in a sentence; *result* is None if no event was dispatched."""

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


def parse_call(options: argparse.Namespace, environment: Mapping[str, str], now: datetime) -> Call:
    """Return the call that *options*, else variables of the *environment*, describe.

    Raises:
        UsageError: a value is missing or not valid.
    """

    def get(name: str) -> str:
        option = getattr(options, name, None)
        for value in (option, environment.get(f"NOTIFY_{name.upper()}")):
            if value:
                return str(value)
        return environment.get(NAGIOS[name], "")

    notification_type = get("type").upper()
    task = get("task").lower()
    if not get("account"):
        raise UsageError("--account", "no account given", "give one, or set NOTIFY_ACCOUNT")
    if task not in TASKS:
        raise UsageError("--task", f"{task!r} is none of {', '.join(TASKS)}", "give one of them")
    if notification_type not in _KINDS and not notification_type.startswith(_LOGGED):
        remedy = "pass the monitoring system's own word"
        raise UsageError("--type", f"{notification_type!r} is unknown", remedy)
    return Call(
        uid=get("account"),
        task=task,
        type=notification_type,
        kind=_KINDS.get(notification_type),
        state=_parse_state("--state", get("state")),
        last_state=_parse_state("--last-state", get("last_state")) if get("last_state") else None,
        at=_parse_time(get("time"), now),
        output=get("output"),
        author=get("author"),
        comment=get("comment"),
        host=get("host"),
    )


def _parse_state(option: str, text: str) -> State:
    try:
        return State[text.upper()]
    except KeyError:
        problem = f"{text!r} is none of {', '.join(state.name for state in State)}"
        raise UsageError(option, problem, "pass the service's state") from None


def _parse_time(text: str, now: datetime) -> datetime:
    """Parse *text*, seconds since 1970 or ISO 8601 with offset; *now* if it is empty."""
    if not text:
        return now
    try:
        if text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    remedy = "use seconds since 1970, or ISO 8601 with offset"
    raise UsageError("--time", f"{text!r} is not a valid time", remedy)


def prepare_call(call: Call, source: Source, settings: Settings) -> PreparedCall:
    """Look up everything that `apply_call` needs.

    Raises:
        DirectoryError, StoreError: the account or its people cannot be looked up.
    """
    people = CachedPeople(source.people)
    prepared = _match_verdict(call, source, people)
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


def _match_verdict(call: Call, source: Source, people: People) -> PreparedCall:
    """Return the event of *call*, with the details of the verdict if that has the same state.

    Otherwise the given state counts, and the event has the monitoring system's own text.
    """
    event = make_plain_event(call)
    contact = people.contact(call.uid)
    if contact is not None:  # by its own name, in whatever case the call has it
        event = event._replace(uid=contact.uid, host=contact.host or event.host)
    verdict = _find_verdict(call, source)
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


def hand_to_operator(
    call: Call, reason: str, transaction: Transaction, settings: Settings
) -> HookResult:
    """Notify the operator of a call whose account or people cannot be looked up, and why.

    Raises:
        OutboxError: the outbox cannot be written.
    """
    event = make_plain_event(call)
    if not record_event(transaction, event):
        return HookResult(_DUPLICATE)
    if event.kind in OVER:  # drops what waits about it, whoever it is for: it is no longer true
        _remember_call(call, transaction)
        track_failure(transaction, event)
    nobody = NoPeople()
    queued, failure = Dispatcher(transaction, nobody, settings).notify_operator(event, reason)
    decision = find_recipients(event, nobody, settings.notify)._replace(operator_reason=reason)
    return HookResult(
        "handed to the operator", EventResult(decision, tuple(queued), reason + failure)
    )
