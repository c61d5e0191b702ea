"""The states that are right, from what really happened and from what could arrive at the server.

An oracle for each task gives its `Options`: the states that an ideal observer of the uploads may
show, who knows the computer's zone, clock and plan. Where what arrived differs from what happened,
or where the documents say that something cannot be known, an option has the name of that deviation:
it is accepted, and counted apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import product
from typing import NamedTuple

from backup_monitoring.model.verdicts import State
from simulation.computers import (
    EARLY,
    END,
    GRACE,
    NEVER,
    PLAN,
    START,
    Changes,
    Computer,
    Outcome,
    Run,
    Window,
    value_at,
)
from walls import DAY, HOUR, MINUTE, SECOND

Options = dict[State, str]  # '': right; else the name of the accepted deviation
RIGHT = ""
LOST = "an upload is lost or late"
LONG = "a long run is not known to be one yet"
LATE_DEATH = "a death under a wrong clock is noticed later"
UNREADABLE = "a report cannot be read: UNKNOWN until something is missed"
LIVE_UNREADABLE = "live: a report cannot be read"
LIVE_KILLED = "live: a killed run behind a fresh start"
LIVE_MISSED = "live: a missed run looks like a killed one"

MAX_RUN, FIRST_RUN, LONGEST_RUN = 24 * HOUR, 7 * DAY, 7 * DAY
_ENOUGH = 80  # runs: what was before says nothing more
SLACK = 11 * MINUTE  # a clock may be so wrong before it counts as wrong
RETIRED_AFTER = 10 * DAY
UNUSED_AFTER = 14 * DAY
MINIMUM = {"Online Backup Perl Script": "2.0.9", "Sepiola Online Backup Client": "2.5.0"}
OLD, NEW = "2.0.3", "2.7.1"
ANY_STATE = frozenset(State)
ALARMS = frozenset(State) - {State.UNKNOWN}


class Thresholds(NamedTuple):
    """How many missed or failed backups, or days, it takes to warn; 0: off."""

    backups: int
    days: int

    def evaluate(self, count: int, last: datetime | None, now: datetime) -> State:
        if not count:
            return State.OK
        reached = 0 < self.backups <= count
        reached = reached or (self.days > 0 and (last is None or now - last >= self.days * DAY))
        if not reached:
            return State.OK
        return State.CRITICAL if count >= 3 else State.WARNING


def resolve_thresholds(numbers: object, days: object) -> Thresholds:
    """Return the thresholds of an entry; the settings' (1 day) if it leaves both off."""
    valid = [
        each if isinstance(each, int) and 0 <= each <= 99 else None for each in (numbers, days)
    ]
    if not valid[0] and not valid[1]:
        return Thresholds(0, 1)
    return Thresholds(valid[0] or 0, 1 if valid[1] is None else valid[1])


@dataclass
class AccountLife:
    """An account with its computers' true days.

    Args:
        kind: of its days, for the table. kinds: of a year's days, each since when.
        numbers, days: its thresholds to warn as the entry has them, None if it has none.
        sizes: its used space in percent of the capacity, by day; *usual* on others.
        losses: the days of sudden losses.
        retired_after: as the settings of its server say. every: how often its collector runs.
        unseen: how long an upload may be there before the collector sees it.
        ended: since when its entry says that it is not active.
    """

    uid: str
    kind: str
    computers: list[Computer]
    created: datetime
    numbers: object = None
    days: object = None
    sizes: Mapping[date, float] = field(default_factory=dict)
    losses: frozenset[date] = frozenset()
    usual: float = 50.0
    kinds: Changes[str] = ()
    retired_after: timedelta = RETIRED_AFTER
    every: timedelta = 5 * MINUTE
    unseen: timedelta = SLACK
    ended: datetime = NEVER

    def size_at(self, now: datetime) -> float:
        return self.sizes.get(now.date(), self.usual)

    def kind_at(self, now: datetime) -> str:
        return value_at(self.kinds, now) if self.kinds else self.kind


class Moment(NamedTuple):
    """What the oracles are asked about: *source* is 'store' or 'live'."""

    now: datetime
    source: str
    account: AccountLife

    @property
    def thresholds(self) -> Thresholds:
        return resolve_thresholds(self.account.numbers, self.account.days)

    @property
    def stored(self) -> bool:
        return self.source == "store"


