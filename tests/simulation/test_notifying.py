"""A year of accounts: what is said of them, and which mails are sent, against what must be."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import pytest

from simulation.lives import Extent, Fleet, list_fleets, make_account
from simulation.mail_oracle import (
    ENDED,
    RECOVERY,
    REMINDER,
    Arrived,
    Key,
    MailCount,
    MailOracle,
    Seen,
    Slot,
)
from simulation.notifying import NotifyingServer, YearResult, format_year, play_year
from simulation.owners import CUSTOMER
from simulation.year import deal_zones, list_sizes, list_zone_classes
from walls import HOUR

SEED = "1"


def test_six_weeks_of_a_few_accounts_and_their_mails() -> None:
    result = play_year(6, SEED, 42)

    assert not result.deviations, "\n".join((*result.deviations, format_year(result)))
    assert result.mails.mails > result.mails.problems > 0


def test_a_year(request: pytest.FixtureRequest) -> None:
    computers = request.config.getoption("year")
    if not computers:
        pytest.skip("needs --year")

    result = play_year(computers, SEED, processes=2)

    print(f"\n{format_year(result)}")
    assert not result.deviations, "\n".join(result.deviations)


def test_all_zones_are_dealt_to_a_thousand_accounts() -> None:
    dealt = {zone for zones in deal_zones(list_sizes(1000), SEED) for zone in zones}

    assert dealt == {zone for each in list_zone_classes() for zone in each.zones}


# What the oracle of the mails finds


class Turn(NamedTuple):
    """A scan, and what arrived after it."""

    now: datetime
    seen: Mapping[Key, Seen]
    mails: list[Arrived]


class Recorder(MailOracle):
    """Remembers what it gets."""

    def __init__(self, server: NotifyingServer, fleet: Fleet, count: MailCount) -> None:
        self._arguments = server.people, fleet.zones[0], fleet.every
        super().__init__(*self._arguments, count)
        self.turns: list[Turn] = []

    def begin_again(self, count: MailCount) -> MailOracle:
        return MailOracle(*self._arguments, count)

    def scan(self, seen: Mapping[Key, Seen], gone: Collection[str], now: datetime) -> None:
        self.turns.append(Turn(now, seen, []))
        super().scan(seen, gone, now)

    def take(self, mails: Iterable[Arrived], now: datetime) -> None:
        self.turns[-1].mails.extend(mails)
        super().take(self.turns[-1].mails, now)


def make_fleet() -> Fleet:
    """Return accounts whose computers are silent now and then, or for good."""
    fleet = next(list_fleets(SEED, Extent(length=28, size=0)))
    fleet.accounts = [make_account(fleet, f"400010{n}", "silent computers") for n in range(4)]
    fleet.accounts.append(make_account(fleet, "4000108", "retired computers"))
    fleet.accounts.append(make_account(fleet, "4000109", "right"))
    for account in fleet.accounts:
        account.numbers, account.days = 1, 0
    fleet.every, fleet.live_share = 6 * HOUR, 0
    return fleet


def play(notify: str = "") -> tuple[Recorder, MailCount]:
    fleet, result = make_fleet(), YearResult()
    server = NotifyingServer(fleet, "", result, notify=notify)
    for owner in server.people.owners.values():
        owner.switch = ((owner.switch[0][0], "TRUE"),)
    server.oracle = recorder = Recorder(server, fleet, result.mails)
    server.play()
    return recorder, result.mails


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    recorder, count = play()
    assert not count.wrong, count.wrong
    return recorder


def judge(recorder: Recorder, change: Callable[[list[Arrived]], list[Arrived]]) -> list[str]:
    """Return what is wrong with the mails after a *change*."""
    count = MailCount()
    oracle = recorder.begin_again(count)
    for turn in recorder.turns:
        oracle.scan(turn.seen, (), turn.now)
        oracle.take(change(list(turn.mails)), turn.now)
    return count.wrong


def drop(kind: str) -> Callable[[list[Arrived]], list[Arrived]]:
    return lambda mails: [
        each._replace(said=kept)
        for each in mails
        if (kept := tuple(line for line in each.said if line[0] != kind))
    ]


def repeat(mails: list[Arrived]) -> list[Arrived]:
    return mails + mails


def misdirect(mails: list[Arrived]) -> list[Arrived]:
    return [each._replace(address="stranger@example.net") for each in mails]


def forget_thread(mails: list[Arrived]) -> list[Arrived]:
    return [each._replace(answers="") for each in mails]


def delay() -> Callable[[list[Arrived]], list[Arrived]]:
    waiting: list[Arrived] = []

    def change(mails: list[Arrived]) -> list[Arrived]:
        late = list(waiting)
        waiting[:] = mails
        return late

    return change


def invent(mails: list[Arrived]) -> list[Arrived]:
    slot = Slot(("backup@4000109.example.org", CUSTOMER), ("4000109", "schedule"))
    return [
        *mails,
        *(each._replace(said=(("PROBLEM", slot),), address=slot.to[0]) for each in mails[:1]),
    ]


def test_right_mails_are_right(recorder: Recorder) -> None:
    assert judge(recorder, list) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (drop("PROBLEM"), "missing: PROBLEM"),
        (drop(REMINDER), "missing: REMINDER"),
        (drop(RECOVERY), "missing: RECOVERY"),
        (drop(ENDED), "missing: MONITORING_ENDED"),
        (repeat, "unexpected: PROBLEM"),
        (misdirect, "somebody else's: PROBLEM"),
        (forget_thread, "not in the thread: RECOVERY"),
        (delay(), "missing: PROBLEM"),
        (invent, "unexpected: PROBLEM of 4000109"),
    ],
)
def test_wrong_mails_are_found(
    recorder: Recorder, change: Callable[[list[Arrived]], list[Arrived]], what: str
) -> None:
    assert any(what in line for line in judge(recorder, change))


def test_a_wrong_interval_is_found() -> None:
    _, count = play('reminder_interval = "2d"')

    assert any("unexpected: REMINDER" in line for line in count.wrong)
