"""Storms: do so many customers of a server fail that the server is most likely at fault?"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from heapq import nlargest
from typing import NamedTuple
from zlib import crc32

from backup_monitoring.model import LastOutcome

# Older outcomes say nothing about the server of today. That a backup never ended is known only
# after a day or more; successes must not be forgotten before.
_LAST = {"schedule": timedelta(hours=24), "status": timedelta(hours=48)}
_MASS = 20  # customers
_MASS_PERCENT = 10  # of the server's customers


class FailurePhase(Enum):
    """What the storm guard has decided about a failure."""

    NEW = "new"  # nothing yet: its mails wait, it may be part of a storm
    RELEASED = "released"  # not part of a storm, or no longer: its mails are sent
    HELD = "held"  # part of a storm: its mails are held


class Failure(NamedTuple):
    """An account that fails: when the storm guard first saw it (aware), its customer and phase."""

    account: str
    at: datetime
    customer: str
    phase: FailurePhase = FailurePhase.NEW


class Crowd(NamedTuple):
    """The customers who fail at present.

    Args:
        customers: how many. since: when the first of them failed, aware.
    """

    customers: int
    since: datetime


class OngoingStorm(NamedTuple):
    """A storm that was recognized before: when it *began*, and whether its mails were *sent*."""

    began: datetime
    sent: bool = False


class StormDecision(NamedTuple):
    """What follows for the failures of one server in one task.

    Args:
        hold: accounts whose mails are held from now on.
        release: accounts whose mails are sent from now on.
        storm: what is known of the storm from now on; None: there is none.
    """

    hold: frozenset[str]
    release: frozenset[str]
    storm: OngoingStorm | None


def choose_oldest(task: str, now: datetime, storm: OngoingStorm | None) -> datetime | None:
    """Return how old outcomes in *task* may be to count; None: they never do.

    As long as mails are held, what counted when the *storm* began does, so that a quiet day changes
    nothing.
    """
    if task not in _LAST:
        return None
    return (now if storm is None or storm.sent else min(storm.began, now)) - _LAST[task]


def find_crowd(
    outcomes: Iterable[LastOutcome], oldest: datetime, failures: int, of: int
) -> Crowd | None:
    """Return who fails if it is a storm by the last outcomes of a server's customers, else None.

    It is one if at least *failures* of the newest *of* are failures. The newest are those of the
    newest due times: a missed backup is known later than a good one, so that in order of
    knowledge every quiet hour would look like a storm.

    Args:
        outcomes: of one server and task, in any order; a customer who goes on failing has none,
            since only the first failure of a row is one. Several of one customer are one.
        oldest: older ones do not count.
    """
    last = _select_last(each for each in outcomes if each.at >= oldest)
    # Only those are ranked that may be among the newest: a server has thousands.
    oldest_newest = min(nlargest(of, [each.at for each in last]), default=oldest)
    newest = nlargest(of, [each for each in last if each.at >= oldest_newest], key=_rank_age)
    if sum(each.failed for each in newest) < failures:
        return None
    since = _find_first_failure(sorted(last, key=_rank_age, reverse=True), failures, of)
    return Crowd(sum(each.failed and each.at >= since for each in last), since)


def _find_first_failure(newest_first: Sequence[LastOutcome], failures: int, of: int) -> datetime:
    """Return when the first customer failed of those without whom it would be no storm."""
    since = newest_first[0].at
    for first in range(len(newest_first)):
        failed = [each for each in newest_first[first : first + of] if each.failed]
        if len(failed) < failures:
            break
        since = failed[-1].at
    return since


def _select_last(outcomes: Iterable[LastOutcome]) -> Collection[LastOutcome]:
    """Return the last outcome of each customer: the newest failure, else the newest success."""
    last: dict[str, LastOutcome] = {}
    for new in outcomes:
        known = last.get(new.customer)
        if known is None or (new.failed, new.at) > (known.failed, known.at):
            last[new.customer] = new
    return last.values()


def _rank_age(outcome: LastOutcome) -> tuple[datetime, int]:
    # Hundreds may be due at the same minute: an order of them that has nothing to do with how
    # they went, and is another one each day.
    return outcome.at, crc32(f"{outcome.at.timestamp()} {outcome.customer}".encode())


def find_mass(failures: Iterable[Failure], total: int | None, settle: timedelta) -> Crowd | None:
    """Return who fails if it is a storm by the number of new failures in one run, else None.

    This is the rule where no outcomes are known. The calls of one run of the monitoring system
    come one after the other: what began to fail within *settle* is one run.

    Args:
        failures: those that wait, or are held in the storm.
        total: the number of the server's customers, None if it is not known.
    """
    ordered = sorted(failures, key=lambda failure: failure.at)
    within: Counter[str] = Counter()
    first = 0
    for failure in ordered:
        within[failure.customer] += 1
        while failure.at - ordered[first].at > settle:
            gone = ordered[first].customer
            within[gone] -= 1
            if not within[gone]:
                del within[gone]
            first += 1
        if is_mass(len(within), total):
            return Crowd(len({each.customer for each in ordered}), ordered[first].at)
    return None


def is_mass(customers: int, total: int | None) -> bool:
    """Return whether so many *customers* of the server's *total* are many in one run."""
    return customers >= _MASS and customers * 100 >= _MASS_PERCENT * (total or 0)


def decide_storm(
    failures: Collection[Failure],
    crowd: Crowd | None,
    storm: OngoingStorm | None,
    settle: timedelta,
    max_hold: timedelta,
    now: datetime,
) -> StormDecision:
    """Decide about the failures of one server in one task.

    Args:
        failures: of all accounts that fail at present; none is later than *now*.
        crowd: who fails, if it is a storm at present. storm: the one of the last decision.
        settle: how long a new failure waits. max_hold: how long mails are held.
    """
    if crowd is not None:
        storm = storm or OngoingStorm(now)
        if not storm.sent and now - storm.began < max_hold:
            return StormDecision(_select(failures, FailurePhase.NEW), frozenset(), storm)
        storm = storm._replace(sent=True)
    settled = [each for each in failures if each.at <= now - settle]
    over = _select(failures, FailurePhase.HELD) | _select(settled, FailurePhase.NEW)
    return StormDecision(frozenset(), over, storm if crowd is not None else None)


def _select(failures: Iterable[Failure], phase: FailurePhase) -> frozenset[str]:
    return frozenset(failure.account for failure in failures if failure.phase is phase)
