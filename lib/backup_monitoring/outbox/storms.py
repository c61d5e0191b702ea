"""Storms: did so many accounts of one server fail at once that the server itself is at fault?"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple


class FailurePhase(Enum):
    """Where a failure stands with the storm guard."""

    NEW = "new"  # its mails wait, it may be part of a storm
    PASSED = "passed"  # it stood alone: its mails are let through
    STORM = "storm"  # its mails are held


class Failure(NamedTuple):
    """An account that fails: since when (aware) the guard knows it, and its phase."""

    account: str
    at: datetime
    phase: FailurePhase = FailurePhase.NEW


class StormThreshold(NamedTuple):
    """How many failures within *settle* are still no storm."""

    max_failures: float
    settle: timedelta


class StormDecision(NamedTuple):
    """What follows for the failures of one server in one task.

    Args:
        hold: accounts whose mails are held from now on.
        tell: accounts whose mails are let through.
        storm: there is a storm, or there still is.
        accounts: all that the storm consists of.
    """

    hold: frozenset[str]
    tell: frozenset[str]
    storm: bool
    accounts: frozenset[str] = frozenset()


def max_failures(percent: float, at_least: int, total: int | None) -> float:
    """Return how many accounts may newly fail: *percent* of *total*, never under *at_least*."""
    return max(percent * (total or 0) / 100, at_least)


def evaluate_storm(
    failures: Iterable[Failure], rule: StormThreshold, now: datetime, *, standing: bool
) -> StormDecision:
    """Judge the failures of one server in one task.

    A storm begins when more accounts than the limit failed within some span of ``settle``,
    whenever anybody looks; all that wait then are part of it, and whoever fails later. It is
    over when nobody new failed for ``settle`` and those that still fail are not above the limit.

    Args:
        failures: of all accounts that fail at present; none is later than *now*.
        standing: a storm was there before.
    """
    known = _recent(failures, rule, now)
    new = frozenset(each.account for each in known if each.phase is FailurePhase.NEW)
    caught = find_crowded(known, rule)
    if standing or new & caught:
        held = frozenset(each.account for each in known if each.phase is FailurePhase.STORM)
        if not new and len(held) <= rule.max_failures and _quiet(known, rule, now):
            return StormDecision(frozenset(), held, storm=False)
        return StormDecision(new, frozenset(), storm=True, accounts=held | new | caught)
    settled = (
        each for each in known if each.phase is FailurePhase.NEW and each.at <= now - rule.settle
    )
    return StormDecision(frozenset(), frozenset(each.account for each in settled), storm=False)


def find_crowded(failures: Iterable[Failure], rule: StormThreshold) -> frozenset[str]:
    """Return the accounts that failed within a span of ``settle`` with too many others."""
    known = sorted(failures, key=lambda each: each.at)
    found: set[str] = set()
    first = unmarked = 0
    for last, failure in enumerate(known):
        while failure.at - known[first].at > rule.settle:
            first += 1
        if last - first + 1 > rule.max_failures:
            begin = max(first, unmarked)
            found.update(each.account for each in known[begin : last + 1])
            unmarked = last + 1
    return frozenset(found)


def _recent(
    failures: Iterable[Failure], rule: StormThreshold, now: datetime
) -> tuple[Failure, ...]:
    # Those that were let through long ago say nothing about what fails today.
    known = tuple(failures)
    oldest = min((each.at for each in known if each.phase is FailurePhase.NEW), default=now)
    return tuple(
        each
        for each in known
        if each.phase is not FailurePhase.PASSED or each.at >= oldest - rule.settle
    )


def _quiet(failures: Iterable[Failure], rule: StormThreshold, now: datetime) -> bool:
    held = (each for each in failures if each.phase is FailurePhase.STORM)
    return all(each.at <= now - rule.settle for each in held)
