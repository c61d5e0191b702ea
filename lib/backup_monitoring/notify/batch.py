"""Handles the calls of the hook: those that were spooled, and those that wait in the outbox."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import NamedTuple

from backup_monitoring.mail import MailError
from backup_monitoring.model import EventKind, MonitoringError, UsageError, format_count
from backup_monitoring.notify.call import Call, parse_call
from backup_monitoring.notify.call_values import NAGIOS
from backup_monitoring.notify.composer import Composer, NoOperatorError
from backup_monitoring.notify.deadline import call_within
from backup_monitoring.notify.faults import describe_fault
from backup_monitoring.notify.hook import (
    HookResult,
    PreparedCall,
    apply_call,
    give_up,
    log_call,
    make_plain_event,
    prepare_call,
    recover_unseen,
)
from backup_monitoring.notify.rules import NONE_UNDELIVERABLE
from backup_monitoring.outbox import (
    LogAction,
    Outbox,
    OutboxError,
    Spool,
    Transaction,
    Undeliverable,
    count_attempt,
    count_waiting,
    delete_waiting,
    forget_handled,
    list_handled,
    list_undeliverable,
    list_waiting,
    queue_mail,
    record_handled,
    save_waiting,
)
from backup_monitoring.settings import Settings
from backup_monitoring.store import Source

_LOOKUP_TIME = 20  # seconds, after which nobody else is looked up
_LOOKUP_LIMIT = 30  # seconds, after which the directory does not answer
_LIMIT = 50  # seconds, after which no further call is handled: the rest is for the mails
_MOST = 10_000  # calls at once
_MAX_FAILED = 2  # look-ups in a row: the directory has a problem, not an account
_OUTAGE = "calls wait"  # in the outbox's meta: since when calls wait, '' if none does
_BEHIND = "an earlier call about this account waits"
_NO_ANSWER = f"not looked up within {_LOOKUP_LIMIT} s"
_NOT_TRIED = "not looked up, after others failed"


class BatchResult(NamedTuple):
    """What was done with calls.

    Args:
        handled: of each call that was handled. waiting: the number of those that wait.
        failures: what an administrator should know, a line each.
    """

    handled: tuple[HookResult, ...] = ()
    waiting: int = 0
    failures: tuple[str, ...] = ()


class _Item(NamedTuple):
    """A call to handle: the file *name* in the spool, or the *id* of a call in the outbox."""

    call: Call
    text: str
    name: str = ""
    id: int = 0
    attempts: int = 0
    since: datetime | None = None


# What was found of a call; a text: why it waits; None: time was short, it stays where it is.
Found = PreparedCall | str | None


def handle_calls(
    outbox: Outbox,
    settings: Settings,
    now: datetime,
    open_source: Callable[[], AbstractContextManager[Source]],
) -> BatchResult:
    """Handle all calls, each in a transaction of its own, in their order.

    What cannot be looked up waits in the outbox, and so does what comes later about its account.
    A file in the spool is deleted after the transaction that has its name; if the process is
    killed in between, the next one finds the name, and only deletes the file.

    Raises:
        OutboxError: outbox or spool cannot be used; what was not handled stays where it is.
    """
    spool = Spool(outbox.file)
    until = time.monotonic() + _LIMIT
    with spool.lock() as is_locked:
        if not is_locked:  # another process handles them
            return BatchResult()
        batch = _Batch(outbox, spool, settings, now)
        items = batch.collect()
        # Who was looked up in vain comes last: two such accounts must not stop all others.
        order = sorted(range(len(items)), key=lambda place: items[place].attempts)
        calls = [items[place].call for place in order]
        found = look_up_calls(calls, settings, open_source, batch.undeliverable)
        batch.handle(items, dict(zip(order, found, strict=True)), until)
        spool.clean_up()
        return BatchResult(tuple(batch.handled), batch.waiting, tuple(batch.failures))


class _Batch:
    """The calls of one delivery, by the process that holds the spool's lock."""

    def __init__(self, outbox: Outbox, spool: Spool, settings: Settings, now: datetime) -> None:
        self.handled: list[HookResult] = []
        self.waiting = 0
        self.failures: list[str] = []
        self.undeliverable = NONE_UNDELIVERABLE
        self._outbox = outbox
        self._spool = spool
        self._settings = settings
        self._now = now

    def collect(self) -> list[_Item]:
        """Return all calls in their order: those that wait, and then those in the spool."""
        with self._outbox.transaction(self._now) as transaction:
            waiting = list_waiting(transaction)
            handled = list_handled(transaction)
            self.undeliverable = list_undeliverable(transaction)
        names = self._spool.list_names()
        if handled:  # by a process that was killed before it could delete their files
            self._spool.remove(handled.intersection(names))
            with self._outbox.transaction(self._now) as transaction:
                forget_handled(transaction, handled)
        items = []
        for number, text, attempts, since in waiting:
            call = self._read_call(text, f"call {number} in {self._outbox.file}", "report it")
            items += [] if call is None else [_Item(call, text, "", number, attempts, since)]
        for name in names[:_MOST]:
            if name not in handled:
                items += self._read_file(name)
        return items

    def _read_file(self, name: str) -> list[_Item]:
        """Return the call in a file of the spool; none if it cannot be read."""
        file = str(self._spool.folder / name)
        try:
            text = self._spool.read(name)
        except OSError as error:
            remedy = "let the group of its folder read it, or delete it"
            self.failures.append(f"{file}: cannot be read ({error.strerror}); {remedy}")
            return []
        call = self._read_call(text, file, "delete it")
        return [] if call is None else [_Item(call, text, name)]

    def _read_call(self, text: str, where: str, remedy: str) -> Call | None:
        """Return the call that a hook has written as *text*, None if no hook has."""
        try:
            values = json.loads(text)
            return parse_call({name: str(values[name]) for name in NAGIOS})
        except (LookupError, RecursionError, TypeError, ValueError, UsageError) as error:
            why = type(error).__name__
            self.failures.append(f"{where}: not a call of the hook ({why}); {remedy}")
            return None

    def handle(self, items: Sequence[_Item], found: Mapping[int, Found], until: float) -> None:
        """Apply the calls that were *found*, by their places, and let the others wait.

        After the monotonic time *until* the rest stays where it is.
        """
        blocked: set[str] = set()  # accounts with a call that waits
        left: set[str] = set()  # accounts with a call that stays where it is
        waiting: list[tuple[_Item, str]] = []
        done: list[str] = []
        for place, item in enumerate(items):
            account, reason = item.call.uid.lower(), found[place]
            if account in left or reason is None or time.monotonic() > until:
                left.add(account)
                continue
            if item.call.kind is None:
                self._apply(item, partial(log_call, item.call))
            elif account in blocked:
                waiting.append((item, _BEHIND))
                continue
            elif isinstance(reason, str) or (reason := self._apply_found(item, reason)):
                blocked.add(account)
                waiting.append((item, reason))
                continue
            done.append(item.name)
        done += self._let_wait(waiting)
        self._spool.remove(filter(None, done))

    def _apply_found(self, item: _Item, prepared: PreparedCall) -> str:
        """Return why *item* could not be applied, '' if it was."""
        call, settings = item.call, self._settings
        try:
            self._apply(item, lambda transaction: apply_call(call, prepared, transaction, settings))
        except OutboxError:
            raise
        except Exception as error:  # a fault of ours: one account's must not stop the others
            return describe_fault(error)
        return ""

    def _apply(self, item: _Item, apply: Callable[[Transaction], HookResult]) -> None:
        with self._outbox.transaction(self._now) as transaction:
            result = apply(transaction)
            _finish(transaction, item)
        self.handled.append(result)

    def _let_wait(self, waiting: Sequence[tuple[_Item, str]]) -> list[str]:
        """Let calls wait, or give them up; return the names of the spooled ones."""
        oldest = self._now - self._settings.notify.retry_for
        late = [each for each in waiting if each[0].since is not None and each[0].since < oldest]
        given_up = {item.id for item, _ in late}
        problems: dict[tuple[str, str], list[_Item]] = {}  # that wait, by account and task
        with self._outbox.transaction(self._now) as transaction:
            self._give_up(transaction, late)
            for item, reason in waiting:
                if item.id in given_up:
                    continue
                call = item.call
                ended = problems.setdefault((call.uid.lower(), call.task), [])
                if call.kind is EventKind.RECOVERY:
                    _drop_problems(transaction, ended)
                    ended.clear()
                    if not recover_unseen(call, transaction, self._settings.notify):
                        _finish(transaction, item)
                        continue
                kept = self._keep(transaction, item, reason)
                if call.kind is EventKind.PROBLEM:
                    ended.append(kept)
            self.waiting = count_waiting(transaction)
            self._note_outage(transaction, next((reason for _, reason in waiting), ""))
        return [item.name for item, _ in waiting]

    def _keep(self, transaction: Transaction, item: _Item, reason: str) -> _Item:
        """Keep *item* in the outbox; return it as it is there."""
        if item.name:
            item = item._replace(id=save_waiting(transaction, item.text))
            record_handled(transaction, item.name)
            event, why = make_plain_event(item.call), f"not looked up yet: {reason}"
            transaction.log_event(LogAction.QUEUED, event, "", why)
        if reason not in (_BEHIND, _NOT_TRIED):
            count_attempt(transaction, item.id)
        return item

    def _give_up(self, transaction: Transaction, late: Sequence[tuple[_Item, str]]) -> None:
        """Notify the operator of calls that have waited for `retry_for`."""
        calls = [(item.call, reason) for item, reason in late]
        self.handled += give_up(calls, transaction, self._settings)
        for item, _ in late:
            _finish(transaction, item)

    def _note_outage(self, transaction: Transaction, reason: str) -> None:
        """Notify the operator once, when calls begin to wait because of *reason*."""
        since = transaction.get_meta(_OUTAGE)
        if not self.waiting:
            if since:
                transaction.set_meta(_OUTAGE, "")
            return
        wait = format_count(self.waiting, "call waits", "calls wait")
        self.failures.append(f"{wait}{': ' if reason else ''}{reason}")
        if since or not reason:
            return
        transaction.log(LogAction.NOT_SENT, reason=f"calls wait: {reason}")
        try:
            composer = Composer(self._settings, None, self._now)
            queue_mail(transaction, composer.compose_no_lookup(reason))
        except (MailError, NoOperatorError) as error:
            self.failures.append(f"nobody was notified: {error}")
            return
        transaction.set_meta(_OUTAGE, self._now.isoformat())


