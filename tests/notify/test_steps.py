"""What a scan does about a verdict, by what is known: new, worse, reminded, over."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from backup_monitoring.model.notices import Ending, Event, EventKind
from backup_monitoring.model.verdicts import State, Verdict
from backup_monitoring.notify.steps import (
    CALLED,
    NOTHING,
    OPEN,
    RECORDED,
    RELEASED,
    FoundVerdict,
    Known,
    Step,
    Terms,
    catch_up,
    compare,
    end_monitoring,
)
from backup_monitoring.outbox.messages import Problem
from backup_monitoring.tasks.status_facts import StatusFacts

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)
DAY = timedelta(days=1)
TERMS = Terms(NOW, 7 * DAY, same_recipients=True)
CHANGED, FIRST = TERMS._replace(same_recipients=False), TERMS._replace(is_first=True)
UNKNOWN = Problem("4000101", "unknown:status", State.UNKNOWN, NOW - DAY, (), NOW - DAY, OPEN)
FACTS = StatusFacts("errors", failed=3, failed_since=NOW - DAY, zone=UTC)
C, W, OK = State.CRITICAL, State.WARNING, State.OK


def problem(status: str = OPEN, state: State = C, computers: str = "a", ago: int = 1) -> Problem:
    since = NOW - ago * DAY
    last_sent = None if status in (RECORDED, RELEASED) else since
    return Problem("4000101", "status", state, since, tuple(computers), last_sent, status)


class Case(NamedTuple):
    """A verdict's state and failing computers, what is known, and what follows.

    Args:
        does: the event's kind, "new": a problem only for those who have not heard of it.
        stored: status and computers of the problem that is stored. ended: how many are deleted.
    """

    state: State
    computers: str = ""
    known: Known = Known()
    does: str = ""
    stored: str = ""
    ended: int = 0
    terms: Terms = TERMS
    covered: bool = False
    uncertain: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()


CASES = {
    "new": Case(W, "a", does="PROBLEM", stored="open a"),
    "new, at the first scan": Case(W, "a", stored="recorded a", terms=FIRST),
    "known": Case(C, "a", Known(problem())),
    "known, recipients may be others": Case(C, "a", Known(problem()), "new", terms=CHANGED),
    "known, and less severe": Case(W, "a", Known(problem())),
    "worse": Case(C, "a", Known(problem(state=W)), "PROBLEM", "open a"),
    "a further computer": Case(C, "ab", Known(problem()), "PROBLEM", "open ab"),
    "one of two computers is fine": Case(C, "b", Known(problem(computers="ab"))),
    "a reminder": Case(C, "a", Known(problem(ago=7)), "REMINDER", "open a"),
    "recorded": Case(C, "ab", Known(problem(RECORDED)), terms=CHANGED),
    "recorded, at a first scan that was killed": Case(
        C, "a", Known(problem(RECORDED)), terms=FIRST
    ),
    "released": Case(C, "a", Known(problem(RELEASED)), "PROBLEM", "open a"),
    "over": Case(OK, known=Known(problem()), does="RECOVERY", ended=1),
    "over, and was only recorded": Case(OK, known=Known(problem(RECORDED)), ended=1),
    "over, and was not sent yet": Case(OK, known=Known(problem(RELEASED)), ended=1),
    "over, by a count that is at least": Case(OK, known=Known(problem()), uncertain=("a",)),
    "over, though another's count is at least": Case(
        OK, "", Known(problem()), "RECOVERY", ended=1, uncertain=("b",)
    ),
    "over, since all that failed are retired": Case(
        OK, known=Known(problem()), does="MONITORING_ENDED", ended=1, retired=("a",)
    ),
    "fine": Case(OK),
    "unknown": Case(State.UNKNOWN, known=Known(problem()), does="PROBLEM", stored="open "),
    "unknown, and known": Case(State.UNKNOWN, known=Known(problem(), UNKNOWN), terms=CHANGED),
    "unknown, at the first scan": Case(State.UNKNOWN, does="PROBLEM", stored="open ", terms=FIRST),
    "no longer unknown": Case(OK, known=Known(None, UNKNOWN), ended=1),
    "no longer unknown, still failing": Case(C, "a", Known(problem(), UNKNOWN), ended=1),
    "no longer unknown, and over": Case(OK, "", Known(problem(), UNKNOWN), "RECOVERY", ended=2),
    "another check notifies": Case(W, "a", Known(problem()), covered=True, terms=CHANGED),
    # what the hook has notified of, after a change of trigger
    "called": Case(C, "a", Known(problem(CALLED)), stored="open a"),
    "called, at the first scan": Case(C, "a", Known(problem(CALLED)), stored="open a", terms=FIRST),
    "called, computers not known": Case(
        C, "ab", Known(problem(CALLED, computers="")), "", "open ab"
    ),
    "called, a further computer": Case(C, "ab", Known(problem(CALLED)), "PROBLEM", "open ab"),
    "called, and worse": Case(C, "a", Known(problem(CALLED, W)), "PROBLEM", "open a"),
    "called, a reminder": Case(C, "a", Known(problem(CALLED, ago=7)), "REMINDER", "open a"),
    "called, recipients may be others": Case(
        C, "a", Known(problem(CALLED)), "new", "open a", terms=CHANGED
    ),
    "called, and over": Case(OK, "", Known(problem(CALLED)), "RECOVERY", ended=1),
    "called, and over at the first scan": Case(
        OK, "", Known(problem(CALLED)), "RECOVERY", ended=1, terms=FIRST
    ),
}


def show(step: Step) -> tuple[str, str, int]:
    does = "" if step.event is None else "new" if step.only_new else step.event.kind.name
    stored = step.problem
    text = "" if stored is None else f"{stored.status} {''.join(stored.computers)}"
    return does, text, len(step.ended)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_compare(case: Case) -> None:
    verdict = Verdict(case.state, "3 failed", failing=tuple(case.computers))
    verdict = verdict._replace(uncertain=case.uncertain, retired=case.retired)
    found = FoundVerdict("4000101", "status", verdict, "backup-01", case.covered)

    step = compare(found, case.known, case.terms)

    assert show(step) == (case.does, case.stored, case.ended)
    assert step.settled is (case.known.problem == problem(RELEASED) and bool(case.does))


def find(state: State = C, covered: bool = False) -> FoundVerdict:
    failing = () if state is OK else ("a",)
    verdict = Verdict(state, "as the check says", "a", facts=FACTS, failing=failing)
    return FoundVerdict("4000101", "status", verdict, "backup-01", covered)


def event(kind: EventKind, state: State = C) -> Event:
    return Event(
        "4000101",
        "status",
        kind,
        state,
        NOW,
        "as the check says",
        "a",
        NOW - DAY,
        "backup-01",
        cause="errors",
        zone=UTC,
    )


BEGUN = Problem("4000101", "status", C, NOW, ("a",), NOW, OPEN)


@pytest.mark.parametrize(
    ("found", "known", "terms", "step"),
    [
        (find(), Known(), TERMS, Step((), BEGUN, event(EventKind.PROBLEM), FACTS)),
        (find(), Known(), FIRST, Step((), BEGUN._replace(status=RECORDED, last_sent=None))),
        (
            find(),
            Known(problem(ago=7)),
            TERMS,
            Step((), BEGUN._replace(since=NOW - 7 * DAY), event(EventKind.REMINDER), FACTS),
        ),
        (
            find(),
            Known(problem()),
            CHANGED,
            Step((), None, event(EventKind.PROBLEM), FACTS, only_new=True),
        ),
        (
            find(State.UNKNOWN),
            Known(),
            TERMS,
            Step(
                (),
                BEGUN._replace(task="unknown:status", state=State.UNKNOWN),
                event(EventKind.PROBLEM, State.UNKNOWN),
                FACTS,
            ),
        ),
        (
            find(OK),
            Known(problem()),
            TERMS,
            Step(("status",), None, event(EventKind.RECOVERY, OK), FACTS),
        ),
    ],
    ids=["new", "recorded", "a reminder", "for who has not heard", "unknown", "over"],
)
def test_a_step_says_all_that_is_stored_and_sent(
    found: FoundVerdict, known: Known, terms: Terms, step: Step
) -> None:
    assert compare(found, known, terms) == step


def test_the_end_of_monitoring_says_of_which_account() -> None:
    sent = Event(
        "4000101", "status", EventKind.MONITORING_ENDED, OK, NOW, "", ending=Ending.ACCOUNT
    )

    assert end_monitoring(Known(problem()), NOW) == Step(("status",), event=sent)


@pytest.mark.parametrize(
    ("known", "found", "notifies"),
    [
        (problem(CALLED), find(), True),
        (problem(CALLED), find(W), True),
        (problem(CALLED), find(OK), False),
        (problem(CALLED), find(State.UNKNOWN), False),
        (problem(CALLED), find(covered=True), False),
        (problem(OPEN), find(), False),
        (None, find(), False),
    ],
)
def test_recipients_that_are_new_since_the_hook_has_notified(
    known: Problem | None, found: FoundVerdict, notifies: bool
) -> None:
    new = Step(event=event(EventKind.PROBLEM, found.verdict.state), facts=FACTS, only_new=True)

    assert catch_up(found, Known(known), NOW) == (new if notifies else NOTHING)


@pytest.mark.parametrize(
    ("known", "does", "ended"),
    [
        (Known(), "", 0),
        (Known(problem()), "MONITORING_ENDED", 1),
        (Known(problem(CALLED), UNKNOWN), "MONITORING_ENDED", 2),
        (Known(problem(RECORDED)), "", 1),
        (Known(None, UNKNOWN), "", 1),
    ],
)
def test_end_monitoring(known: Known, does: str, ended: int) -> None:
    assert show(end_monitoring(known, NOW)) == (does, "", ended)


def test_what_is_compared_again_is_nothing_new() -> None:
    found = FoundVerdict(
        "4000101", "status", Verdict(C, "", facts=FACTS, failing=("a",)), "backup-01"
    )
    begun = compare(found, Known(), TERMS)

    assert compare(found, Known(begun.problem), TERMS) == NOTHING
    assert begun.event is not None
    assert begun.event.kind is EventKind.PROBLEM
