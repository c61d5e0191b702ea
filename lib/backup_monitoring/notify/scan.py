"""The scan: compares all verdicts with what was sent, and notifies of changes."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from backup_monitoring.mail import AddressError
from backup_monitoring.model import CachedPeople, Event, EventKind, MonitoringError, State
from backup_monitoring.notify.decide import Audience
from backup_monitoring.notify.dispatch import (
    EventResult,
    choose_zone,
    find_audience,
    make_queued_mail,
    notify,
)
from backup_monitoring.notify.events import is_end_uncertain, make_event
from backup_monitoring.notify.faults import describe_fault
from backup_monitoring.notify.recipients import find_operator
from backup_monitoring.notify.steps import (
    CALLED,
    NOTHING,
    OPEN,
    RECORDED,
    RELEASED,
    UNKNOWN,
    FoundVerdict,
    Known,
    Step,
    Terms,
    catch_up,
    compare,
    end_monitoring,
)
from backup_monitoring.outbox import (
    SCANNED,
    Outbox,
    OutboxError,
    Problem,
    Transaction,
    Undeliverable,
    delete_problem,
    find_problem,
    hold_endings,
    list_problems,
    list_undeliverable,
    queue_mail,
    save_problem,
)
from backup_monitoring.settings import Settings
from backup_monitoring.store import AccountVerdict, Source
from backup_monitoring.tasks import is_covered_elsewhere

OUTAGE = "outage"  # in the outbox's meta: since when no scan is possible, '' if one is
_CAUGHT_UP = "caught up"  # in the outbox's meta: with which people and settings the last scan was
_MAX_FAILED = 2  # look-ups in a row: the source has a problem, not an account

Key = tuple[str, str]  # account in lower case, task


class ScanResult(NamedTuple):
    """What a scan did.

    Args:
        accounts: the number of accounts that were evaluated.
        results: of each event.
        recorded: the number of problems that the first scan only recorded.
        list_failure: why the operator did not get the list of them; None otherwise.
        failures: of single accounts, which the next scan tries again; a line each.
    """

    accounts: int
    results: tuple[EventResult, ...]
    recorded: int
    list_failure: str | None
    failures: tuple[str, ...] = ()


def release_recorded(transaction: Transaction) -> int:
    """Let the next scan notify of what the first one only recorded; return how many problems."""
    recorded = [each for each in list_problems(transaction) if each.status == RECORDED]
    for problem in recorded:
        save_problem(transaction, problem._replace(status=RELEASED))
    return len(recorded)


def scan_accounts(outbox: Outbox, source: Source, settings: Settings, now: datetime) -> ScanResult:
    """Compare all verdicts with what was sent, and notify of what has changed since.

    All is compared before anything is written; then each account has a transaction of its own.
    The first scan notifies no customer: an installation often begins with old failures. It records
    them, and sends the operator a list.

    Raises:
        OutboxError: what was not stored is repeated by the next scan.
        DirectoryError, StoreError: the source cannot be read completely.
    """
    with outbox.transaction(now) as transaction:
        before = {(each.account.lower(), each.task): each for each in list_problems(transaction)}
        is_first = transaction.get_meta(SCANNED) is None
        caught_up = transaction.get_meta(_CAUGHT_UP)
        undeliverable = list_undeliverable(transaction)
    accounts, verdicts = _find_verdicts(source, before)
    recipients = _identify_recipients(source, settings, undeliverable)
    same = recipients is not None and recipients == caught_up
    terms = Terms(now, settings.notify.reminder_interval, is_first, same)
    scan = _Scan(outbox, source, settings, undeliverable, now)
    subjects = _list_subjects(verdicts, before, terms)
    ended = list(_list_ended(source, before, subjects, now))
    with outbox.transaction(now) as transaction:
        sent = [(each.uid, each.task) for each in ended if _is_sent(each.known)]
        held = hold_endings(transaction, sent, settings.notify, source)
    ended = [each for each in ended if (each.uid, each.task) not in held]
    scan.apply([*subjects.values(), *ended])
    with outbox.transaction(now) as transaction:
        transaction.set_meta(OUTAGE, "")
        if not same and not scan.failures and not _is_postponed(transaction, verdicts):
            transaction.set_meta(_CAUGHT_UP, recipients or "")
        transaction.set_meta(SCANNED, now.isoformat())
        if is_first:
            scan.list_recorded(transaction, verdicts)
    results, failures = tuple(scan.results), tuple(scan.failures)
    return ScanResult(accounts, results, scan.recorded, scan.list_failure, failures)


def catch_up_called(
    outbox: Outbox, source: Source, settings: Settings, now: datetime
) -> ScanResult:
    """Notify those who are new since the hook notified of a problem, as a scan does of its own.

    Raises:
        OutboxError: what was not stored is repeated by the next delivery.
        DirectoryError, StoreError: the source cannot be read.
    """
    with outbox.transaction(now) as transaction:
        undeliverable = list_undeliverable(transaction)
        recipients = _identify_recipients(source, settings, undeliverable)
        is_known = recipients is None or recipients == transaction.get_meta(_CAUGHT_UP)
        problems = [] if is_known else list_problems(transaction)
    subjects, verdicts = [], []
    for problem in problems:
        if problem.status == CALLED:
            found = source.find_verdict(problem.account, problem.task)
            if found is not None:
                verdicts.append(_make_found(found))
                follow = partial(catch_up, verdicts[-1], now=now)
                subjects.append(_Subject(problem.account, problem.task, Known(problem), follow))
    scan = _Scan(outbox, source, settings, undeliverable, now)
    scan.apply(subjects)
    if not is_known and not scan.failures:
        with outbox.transaction(now) as transaction:
            if not _is_postponed(transaction, verdicts):
                transaction.set_meta(_CAUGHT_UP, recipients or "")
    return ScanResult(len(subjects), tuple(scan.results), 0, None, tuple(scan.failures))


def _identify_recipients(
    source: Source, settings: Settings, undeliverable: Undeliverable
) -> str | None:
    """Return what changes whenever recipients can be others, None if that is not known."""
    people = source.people_digest
    bounced = sha256(repr(sorted(undeliverable.reasons)).encode()).hexdigest()[:16]
    return None if people is None else f"{people} {settings.digest} {bounced}"


def _is_postponed(transaction: Transaction, verdicts: Iterable[FoundVerdict]) -> bool:
    """Return whether it is not known of a problem if it goes on: who is new hears of it later."""
    unclear = {(each.uid.lower(), each.task): each for each in verdicts if not each.shows_problem}
    for problem in list_problems(transaction):
        found = unclear.get((problem.account.lower(), problem.task))
        if found is None or problem.status not in (OPEN, CALLED):
            continue
        verdict = found.verdict
        if verdict.state is not State.OK or is_end_uncertain(problem.computers, verdict.uncertain):
            return True
    return False


def _make_found(found: AccountVerdict) -> FoundVerdict:
    uid, hosts, task, verdict = found[:4]
    is_covered = is_covered_elsewhere(task, verdict)
    return FoundVerdict(uid, task, verdict, hosts[0] if hosts else "", is_covered)


def _find_verdicts(source: Source, before: Mapping[Key, Problem]) -> tuple[int, list[FoundVerdict]]:
    """Return the number of accounts, and verdicts: all that are not OK or may end a problem."""
    keys = {(uid, task.removeprefix(UNKNOWN)) for uid, task in before}
    accounts, failing = source.list_failing(keys)
    verdicts = map(_make_found, failing)
    return accounts, [
        each
        for each in verdicts
        if (each.uid.lower(), each.task) in keys or not each.covered_elsewhere
    ]


class _Subject(NamedTuple):
    """An account and task: what was *known* before, and what follows if that is known."""

    uid: str
    task: str
    known: Known
    follow: Callable[[Known], Step]


def _list_subjects(
    verdicts: Sequence[FoundVerdict], before: Mapping[Key, Problem], terms: Terms
) -> dict[Key, _Subject]:
    """Return whatever may have changed: what is not OK now, and what was not and is."""
    subjects = {}
    for found in verdicts:
        key = found.uid.lower(), found.task
        known, follow = _find_known(before, key), partial(compare, found, terms=terms)
        subjects[key] = _Subject(found.uid, found.task, known, follow)
    return subjects


def _list_ended(
    source: Source, before: Mapping[Key, Problem], here: Collection[Key], now: datetime
) -> Iterator[_Subject]:
    """Yield the problems *before* of accounts that have ended since.

    Of an account that is not *here*, and not known to have ended, nothing is said: it may only be
    out of sight.
    """
    found = {uid for uid, _ in here}
    ended = found.union(source.find_ended({uid for uid, _ in before} - found))
    for uid, task in dict.fromkeys((uid, task.removeprefix(UNKNOWN)) for uid, task in before):
        if (uid, task) not in here and uid in ended:
            known = _find_known(before, (uid, task))
            yield _Subject(uid, task, known, partial(end_monitoring, now=now))


def _find_known(before: Mapping[Key, Problem], key: Key) -> Known:
    uid, task = key
    return Known(before.get(key), before.get((uid, UNKNOWN + task)))


def _is_sent(known: Known) -> bool:
    """Return whether customers and resellers were notified of the problem."""
    return known.problem is not None and known.problem.status in (OPEN, CALLED)


class _Scan:
    """A scan: applies what follows of each account, in a transaction of its own."""

    def __init__(
        self,
        outbox: Outbox,
        source: Source,
        settings: Settings,
        undeliverable: Undeliverable,
        now: datetime,
    ) -> None:
        self.results: list[EventResult] = []
        self.recorded = 0
        self.list_failure: str | None = None
        self.failures: list[str] = []
        self._outbox = outbox
        self._people = CachedPeople(source.people)
        self._settings = settings
        self._undeliverable = undeliverable
        self._now = now

    def apply(self, subjects: Iterable[_Subject]) -> None:
        """Store and notify what has changed."""
        silent: list[_Subject] = []
        accounts: dict[str, list[tuple[_Subject, Event]]] = {}
        for subject in subjects:
            step = subject.follow(subject.known)
            if step.event is not None:
                accounts.setdefault(subject.uid.lower(), []).append((subject, step.event))
            elif step != NOTHING:
                silent.append(subject)
        with self._outbox.transaction(self._now) as transaction:  # these need no look-up
            for subject in silent:
                self._apply_step(transaction, subject, None)
        failed = 0
        for uid, changed in accounts.items():
            try:
                self._apply_account(changed)
                failed = 0
            except OutboxError:
                raise
            except MonitoringError as error:
                failed += 1
                if failed == _MAX_FAILED:
                    raise
                self.failures.append(f"account {uid}: {error}")
            except Exception as error:  # a fault of ours: one account's must not stop the others
                self.failures.append(f"account {uid}: {describe_fault(error)}")

    def _apply_account(self, changed: Sequence[tuple[_Subject, Event]]) -> None:
        # Nothing is looked up within a transaction: others would wait for a slow directory, too.
        found = [
            (subject, find_audience(event, self._people, self._settings, self._undeliverable))
            for subject, event in changed
        ]
        with self._outbox.transaction(self._now) as transaction:
            results = [self._apply_step(transaction, *each) for each in found]
        self.results += filter(None, results)

    def _apply_step(
        self, transaction: Transaction, subject: _Subject, audience: Audience | None
    ) -> EventResult | None:
        """Do what follows for *subject*; if it notifies, only with an *audience*."""
        uid, task = subject.uid, subject.task
        # Read again: another scan may have notified since.
        known = Known(
            find_problem(transaction, uid, task), find_problem(transaction, uid, UNKNOWN + task)
        )
        step = subject.follow(known)
        if step.event is not None and audience is None:
            return None  # the next scan does it
        for ended in step.ended:
            delete_problem(transaction, uid, ended)
        if step.problem is not None:
            save_problem(transaction, step.problem)
        if step.event is None or audience is None:
            return None
        result = notify(
            transaction,
            step.event,
            step.facts,
            audience,
            self._settings,
            settled=step.settled,
            only_new=step.only_new,
        )
        return None if step.only_new and not result.notifications else result

    def list_recorded(self, transaction: Transaction, verdicts: Sequence[FoundVerdict]) -> None:
        """Send the operator a list of what the first scan has only recorded."""
        from backup_monitoring.mail import ListItem, ListPurpose, MailList, compose_parts

        problems = [each for each in list_problems(transaction) if each.status == RECORDED]
        recorded = {(each.account.lower(), each.task) for each in problems}
        items = [
            ListItem(self._make_event(found))
            for found in verdicts
            if (found.uid.lower(), found.task) in recorded
            and found.verdict.state is not State.UNKNOWN
        ]
        self.recorded = len(items)
        if not items:
            return
        policy = self._settings.notify
        try:
            recipient = find_operator(policy)
        except AddressError as error:
            self.list_failure = f"[notify] operator: {error}"
            return
        listing = MailList(ListPurpose.FIRST_SCAN, items)
        zone = choose_zone(self._settings)
        for part in compose_parts(listing, recipient, policy, self._now, zone):
            queue_mail(transaction, make_queued_mail(part.mail, recipient))

    def _make_event(self, found: FoundVerdict) -> Event:
        kind = EventKind.PROBLEM
        return make_event(found.uid, found.task, kind, found.verdict, found.host, self._now)
