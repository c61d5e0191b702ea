"""Storms: whose mails are held, dropped, released."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backup_monitoring.mail.transport import SendOutcome, SendResult
from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.model.notices import EventKind, Role
from backup_monitoring.model.verdicts import State
from backup_monitoring.outbox.backlog import read_status
from backup_monitoring.outbox.delivery import DeliveryResult, deliver
from backup_monitoring.outbox.delivery_log import DeliveryLog
from backup_monitoring.outbox.messages import QueuedMail, Storm
from backup_monitoring.outbox.queue import queue_for_digest, queue_mail, track_failure
from backup_monitoring.outbox.storm_guard import release_held
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.settings.notify import NotifySettings
from outbox.outbox_cases import (
    MINUTE,
    NOW,
    OPERATOR,
    Composer,
    event,
    find_last_sent,
    mail,
    reseller,
)

POLICY = NotifySettings(
    storm_percent=10, storm_min_accounts=3, settle=10 * MINUTE, operator=OPERATOR
)


class Accepting:
    """A transport that takes all."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        self.addresses.append(address)
        return SendResult(SendOutcome.ACCEPTED, "")

    def close(self) -> None:
        pass


class House:
    """An outbox, and who got a mail."""

    def __init__(self, outbox: Outbox, log: Path) -> None:
        self.outbox = outbox
        self.log = log
        self.transport = Accepting()
        self.composer = Composer()
        self.policy = POLICY
        self.total: int | None = None
        self._numbers = 0

    def fail(self, uid: str, minutes: float, host: str = "backup-01", task: str = "quota") -> None:
        about = event(uid, at=at(minutes), host=host, task=task)
        with self.outbox.transaction(at(minutes)) as t:
            track_failure(t, about)
            self._numbers += 1
            queue_mail(t, mail(f"{self._numbers}@t", f"{uid}@example.org", about))

    def recover(self, uid: str, minutes: float) -> bool:
        """Let *uid* recover; return whether its customer had been notified."""
        with self.outbox.transaction(at(minutes)) as t:
            track_failure(t, event(uid, EventKind.RECOVERY, State.OK, at(minutes)))
            last = find_last_sent(t, (f"{uid}@example.org", Role.CUSTOMER), uid, "quota")
            return last is not None and last.kind is EventKind.PROBLEM

    def deliver(self, minutes: float) -> list[str]:
        """Deliver; return who got a mail, the part before the @."""
        self.transport.addresses.clear()
        self.delivered = self._deliver(minutes)
        return [address.partition("@")[0] for address in self.transport.addresses]

    def logged(self) -> list[tuple[str, str, str]]:
        """Return what the log says of held and released mails, whose they are, and why."""
        lines = map(json.loads, self.log.read_text().splitlines())
        return [
            (line["what"], line["account"], line["reason"])
            for line in lines
            if line["what"] in ("held", "released")
        ]

    def _deliver(self, minutes: float) -> DeliveryResult:
        counts = Counter({"backup-01": self.total or 0})
        return deliver(
            *(self.outbox, self.transport, self.policy, at(minutes), self.composer),
            count_accounts=counts.get if self.total else lambda host: None,
        )


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    log = tmp_path / "notify.jsonl"
    with Outbox(tmp_path / "outbox", DeliveryLog(log)) as outbox:
        yield House(outbox, log)


def test_a_single_failure_settles_and_is_sent(house: House) -> None:
    house.fail("a", 0)

    assert [house.deliver(minute) for minute in (0, 9, 10, 11)] == [[], [], ["a"], []]


def test_a_single_failure_that_recovers_meanwhile_is_never_sent(house: House) -> None:
    house.fail("a", 0)
    house.deliver(1)

    assert not house.recover("a", 5)
    assert house.deliver(60) == []


def test_a_storm(house: House) -> None:
    for number, uid in enumerate("abcd"):
        house.fail(uid, number)
    house.fail("other", 3, host="backup-02")
    house.fail("task", 3, task="status")

    assert house.deliver(4) == ["noc"]
    assert house.composer.storms == [Storm("backup-01", "quota", NOW, ("a", "b", "c", "d"), None)]
    house.fail("late", 20)
    assert sorted(house.deliver(20)) == ["other", "task"]
    assert read_status(house.outbox.file, at(20)).held == 5
    assert not house.recover("a", 21)
    assert house.deliver(40) == [], "four are above the threshold of three"
    assert not house.recover("b", 41)
    assert sorted(house.deliver(42)) == ["c", "d", "late"]
    assert house.recover("c", 43), "who was notified hears of the recovery, too"
    assert house.deliver(100) == []
    assert len(house.composer.storms) == 1


def test_all_recover(house: House) -> None:
    for uid in "abcd":
        house.fail(uid, 0)
    assert house.deliver(0) == ["noc"]

    assert [house.recover(uid, 5) for uid in "abcd"] == [False] * 4

    assert house.deliver(5) == []
    for uid in "abcd":  # the operator is notified of a new storm
        house.fail(uid, 200)
    assert house.deliver(200) == ["noc"]


def test_release(house: House) -> None:
    for uid in "abcd":
        house.fail(uid, 0)
    with house.outbox.transaction(at(0)) as t:
        queue_for_digest(t, reseller(), event("a"))
    assert house.deliver(0) == ["noc"]
    with house.outbox.transaction(at(30)) as t:
        assert release_held(t) == 5

    assert sorted(house.deliver(30)) == ["a", "b", "c", "d", "support"]
    house.fail("e", 100)
    house.fail("f", 105)
    assert house.deliver(110) == ["e"], "the storm is over"


