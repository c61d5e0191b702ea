"""The hook: what a monitoring system says when it calls its notification command."""

import argparse
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from backup_monitoring.model import (
    CachedPeople,
    Event,
    EventKind,
    People,
    State,
    UsageError,
    Verdict,
)
from backup_monitoring.notify.announce import Dispatcher, EventResult, describe_account
from backup_monitoring.notify.recipients import find_recipients, find_switched_off
from backup_monitoring.notify.scan import end_problem, make_event
from backup_monitoring.outbox import Problem, Transaction
from backup_monitoring.settings import Settings
from backup_monitoring.store import Source, StoreError
from backup_monitoring.tasks import TASKS, collect_facts, evaluate_all, is_covered_elsewhere

_TOLD = {"PROBLEM": EventKind.PROBLEM, "RECOVERY": EventKind.RECOVERY, "CUSTOM": EventKind.CUSTOM}
SEEN = "the same event came before, nobody is told twice"
_TOLD_BY_HOOK = "hook:"  # before the task of a problem that the hook has told
# They carry the NOC's own words: kept in the audit, told to nobody.
_AUDITED = ("ACKNOWLEDGEMENT", "DOWNTIME", "FLAPPING")

# The option's name, and what Nagios calls it; ours are NOTIFY_ and the option's name.
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
    """One call of the hook.

    Args:
        uid: the account. task: the check.
        type: as the monitoring system says it. kind: what it is to us; None: told to nobody.
        state, last_state: None where it is not said.
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


def parse_call(options: argparse.Namespace, environment: Mapping[str, str], now: datetime) -> Call:
    """Return what is said by *options*, else by *environment*.

    Raises:
        UsageError: something is missing, or is none of the known words.
    """

    def said(name: str) -> str:
        given = getattr(options, name, None)
        for value in (given, environment.get(f"NOTIFY_{name.upper()}")):
            if value:
                return str(value)
        return environment.get(NAGIOS[name], "")

    kind_of_call = said("type").upper()
    task = said("task").lower()
    if not said("account"):
        raise UsageError("--account", "which account?", "name it, or set NOTIFY_ACCOUNT")
    if task not in TASKS:
        raise UsageError("--task", f"{task!r} is none of {', '.join(TASKS)}", "name the task")
    if kind_of_call not in _TOLD and not kind_of_call.startswith(_AUDITED):
        raise UsageError(
            "--type", f"{kind_of_call!r} is unknown", "pass the monitoring system's own word"
        )
    return Call(
        uid=said("account"),
        task=task,
        type=kind_of_call,
        kind=_TOLD.get(kind_of_call),
        state=_state("--state", said("state")),
        last_state=_state("--last-state", said("last_state")) if said("last_state") else None,
        at=_time(said("time"), now),
        output=said("output"),
        author=said("author"),
        comment=said("comment"),
        host=said("host"),
    )


def _state(option: str, text: str) -> State:
    try:
        return State[text.upper()]
    except KeyError:
        words = ", ".join(state.name for state in State)
        raise UsageError(
            option, f"{text!r} is none of {words}", "pass the service's state"
        ) from None


def _time(text: str, now: datetime) -> datetime:
    """Return the time that *text* says, in seconds since 1970 or ISO 8601; *now* if none."""
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
    raise UsageError("--time", f"{text!r} is no time", "seconds since 1970, or ISO 8601")


class HookResult(NamedTuple):
    """What the hook did, in a sentence; *outcome* None: nobody had to be told."""

    said: str
    outcome: EventResult | None = None


class PreparedCall(NamedTuple):
    """What a call is about, looked up: see `apply_call`.

    Args:
        event: to be told. facts: of the verdict, see `About`.
        elsewhere: another task's mail says it.
        people: all that telling asks, known already.
        failing, retired: names of such computers by the verdict.
    """

    event: Event
    facts: dict[str, object]
    elsewhere: bool
    people: People
    failing: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()


def prepare_call(call: Call, source: Source, settings: Settings, now: datetime) -> PreparedCall:
    """Look up all that `apply_call` needs: nobody may wait for a directory within a transaction.

    Raises:
        DirectoryError, StoreError: the account or its people cannot be looked up.
    """
    people = CachedPeople(source.people)
    prepared = _prepared(call, source._replace(people=people), people, settings, now)
    find_recipients(prepared.event, people, settings.notify)
    find_switched_off(prepared.event, people, settings.notify)
    describe_account(prepared.event, people, prepared.facts, UTC)
    return prepared


def apply_call(
    call: Call, prepared: PreparedCall, transaction: Transaction, settings: Settings
) -> HookResult:
    """Put into the outbox what *call* says.

    Raises:
        OutboxError: the outbox cannot be written.
    """
    event = prepared.event
    if prepared.elsewhere and call.kind is EventKind.PROBLEM:
        transaction.not_told(event, "", "the quota is used up: quota's own mail says it")
        return HookResult("the quota is used up: quota's own mail says it, nobody is told twice")
    if transaction.seen(event):
        return HookResult(SEEN)
    teller = Dispatcher(transaction, prepared.people, settings)
    told = transaction.problem(call.uid.lower(), _TOLD_BY_HOOK + call.task)
    if told is not None and told.state is call.state and _back_from_unknown(call):
        transaction.not_told(event, "", "back from UNKNOWN in the state that was told last")
        said = "back from UNKNOWN in the state that was told last, nobody is told twice"
        return HookResult(said, teller.catch_up(event, prepared.facts))
    computers, facts = told.computers if told is not None else (), prepared.facts
    if event.kind is EventKind.RECOVERY:
        event, facts = end_problem(event, facts, computers, prepared.retired)
    remember_call(call, transaction, {*computers, *prepared.failing})
    outcome = teller.tell(event, facts)
    return HookResult(f"{len(outcome.letters)} put into the outbox", outcome)


def _back_from_unknown(call: Call) -> bool:
    return call.kind is EventKind.PROBLEM and call.last_state is State.UNKNOWN


def log_call(call: Call, transaction: Transaction) -> HookResult:
    """Note in the audit what is told to nobody."""
    transaction.not_told(make_plain_event(call), "", _words(call))
    return HookResult(f"{call.type}: in the audit, nobody is told")


def _words(call: Call) -> str:
    return ": ".join(filter(None, (call.type, call.author, call.comment)))


def remember_call(call: Call, transaction: Transaction, computers: Iterable[str] = ()) -> None:
    """Keep the state that is told, and of which *computers*, until a recovery."""
    uid, task = call.uid.lower(), _TOLD_BY_HOOK + call.task
    if call.kind is EventKind.RECOVERY:
        transaction.forget(uid, task)
    elif call.kind is EventKind.PROBLEM and call.state in (State.WARNING, State.CRITICAL):
        names = tuple(sorted(computers))
        transaction.remember(Problem(uid, task, call.state, call.at, names, call.at, "hook"))


def make_plain_event(call: Call) -> Event:
    """Return the event that *call* says, by the monitoring system's own text."""
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


