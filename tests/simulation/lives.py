"""The kinds of days: what accounts are like, and what befalls them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, pairwise
from random import Random
from typing import Any, NamedTuple

from clients import Program
from simulation.computers import (
    END,
    NEVER,
    PLAN,
    START,
    Changes,
    Computer,
    Operation,
    Outcome,
    Setup,
    T,
    Unscheduled,
    Window,
    live,
    value_at,
)
from simulation.oracle import ALARMS, NEW, OLD, RETIRED_AFTER, AccountLife
from walls import DAY, HOUR, MINUTE, Crontab

OFTEN = 5 * MINUTE
DOUBT = 26 * HOUR  # of 300 runs, in which what a run sees first is in doubt
ALWAYS = datetime.min.replace(tzinfo=UTC)
RUN_TASKS = frozenset(["schedule", "status", "client"])
ALL_TASKS = frozenset(["quota", "schedule", "status", "client", "unused"])
SCHEDULE, STATUS = frozenset(["schedule"]), frozenset(["status"])
LIVE, BOTH = frozenset(["live"]), frozenset(["store", "live"])

JUMP = "a clock that jumps after its last report"
TRAVEL = "travel before the first report from there"
GLITCH = "weekdays of a clock that was wrong while a start was written"
NOT_UPLOADED = "a changed plan that is not uploaded yet"
LIVE_RESTORED = "live: older reports were restored"
CHOWNED_UNSEEN = "a wrong clock, and chown of files that no run has seen"
RESTORED_UNSEEN = "older reports were restored that no run has seen"
LIVE_DELETED = "live: scheduler.xml was deleted"
LIVE_CHOWN = "live: a wrong clock, and chown of all files"
LIVE_SERVER_CLOCK = "live: reports arrived while the server's own clock was wrong"
SERVER_CLOCK = "the server's own clock is wrong"
PLAN_SERVER_CLOCK = "a plan changed while the server's own clock was slow"
BOTH_CLOCKS = "its clock and the server's were wrong at once, or within 300 runs"


@dataclass
class Fleet:
    """The accounts of a server.

    Args:
        length: how many days are played, of those that the kinds of days name: they take 28.
        outages: when the collector does not run. server: when its clock is wrong, and by how much.
        refused: when its disk is full.
        every: how often the collector runs when something happens; *busy*: when it does so each
            five minutes, whatever happens.
        quiet_every: how often all accounts are compared.
        live_share: of the runs after which they are judged without the store, too.
    """

    begin: datetime
    zones: tuple[str, ...]
    random: Random
    length: int
    accounts: list[AccountLife] = field(default_factory=list)
    outages: tuple[tuple[datetime, datetime], ...] = ()
    server: tuple[tuple[datetime, datetime, timedelta], ...] = ()
    refused: tuple[tuple[datetime, datetime], ...] = ()
    slots: Sequence[Crontab] = ()
    every: timedelta = OFTEN
    busy: tuple[tuple[datetime, datetime], ...] = ()
    quiet_every: timedelta = 4 * HOUR
    live_share: float = 1
    retired_after: timedelta = RETIRED_AFTER

    @property
    def end(self) -> datetime:
        return self.begin + self.length * DAY

    @property
    def windows(self) -> tuple[Window, ...]:
        """The times in which no state is right, since now is wrong."""
        return tuple(
            Window(begin, end, SERVER_CLOCK, ALL_TASKS, BOTH) for begin, end, _ in self.server
        )

    def day(self, first: float, last: float) -> datetime:
        """A random moment between two days of 28."""
        share = self.length * 1440 / 28
        minutes = self.random.randrange(int(first * share), int(last * share))
        return self.begin + minutes * MINUTE

    def setup(self, name: str = "web01", **more: Any) -> Setup:
        """A usual computer."""
        random = self.random
        program = more.pop("program", None) or random.choice(list(Program))
        slot = random.choice(self.slots)
        if program is Program.SEPIOLA and random.random() < 0.3:
            slot = replace(slot, weekdays=frozenset(random.sample(range(1, 8), 5)))
        setup = Setup(
            name=name,
            program=program,
            zones=always(self.zones[0]),
            plans=always(slot),
            versions=always(NEW),
            cron=random.random() < 0.7,
            refused=self.refused,
            installed=self.day(0, 0.5)
            if program is Program.SEPIOLA and random.random() < 0.3
            else None,
        )
        return replace(setup, **more)

    def live(self, setup: Setup) -> Computer:
        return live(setup, self.begin, self.end, Random(self.random.random()))

    def off(self, *begins: datetime, longest: float = 6) -> tuple[tuple[datetime, datetime], ...]:
        return tuple(
            (begin, begin + self.random.uniform(0.2, longest) * DAY) for begin in sorted(begins)
        )

    def dead(self, setup: Setup, since: datetime) -> Setup:
        return replace(setup, off=(*setup.off, (since, NEVER)))

    def maybe_dead(self, setup: Setup, since: datetime) -> Setup:
        return self.dead(setup, since) if self.random.random() < 0.5 else setup


def always(value: T) -> Changes[T]:
    return ((ALWAYS, value),)


Life = Callable[[Fleet], list[Computer]]


def right(fleet: Fleet) -> list[Computer]:
    count = fleet.random.choice([1, 1, 1, 2])
    return [fleet.live(fleet.setup(f"web0{number}")) for number in range(1, count + 1)]


def failures(fleet: Fleet) -> list[Computer]:
    return [fleet.live(fleet.setup(outcomes=(0.3, 0)))]


def killed(fleet: Fleet) -> list[Computer]:
    return [fleet.live(fleet.setup(outcomes=(0.05, 0.25)))]


def silent(fleet: Fleet) -> list[Computer]:
    off = fleet.off(fleet.day(4, 9), fleet.day(16, 20))
    return [fleet.live(fleet.maybe_dead(fleet.setup(off=off), fleet.day(23, 26)))]


def disabled(fleet: Fleet) -> list[Computer]:
    setup = fleet.setup(program=Program.SEPIOLA)
    plans = (*setup.plans, (fleet.day(6, 20), Unscheduled.BY_HAND))
    return [fleet.live(replace(setup, plans=plans))]


def by_hand(fleet: Fleet) -> list[Computer]:
    plan = fleet.random.choice(list(Unscheduled))
    setup = fleet.setup(program=Program.SEPIOLA, plans=always(plan), outcomes=(0.1, 0))
    return [fleet.live(fleet.maybe_dead(setup, fleet.day(10, 20)))]


def long_runs(fleet: Fleet) -> list[Computer]:
    setup = _weekly(fleet, fleet.random.randrange(1, 8), length=(3600,))
    forced = fleet.random.choice([(), ((3, Outcome.KILLED),)])
    return [fleet.live(replace(setup, forced=forced))]


def _weekly(fleet: Fleet, weekday: int, **more: Any) -> Setup:
    plan = replace(fleet.slots[0], weekdays=frozenset([weekday]))
    return fleet.setup(
        program=Program.SEPIOLA, plans=always(plan), jitter=False, installed=None, **more
    )


def changed_plans(fleet: Fleet) -> list[Computer]:
    setup = fleet.setup()
    changes = [(fleet.day(first, first + 6), fleet.random.choice(fleet.slots)) for first in (5, 14)]
    setup = replace(setup, plans=(*setup.plans, *changes))
    return [fleet.live(fleet.maybe_dead(setup, fleet.day(21, 26)))]


def thresholds(fleet: Fleet) -> list[Computer]:
    off = fleet.off(fleet.day(4, 9), fleet.day(16, 20))
    return [fleet.live(fleet.setup(off=off, outcomes=(0.3, 0.05)))]


def several(fleet: Fleet) -> list[Computer]:
    off = fleet.off(fleet.day(4, 9), fleet.day(16, 20))
    return [
        fleet.live(fleet.setup("laptop", off=off)),
        fleet.live(fleet.setup("customer/web01", outcomes=(0.2, 0.1))),
        fleet.live(fleet.setup("web02")),
    ]


def travel(fleet: Fleet) -> list[Computer]:
    setup = fleet.setup(program=Program.SEPIOLA)
    zones = (*setup.zones, (fleet.day(5, 9), fleet.zones[1]), (fleet.day(15, 19), fleet.zones[0]))
    return [fleet.live(fleet.maybe_dead(replace(setup, zones=zones), fleet.day(22, 26)))]


def lost_uploads(fleet: Fleet) -> list[Computer]:
    return [fleet.live(fleet.setup(lost_share=0.1, outcomes=(0.1, 0.02)))]


def _torn(name: str) -> Life:
    def life(fleet: Fleet) -> list[Computer]:
        setup = fleet.setup(outcomes=(0.15, 0))
        first = fleet.live(setup)
        run = fleet.random.randrange(2, max(3, len(first.runs) - 6))
        setup = replace(setup, torn=frozenset([(run, name)]))
        if fleet.random.random() < 0.5:
            setup = fleet.dead(setup, first.runs[run].end + 2 * HOUR)
        return [fleet.live(setup)]

    return life


def deleted_schedule(fleet: Fleet) -> list[Computer]:
    at = fleet.day(7, 18)
    setup = fleet.setup(operations=(Operation(at, "delete"),), no_plans_after=at)
    return [fleet.live(fleet.maybe_dead(setup, fleet.day(18, 24)))]


def restored(fleet: Fleet) -> list[Computer]:
    snapshot, later = fleet.day(5, 9), fleet.day(12, 24)
    operations = (Operation(snapshot, "snapshot"), Operation(later, "restore"))
    setup = fleet.setup(operations=operations, outcomes=(0.15, 0.05))
    return [fleet.live(fleet.maybe_dead(setup, fleet.day(9, 12)))]


def chowned(fleet: Fleet) -> list[Computer]:
    operations = (Operation(fleet.day(5, 22), "chown"),)
    setup = fleet.setup(operations=operations, outcomes=(0.15, 0.05))
    return [fleet.live(fleet.maybe_dead(setup, fleet.day(5, 22)))]


def renamed(fleet: Fleet) -> list[Computer]:
    operations = (Operation(fleet.day(5, 20), "rename"),)
    return [fleet.live(fleet.setup(operations=operations, outcomes=(0.5, 0.1)))]


def retired(fleet: Fleet) -> list[Computer]:
    old = fleet.dead(fleet.setup("old", outcomes=(0.2, 0)), fleet.day(4, 12))
    return [fleet.live(old), fleet.live(fleet.setup("new"))]


def removed(fleet: Fleet) -> list[Computer]:
    at = fleet.day(8, 20)
    old = fleet.setup("old", outcomes=(0.2, 0), operations=(Operation(at, "remove"),))
    return [fleet.live(fleet.dead(old, at - DAY)), fleet.live(fleet.setup("new"))]


def old_client(fleet: Fleet) -> list[Computer]:
    versions: Changes[str] = ((ALWAYS, OLD), (fleet.day(8, 24), NEW))
    return [fleet.live(fleet.setup(versions=versions)), fleet.live(fleet.setup("web02"))]


def unused(fleet: Fleet) -> list[Computer]:
    return []


def new(fleet: Fleet) -> list[Computer]:
    begin = fleet.day(5, 20)
    return [fleet.live(fleet.setup(off=((fleet.begin, begin),), installed=None))]


def _wrong(low: timedelta, high: timedelta) -> Life:
    """A clock that is wrong all the time, ahead by *low* to *high*."""

    def life(fleet: Fleet) -> list[Computer]:
        error = low + (high - low) * fleet.random.random()
        setup = fleet.setup(clock=always(error), installed=None)
        setup = replace(setup, outcomes=fleet.random.choice([(0, 0), (0.2, 0.05)]))
        return [fleet.live(fleet.maybe_dead(setup, fleet.day(14, 25)))]

    return life


def _jumps(*errors: float) -> Life:
    """A clock that is ahead by one of *errors*, in hours, after the other."""

    def life(fleet: Fleet) -> list[Computer]:
        step = 20 / len(errors)
        changes = [
            (fleet.day(3 + step * number, 3 + step * (number + 1)), error * HOUR)
            for number, error in enumerate(errors[1:])
        ]
        setup = fleet.setup(clock=(*always(errors[0] * HOUR), *changes), installed=None)
        return [fleet.live(fleet.maybe_dead(setup, fleet.day(24, 26)))]

    return life


def set_in_mid_run(fleet: Fleet) -> list[Computer]:
    error = fleet.random.choice([-3, -2, 2, 3]) * HOUR
    setup = fleet.setup(clock=always(error), length=(120,), jitter=False, installed=None)
    runs = fleet.live(setup).runs
    at = runs[fleet.random.randrange(3, len(runs) - 4)].start + HOUR
    setup = replace(setup, clock=(*setup.clock, (at, timedelta(0))))
    return [fleet.live(fleet.maybe_dead(setup, at + 3 * HOUR))]


def dated_ahead(fleet: Fleet) -> list[Computer]:
    setup = fleet.setup(jitter=False, installed=None)
    runs = fleet.live(setup).runs
    number = fleet.random.randrange(3, len(runs) - 3)
    run = runs[number]
    setup = replace(setup, glitches=((number, 2 * DAY),), forced=((number, Outcome.KILLED),))
    return [fleet.live(fleet.dead(setup, run.start + 30 * MINUTE))]


def late_uploads(fleet: Fleet) -> list[Computer]:
    late = tuple(
        (number, name, fleet.random.randrange(1, 10) * HOUR)
        for number, name in ((4, END), (8, START), (12, END), (12, PLAN))
    )
    setup = fleet.setup(late=late, jitter=False, length=(5, 20, 40))
    return [fleet.live(fleet.maybe_dead(setup, fleet.day(13, 14)))]


def slow_with_changed_plan(fleet: Fleet) -> list[Computer]:
    error = -fleet.random.choice([3 * HOUR, 30 * DAY, 3650 * DAY])
    setup = fleet.setup(program=Program.SEPIOLA, clock=always(error), installed=None)
    changed = fleet.day(8, 10)
    setup = replace(setup, plans=(*setup.plans, (changed, fleet.random.choice(fleet.slots))))
    return [fleet.live(fleet.dead(setup, changed + fleet.random.randrange(1, 72) * HOUR))]


def slow_and_chowned(fleet: Fleet) -> list[Computer]:
    operations = (Operation(fleet.day(5, 22), "chown"),)
    error = fleet.random.choice([-3 * HOUR, 3 * HOUR, -2000 * DAY])
    setup = fleet.setup(clock=always(error), operations=operations, installed=None)
    return [fleet.live(fleet.maybe_dead(setup, fleet.day(5, 22)))]


def weekly_and_slow(fleet: Fleet) -> list[Computer]:
    setup = _weekly(fleet, 1, clock=always(-5 * DAY))
    return [fleet.live(fleet.maybe_dead(setup, fleet.day(10, 20)))]


YEAR = 365 * DAY
KINDS: dict[str, Life] = {
    "right": right,
    "failures": failures,
    "killed runs": killed,
    "silent computers": silent,
    "disabled clients": disabled,
    "without a schedule": by_hand,
    "long runs": long_runs,
    "changed plans": changed_plans,
    "thresholds of any kind": thresholds,
    "several computers": several,
    "travel": travel,
    "lost uploads": lost_uploads,
    "late uploads": late_uploads,
    "torn backupStarted.xml": _torn(START),
    "torn backupEnded.xml": _torn(END),
    "torn scheduler.xml": _torn(PLAN),
    "deleted scheduler.xml": deleted_schedule,
    "restored reports": restored,
    "chown of all files": chowned,
    "renamed folders": renamed,
    "retired computers": retired,
    "removed folders": removed,
    "old clients": old_client,
    "unused accounts": unused,
    "new accounts": new,
    "growing accounts": right,
    "sudden losses": right,
    "full accounts": failures,
    "empty accounts": right,
    "clock minutes wrong": _wrong(-9 * MINUTE, 9 * MINUTE),
    "clock hours slow": _wrong(-11 * HOUR, -12 * MINUTE),
    "clock hours fast": _wrong(12 * MINUTE, 11 * HOUR),
    "clock days wrong": _wrong(-9 * DAY, 9 * DAY),
    "clock years slow": _wrong(-10 * YEAR, -YEAR),
    "clock years fast": _wrong(YEAR, 10 * YEAR),
    "clock turns wrong": _jumps(0, -3, 3),
    "clock set right": _jumps(-3, 0, 3, 0),
    "clock 13 h fast, set right": _jumps(13, 0),
    "clock years slow, set right": _jumps(-7 * 8760, 0),
    "clock set in mid-run": set_in_mid_run,
    "a start dated ahead": dated_ahead,
    "slow clock, changed plan": slow_with_changed_plan,
    "wrong clock, chown": slow_and_chowned,
    "weekly, 5 days slow": weekly_and_slow,
}
CHANGES = {  # where clocks change, and when
    "Europe/Zurich": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "Antarctica/Troll": ("2026-03-29", "2026-10-25"),
}
OUTAGES, SERVER_WRONG = "collector outages", "server's clock wrong for hours"
ALL_KINDS = (*KINDS, *(f"clock change, {zone}" for zone in CHANGES), OUTAGES, SERVER_WRONG)
QUIET = ("2026-01-05", "2026-06-01", "2026-11-23")  # no clock of ours changes in the days after
ZONES = (
    ("Europe/Zurich", "America/New_York"),
    ("Europe/Zurich", "Asia/Tokyo"),
    ("America/New_York", "Europe/Zurich"),
    ("Asia/Kathmandu", "Europe/Zurich"),
    ("Pacific/Auckland", "Europe/Zurich"),
)


# Backups and days, as an entry sets them: half of them warn of the first that is missed or fails.
THRESHOLDS = (
    *[(1, 0)] * 6,
    *[(None, None)] * 2,
    *[(0, 1), (0, 2), (3, 0), (0, 0)],
)


class Extent(NamedTuple):
    """How much is played: *length* in days of a server, *size* in accounts.

    Args:
        special: accounts of a server with a trouble of its own. rights: accounts without any
            trouble, beside one of each other kind.
    """

    length: int = 28
    size: int = 12
    special: int = 6
    rights: int = 25


SHORT = Extent(length=14, size=15, special=4, rights=1)


_SERVERS = ("", "change", "", "outage", "", "server", "", "change", "", "change")


def list_fleets(seed: str, extent: Extent) -> Iterator[Fleet]:
    """Yield one server after another."""
    deck = _Deck(Random(f"{seed} deck"), extent.rights)
    changes = [(zone, day) for zone, days in CHANGES.items() for day in days]
    Random(f"{seed} changes").shuffle(changes)
    change = cycle(changes)
    for number, kind in enumerate(cycle(_SERVERS)):
        random = Random(f"{seed} {number}")
        begin = random.choice(QUIET)
        zones: tuple[str, ...] = random.choice(ZONES)
        if kind == "change":
            zone, begin = next(change)
            zones = (zone,)
        fleet = Fleet(
            datetime.fromisoformat(begin).replace(tzinfo=UTC), zones, random, extent.length
        )
        if kind == "change":
            fleet.begin -= extent.length // 2 * DAY
        fleet.slots = make_slots(random, range(1, 4) if kind == "change" else range(24))
        _trouble(fleet, kind)
        _fill(fleet, kind, deck, extent)
        yield fleet


def _fill(fleet: Fleet, kind: str, deck: "_Deck", extent: Extent) -> None:
    """Add the accounts; those of a server with a trouble of its own have its kind of days."""
    special = {
        "change": f"clock change, {fleet.zones[0]}",
        "outage": OUTAGES,
        "server": SERVER_WRONG,
    }
    for number in range(extent.special if kind else extent.size):
        name = fleet.random.choice(list(KINDS)[:4]) if kind else deck.draw()
        account = make_account(fleet, f"40001{number:02}", name)
        account.kind = special.get(kind, name)
        fleet.accounts.append(account)


class _Deck:
    """Deals all kinds before one comes again, most of them right."""

    def __init__(self, random: Random, rights: int) -> None:
        self._random = random
        self._rights = rights
        self._kinds: list[str] = []

    def draw(self) -> str:
        if not self._kinds:
            self._kinds = ["right"] * self._rights + list(KINDS)[1:]
            self._random.shuffle(self._kinds)
        return self._kinds.pop()


def make_slots(random: Random, hours: Sequence[int]) -> list[Crontab]:
    """Return the plans of a server's customers: they share few hours."""
    minutes = [0, 5, 15, 30, 45]
    slots = [
        Crontab(frozenset([hour]), frozenset([random.choice(minutes)]), None)
        for hour in random.sample(hours, 3)
    ]
    twice = frozenset([random.randrange(0, 5), random.randrange(10, 20)])
    often = frozenset(random.sample(range(24), 4))
    minute = frozenset([random.choice(minutes)])
    return [*slots, Crontab(twice, frozenset([0]), None), Crontab(often, minute, None)]