def expect(moment: Moment, server: Sequence[Window]) -> dict[str, Options]:
    """Return the options of each task."""
    account, now = moment.account, moment.now
    computers = [each for each in account.computers if _first_arrival(each) <= now]
    found = {
        task: _fold(
            _apply_windows(options(each, moment), each.windows, task, moment)
            for each in computers
            if options is not None
        )
        for task, options in (
            ("schedule", expect_schedule),
            ("status", expect_status),
            ("client", expect_client),
        )
    }
    found["quota"] = expect_quota(moment)
    unused = now - account.created > UNUSED_AFTER and not computers
    found["unused"] = {State.WARNING if unused else State.OK: RIGHT}
    return {task: _apply_windows(each, server, task, moment) for task, each in found.items()}


def _fold(options: Iterable[Options]) -> Options:
    """Return the options of the worst computer."""
    folded: Options = {State.OK: RIGHT}
    for each in options:
        combined: Options = {}
        for (one, why), (other, because) in product(folded.items(), each.items()):
            state = max(one, other, key=lambda state: state.badness)
            name = (why if one is state else "") or (because if other is state else "")
            name = name or why or because
            if combined.get(state, name) >= name:
                combined[state] = name
        folded = combined
    return folded


def _apply_windows(
    options: Options, windows: Iterable[Window], task: str, moment: Moment
) -> Options:
    for window in windows:
        if (
            window.begin <= moment.now < window.end
            and task in window.tasks
            and moment.source in window.sources
        ):
            options = {**dict.fromkeys(window.states, window.name), **options}
    return options


def _first_arrival(computer: Computer) -> datetime:
    return computer.uploads[0].arrival if computer.uploads else NEVER


# What has arrived


class Known(NamedTuple):
    """The newest runs of which a start and an end have arrived, whole or torn."""

    start: Run | None
    end: Run | None

    @property
    def ended(self) -> bool:
        if self.end is None:
            return False
        return self.start is None or self.end.number >= self.start.number


def _find_known(computer: Computer, now: datetime) -> Known:
    start = end = None
    for run in reversed(computer.runs_until(now)):
        if start is None and run.start_in is not None and run.start_in <= now:
            start = run
        if end is None and run.end_in is not None and run.end_in <= now:
            end = run
        if start is not None and end is not None:
            break
    return Known(start, end)


def _find_real(computer: Computer, now: datetime) -> Known:
    runs = computer.runs_until(now)
    ended = [run for run in runs if run.end <= now and run.outcome is not Outcome.KILLED]
    return Known(runs[-1] if runs else None, ended[-1] if ended else None)


def _open_until(computer: Computer, start: Run, known: Known, stored: bool) -> datetime:
    """Return until when a run that has not ended may run."""
    first = max(start.number - _ENOUGH, 0)
    whole = [
        run
        for run in computer.runs[first : start.number]
        if run.start_in is not None and run.end_in is not None and not run.torn & {START, END}
    ]
    known_before = whole if first else whole[1:]
    lengths = [run.end - run.start for run in known_before if run.outcome is Outcome.GOOD]
    longest = max(lengths[-10:], default=timedelta(0)) if stored else timedelta(0)
    until = start.start + min(max(MAX_RUN, 1.5 * longest), LONGEST_RUN)
    if known.end is None:
        starts = [run.start for run in computer.runs if run.start_in is not None]
        until = max(until, (starts[0] if stored else start.start) + FIRST_RUN)
    return until


# Schedule


def expect_schedule(computer: Computer, moment: Moment) -> Options:
    if (retired := _expect_retired(computer, moment)) is not None:
        return retired
    now = moment.now
    known, real = _find_known(computer, now), _find_real(computer, now)
    options: Options = {}
    for state in _schedule_states(computer, known, moment, _slack(computer), torn=True):
        options[state] = RIGHT
    really = _schedule_states(computer, real, moment, _slack(computer), torn=False)
    if not really & options.keys():
        options = dict.fromkeys(options, _name_gap(computer, real, moment))
    options |= dict.fromkeys(really, RIGHT)
    error = _known_error(computer, now)
    if timedelta(0) < error <= 12 * HOUR:
        steps = [error * step / 12 for step in range(13)]
        for state in _schedule_states(computer, known, moment, steps, torn=True):
            options.setdefault(state, LATE_DEATH)
        # The clock may have been set right since: then due times were served for longer.
        count = _count_missed(computer, known, moment, torn=True, served_for=error)
        for last in _list_last(computer, known, now, torn=True):
            options.setdefault(moment.thresholds.evaluate(count, last, now), LATE_DEATH)
    torn = known.start is not None and known.start.is_torn(START, now)
    if State.OK in options and (torn or _last_plan_is_torn(computer, now)):
        options.setdefault(State.UNKNOWN, UNREADABLE)
    if not moment.stored and _last_plan_is_torn(computer, now):
        options = dict.fromkeys(State, LIVE_UNREADABLE) | options
    return options


