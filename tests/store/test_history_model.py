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
from backup_monitoring.model.uploads import (
    Computer,
    End,
    InvalidReport,
    Receipt,
    Schedule,
    Start,
    Uploads,
)
from backup_monitoring.store.history import TrackedComputer, update_computer
from backup_monitoring.store.renamed import find_predecessors
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status import evaluate_status
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy
from cases import PERL, at, daily
from simulation.computers import Outcome

ACCOUNT = Account("4000101", "", warning_numbers=2, warning_days=0)
RULES = Policies(WarnAfterPolicy(), SchedulePolicy(), StatusPolicy())
CODEC: Codec[TrackedComputer] = Codec(TrackedComputer)
FIRST = at("2026-03-01T20:00+01:00")
LONGEST, LONGEST_FIRST = timedelta(hours=24), timedelta(days=7)
SOON = timedelta(minutes=1)
DAILY = daily(20)
ZERO = timedelta(0)
Shown = Schedule | InvalidReport | None


class RunKind(Enum):
    NONE = "no run"
    COMPLETE = "a run"
    KILLED = "a run that is killed before its commit: nothing of it is remembered"
    HALF = "killed after its commit, before its state file: remembered, but not to be read"


class Upload(Enum):
    ARRIVED = "arrived"
    LOST = "lost: the file of the run before stays"
    TORN = "arrived torn"


@dataclass(frozen=True, slots=True)
class Run:
    """A true run, and what became of its two uploads; a lost end looks like a killed client."""

    number: int
    id: str
    began: datetime
    ended: datetime
    truth: Outcome
    start: Upload
    end: Upload

    @property
    def good(self) -> bool:
        return self.truth is Outcome.GOOD and self.end is Upload.ARRIVED

    @property
    def leaves_an_end(self) -> bool:
        return self.truth is not Outcome.KILLED and self.end is not Upload.LOST


@dataclass(slots=True)
class World:
    """The files of one computer, and what the collector runs could have seen of them.

    Args:
        start, end: the runs whose files lie there, torn or not.
        known_start, known_end: the last that a collector run could read.
        unread_end: when the last end came that a collector run could not read.
        ended_unread: runs that such an end has ended: they count neither way.
        lengths: of the successful runs of which a collector run saw both reports.
    """

    start: Run | None = None
    end: Run | None = None
    known_start: Run | None = None
    known_end: Run | None = None
    unread_end: datetime | None = None
    ended_unread: set[int] = field(default_factory=set)
    seen_success: int = -1
    seen_bad: set[int] = field(default_factory=set)
    lengths: list[timedelta] = field(default_factory=list)

    def computer(self, name: str = "web01", schedule: Shown = None) -> Computer:
        return Computer(name, self._show_start(), self._show_end(), schedule)

    def _show_start(self) -> Start | InvalidReport | None:
        run = self.start
        if run is None:
            return None
        if run.start is Upload.TORN:
            return InvalidReport("s", "torn", Receipt(run.began))
        return Start(run.began, ZERO, run.id, PERL, Receipt(run.began))

    def _show_end(self) -> End | InvalidReport | None:
        run = self.end
        if run is None:
            return None
        if run.end is Upload.TORN:
            return InvalidReport("e", "torn", Receipt(run.ended))
        return End(run.ended, ZERO, run.id, run.truth is Outcome.GOOD, PERL, Receipt(run.ended))

    @property
    def torn_end(self) -> datetime | None:
        torn = self.end is not None and self.end.end is Upload.TORN
        return self.end.ended if self.end is not None and torn else None

    def seen(self) -> None:
        """Remember what follows from the files, with all that is known of the runs."""
        start = self.start if self.start and self.start.start is Upload.ARRIVED else None
        end = self.end if self.end and self.end.end is Upload.ARRIVED else None
        if end is not None and end.good:
            self.seen_success = max(self.seen_success, end.number)
        elif end is not None:
            self.seen_bad.add(end.number)
        if self.torn_end is not None:
            self.unread_end = self.torn_end
        before, last_end = self.known_start, end or self.known_end
        if before is not None and start not in (None, before):
            moments = (self.unread_end, last_end.ended if last_end is not None else None)
            if all(moment is None or moment < before.began for moment in moments):
                self.seen_bad.add(before.number)  # a newer start, and no end since
        self._learn(start or before, end)
        self.known_start, self.known_end = start or before, last_end
        if (open_run := self.open_run) is not None and self._is_unread(open_run):
            self.ended_unread.add(open_run.number)

    def _is_unread(self, run: Run) -> bool:
        return self.torn_end is not None and self.torn_end >= run.began

    @property
    def open_run(self) -> Run | None:
        start, end = self.known_start, self.known_end
        is_over = start is None or (end is not None and end.ended >= start.began)
        return None if is_over else start

    def _learn(self, start: Run | None, end: Run | None) -> None:
        if end in (None, self.known_end) or self.known_end is None or start is None:
            return
        if end is not None and end.good and start.id == end.id and end.ended >= start.began:
            self.lengths.append(end.ended - start.began)

    @property
    def newest_is_good(self) -> bool:
        start, end = self.known_start, self.known_end
        return end is not None and end.good and (start is None or end.ended >= start.began)

    def overdue(self, now: datetime, first: datetime | None) -> bool:
        """Return whether the start that is known is older than its run may take."""
        start = self.open_run
        if start is None or self._is_unread(start):
            return False
        longest = max(self.lengths[-10:], default=ZERO)
        until = start.began + max(LONGEST, min(1.5 * longest, LONGEST_FIRST))
        if self.known_end is None and self.torn_end is None:
            until = max(until, min(first or start.began, start.began) + LONGEST_FIRST)
        return now > until