def _trouble(fleet: Fleet, kind: str) -> None:
    random = fleet.random
    if kind == "outage":
        begins = [fleet.day(first, first + 4) for first in (3, 11, 19)]
        fleet.outages = tuple(
            (begin, begin + random.choice([2, 8, 30, 50]) * HOUR) for begin in begins
        )
    if kind == "server":
        fleet.server = tuple(
            (begin, begin + random.randrange(1, 8) * HOUR, random.choice([-400, 400]) * DAY)
            for begin in (fleet.day(5, 8), fleet.day(15, 18))
        )


def make_account(fleet: Fleet, uid: str, kind: str) -> AccountLife:
    random = fleet.random
    computers = KINDS[kind](fleet)
    account = AccountLife(uid, kind, computers, fleet.begin - HOUR)
    if kind == "unused accounts":
        account.created = fleet.begin - random.randrange(1, 12) * DAY
    account.numbers, account.days = random.choice(THRESHOLDS)
    if kind == "thresholds of any kind":
        account.numbers = random.choice([None, 0, 1, 2, 3, -1, 100, "many"])
        account.days = random.choice([None, 0, 1, 2, 3, -1, 100, "few"])
    set_sizes(fleet, account)
    for computer in computers:
        computer.created = account.created
        add_windows(fleet, computer)
    return account