def _schedule_states(
    computer: Computer, known: Known, moment: Moment, delays: Iterable[timedelta], *, torn: bool
) -> set[State]:
    states = set()
    lasts = _list_last(computer, known, moment.now, torn)
    # Up to a slack, nobody knows whether a run went on at a due time of a wrong clock.
    borders = {delay for delay in _slack(computer) if abs(delay) > SECOND} | {timedelta(0)}
    for delay, served_for in product(delays, borders):
        at = moment._replace(now=moment.now - delay)
        count = _count_missed(computer, known, at, torn, served_for)
        states |= {moment.thresholds.evaluate(count, last, moment.now) for last in lasts}
    return states


def _list_last(computer: Computer, known: Known, now: datetime, torn: bool) -> set[datetime | None]:
    """Return the times of the last backup that are right: by its clock and by its arrival."""
    start, end = known.start, known.end
    if start is None:
        return {end.end, end.end_in} if end is not None else {None}
    if end is not None and end.number > start.number:
        return {end.end, end.end_in}
    lasts: set[datetime | None] = {start.start, start.start_in or start.start}
    if torn and start.is_torn(START, now):
        before = [run for run in computer.runs_until(now) if run.has(START, now)]
        lasts.add(before[-1].start if before else None)
    return lasts


def _count_missed(
    computer: Computer,
    known: Known,
    moment: Moment,
    torn: bool,
    served_for: timedelta = timedelta(0),
) -> int:
    start, end, now = known.start, known.end, moment.now
    since = _plan_since(computer, known, moment, torn)
    if end is not None and (start is None or known.ended):
        since.append(end.end_in if torn and END in end.torn and end.end_in else end.end)
    elif start is not None and not (torn and START in start.torn):
        since.append(_open_until(computer, start, known, moment.stored))
    border = max(since, default=computer.created) + served_for
    return sum(
        start is None or start.start < due.served_from
        for due in computer.dues_between(border, now - GRACE)
    )


def _plan_since(computer: Computer, known: Known, moment: Moment, torn: bool) -> list[datetime]:
    """Return when the current plan became known, if another was known before."""
    plans = computer.setup.plans
    changes = [at for at, _ in plans[1:] if at <= moment.now]
    since = [changes[-1]] if changes else []
    if torn and changes:
        since += [
            each.arrival
            for each in computer.uploads_until(moment.now)
            if each.name == PLAN and changes[-1] <= each.arrival
        ][:1]
    if known.start is None and known.end is None:
        since += [computer.created]
        since += [each.arrival for each in computer.uploads if each.arrival <= moment.now][:1]
    return since


def _name_gap(computer: Computer, real: Known, moment: Moment) -> str:
    run = real.start
    running = run is not None and run.outcome is not Outcome.KILLED and run.end > moment.now
    return LONG if running and run and moment.now - run.start > MAX_RUN else LOST


def _slack(computer: Computer) -> tuple[timedelta, ...]:
    exact = len(computer.setup.clock) == 1 and not computer.setup.clock[0][1]
    # Whether a due time is missed at the end of its grace or just after it does not matter.
    return (timedelta(0), -SECOND) if exact else (timedelta(0), SLACK, -SLACK)


def _known_error(computer: Computer, now: datetime) -> timedelta:
    """Return how wrong its newest report is, 0 if hardly."""
    arrived = reversed(computer.uploads_until(now))
    newest = next((each for each in arrived if each.run is not None), None)
    if newest is None:
        return timedelta(0)
    error = abs(newest.written - newest.arrival)
    return error if error > 10 * MINUTE else timedelta(0)