@st.composite
def runs(draw: st.DrawFn, *, lossy: bool) -> list[Run]:
    history, now = [], FIRST
    for number in range(draw(st.integers(1, 12))):
        began = now + timedelta(minutes=draw(st.integers(10, 40 * 60)))
        long = lossy and draw(st.integers(0, 4)) == 0
        now = began + timedelta(minutes=draw(st.integers(5, (120 if long else 12) * 60)))
        # Sepiola draws from few ids: two runs may share one.
        run = str(draw(st.integers(1, 3))) if lossy else str(number)
        truth = draw(st.sampled_from(Outcome))
        uploads = st.sampled_from([Upload.ARRIVED, *Upload]) if lossy else st.just(Upload.ARRIVED)
        history.append(Run(number, run, began, now, truth, draw(uploads), draw(uploads)))
    return history


def events(history: list[Run]) -> Iterator[tuple[datetime, Run, str]]:
    """Yield when what is uploaded, and moments at which nothing is."""
    for run in history:
        yield run.began - 2 * SOON, run, ""
        yield run.began, run, "" if run.start is Upload.LOST else "start"
        if run.ended - run.began > LONGEST:
            yield run.began + LONGEST, run, ""
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


def delete(world: World, what: str) -> None:
    if what == "start":
        world.start = None
    elif what == "end":
        world.end = None


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_nothing_is_missed_and_nothing_good_is_counted(data: st.DataObject) -> None:
    history = data.draw(runs(lossy=True))
    world, memory, written = World(), None, ""
    for moment, run, what in events(history):
        upload(world, run, what)
        delete(world, data.draw(st.sampled_from(["", "", "", "", "start", "end"])))
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
        if world.newest_is_good:
            assert count == 0
            continue
        known = {number for number in world.seen_bad if number > world.seen_success}
        running = world.open_run
        if overdue and running is not None:
            known.add(running.number)
            running = None
        happened = [
            each
            for each in history
            if each.began <= now and not each.good
            if each is not running and each.number not in world.ended_unread
        ]
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
        world.seen()
        overdue = world.overdue(now, memory.first_open)
        assert count_failed(memory, world.computer(), now) == row + overdue
        newest = world.end is run or what == "start"
        if success_seen and newest and row:
            assert not memory.at_least


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_schedule_that_is_deleted_or_torn_stays_in_use(data: st.DataObject) -> None:
    """From some moment on its file is gone or torn; the same is missed as where it is there."""
    history = data.draw(runs(lossy=True))
    world, whole, part = World(), None, None
    there = True
    for moment, run, what in events(history):
        upload(world, run, what)
        now = moment + SOON
        whole = update_computer(whole, world.computer(schedule=DAILY), now)
        there = there and (part is None or data.draw(st.integers(0, 3)) > 0)
        torn = InvalidReport("p", "torn", Receipt(now))
        plan: Shown = DAILY if there else data.draw(st.sampled_from([None, torn]))
        part = update_computer(part, world.computer(schedule=plan), now)
        expected = evaluate_schedule(
            ACCOUNT, Uploads((whole.join(world.computer(schedule=DAILY)),)), RULES, now
        )
        found = evaluate_schedule(
            ACCOUNT, Uploads((part.join(world.computer(schedule=plan)),)), RULES, now
        )
        assert (found.state, found.metrics) == (expected.state, expected.metrics)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_folder_that_is_renamed_again_and_again_changes_nothing(data: st.DataObject) -> None:
    history = data.draw(runs(lossy=False))
    world, whole, name = World(), None, "web00"
    known: dict[str, TrackedComputer] = {}
    for moment, run, what in events(history):
        now = moment + SOON
        # At each run one of the last reports, at least, is the one that the run before saw.
        upload(world, run, what)
        if known and world.end is not None and data.draw(st.booleans()):
            name = f"web{data.draw(st.integers(0, 99)):02}"
        computer = world.computer(name)
        for new, old in find_predecessors([computer], known).items():
            known[new] = known.pop(old)
        whole = update_computer(whole, world.computer(), now)
        known[name] = update_computer(known.get(name), computer, now)
        assert known == {name: whole}