def add_windows(fleet: Fleet, computer: Computer) -> None:
    """Add when the documents say that this computer's state cannot be known."""
    computer.windows += _list_windows(computer)
    computer.windows += _list_windows_after(fleet, computer)


def set_sizes(fleet: Fleet, account: AccountLife) -> None:
    days = [(fleet.begin + number * DAY).date() for number in range(fleet.length + 1)]
    if account.kind == "growing accounts":
        account.sizes = {day: 70.0 + number * 1.5 for number, day in enumerate(days)}
    elif account.kind == "full accounts":
        account.sizes = {day: 99.5 if number > 9 else 60.0 for number, day in enumerate(days)}
    elif account.kind == "empty accounts":
        account.sizes = dict.fromkeys(days, 0.0)
    elif account.kind == "sudden losses":
        loss = fleet.day(5, 20).date()
        account.losses = frozenset([loss])
        account.sizes = {day: 60.0 if day < loss else 20.0 for day in days}


def _list_windows(computer: Computer) -> Iterator[Window]:
    """Yield when the documents say that this computer's state cannot be known."""
    setup = computer.setup
    changes = [
        (at, JUMP, _next_start(computer, at), _longest_jump(setup, at, abs(error - before[1])))
        for before, (at, error) in pairwise(setup.clock)
    ]
    changes += [(at, TRAVEL, _next_start(computer, at), 3 * DAY) for at, _ in setup.zones[1:]]
    changes += [(at, NOT_UPLOADED, _next_plan(computer, at), 3 * DAY) for at, _ in setup.plans[1:]]
    for at, name, known, longest in changes:
        yield Window(at, min(known, at + longest), name, SCHEDULE, BOTH, ALARMS)
        # The runs before it are measured by what is known now.
        rare = name == NOT_UPLOADED and _has_weekdays(setup, at)
        until = min(next_end(computer, at), at + (9 * DAY if rare else longest))
        yield Window(at, until, f"live: {name}, before it", STATUS, LIVE, ALARMS)
    for each in computer.uploads:
        if each.run is None or each.name != START or not _has_weekdays(setup, each.arrival):
            continue
        if abs(each.written - setup.own(each.run.start)) > 12 * HOUR:
            known = _next_start(computer, each.run.start)
            yield Window(each.arrival, known, GLITCH, SCHEDULE, BOTH, ALARMS)
            yield Window(each.arrival, known, f"live: {GLITCH}", STATUS, LIVE, ALARMS)
    for at, what in setup.operations:
        if what == "restore":
            yield Window(at, next_end(computer, at), LIVE_RESTORED, RUN_TASKS, LIVE, ALARMS)
        elif what == "delete":
            yield Window(at, _next_plan(computer, at), LIVE_DELETED, SCHEDULE, LIVE, ALARMS)
        elif what == "chown" and value_at(setup.clock, at):
            yield Window(at, _next_start(computer, at), LIVE_CHOWN, RUN_TASKS, LIVE, ALARMS)