def _prepared(
    call: Call, source: Source, people: People, settings: Settings, now: datetime
) -> PreparedCall:
    """Return the event, with what the verdict says of it.

    Where the verdict does not agree with the state that was given, that state decides, and the
    event has the monitoring system's own text.
    """
    event = make_plain_event(call)
    contact = source.people.contact(call.uid)
    if contact is not None:  # by its own name, whatever case it was called in
        event = event._replace(uid=contact.uid, host=contact.host or event.host)
    verdict = _verdict(call, source, settings, now)
    if verdict is None or verdict.state is not call.state:
        return PreparedCall(event, {}, False, people)
    found = make_event(event.uid, call.task, event.kind, verdict, event.host, call.at)
    return PreparedCall(
        found._replace(author=call.author, comment=call.comment),
        collect_facts(verdict),
        is_covered_elsewhere(call.task, verdict),
        people,
        verdict.failing,
        verdict.retired,
    )


def _verdict(call: Call, source: Source, settings: Settings, now: datetime) -> Verdict | None:
    """Return the verdict that *call* is about, None where none can be found."""
    try:
        for account, uploads in source.accounts([call.uid], TASKS[call.task]):
            return evaluate_all(account, uploads, settings.policies, now, (call.task,))[call.task]
    except StoreError:
        return None  # too old to say why; whom it concerns is known, and the state was given
    return None
