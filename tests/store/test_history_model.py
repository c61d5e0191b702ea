"""Random histories against a model that knows every run's true outcome.

No failure is missed that a collector run could have seen; no good run is counted as failed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from hypothesis import given, settings
from hypothesis import strategies as st

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.codec import Codec
from backup_monitoring.model.uploads import Computer, End, Receipt, Start, Uploads
from backup_monitoring.store.history import TrackedComputer, update_computer
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status import evaluate_status
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy
from cases import PERL, at
from simulation.computers import Outcome

ACCOUNT = Account("4000101", "", warning_numbers=2, warning_days=0)
RULES = Policies(WarnAfterPolicy(), SchedulePolicy(), StatusPolicy())
CODEC: Codec[TrackedComputer] = Codec(TrackedComputer)
FIRST = at("2026-03-01T20:00+01:00")
LONGEST, LONGEST_FIRST = timedelta(hours=24), timedelta(days=7)
SOON = timedelta(minutes=1)


class RunKind(Enum):
    NONE = "no run"
    COMPLETE = "a run"
    KILLED = "a run that is killed before its commit: nothing of it is remembered"
    HALF = "killed after its commit, before its state file: remembered, but not to be read"


@dataclass(frozen=True, slots=True)
class Run:
    """A true run, and which of its two uploads are lost; a lost end looks like a killed client."""

    number: int
    id: str
    began: datetime
    ended: datetime
    truth: Outcome
    start_lost: bool
    end_lost: bool

    @property
    def good(self) -> bool:
        return self.truth is Outcome.GOOD and not self.end_lost

    @property
    def leaves_an_end(self) -> bool:
        return self.truth is not Outcome.KILLED and not self.end_lost


@dataclass(slots=True)
class World:
    """The files of one computer, and what the collector runs could have seen of them."""

    start: Run | None = None
    end: Run | None = None
    seen_success: int = -1
    seen_bad: set[int] = field(default_factory=set)
    remembered_start: Run | None = None

    def computer(self) -> Computer:
        zero, start, end = timedelta(0), self.start, self.end
        return Computer(
            "web01",
            Start(start.began, zero, start.id, PERL, Receipt(start.began)) if start else None,
            End(end.ended, zero, end.id, end.good, PERL, Receipt(end.ended)) if end else None,
        )

    def seen(self) -> None:
        """Remember what follows from the files, with all that is known of the runs."""
        before, start, end = self.remembered_start, self.start, self.end
        if end is not None and end.good:
            self.seen_success = max(self.seen_success, end.number)
        elif end is not None:
            self.seen_bad.add(end.number)
        if before is not None and start is not before and (end is None or end.ended < before.began):
            self.seen_bad.add(before.number)  # a newer start, and no end since
        self.remembered_start = start

    def overdue(self, now: datetime, first: datetime | None) -> bool:
        """Return whether the start that is visible is older than any run may take."""
        if self.start is None or (self.end is not None and self.end.ended >= self.start.began):
            return False
        until = self.start.began + LONGEST
        if self.end is None:
            until = max(until, min(first or self.start.began, self.start.began) + LONGEST_FIRST)
        return now > until


@st.composite
def runs(draw: st.DrawFn, *, lossy: bool) -> list[Run]:
    history, now = [], FIRST
    for number in range(draw(st.integers(1, 12))):
        began = now + timedelta(minutes=draw(st.integers(10, 40 * 60)))
        now = began + timedelta(minutes=draw(st.integers(5, 12 * 60)))
        # Sepiola draws from few ids: two runs may share one.
        run = str(draw(st.integers(1, 3))) if lossy else str(number)
        truth = draw(st.sampled_from(Outcome))
        lost = [lossy and draw(st.integers(0, 3)) == 0 for _ in range(2)]
        history.append(Run(number, run, began, now, truth, *lost))
    return history


def events(history: list[Run]) -> Iterator[tuple[datetime, Run, str]]:
    """Yield when what is uploaded, and moments at which nothing is."""
    for run in history:
        yield run.began - 2 * SOON, run, ""
        yield run.began, run, "" if run.start_lost else "start"
        yield run.ended, run, "end" if run.leaves_an_end else ""


def count_failed(memory: TrackedComputer, computer: Computer, now: datetime) -> int:
    verdict = evaluate_status(
        ACCOUNT,
        Uploads((memory.join(computer),)),
        RULES,
        now,
    )
    return int(verdict.metrics[0].value) if verdict.metrics else 0


def upload(world: World, run: Run, what: str) -> None:
    if what == "start":
        world.start = run
    elif what == "end":
        world.end = run


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_nothing_is_missed_and_nothing_good_is_counted(data: st.DataObject) -> None:
    history = data.draw(runs(lossy=True))
    world, memory, written = World(), None, ""
    for moment, run, what in events(history):
        upload(world, run, what)
        now = moment + SOON
        kind = data.draw(st.sampled_from(RunKind))
        if kind in (RunKind.NONE, RunKind.KILLED):
            continue
        before = CODEC.decode(written) if written else None
        memory = update_computer(before, world.computer(), now)
        written = CODEC.encode(memory)
        world.seen()
        if kind is RunKind.HALF:
            continue
        count = count_failed(memory, world.computer(), now)
        overdue = world.overdue(now, memory.first_open)
        newest_is_good = (
            world.end is not None
            and world.end.good
            and (world.start is None or world.end.ended >= world.start.began)
        )
        if newest_is_good:
            assert count == 0
            continue
        known = {number for number in world.seen_bad if number > world.seen_success}
        if overdue and world.start is not None:
            known.add(world.start.number)
        happened = [each for each in history if each.began <= now and not each.good]
        assert len(known) <= count, "a failure is missed that a collector run has seen"
        assert count <= sum(each.number > world.seen_success for each in happened), (
            "a good run is counted as failed, or a bad one twice"
        )


@settings(max_examples=200, deadline=None)
@given(history=runs(lossy=False))
def test_collecting_after_each_upload_knows_all(history: list[Run]) -> None:
    """With a run after each upload, the row is exact once a success was seen."""
    world, memory = World(), None
    row, success_seen = 0, False
    for moment, run, what in events(history):
        upload(world, run, what)
        now = moment + SOON
        memory = update_computer(memory, world.computer(), now)
        if what == "start" and run.number and history[run.number - 1].truth is Outcome.KILLED:
            row += 1  # it is certain now that the one before never ends
        if what == "end":
            row = 0 if run.good else row + 1
            success_seen = success_seen or run.good
        overdue = world.overdue(now, memory.first_open)
        assert count_failed(memory, world.computer(), now) == row + overdue
        newest = world.end is run or what == "start"
        if success_seen and newest and row:
            assert not memory.at_least