def _last_plan_is_torn(computer: Computer, now: datetime) -> bool:
    for run in reversed(computer.runs_until(now)):
        if run.plan_in is not None and run.plan_in <= now:
            return PLAN in run.torn
    return False


# Status


def expect_status(computer: Computer, moment: Moment) -> Options:
    if (retired := _expect_retired(computer, moment)) is not None:
        return retired
    options = _expect_counted(computer, moment) if moment.stored else _expect_live(computer, moment)
    known = _find_known(computer, moment.now)
    if known.end is not None and known.end.is_torn(END, moment.now):
        options.setdefault(State.UNKNOWN, UNREADABLE)
    if known.start is not None and known.start.is_torn(START, moment.now):
        options.setdefault(State.UNKNOWN, UNREADABLE)
    if State.OK not in options:
        return options
    doubts = {
        _is_doubted(computer, known, moment._replace(now=now))
        for now in (moment.now, moment.now - SLACK, moment.now - moment.account.every)
    }
    if True in doubts:
        options[State.WARNING] = options[State.OK]
    if False not in doubts:
        del options[State.OK]
    return options


def _expect_counted(computer: Computer, moment: Moment) -> Options:
    options: Options = {}
    for now in (moment.now, moment.now - MINUTE):
        at = moment._replace(now=now)
        known = _Row(computer, at)
        options |= dict.fromkeys(known.states(at), RIGHT)
    really = _real_states(computer, moment)
    if not really & options.keys():
        options = dict.fromkeys(
            options, _name_gap(computer, _find_real(computer, moment.now), moment)
        )
    return options | {state: RIGHT for state in really if state not in options}


class _Row:
    """The row of failures that the uploads show: at least *low*, at most *high*."""

    def __init__(self, computer: Computer, moment: Moment) -> None:
        self.low = self.high = 0
        self.successes: set[datetime | None] = {None}
        self._slack = _slack(computer)
        now = moment.now
        known = _find_known(computer, now)
        runs = computer.runs_until(now)
        for run in runs[-_ENOUGH:]:
            newest = run is known.start or run is known.end
            self._add(run, runs, computer, known, moment, newest)
            if run.number < computer.known_from:
                self.low = 0
                self.successes.add(None)

    def _add(
        self,
        run: Run,
        runs: Sequence[Run],
        computer: Computer,
        known: Known,
        moment: Moment,
        newest: bool,
    ) -> None:
        now = moment.now
        if run.has(END, now) and (END in run.seen or run is known.end):
            self._end(run)
        elif run.has(END, now) or run.is_torn(END, now):
            self.high += run.outcome is not Outcome.GOOD
        elif run.has(START, now) and (START in run.seen or newest):
            later = [each for each in runs[run.number + 1 :] if _shows(each, now)]
            if not later:
                overdue = now > _open_until(computer, run, known, True)
                self.low += overdue
                self.high += overdue
            elif later[0].has(START, now) and (START in later[0].seen or later[0] is known.start):
                # If no collector run saw the next one open, an end of this one may have come, too.
                self.low += later[0].seen_open or later[0].end_in is None
                self.high += 1
            else:
                self.high += 1
        elif run.outcome is not Outcome.GOOD:
            self.high += 1

    def _end(self, run: Run) -> None:
        if run.outcome is Outcome.GOOD:
            self.low = self.high = 0
            ends = (run.end, run.end_in or run.end)
            self.successes = {end + slack for end in ends for slack in self._slack}
        else:
            self.low += 1
            self.high += 1

    def states(self, moment: Moment) -> set[State]:
        counts = range(self.low, self.high + 1)
        return {
            moment.thresholds.evaluate(count, last, moment.now)
            for count, last in product(counts, self.successes)
        }


def _shows(run: Run, now: datetime) -> bool:
    return run.has(START, now) or run.has(END, now)


def _real_states(computer: Computer, moment: Moment) -> set[State]:
    """Return the states by what happened; a run that is dead may count, or seem to run."""
    counts, last = {0}, None
    runs = computer.runs_until(moment.now)[-_ENOUGH:]
    for run in runs:
        if run.outcome is Outcome.KILLED:
            newest = run is runs[-1]
            added = {count + 1 for count in counts}
            counts = counts | added if newest else added
        elif run.end <= moment.now:
            good = run.outcome is Outcome.GOOD
            counts = {0} if good else {count + 1 for count in counts}
            last = run.end if good else last
    return {moment.thresholds.evaluate(count, last, moment.now) for count in counts}


