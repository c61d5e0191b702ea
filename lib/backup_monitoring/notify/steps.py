"""Decides what a verdict means for a known problem: new, worse, due for a reminder, or over."""

from datetime import datetime, timedelta
from typing import NamedTuple

from backup_monitoring.model import Ending, Event, EventKind, Facts, State, Verdict
from backup_monitoring.notify.events import end_problem, is_end_uncertain, make_event
from backup_monitoring.outbox import Problem

# The status of a problem: notified by a scan; by the hook; found by the first scan and only
# recorded; to be notified by the next scan.
OPEN, CALLED, RECORDED, RELEASED = "open", "called", "recorded", "released"
UNKNOWN = "unknown:"  # before the task of a problem whose state is UNKNOWN
_FAILED = (State.WARNING, State.CRITICAL)
_OK = Verdict(State.OK, "")


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

    @property
    def shows_problem(self) -> bool:
        """Whether it shows for certain that a problem begins or goes on."""
        return not self.covered_elsewhere and self.verdict.state in _FAILED


class Known(NamedTuple):
    """What is remembered of an account and task; None: nothing.

    Args:
        problem: of a failure. unknown: that the operator was notified of the state UNKNOWN.
    """

    problem: Problem | None = None
    unknown: Problem | None = None


class Terms(NamedTuple):
    """What a scan's steps depend on, besides verdict and problem.

    Args:
        now: aware UTC. reminder_interval: since the last notification.
        is_first: the first scan, which notifies no customer.
        same_recipients: recipients cannot be others than at the last scan.
    """

    now: datetime
    reminder_interval: timedelta
    is_first: bool = False
    same_recipients: bool = False


class Step(NamedTuple):
    """What follows of a verdict.

    Args:
        ended: tasks of problems to delete. problem: to store, None: none.
        event: to notify of, with *facts*; None: nobody is notified.
        settled: the event cannot be part of a storm.
        only_new: notify only who has not heard of the problem, and who misses its end.
    """

    ended: tuple[str, ...] = ()
    problem: Problem | None = None
    event: Event | None = None
    facts: Facts | None = None
    settled: bool = False
    only_new: bool = False


NOTHING = Step()


def compare(found: FoundVerdict, known: Known, terms: Terms) -> Step:
    """Return what follows of a verdict; `NOTHING` if all of it is known."""
    if found.verdict.state is State.UNKNOWN:
        # Neither begins nor ends a customer's problem; the operator is notified once.
        return NOTHING if known.unknown is not None else _begin_unknown(found, terms)
    step = NOTHING if found.covered_elsewhere else _compare_problem(found, known.problem, terms)
    if known.unknown is not None:
        step = step._replace(ended=(*step.ended, UNKNOWN + found.task))
    return step


def catch_up(found: FoundVerdict, known: Known, now: datetime) -> Step:
    """Return what follows if recipients may be others since the hook has notified of a problem."""
    called = known.problem is not None and known.problem.status == CALLED
    if not called or not found.shows_problem:
        return NOTHING
    event = _make_event(found, EventKind.PROBLEM, now)
    return Step(event=event, facts=found.verdict.facts, only_new=True)


def end_monitoring(known: Known, now: datetime) -> Step:
    """Return what follows if an account is not active, or does not exist, any more.

    Args:
        known: of the account and a task. now: aware UTC.
    """
    ended = tuple(each.task for each in known if each is not None)
    problem = known.problem
    if problem is None or problem.status not in (OPEN, CALLED):
        return Step(ended)
    gone = FoundVerdict(problem.account, problem.task, _OK, "")
    event = _make_event(gone, EventKind.MONITORING_ENDED, now)
    return Step(ended, event=event._replace(ending=Ending.ACCOUNT))


def _begin_unknown(found: FoundVerdict, terms: Terms) -> Step:
    problem = _make_problem(found, terms.now)._replace(task=UNKNOWN + found.task)
    event = _make_event(found, EventKind.PROBLEM, terms.now)
    return Step(problem=problem, event=event, facts=found.verdict.facts)


def _compare_problem(found: FoundVerdict, problem: Problem | None, terms: Terms) -> Step:
    verdict = found.verdict
    if verdict.state not in _FAILED:
        if problem is None or is_end_uncertain(problem.computers, verdict.uncertain):
            return NOTHING
        return _end_problem(found, problem, terms.now)
    if problem is None:
        return _begin_problem(found, terms)
    return NOTHING if problem.status == RECORDED else _continue_problem(found, problem, terms)


def _begin_problem(found: FoundVerdict, terms: Terms) -> Step:
    problem = _make_problem(found, terms.now)
    if terms.is_first:
        return Step(problem=problem._replace(status=RECORDED, last_sent=None))
    event = _make_event(found, EventKind.PROBLEM, terms.now)
    return Step(problem=problem, event=event, facts=found.verdict.facts)


def _continue_problem(found: FoundVerdict, problem: Problem, terms: Terms) -> Step:
    """Notify if it is worse or due for a reminder, else only who has not heard of it."""
    verdict = found.verdict
    kind = _choose_kind(verdict, problem, terms)
    last_sent: datetime | None = terms.now
    if kind is None and problem.last_sent is not None:
        # A clock that was ahead must not put off the next reminder until its time comes.
        last_sent = min(problem.last_sent, terms.now)
    state = max(problem.state, verdict.state, key=lambda state: state.badness)
    continued = _make_problem(found, terms.now)._replace(
        state=state,
        since=problem.since,
        computers=tuple(sorted({*verdict.failing, *problem.computers})),
        last_sent=last_sent,
    )
    step = Step(problem=None if continued == problem else continued, facts=verdict.facts)
    if kind is not None:
        event = _make_event(found, kind, terms.now)
        return step._replace(event=event, settled=problem.status == RELEASED)
    if terms.same_recipients:
        return step if step.problem is not None else NOTHING
    return step._replace(event=_make_event(found, EventKind.PROBLEM, terms.now), only_new=True)


def _choose_kind(verdict: Verdict, problem: Problem, terms: Terms) -> EventKind | None:
    """Return the kind of event to send about a known problem, None for none."""
    worse = verdict.state.badness > problem.state.badness
    further = set(verdict.failing) - set(problem.computers)
    if problem.status == CALLED and not problem.computers:
        further = set()  # the hook did not know which ones: it had only the account's state
    if problem.status == RELEASED or worse or further:
        return EventKind.PROBLEM
    last = problem.last_sent
    if last is None or terms.now - last >= terms.reminder_interval:
        return EventKind.REMINDER
    return None


def _end_problem(found: FoundVerdict, problem: Problem, now: datetime) -> Step:
    step = Step(ended=(problem.task,))
    if problem.status not in (OPEN, CALLED):
        return step
    event = _make_event(found, EventKind.RECOVERY, now)._replace(uid=problem.account)
    facts, retired = found.verdict.facts, found.verdict.retired
    event, facts = end_problem(event, facts, problem.computers, retired)
    return step._replace(event=event, facts=facts)


def _make_problem(found: FoundVerdict, now: datetime) -> Problem:
    """Return the problem of *found* as it is after a first notification."""
    computers = tuple(sorted(set(found.verdict.failing)))
    return Problem(found.uid, found.task, found.verdict.state, now, computers, now, OPEN)


def _make_event(found: FoundVerdict, kind: EventKind, now: datetime) -> Event:
    return make_event(found.uid, found.task, kind, found.verdict, found.host, now)