def _longest_jump(setup: Setup, at: datetime, jump: timedelta) -> timedelta:
    """Return how long the next report may take after a *jump* of the clock."""
    return 9 * DAY if _has_weekdays(setup, at) else min(jump, DAY) + 2 * DAY


def _has_weekdays(setup: Setup, at: datetime) -> bool:
    plan = value_at(setup.plans, at)
    return isinstance(plan, Crontab) and plan.weekdays is not None


def _list_windows_after(fleet: Fleet, computer: Computer) -> Iterator[Window]:
    """Yield how long the files say when they arrived by a wrong clock of the server."""
    for begin, end, error in fleet.server:
        changed = any(begin <= at < end for at, _ in computer.setup.plans)
        if changed and error < timedelta(0):
            known = _next_start(computer, end)
            yield Window(begin, known, PLAN_SERVER_CLOCK, SCHEDULE, BOTH, ALARMS)
        if any(begin <= each.arrival < end for each in computer.uploads):
            until = next_end(computer, end)
            yield Window(end, until, LIVE_SERVER_CLOCK, RUN_TASKS, LIVE, ALARMS)
        trusted = end + DOUBT
        if any(error for _, error in _list_errors(computer.setup, begin, trusted)):
            yield Window(begin, next_end(computer, trusted), BOTH_CLOCKS, RUN_TASKS, BOTH)


def _list_errors(
    setup: Setup, begin: datetime, end: datetime
) -> Iterator[tuple[datetime, timedelta]]:
    """Yield by how much its clock is ahead between two times, each with since when."""
    yield begin, value_at(setup.clock, begin)
    yield from (each for each in setup.clock if begin < each[0] < end)


def _next_start(computer: Computer, at: datetime) -> datetime:
    return _first(run.start_in for run in computer.runs if run.start > at)


def next_end(computer: Computer, at: datetime) -> datetime:
    """Return when the next end arrives of a run that starts after *at*."""
    return _first(run.end_in for run in computer.runs if run.start > at and run.start_in)


def _next_plan(computer: Computer, at: datetime) -> datetime:
    return _first(
        each.arrival for each in computer.uploads if each.name == PLAN and each.arrival >= at
    )


def _first(moments: Iterator[datetime | None]) -> datetime:
    return next((each for each in moments if each is not None), NEVER)