def _expect_live(computer: Computer, moment: Moment) -> Options:
    now = moment.now
    known = _find_known(computer, now)
    start, end = known.start, known.end
    if end is not None and end.is_torn(END, now):
        return {State.OK: RIGHT, State.WARNING: RIGHT}
    if start is not None and start.is_torn(START, now):
        start = None
    if start is None and end is None:
        return {State.OK: RIGHT}
    failed = end is not None and end.outcome is Outcome.BAD
    if known.ended or start is None:
        return {State.WARNING if failed else State.OK: RIGHT}
    overdue = {
        each > _open_until(computer, start, known, stored=False) for each in (now, now - MINUTE)
    }
    if True in overdue:
        dead = start.outcome is Outcome.KILLED
        name = RIGHT if dead else _name_gap(computer, _find_real(computer, now), moment)
        return (
            {State.WARNING: name} if overdue == {True} else {State.WARNING: name, State.OK: RIGHT}
        )
    if failed:
        return {State.WARNING: RIGHT}
    between = computer.runs[end.number + 1 if end is not None else 0 : start.number]
    if any(run.outcome is Outcome.KILLED or run.end_in is None for run in between):
        return {State.WARNING: RIGHT, State.OK: LIVE_KILLED}
    since = end.end if end is not None else start.start
    dues = computer.dues_between(since, start.start + EARLY)
    if len(dues) > 1 or any(start.start > due.at + GRACE for due in dues):
        return {State.OK: RIGHT, State.WARNING: LIVE_MISSED}
    return {State.OK: RIGHT}


def _is_doubted(computer: Computer, known: Known, moment: Moment) -> bool:
    end, size = known.end, moment.account.size_at(moment.now)
    if end is None or end.outcome is not Outcome.GOOD:
        return False
    empty = size == 0 and moment.now - end.end > 2 * DAY
    if moment.stored:
        empty = size == 0 and moment.now - _first_arrival(computer) > 2 * DAY
    return empty or size >= 99


# Client, quota, and computers that are no longer used


def expect_client(computer: Computer, moment: Moment) -> Options:
    if (retired := _expect_retired(computer, moment)) is not None:
        return retired
    known = _find_known(computer, moment.now)
    newest = [run for run in (known.start, known.end) if run is not None]
    if not newest:
        return {State.OK: RIGHT}
    run = max(newest, key=lambda each: each.number)
    options: Options = {State.WARNING if run.version == OLD else State.OK: RIGHT}
    if run.torn:
        options = dict.fromkeys((State.OK, State.WARNING), RIGHT) | {State.UNKNOWN: UNREADABLE}
    return options


def _expect_retired(computer: Computer, moment: Moment) -> Options | None:
    """Return OK if it uploads nothing any more, while another computer of the account does."""
    now, others = moment.now, moment.account.computers
    retired_after = moment.account.retired_after
    if any(each.what == "remove" and each.at <= now for each in computer.setup.operations):
        return {State.OK: RIGHT}
    if len(others) == 1 or now - _last_arrival(computer, now) < retired_after - SLACK:
        return None
    border = now - retired_after
    if any(_last_arrival(other, now) > border for other in others if other is not computer):
        if now - _last_arrival(computer, now) < retired_after + moment.account.unseen:
            return dict.fromkeys(ALARMS, RIGHT)
        return {State.OK: RIGHT}
    return None


def _last_arrival(computer: Computer, now: datetime) -> datetime:
    arrived = computer.uploads_until(now)
    return arrived[-1].arrival if arrived else computer.created


def expect_quota(moment: Moment) -> Options:
    account, today = moment.account, moment.now.date()
    percent = account.size_at(moment.now)
    if percent > 85:
        return {State.CRITICAL if percent > 99 else State.WARNING: RIGHT}
    if moment.stored and any(0 <= (today - loss).days < 7 for loss in account.losses):
        return {State.WARNING: RIGHT}
    return {State.OK: RIGHT}


def clear(options: Options) -> str:
    """Return *options* for a reader."""
    return ", ".join(f"{state.name}{f' ({why})' if why else ''}" for state, why in options.items())