def test_released_failures_are_not_part_of_the_next_storm(house: House) -> None:
    for uid in "abcd":
        house.fail(uid, 0)
    assert house.deliver(0) == ["noc"]
    with house.outbox.transaction(at(1)) as t:
        release_held(t)
    house.fail("e", 2)

    assert sorted(house.deliver(2)) == ["a", "b", "c", "d", "noc"]
    assert house.deliver(12) == ["e"]


def test_what_the_guard_did_is_in_the_log(house: House) -> None:
    house.fail("alone", -60)
    house.deliver(-50)
    for uid in "abcd":
        house.fail(uid, 0)
    house.deliver(0)
    house.recover("d", 5)
    house.deliver(10)
    house.fail("e", 100)
    for uid in "fghi":
        house.fail(uid, 101)
    house.deliver(101)
    with house.outbox.transaction(at(102)) as t:
        release_held(t)

    assert house.logged() == [
        ("released", "alone", "no storm"),
        *(("held", uid, "storm on backup-01") for uid in "abcd"),
        *(("released", uid, "the storm is over") for uid in "abc"),
        *(("held", uid, "storm on backup-01") for uid in "efghi"),
        *(("released", uid, "released by hand") for uid in "efghi"),
    ]


def test_a_storm_begins_with_the_first_that_is_part_of_it(house: House) -> None:
    house.fail("long ago", 0)
    assert house.deliver(10) == ["long ago"]
    for uid in "abcd":
        house.fail(uid, 200)

    assert house.deliver(200) == ["noc"]
    (storm,) = house.composer.storms
    assert (storm.since, storm.accounts) == (at(200), ("a", "b", "c", "d"))


@pytest.mark.parametrize(("total", "held"), [(None, 4), (30, 4), (40, 0), (39, 4)])
def test_the_threshold_grows_with_the_server(house: House, total: int | None, held: int) -> None:
    house.total = total
    for uid in "abcd":
        house.fail(uid, 0)

    house.deliver(0)

    assert read_status(house.outbox.file, NOW).held == held


def test_off(house: House) -> None:
    for uid in "abcd":
        house.fail(uid, 0)
    house.deliver(0)
    house.policy = POLICY._replace(storm=False)

    assert house.deliver(1) == ["a", "b", "c", "d"], "what was held is sent, too"
    house.fail("e", 2)
    assert house.deliver(2) == ["e"]
    house.policy = POLICY
    house.fail("f", 100)
    house.fail("g", 105)
    assert house.deliver(110) == ["f"], "the earlier storm is over"


def test_nobody_delivered_for_hours(house: House) -> None:
    for uid in "abcd":
        house.fail(uid, 0)

    assert house.deliver(300) == ["noc"]


def test_digests_are_held_too(house: House) -> None:
    for uid in "abcd":
        about = event(uid)
        with house.outbox.transaction(NOW) as t:
            track_failure(t, about)
            queue_for_digest(t, reseller(), about)
    assert house.deliver(0) == ["noc"]
    assert house.deliver(60) == []
    with house.outbox.transaction(at(61)) as t:
        track_failure(t, event("a", EventKind.RECOVERY, State.OK))
        assert find_last_sent(t, (reseller().address, Role.RESELLER), "a", "quota") is None

    assert house.deliver(62) == ["support"]
    assert [each.uid for each in house.composer.digests[0].events] == ["b", "c", "d"]
    with house.outbox.transaction(at(63)) as t:
        last = find_last_sent(t, (reseller().address, Role.RESELLER), "b", "quota")
    assert last is not None
    assert last.kind is EventKind.PROBLEM


def test_a_digest_waits_for_more(house: House) -> None:
    house.policy = POLICY._replace(storm=False)
    for minutes, uid in enumerate("ab"):
        with house.outbox.transaction(at(minutes)) as t:
            queue_for_digest(t, reseller(), event(uid))
            queue_for_digest(t, reseller("b@reseller.example.org"), event(uid))

    assert house.deliver(9) == []
    assert sorted(house.deliver(10)) == ["b", "support"]
    assert [len(each.events) for each in house.composer.digests] == [2, 2]


def test_a_clock_that_is_set_back(house: House) -> None:
    house.fail("a", 60 * 24 * 365)
    with house.outbox.transaction(at(60 * 24 * 365)) as t:
        queue_for_digest(t, reseller(), event("b"))
        queue_mail(t, mail("late@t", "c@example.org"))

    assert house.deliver(0) == ["c"]
    assert sorted(house.deliver(10)) == ["a", "support"]


def test_a_storm_that_cannot_be_written_is_held_and_sent_later(house: House) -> None:
    class Failing(Composer):
        def compose_storm(self, storm: Storm) -> QueuedMail:
            raise MonitoringError("template", "broken", "mend it")

    working, house.composer = house.composer, Failing()
    for uid in "abcd":
        house.fail(uid, 0)

    assert house.deliver(0) == []
    assert [str(each) for each in house.delivered.errors] == ["template: broken; mend it"]
    assert read_status(house.outbox.file, NOW).held == 4
    house.composer = working
    assert house.deliver(1) == ["noc"]
