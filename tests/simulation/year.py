"""A year of accounts: one life of four weeks after the other, with ordinary weeks between them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from clients import Program
from simulation.computers import (
    NEVER,
    PLAN,
    Changes,
    Computer,
    Operation,
    Run,
    Setup,
    Upload,
    list_dues,
    write_plan,
)
from simulation.lives import (
    ALWAYS,
    DOUBT,
    KINDS,
    THRESHOLDS,
    Fleet,
    Life,
    add_windows,
    always,
    make_slots,
    set_sizes,
)
from simulation.oracle import AccountLife
from walls import DAY, HOUR, MINUTE, SECOND, Crontab

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
LENGTH = 365
STRETCH = 28
SIZE = 34  # accounts of a server: as few as are needed for all zones to be dealt
USUAL = 60.0  # percent used: back from any kind of days, nothing falls by half
FIRST_ONLY = ("unused accounts", "new accounts", "empty accounts")
ORDINARY = 0.5  # of the stretches
ENDED = 0.05  # of the accounts are cancelled in the second half
SHORTEST = 20  # days that a kind of days needs
ZONES_OF_SERVER = 12
T = TypeVar("T")


class YearPlan(NamedTuple):
    """How a server is watched: *every* is the interval of its collector."""

    every: timedelta
    trouble: str = ""


# A run costs most of the time: few servers are watched each hour, most every four.
_PLANS = (
    YearPlan(4 * HOUR),
    YearPlan(3 * HOUR),
    YearPlan(6 * HOUR),
    YearPlan(4 * HOUR, "outages"),
    YearPlan(2 * HOUR),
    YearPlan(6 * HOUR, "disk"),
    YearPlan(4 * HOUR),
    YearPlan(6 * HOUR, "server"),
)


class ZoneClass(NamedTuple):
    """Zones whose clocks always show the same; *offsets*: in minutes, without whole days."""

    zones: tuple[str, ...]
    offsets: frozenset[int]


@cache
def list_zone_classes() -> tuple[ZoneClass, ...]:
    """Return all zones but the one of which no offset is in use (UTC-12)."""
    hours = [BEGIN + number * 2 * HOUR for number in range(366 * 12)]
    hours += [datetime(2015, 1, 1, tzinfo=UTC) + number * 5 * DAY for number in range(1700)]
    found: dict[tuple[int, ...], list[str]] = {}
    for name in sorted(available_timezones() - {"Factory", "localtime", "Etc/GMT+12"}):
        zone = ZoneInfo(name)
        key = tuple(_find_offset(each, zone) for each in hours)
        found.setdefault(key, []).append(name)
    return tuple(
        ZoneClass(tuple(names), frozenset(minutes % 1440 for minutes in key))
        for key, names in found.items()
    )


def _find_offset(moment: datetime, zone: ZoneInfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // MINUTE


def deal_zones(sizes: Sequence[int], seed: str) -> Iterator[list[str]]:
    """Yield the zones of each server's accounts: at no time do two of them look the same.

    Who has the most that nobody has yet comes first, so that all are dealt soon.
    """
    random = Random(f"{seed} zones")
    unused = {each: list(each.zones) for each in list_zone_classes()}
    for size in sizes:
        chosen: list[ZoneClass] = []
        for each in sorted(unused, key=lambda each: (-len(unused[each]), random.random())):
            if len(chosen) < ZONES_OF_SERVER and not any(
                each.offsets & other.offsets for other in chosen
            ):
                chosen.append(each)
        zones = []
        for number in range(size):
            each = chosen[number % len(chosen)]
            best = max(chosen, key=lambda each: len(unused[each]))
            each = each if unused[each] or not unused[best] else best
            zones.append(unused[each].pop() if unused[each] else random.choice(each.zones))
        yield sorted(zones)


@dataclass
class Stretch(Fleet):
    """Four weeks of one account, whose computers keep their program and their plan."""

    program: Program = Program.PERL
    slot: Crontab | None = None
    cron: bool = True
    is_first: bool = False

    def setup(self, name: str = "web01", **more: Any) -> Setup:
        assert self.slot is not None
        kept = {"program": self.program, "plans": always(self.slot), "cron": self.cron}
        if not self.is_first:
            kept["installed"] = None
        return super().setup(name, **{**kept, **more})


class Part(NamedTuple):
    """What a computer's life is like from *begin* to *end*."""

    begin: datetime
    end: datetime
    computer: Computer


