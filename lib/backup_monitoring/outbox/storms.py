"""Storms: did so many accounts of a server fail at once that the server is most likely at fault?"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple


class FailurePhase(Enum):
    """What the storm guard has decided about a failure."""

    NEW = "new"  # nothing yet: its mails wait, it may be part of a storm
    RELEASED = "released"  # not part of a storm: its mails are sent
    HELD = "held"  # part of a storm: its mails are held


class Failure(NamedTuple):
    """An account that fails: when the storm guard first saw it (aware), and its phase."""

    account: str
    at: datetime
    phase: FailurePhase = FailurePhase.NEW


class StormThreshold(NamedTuple):
    """How many accounts may fail within *settle* before it is a storm."""

    max_failures: float
    settle: timedelta


class StormDecision(NamedTuple):
    """What follows for the failures of one server in one task.

    Args:
        hold: accounts whose mails are held from now on.
        release: accounts whose mails are sent from now on.
        storm: whether there is a storm, new or continuing.
        accounts: all accounts of the storm.
    """

    hold: frozenset[str]
    release: frozenset[str]
    storm: bool
    accounts: frozenset[str] = frozenset()


def max_failures(percent: float, at_least: int, total: int | None) -> float:
    """Return how many accounts may newly fail: *percent* of *total*, never below *at_least*."""
    return max(percent * (total or 0) / 100, at_least)


def evaluate_storm(
    failures: Iterable[Failure], rule: StormThreshold, now: datetime, *, ongoing: bool
) -> StormDecision:
    """Decide about the failures of one server in one task.

    A storm begins when more accounts than the threshold failed within a span of ``settle``, however
    long ago; all that wait then are part of it, and every account that fails later. It ends when no
    account has newly failed for ``settle`` and those that still fail are within the threshold.

    Args:
        failures: of all accounts that fail at present; none is later than *now*.
        ongoing: whether there was a storm at the last decision.
    """
    recent = _select_recent(failures, rule, now)
    new = _select_accounts(recent, FailurePhase.NEW)
    crowded = find_crowded(recent, rule)
    if ongoing or new & crowded:
        held = _select_accounts(recent, FailurePhase.HELD)
        if not new and len(held) <= rule.max_failures and _is_quiet(recent, rule, now):
            return StormDecision(frozenset(), held, storm=False)
        return StormDecision(new, frozenset(), storm=True, accounts=held | new | crowded)
    settled = (
        failure.account
        for failure in recent
        if failure.phase is FailurePhase.NEW and failure.at <= now - rule.settle
    )
    return StormDecision(frozenset(), frozenset(settled), storm=False)


def find_crowded(failures: Iterable[Failure], rule: StormThreshold) -> frozenset[str]:
    """Return the accounts that failed within a span of ``settle`` with too many others."""
    ordered = sorted(failures, key=lambda failure: failure.at)
    crowded: set[str] = set()
    first = unmarked = 0
    for last, failure in enumerate(ordered):
        while failure.at - ordered[first].at > rule.settle:
            first += 1
        if last - first + 1 > rule.max_failures:
            begin = max(first, unmarked)
            crowded.update(failure.account for failure in ordered[begin : last + 1])
            unmarked = last + 1
    return frozenset(crowded)


def _select_recent(
    failures: Iterable[Failure], rule: StormThreshold, now: datetime
) -> tuple[Failure, ...]:
    # Failures that were released long ago say nothing about what fails today.
    failures = tuple(failures)
    new = (failure.at for failure in failures if failure.phase is FailurePhase.NEW)
    oldest = min(new, default=now)
    return tuple(
        failure
        for failure in failures
        if failure.phase is not FailurePhase.RELEASED or failure.at >= oldest - rule.settle
    )


def _select_accounts(failures: Iterable[Failure], phase: FailurePhase) -> frozenset[str]:
    return frozenset(failure.account for failure in failures if failure.phase is phase)


def _is_quiet(failures: Iterable[Failure], rule: StormThreshold, now: datetime) -> bool:
    held = (failure for failure in failures if failure.phase is FailurePhase.HELD)
    return all(failure.at <= now - rule.settle for failure in held)