def _finish(transaction: Transaction, item: _Item) -> None:
    """Record that this transaction has handled *item*."""
    if item.name:
        record_handled(transaction, item.name)
    else:
        delete_waiting(transaction, item.id)


def _drop_problems(transaction: Transaction, problems: Sequence[_Item]) -> None:
    """Drop calls that wait, about *problems* that are over."""
    for item in problems:
        delete_waiting(transaction, item.id)
        event, why = make_plain_event(item.call), "recovered before it was looked up"
        transaction.log_event(LogAction.DROPPED, event, "", why)


def look_up_calls(
    calls: Sequence[Call],
    settings: Settings,
    open_source: Callable[[], AbstractContextManager[Source]],
    undeliverable: Undeliverable,
) -> list[Found]:
    """Return what each of *calls* is about, or why that cannot be looked up."""
    found: dict[int, Found] = {}
    until = time.monotonic() + _LOOKUP_TIME
    places = [place for place, call in enumerate(calls) if call.kind is not None]

    def look_up() -> bool:
        failed = 0
        with open_source() as source:
            for place in places:
                if failed == _MAX_FAILED:
                    return True
                if time.monotonic() > until:
                    found[place] = None
                    continue
                found[place] = _look_up(calls[place], source, settings, undeliverable)
                failed = failed + 1 if isinstance(found[place], str) else 0
        return True

    reason = _NOT_TRIED
    if places:
        try:
            # A directory may never answer: nothing else would end the wait.
            if call_within(_LOOKUP_LIMIT, look_up) is None:
                reason = _NO_ANSWER
        except MonitoringError as error:
            reason = str(error)
        except Exception as error:  # a fault of ours must not stop the mails that wait
            reason = describe_fault(error)
    return [found.get(place, reason) for place in range(len(calls))]


def _look_up(
    call: Call, source: Source, settings: Settings, undeliverable: Undeliverable
) -> PreparedCall | str:
    try:
        return prepare_call(call, source, settings, undeliverable)
    except MonitoringError as error:
        return str(error)
    except Exception as error:  # a fault of ours: one account's must not stop the others
        return describe_fault(error)
