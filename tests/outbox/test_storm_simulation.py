"""Storms over days: full disks are recognized soon, and ordinary days are none.

Played are the outcomes of a server's customers, as collector runs every five minutes see them, and
what the rule makes of them; no files, no mails.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

import pytest

from backup_monitoring.model.verdicts import LastOutcome
from backup_monitoring.outbox.storms import (
    Failure,
    FailurePhase,
    OngoingStorm,
    choose_oldest,
    decide_storm,
    find_crowd,
)

MONDAY = datetime.fromisoformat("2026-11-23T00:00:00+00:00")
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
RUN, GRACE, LENGTH = 5 * MINUTE, 2 * HOUR, 30 * MINUTE
SETTLE, MAX_HOLD = 10 * MINUTE, 24 * HOUR


class Fleet(NamedTuple):
    """A server's customers: the first one's due time, and the time from each to the next."""

    customers: int
    first: timedelta
    apart: timedelta

    def find_due(self, customer: int) -> timedelta:
        return self.first + customer * self.apart


NIGHTLY = Fleet(60, 20 * HOUR, 5 * MINUTE)
LONG_NIGHT = Fleet(200, 20 * HOUR, 3 * MINUTE)
FEW, MANY = (Fleet(number, timedelta(0), DAY / number) for number in (10, 1000))
CROWDED = Fleet(1000, 20 * HOUR, timedelta(seconds=18))
FLEETS = {"60": NIGHTLY, "200": LONG_NIGHT, "10": FEW, "1,000": MANY, "1,000 in a night": CROWDED}


class Result(NamedTuple):
    """How a backup went: it was *due*, and a run sees it when it is *known*."""

    known: datetime
    due: datetime
    customer: str
    failed: bool


@dataclass
class Server:
    """What the storm guard knows and does, in one task; *results* are in the order of time."""

    task: str
    results: deque[Result]
    now: datetime = MONDAY
    outcomes: dict[str, LastOutcome] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    storm: OngoingStorm | None = None
    storms: list[datetime] = field(default_factory=list)
    notified: list[tuple[str, datetime]] = field(default_factory=list)  # and of which backup
    solved: list[str] = field(default_factory=list)

    def see(self, result: Result) -> None:
        """Take a result of a run, as collector, history and scan do."""
        name = result.customer
        before = self.outcomes.get(name)
        if result.failed:
            if before is None or not before.failed:
                self.outcomes[name] = LastOutcome(True, result.due, name)
                self.failures[name] = Failure(name, self.now, name)
            return
        self.outcomes[name] = LastOutcome(False, result.due, name)
        failure = self.failures.pop(name, None)
        if failure is not None and failure.phase is FailurePhase.RELEASED:
            self.solved.append(name)

    def watch(self) -> None:
        """Decide as the guard does: only if something waits, is held, or is a storm."""
        waiting = any(each.phase is not FailurePhase.RELEASED for each in self.failures.values())
        if not waiting and self.storm is None:
            return
        oldest = choose_oldest(self.task, self.now, self.storm)
        assert oldest is not None
        crowd = find_crowd(self.outcomes.values(), oldest, 5, 6)
        known = list(self.failures.values())
        decision = decide_storm(known, crowd, self.storm, SETTLE, MAX_HOLD, self.now)
        if self.storm is None and decision.storm is not None:
            self.storms.append(self.now)
        self.storm = decision.storm
        for name in decision.hold:
            self.failures[name] = self.failures[name]._replace(phase=FailurePhase.HELD)
        for name in sorted(decision.release):
            self.failures[name] = self.failures[name]._replace(phase=FailurePhase.RELEASED)
            self.notified.append((name, self.outcomes[name].at))

    def play(self, end: datetime) -> None:
        while self.now < end:
            while self.results and self.results[0].known <= self.now:
                self.see(self.results.popleft())
            self.watch()
            self.now += RUN


class Full(NamedTuple):
    """When the disk is full."""

    begin: datetime
    end: datetime


NEVER = Full(MONDAY, MONDAY)
LATE = {("schedule", True): GRACE, ("schedule", False): MINUTE}  # until a result is known


def play(
    fleet: Fleet, task: str, share: float, days: int, full: Full = NEVER, *, weekdays: bool = False
) -> Server:
    """Return a server before its first day of *days*, *share* of whose customers usually fail.

    Who fails goes on for four days in the mean.

    Args:
        weekdays: on Saturday and Sunday no backup is due.
    """
    random, lasts = Random(f"{fleet} {task} {share}"), 4
    begins = share / (1 - share) / lasts
    results = []
    for customer in range(fleet.customers):
        failing = random.random() < share
        for day in range(-1, days):
            if weekdays and (MONDAY + day * DAY).weekday() > 4:
                continue
            failing = random.random() < (1 - 1 / lasts if failing else begins)
            due = MONDAY + day * DAY + fleet.find_due(customer)
            failed = failing or full.begin <= due < full.end
            late = LATE.get((task, failed), LENGTH)
            results.append(Result(due + late, due, f"c{customer}", failed))
    return Server(task, deque(sorted(results)))


@pytest.mark.parametrize("task", ["schedule", "status"])
@pytest.mark.parametrize("since", ["evening", "midnight", "half-way"])
@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_of_a_full_disk_few_customers_are_notified(fleet: Fleet, since: str, task: str) -> None:
    middle = fleet.find_due(fleet.customers // 2)
    begin = MONDAY + 3 * DAY + {"evening": 18 * HOUR, "midnight": DAY, "half-way": middle}[since]
    server = play(fleet, task, 0.05, 6, Full(begin, begin + 16 * HOUR))

    while not server.storms:
        server.play(server.now + RUN)

    assert begin < server.now < begin + 16 * HOUR
    assert sum(due >= begin for _, due in server.notified) <= 5
    server.play(server.now + 2 * DAY)
    assert len(server.storms) == 1  # one mail to the operator
    assert set(server.solved) <= {name for name, _ in server.notified}
    assert all(each.phase is not FailurePhase.HELD for each in server.failures.values())


@pytest.mark.parametrize("task", ["schedule", "status"])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("fleet", [NIGHTLY, LONG_NIGHT, FEW, MANY], ids=[*FLEETS][:4])
def test_ordinary_days_are_no_storm(fleet: Fleet, share: float, task: str) -> None:
    server = play(fleet, task, share, 30, weekdays=True)

    server.play(MONDAY + 30 * DAY)

    assert not server.storms
    if fleet.customers > 10:
        assert len(server.notified) >= len(server.solved) > share * fleet.customers
