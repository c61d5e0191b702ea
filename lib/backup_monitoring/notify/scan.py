"""The scan: compares all verdicts with what was sent, and notifies of changes."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from backup_monitoring.mail import AddressError
from backup_monitoring.model import Ending, Event, EventKind, State, Verdict
from backup_monitoring.notify.dispatch import (
    Dispatcher,
    EventResult,
    choose_zone,
    make_queued_mail,
)
from backup_monitoring.notify.events import end_problem, is_end_uncertain, make_event
from backup_monitoring.notify.recipients import find_operator
from backup_monitoring.outbox import (
    Outbox,
    Problem,
    Transaction,
    delete_problem,
    list_problems,
    queue_mail,
    save_problem,
)
from backup_monitoring.settings import Settings
from backup_monitoring.store import Source
from backup_monitoring.tasks import is_covered_elsewhere

# The status of a problem: sent; found by the first scan and only recorded; to be sent by the next.
OPEN, RECORDED, RELEASED = "open", "recorded", "released"
OUTAGE = "outage"  # in the outbox's meta: since when no scan is possible, '' if one is
_SCANNED = "scanned"  # in the outbox's meta: when the first scan was
_CAUGHT_UP = "caught up"  # in the outbox's meta: with which people and settings the last scan was
_UNKNOWN = "unknown:"  # before the task of a problem whose state is UNKNOWN
_FAILED = (State.WARNING, State.CRITICAL)
_OK = Verdict(State.OK, "")

Key = tuple[str, str]  # account in lower case, task


class FoundVerdict(NamedTuple):
    """The verdict of an account in a task.

    Args:
        uid, task: of the verdict. host: the account's backup server.
        covered_elsewhere: another task notifies of it: it neither begins nor ends a problem.
    """

    uid: str
    task: str
    verdict: Verdict
    host: str
    covered_elsewhere: bool = False


class ScanResult(NamedTuple):
    """What a scan did.

    Args:
        accounts: the number of accounts.
        results: of each event.
        recorded: the number of problems that the first scan only recorded.
        list_failure: why the operator could not get the list of the first scan, None if not.
    """

    accounts: int
    results: tuple[EventResult, ...]
    recorded: int
    list_failure: str | None


def release_recorded(transaction: Transaction) -> int:
    """Let the next scan notify of what the first one only recorded; return how many problems."""
    recorded = [each for each in list_problems(transaction) if each.status == RECORDED]
    for problem in recorded:
        save_problem(transaction, problem._replace(status=RELEASED))
    return len(recorded)


def scan_accounts(outbox: Outbox, source: Source, settings: Settings, now: datetime) -> ScanResult:
    """Compare all verdicts with what was sent, and notify of what has changed since.

    The first scan notifies no customer: an installation often begins with old failures. It records
    them, and sends the operator a list.

    Raises:
        OutboxError: nothing was stored; the next scan repeats it.
        DirectoryError, StoreError: the source cannot be read completely.
    """
    with outbox.transaction(now) as transaction:
        before = _load_problems(transaction)
    verdicts, accounts = _find_verdicts(source, before)
    found = {uid for uid, _ in verdicts}
    known = {uid for uid, _ in before}
    ended = found.union(source.find_ended(known - found))
    with outbox.transaction(now) as transaction:
        transaction.set_meta(OUTAGE, "")
        dispatcher = Dispatcher(transaction, source.people, settings)
        scan = _Scan(dispatcher, transaction, settings, now)
        scan.note_recipients(source.people_digest)
        if transaction.get_meta(_SCANNED) is None:
            scan.record_failures(verdicts)
            transaction.set_meta(_SCANNED, now.isoformat())
        else:  # loaded again: another scan may have notified since
            scan.compare(verdicts, _load_problems(transaction), before, ended)
        return ScanResult(accounts, tuple(scan.results), scan.recorded, scan.list_failure)


def _load_problems(transaction: Transaction) -> dict[Key, Problem]:
    return {(each.account.lower(), each.task): each for each in list_problems(transaction)}


def _find_verdicts(
    source: Source, known: Mapping[Key, Problem]
) -> tuple[dict[Key, FoundVerdict], int]:
    """Return the verdicts that are not OK or end a *known* problem, and the number of accounts."""
    keys = {(uid, task.removeprefix(_UNKNOWN)) for uid, task in known}
    accounts, failing = source.list_failing(keys)
    verdicts: dict[Key, FoundVerdict] = {}
    for each in failing:
        key = (each.uid.lower(), each.task)
        covered = is_covered_elsewhere(each.task, each.verdict)
        if key in keys or not covered:
            host = each.hosts[0] if each.hosts else ""
            verdicts[key] = FoundVerdict(each.uid, each.task, each.verdict, host, covered)
    return verdicts, accounts


def _make_unknown_key(key: Key) -> Key:
    return key[0], _UNKNOWN + key[1]


class _Scan:
    """A scan, within one transaction."""

    def __init__(
        self, dispatcher: Dispatcher, transaction: Transaction, settings: Settings, now: datetime
    ) -> None:
        self.results: list[EventResult] = []
        self.recorded = 0
        self.list_failure: str | None = None
        self._dispatcher = dispatcher
        self._transaction = transaction
        self._settings = settings
        self._now = now
        self._same_recipients = False

    def note_recipients(self, people: str | None) -> None:
        """Note whether recipients can be others than at the last scan.

        Args:
            people: changes when somebody's entry does, None if that is not known.
        """
        known = None if people is None else f"{people} {self._settings.digest}"
        self._same_recipients = known is not None and known == self._transaction.get_meta(
            _CAUGHT_UP
        )
        if not self._same_recipients:
            self._transaction.set_meta(_CAUGHT_UP, known or "")

    def record_failures(self, verdicts: Mapping[Key, FoundVerdict]) -> None:
        """Record what fails at the first scan, and send the operator a list."""
        failures = []
        for found in verdicts.values():
            if found.covered_elsewhere:
                continue
            verdict, failed = found.verdict, found.verdict.state in _FAILED
            problem = self._make_problem(found)._replace(computers=verdict.failing, last_sent=None)
            if failed:
                save_problem(self._transaction, problem._replace(status=RECORDED))
                failures.append(found)
            else:  # nothing is known to be wrong with the backup
                save_problem(self._transaction, problem._replace(task=_UNKNOWN + found.task))
                self._notify(found, EventKind.PROBLEM)
        self.recorded = len(failures)
        if failures:
            self._send_list(failures)

    def compare(
        self,
        verdicts: Mapping[Key, FoundVerdict],
        known: Mapping[Key, Problem],
        before: Collection[Key],
        ended: Collection[str],
    ) -> None:
        """Notify of what is new, worse, over, or due for a reminder.

        Args:
            known: the problems of the outbox.
            before: those before the verdicts were read: only of these *verdicts* has the OK
                ones.
            ended: accounts, in lower case, that were found, or are known to have ended. Of any
                other one nothing is said: it may only be out of sight.
        """
        seen: set[Key] = set()
        for key, found in verdicts.items():
            unknown_key = _make_unknown_key(key)
            seen.update((key, unknown_key))
            if found.verdict.state is State.UNKNOWN:
                if unknown_key not in known:
                    self._begin_unknown(found)
                continue
            if unknown_key in known:
                delete_problem(self._transaction, found.uid, unknown_key[1])
            if not found.covered_elsewhere:
                self._compare_problem(found, known.get(key))
        for key, problem in known.items():
            if key not in seen and key in before and key[0] in ended:
                self._end_monitoring(problem)

    def _begin_unknown(self, found: FoundVerdict) -> None:
        """Notify the operator once; UNKNOWN neither begins nor ends a customer's problem."""
        problem = self._make_problem(found)._replace(task=_UNKNOWN + found.task)
        save_problem(self._transaction, problem)
        self._notify(found, EventKind.PROBLEM)

    def _compare_problem(self, found: FoundVerdict, problem: Problem | None) -> None:
        if found.verdict.state not in _FAILED:
            uncertain = found.verdict.uncertain
            if problem is not None and not is_end_uncertain(problem.computers, uncertain):
                self._end_problem(found, problem)
        elif problem is None:
            computers = tuple(sorted(set(found.verdict.failing)))
            new = self._make_problem(found)._replace(computers=computers)
            save_problem(self._transaction, new)
            self._notify(found, EventKind.PROBLEM)
        elif problem.status != RECORDED:
            self._continue_problem(found, problem)

    def _continue_problem(self, found: FoundVerdict, problem: Problem) -> None:
        """Notify if it is worse or due for a reminder, else only who was switched off or on."""
        kind = self._choose_kind(found.verdict, problem)
        last_sent = self._now
        if kind is None and problem.last_sent is not None:
            # A clock that was ahead must not put off the next reminder until its time comes.
            last_sent = min(problem.last_sent, self._now)
        state = max(problem.state, found.verdict.state, key=lambda state: state.badness)
        computers = tuple(sorted({*found.verdict.failing, *problem.computers}))
        continued = self._make_problem(found)._replace(
            state=state, since=problem.since, computers=computers, last_sent=last_sent
        )
        if continued != problem:
            save_problem(self._transaction, continued)
        if kind is not None:
            self._notify(found, kind, settled=problem.status == RELEASED)
            return
        if self._same_recipients:
            return
        event = self._make_event(found, EventKind.PROBLEM)
        result = self._dispatcher.catch_up(event, found.verdict.facts)
        if result is not None:
            self.results.append(result)

    def _choose_kind(self, verdict: Verdict, problem: Problem) -> EventKind | None:
        """Return the kind of event to send about a known problem, None for none."""
        worse = verdict.state.badness > problem.state.badness
        further = set(verdict.failing) - set(problem.computers)
        if problem.status == RELEASED or worse or further:
            return EventKind.PROBLEM
        last = problem.last_sent
        if last is None or self._now - last >= self._settings.notify.reminder_interval:
            return EventKind.REMINDER
        return None

    def _end_problem(self, found: FoundVerdict, problem: Problem) -> None:
        delete_problem(self._transaction, problem.account, problem.task)
        if problem.status != OPEN:
            return
        event = self._make_event(found, EventKind.RECOVERY)._replace(uid=problem.account)
        facts = found.verdict.facts
        event, facts = end_problem(event, facts, problem.computers, found.verdict.retired)
        self.results.append(self._dispatcher.notify(event, facts))

    def _end_monitoring(self, problem: Problem) -> None:
        """Notify that an account is no longer active, or no longer exists."""
        delete_problem(self._transaction, problem.account, problem.task)
        if problem.status == OPEN and not problem.task.startswith(_UNKNOWN):
            gone = FoundVerdict(problem.account, problem.task, _OK, "")
            event = self._make_event(gone, EventKind.MONITORING_ENDED)
            event = event._replace(ending=Ending.ACCOUNT)
            self.results.append(self._dispatcher.notify(event, None))

    def _send_list(self, failures: list[FoundVerdict]) -> None:
        from backup_monitoring.mail import ListItem, ListPurpose, MailList, compose_parts

        policy = self._settings.notify
        try:
            recipient = find_operator(policy)
        except AddressError as error:
            self.list_failure = f"[notify] operator: {error}"
            return
        items = [ListItem(self._make_event(found, EventKind.PROBLEM)) for found in failures]
        listing = MailList(ListPurpose.FIRST_SCAN, items)
        zone = choose_zone(self._settings)
        for part in compose_parts(listing, recipient, policy, self._now, zone):
            queue_mail(self._transaction, make_queued_mail(part.mail, recipient))

    def _make_problem(self, found: FoundVerdict) -> Problem:
        """Return the problem of *found* as it is after a first notification."""
        state = found.verdict.state
        return Problem(found.uid, found.task, state, self._now, (), self._now, OPEN)

    def _make_event(self, found: FoundVerdict, kind: EventKind) -> Event:
        return make_event(found.uid, found.task, kind, found.verdict, found.host, self._now)

    def _notify(self, found: FoundVerdict, kind: EventKind, *, settled: bool = False) -> None:
        event, facts = self._make_event(found, kind), found.verdict.facts
        self.results.append(self._dispatcher.notify(event, facts, settled=settled))