def list_sizes(computers: int) -> list[int]:
    """Return how many accounts each server has."""
    return [SIZE] * (computers // SIZE) + [computers % SIZE] * bool(computers % SIZE)


def list_year_fleets(computers: int, seed: str, length: int = LENGTH) -> list[Callable[[], Fleet]]:
    """Return the servers of a year, each to be made where it is played."""

    def make(number: int, zones: list[str]) -> Callable[[], Fleet]:
        return lambda: _make_fleet(number, zones, seed, length)

    return [
        make(number, zones) for number, zones in enumerate(deal_zones(list_sizes(computers), seed))
    ]


def find_interval(number: int) -> timedelta:
    """Return how often the collector of a server runs."""
    return _PLANS[number % len(_PLANS)].every


def _make_fleet(number: int, zones: list[str], seed: str, length: int) -> Fleet:
    random, plan = Random(f"{seed} year {number}"), _PLANS[number % len(_PLANS)]
    classes = {zone: each for each in list_zone_classes() for zone in each.zones}
    listed = {classes[zone]: zone for zone in reversed(zones)}
    fleet = Fleet(BEGIN, tuple(reversed(listed.values())), random, length)
    fleet.slots = make_slots(random, range(24))
    fleet.every, fleet.quiet_every = plan.every, 12 * HOUR
    fleet.live_share = 0.1
    fleet.retired_after = random.choice([30, 90]) * DAY
    _trouble(fleet, plan.trouble)
    for index, zone in enumerate(zones):
        fleet.accounts.append(_make_account(fleet, f"40{number:02}{index:03}", zone))
    return fleet


def _trouble(fleet: Fleet, kind: str) -> None:
    random = fleet.random
    begins = [fleet.begin + random.randrange(10, 80) * DAY]
    while (begin := begins[-1] + random.randrange(20, 80) * DAY) < fleet.end:
        begins.append(begin + random.randrange(1440) * MINUTE)
    if kind == "outages":
        fleet.outages = tuple(
            (begin, begin + random.choice([2, 8, 30, 50]) * HOUR) for begin in begins
        )
    if kind == "disk":
        fleet.refused = tuple((begin, begin + random.randrange(8, 20) * HOUR) for begin in begins)
    if kind == "server":
        fleet.server = tuple(
            (begin, begin + random.randrange(1, 8) * HOUR, random.choice([-400, 400]) * DAY)
            for begin in begins
        )
        fleet.busy = tuple((begin, end + DOUBT) for begin, end, _ in fleet.server)


def _make_account(fleet: Fleet, uid: str, zone: str) -> AccountLife:
    random = fleet.random
    account = AccountLife(uid, "a year", [], fleet.begin - HOUR)
    account.numbers, account.days = random.choice(THRESHOLDS)
    account.usual = USUAL
    account.retired_after, account.every = fleet.retired_after, fleet.every
    lengths = [end - begin for begin, end in fleet.outages]
    account.unseen += fleet.every + max(lengths, default=timedelta(0))
    if random.random() < ENDED:
        account.ended = fleet.end - random.randrange(1, fleet.length // 2) * DAY
    parts, kinds = _live_stretches(fleet, account, zone)
    account.kinds = tuple(kinds)
    for name, its in parts.items():
        computer = _join(name, its, fleet)
        computer.created = account.created
        add_windows(fleet, computer)
        account.computers.append(computer)
    return account


def _live_stretches(
    fleet: Fleet, account: AccountLife, zone: str
) -> tuple[dict[str, list[Part]], list[tuple[datetime, str]]]:
    """Let the account live; return the parts of its computers' lives, and the kinds of days."""
    random = fleet.random
    program, slot = random.choice(list(Program)), random.choice(fleet.slots)
    if program is Program.SEPIOLA and random.random() < 0.3:
        slot = replace(slot, weekdays=frozenset(random.sample(range(1, 8), 5)))
    others = [each for each in fleet.zones if each != zone] or [zone]
    cron, begin = random.random() < 0.7, fleet.begin
    parts: dict[str, list[Part]] = {}
    kinds: list[tuple[datetime, str]] = [(ALWAYS, "right")]
    while begin < fleet.end:
        length = min(STRETCH, (fleet.end - begin).days)
        stretch = Stretch(
            begin,
            (zone, random.choice(others)),
            random,
            length,
            refused=fleet.refused,
            slots=fleet.slots,
            program=program,
            slot=slot,
            cron=cron,
            is_first=begin == fleet.begin,
        )
        kind, computers = _choose_life(stretch)
        kinds.append((begin, kind))
        _set_account(stretch, account, kind)
        silence = 0
        for number, computer in enumerate(reversed(computers)):
            # The last one is the account's own: the others come and go.
            name = computer.setup.name
            own = number == 0
            its = "web01" if own else f"{name}-{len(kinds)}"
            if its != name:
                computer = replace(computer, setup=replace(computer.setup, name=its))
            parts.setdefault(its, []).append(Part(begin, stretch.end, computer))
            if not own:
                _leave(computer, stretch)
            elif computer.setup.off and computer.setup.off[-1][1] == NEVER:
                silence = random.choice([0, 0, 0, 2, 10, 45])
        begin = stretch.end + silence * DAY
    return parts, kinds


def _choose_life(stretch: Stretch) -> tuple[str, list[Computer]]:
    random = stretch.random
    while True:
        kind = "right"
        if stretch.length >= SHORTEST and random.random() > ORDINARY:
            kind = random.choice(list(KINDS))
        if kind in FIRST_ONLY and not stretch.is_first:
            continue
        life: Life = KINDS[kind]
        computers = life(stretch)
        # A computer keeps its program.
        if all(each.setup.program is stretch.program for each in computers[-1:]):
            return kind, computers


def _leave(computer: Computer, stretch: Stretch) -> None:
    """Let some computers' folders be removed at the end; others are silent until they retire."""
    operations = computer.setup.operations
    if stretch.random.random() < 0.7 and not any(each.what == "remove" for each in operations):
        at = stretch.end - stretch.random.randrange(1, 600) * MINUTE
        off = (*computer.setup.off, (at - 12 * HOUR, NEVER))
        operations = (*operations, Operation(at, "remove"))
        computer.setup = replace(computer.setup, off=off, operations=operations)
        computer.runs = [each for each in computer.runs if each.start < at - 12 * HOUR]
        kept = {id(each) for each in computer.runs}
        computer.uploads = [
            each
            for each in computer.uploads
            if each.arrival < at and (each.run is None or id(each.run) in kept)
        ]


def _set_account(stretch: Stretch, account: AccountLife, kind: str) -> None:
    if kind == "unused accounts":
        account.created = stretch.begin - stretch.random.randrange(1, 12) * DAY
    if kind == "thresholds of any kind" and stretch.is_first:
        account.numbers = stretch.random.choice([None, 0, 1, 2, 3, -1, 100, "many"])
        account.days = stretch.random.choice([None, 0, 1, 2, 3, -1, 100, "few"])
    life = AccountLife(account.uid, kind, [], account.created)
    set_sizes(stretch, life)
    account.sizes = {
        **account.sizes,
        **{day: size for day, size in life.sizes.items() if day < stretch.end.date()},
    }
    account.losses |= life.losses


def _join(name: str, parts: Sequence[Part], fleet: Fleet) -> Computer:
    """Return the computer that lives these parts, one after the other."""
    first = parts[0].computer.setup
    setup = replace(
        first,
        name=name,
        zones=_join_changes(parts, lambda setup: setup.zones),
        plans=_join_changes(parts, lambda setup: setup.plans),
        versions=_join_changes(parts, lambda setup: setup.versions),
        clock=_join_changes(parts, lambda setup: setup.clock),
        operations=tuple(sorted(each for part in parts for each in part.computer.setup.operations)),
        off=(),
    )
    runs: list[Run] = []
    uploads: list[Upload] = []
    dates: set[tuple[str, datetime]] = set()
    for part in parts:
        free = runs[-1].end + MINUTE if runs else part.begin
        new = [
            each
            for each in part.computer.runs
            if each.start >= free and not dates & _list_dates(each, part.computer.setup)
        ]
        for each in new:
            dates |= _list_dates(each, part.computer.setup)
        kept = {id(each) for each in new}
        runs += new
        uploads += [
            each for each in part.computer.uploads if each.run is None or id(each.run) in kept
        ]
    if setup.program is Program.SEPIOLA:  # uploads a changed schedule at once
        begins = {part.begin for part in parts}
        uploads += [
            Upload(at + 9 * SECOND, PLAN, write_plan(setup, at), setup.own(at), None)
            for at, _ in setup.plans
            if at in begins
        ]
    for number, run in enumerate(runs):
        run.number = number
    uploads.sort(key=lambda each: each.arrival)
    dues = list_dues(setup, parts[0].begin, fleet.end + 4 * DAY)
    return Computer(setup, dues, runs, uploads)


def _list_dates(run: Run, setup: Setup) -> set[tuple[str, datetime]]:
    """Return what identifies the reports of a run.

    A clock that is set back may show a time again, and Sepiola's ids are few here: by chance a
    report would be the same as one before, once in years instead of once in sixty thousand runs.
    """
    return {(run.id, setup.own(at).replace(microsecond=0)) for at in (run.start, run.end)}


def _join_changes(parts: Sequence[Part], choose: Callable[[Setup], Changes[T]]) -> Changes[T]:
    joined: list[tuple[datetime, T]] = []
    for part in parts:
        for at, value in sorted(choose(part.computer.setup), key=lambda change: change[0]):
            since = max(at, part.begin) if joined else ALWAYS
            if since < part.end and (not joined or joined[-1][1] != value):
                joined.append((since, value))
    return tuple(joined)
