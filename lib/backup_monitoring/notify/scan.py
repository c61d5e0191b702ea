"""The scan: compares all verdicts with what was told, and tells what is new."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from backup_monitoring.mail import AddressError
from backup_monitoring.model import Event, EventKind, State, Verdict
from backup_monitoring.notify.announce import Dispatcher, EventResult, choose_zone, make_queued_mail
from backup_monitoring.notify.recipients import find_operator
from backup_monitoring.outbox import Outbox, Problem, Transaction
from backup_monitoring.settings import Settings
from backup_monitoring.store import EVERYTHING, Source
from backup_monitoring.tasks import collect_facts, evaluate_all, is_covered_elsewhere

OPEN, RECORDED, RELEASED = "open", "recorded", "released"
_UNKNOWN = "unknown:"  # before the task of a problem whose state is UNKNOWN
_SCANNED = "scanned"
OUTAGE = "outage"  # since when no scan is possible, '' while it is
_FAILED = (State.WARNING, State.CRITICAL)
_OK = Verdict(State.OK, "")

Key = tuple[str, str]


class FoundVerdict(NamedTuple):
    """The verdict of an account in a task, with the account's backup server.

    Args:
        elsewhere: another task's mail says it: it neither begins nor ends a problem.
    """

    verdict: Verdict
    host: str
    elsewhere: bool = False


class ScanResult(NamedTuple):
    """What a scan did: *accounts* judged, *told* events, *fallbacks* (why), *recorded* only."""

    accounts: int
    told: tuple[EventResult, ...]
    unsent: tuple[str, ...]
    recorded: int


def release_recorded(transaction: Transaction) -> int:
    """Let the next scan tell what the first one only recorded; return how many that were."""
    recorded = [each for each in transaction.problems() if each.status == RECORDED]
    for problem in recorded:
        transaction.remember(problem._replace(status=RELEASED))
    return len(recorded)


def scan_accounts(outbox: Outbox, source: Source, settings: Settings, now: datetime) -> ScanResult:
    """Judge all accounts, and tell what is new since the last scan.

    The first scan of an old installation tells no customer: it records what fails, and sends the
    provider one list.

    Raises:
        OutboxError: nothing was told; the next scan does it.
        DirectoryError, StoreError: the source cannot be read completely.
    """
    with outbox.transaction(now) as t:
        before = _known(t)
    found, accounts = _judged(source, settings, now, before)
    with outbox.transaction(now) as t:
        t.set_meta(OUTAGE, "")
        scanning = _Scanning(Dispatcher(t, source.people, settings), t, settings, now)
        if t.meta(_SCANNED) is None:
            scanning.record(found)
            t.set_meta(_SCANNED, now.isoformat())
        else:
            scanning.compare(found, _known(t), before)  # another scan may have told since
        return ScanResult(accounts, tuple(scanning.told), tuple(scanning.unsent), scanning.recorded)


def _known(transaction: Transaction) -> dict[Key, Problem]:
    return {(each.account.lower(), each.task): each for each in transaction.problems()}


def _judged(
    source: Source, settings: Settings, now: datetime, known: Mapping[Key, Problem]
) -> tuple[dict[Key, FoundVerdict], int]:
    """Return the verdicts that are not OK, and those of problems that are known."""
    found: dict[Key, FoundVerdict] = {}
    accounts = 0
    for account, uploads in source.accounts(None, EVERYTHING):
        accounts += 1
        host = account.hosts[0] if account.hosts else ""
        for task, verdict in evaluate_all(account, uploads, settings.policies, now).items():
            key = (account.uid.lower(), task)
            elsewhere = is_covered_elsewhere(task, verdict)
            fails = verdict.state is not State.OK and not elsewhere
            if fails or key in known or _unknown(key) in known:
                found[account.uid, task] = FoundVerdict(verdict, host, elsewhere)
    return found, accounts


def _unknown(key: Key) -> Key:
    return key[0], _UNKNOWN + key[1]


class _Scanning:
    """One scan, within one transaction."""

    def __init__(
        self, teller: Dispatcher, transaction: Transaction, settings: Settings, now: datetime
    ) -> None:
        self.told: list[EventResult] = []
        self.unsent: list[str] = []
        self.recorded = 0
        self._teller = teller
        self._transaction = transaction
        self._settings = settings
        self._now = now

    def record(self, found: Mapping[Key, FoundVerdict]) -> None:
        """Remember what fails before anybody was told of anything, and tell the provider."""
        failing = []
        for (uid, task), (verdict, host, elsewhere) in found.items():
            if elsewhere:
                continue
            failed = verdict.state in _FAILED
            name = task if failed else _UNKNOWN + task
            status = RECORDED if failed else OPEN
            problem = Problem(uid, name, verdict.state, self._now, verdict.failing, None, status)
            self._transaction.remember(problem)
            self.recorded += failed
            event = self._event(uid, task, EventKind.PROBLEM, verdict, host)
            if failed:
                failing.append(event)
            else:  # nothing is known to be wrong with the backup: the provider's other digest
                self._tell(event, verdict)
        if failing:
            self._list(failing)

    def _list(self, events: list[Event]) -> None:
        from backup_monitoring.mail import ListItem, ListPurpose, MailList, compose_list

        try:
            recipient = find_operator(self._settings.notify)
        except AddressError as error:
            self.unsent.append(f"[notify] operator: {error}")
            return
        policy = self._settings.notify
        listing = MailList(ListPurpose.FIRST_SCAN, [ListItem(event) for event in events])
        mail = compose_list(listing, recipient, policy, self._now, choose_zone(self._settings))
        self._transaction.queue(make_queued_mail(mail, recipient, policy))

    def compare(
        self,
        found: Mapping[Key, FoundVerdict],
        known: Mapping[Key, Problem],
        before: Collection[Key],
    ) -> None:
        """Tell what is new, worse, over, or due for a reminder.

        Args:
            known: what was told. before: what was known when the judging began: only of that do
                verdicts stand in *found* that are OK.
        """
        seen: set[Key] = set()
        for (uid, task), (verdict, host, elsewhere) in found.items():
            key = (uid.lower(), task)
            seen.update((key, _unknown(key)))
            if verdict.state is State.UNKNOWN:
                self._is_unknown(uid, task, verdict, host, known.get(_unknown(key)))
                continue
            if _unknown(key) in known:
                self._transaction.forget(known[_unknown(key)].account, _UNKNOWN + task)
            problem = known.get(key)
            if elsewhere:
                continue
            if verdict.state in _FAILED:
                self._fails(uid, task, verdict, host, problem)
            elif problem is not None:
                self._over(problem, verdict, host)
        for key, problem in known.items():
            if key not in seen and key in before:  # not active, or not there, any more
                self._gone(problem)

    def _is_unknown(
        self, uid: str, task: str, verdict: Verdict, host: str, problem: Problem | None
    ) -> None:
        """UNKNOWN neither begins nor ends a customer's problem; the provider is told once."""
        if problem is None:
            name = _UNKNOWN + task
            self._transaction.remember(
                Problem(uid, name, State.UNKNOWN, self._now, (), self._now, OPEN)
            )
            self._tell(self._event(uid, task, EventKind.PROBLEM, verdict, host), verdict)

    def _fails(
        self, uid: str, task: str, verdict: Verdict, host: str, problem: Problem | None
    ) -> None:
        if problem is not None and problem.status == RECORDED:
            return
        kind = self._kind(verdict, problem)
        since = problem.since if problem is not None else self._now
        computers = set(verdict.failing) | set(problem.computers if problem is not None else ())
        state = verdict.state
        if problem is not None and problem.state.badness > state.badness:
            state = problem.state
        told = self._now
        if kind is None and problem is not None and problem.find_last_sent is not None:
            # A clock that was ahead must not put off the next reminder until its time comes.
            told = min(problem.find_last_sent, self._now)
        self._transaction.remember(
            Problem(uid, task, state, since, tuple(sorted(computers)), told, OPEN)
        )
        if kind is not None:
            settled = problem is not None and problem.status == RELEASED
            self._tell(self._event(uid, task, kind, verdict, host), verdict, settled)
        else:
            self._told(
                self._teller.catch_up(
                    self._event(uid, task, EventKind.PROBLEM, verdict, host), collect_facts(verdict)
                )
            )

    def _kind(self, verdict: Verdict, problem: Problem | None) -> EventKind | None:
        """Return what to tell of a failure, None if it has been told."""
        if problem is None or problem.status == RELEASED:
            return EventKind.PROBLEM
        worse = verdict.state.badness > problem.state.badness
        if worse or set(verdict.failing) - set(problem.computers):
            return EventKind.PROBLEM
        last = problem.find_last_sent
        if last is None or self._now - last >= self._settings.notify.reminder_interval:
            return EventKind.REMINDER
        return None

    def _over(self, problem: Problem, verdict: Verdict, host: str) -> None:
        self._transaction.forget(problem.account, problem.task)
        if problem.status != OPEN:
            return
        event = self._event(problem.account, problem.task, EventKind.RECOVERY, verdict, host)
        event, facts = end_problem(
            event, collect_facts(verdict), problem.computers, verdict.retired
        )
        self._told(self._teller.tell(event, facts))

    def _gone(self, problem: Problem) -> None:
        self._transaction.forget(problem.account, problem.task)
        if problem.status == OPEN and not problem.task.startswith(_UNKNOWN):
            event = self._event(problem.account, problem.task, EventKind.MONITORING_ENDED, _OK, "")
            self._tell(event, _OK)

    def _event(self, uid: str, task: str, kind: EventKind, verdict: Verdict, host: str) -> Event:
        return make_event(uid, task, kind, verdict, host, self._now)

    def _tell(self, event: Event, verdict: Verdict, settled: bool = False) -> None:
        self._told(self._teller.tell(event, collect_facts(verdict), settled=settled))

    def _told(self, outcome: EventResult | None) -> None:
        if outcome is None:
            return
        self.told.append(outcome)
        if outcome.operator is not None:
            self.unsent.append(outcome.operator)


def end_problem(
    event: Event, facts: dict[str, object], told: Sequence[str], retired: Collection[str]
) -> tuple[Event, dict[str, object]]:
    """Return the end of a problem as that of the computers it was about, with what is known of it.

    Args:
        event: a RECOVERY by the verdict, whose computer may be another one that is just fine.
        facts: of the verdict.
        told: names of the computers that failed; none where they are not known, or there are none.
        retired: names of those that are not used any more: nothing is solved if they all are.
    """
    failed = set(told) or {name for name in (event.computer,) if name is not None}
    if failed and failed <= set(retired):
        event = event._replace(kind=EventKind.MONITORING_ENDED)
    if event.computer is None or tuple(told) == (event.computer,):
        return event, facts
    return event._replace(computer=told[0] if len(told) == 1 else None, summary=""), {}


def make_event(
    uid: str, task: str, kind: EventKind, verdict: Verdict, host: str, now: datetime
) -> Event:
    """Return the event that *verdict* makes."""
    facts = verdict.facts
    since = facts.get("first_due") or facts.get("failed_since") or facts.get("created")
    return Event(
        uid,
        task,
        kind,
        verdict.state,
        now,
        verdict.summary,
        verdict.computer,
        since if isinstance(since, datetime) else None,
        host,
        cause=str(facts.get("cause", "")),
    )
