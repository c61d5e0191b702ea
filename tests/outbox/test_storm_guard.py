"""Storms: whose mails are held, dropped, released."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backup_monitoring.mail.transport import SendOutcome, SendResult
from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.model.notices import EventKind, Role
from backup_monitoring.model.times import DAY
from backup_monitoring.model.verdicts import LastOutcome, State
from backup_monitoring.outbox.backlog import read_status
from backup_monitoring.outbox.messages import ENDED, QueuedMail, Storm
from backup_monitoring.outbox.queue import queue_for_digest, queue_mail, track_failure
from backup_monitoring.outbox.storm_guard import hold_endings, release_held, watch_storms
from backup_monitoring.settings.notify import NotifySettings
from outbox.outbox_cases import (
    MINUTE,
    NOW,
    OPERATOR,
    Composer,
    MailHouse,
    event,
    find_last_sent,
    mail,
    reseller,
)

POLICY = NotifySettings(settle=10 * MINUTE, operator=OPERATOR)
MANY = tuple(f"c{number:02}" for number in range(20))
TASK = "quota"


class Accepting:
    """A transport that takes all."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        self.addresses.append(address)
        return SendResult(SendOutcome.ACCEPTED, "")

    def close(self) -> None:
        pass


class House(MailHouse):
    """An outbox, what the store knows of the server, and who got a mail.

    Attributes:
        total: the number of the server's customers. outcomes: None: not known.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.policy = POLICY
        self.transport = Accepting()
        self.total: int | None = None
        self.outcomes: list[LastOutcome] | None = None
        self._numbers = 0

    def count_customers(self, host: str) -> int | None:
        return self.total if host == "backup-01" else None

    def list_outcomes(self, host: str, task: str, since: datetime) -> list[LastOutcome] | None:
        assert task in ("schedule", "status")
        return self.outcomes if host == "backup-01" else None

    def fail(
        self,
        *uids: str,
        minutes: float,
        host: str = "backup-01",
        task: str = TASK,
        customer: str = "",
    ) -> None:
        """Let accounts fail, each of its own customer unless one is given."""
        with self.outbox.transaction(at(minutes)) as t:
            for uid in uids:
                about = event(uid, at=at(minutes), host=host, task=task)
                track_failure(t, about, customer or uid)
                self._numbers += 1
                queue_mail(t, mail(f"{self._numbers}@t", f"{uid}@example.org", about))

    def recover(self, *uids: str, minutes: float, task: str = TASK) -> list[str]:
        """Let accounts recover; return those whose customer had been notified."""
        notified = []
        with self.outbox.transaction(at(minutes)) as t:
            for uid in uids:
                track_failure(t, event(uid, EventKind.RECOVERY, State.OK, at(minutes), task))
                last = find_last_sent(t, (f"{uid}@example.org", Role.CUSTOMER), uid, task)
                if last is not None and last.kind is EventKind.PROBLEM:
                    notified.append(uid)
        return notified

    def deliver(self, minutes: float) -> list[str]:
        """Deliver; return who got a mail, the part before the @, sorted."""
        self.transport.addresses.clear()
        self.delivered = self.deliver_by(self.transport, minutes, servers=self)
        return sorted(address.partition("@")[0] for address in self.transport.addresses)

    def count_held(self) -> int:
        return read_status(self.outbox.file, self.policy, NOW).held

    def logged(self) -> list[tuple[str, str, str]]:
        """Return what the log says of held and released mails, whose they are, and why."""
        lines = self.read_log("held", "released")
        return [(line["what"], line["account"], line["reason"]) for line in lines]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    with made.outbox:
        yield made


def outcome(customer: str, minutes: float, failed: bool = True) -> LastOutcome:
    """Return an outcome that was due then."""
    return LastOutcome(failed, at(minutes), customer)


def held_of(storm: Storm) -> list[str]:
    return [account for account, _ in storm.held]


def test_a_single_failure_settles_and_is_sent(house: House) -> None:
    house.fail("a", minutes=0)

    assert [house.deliver(minute) for minute in (0, 9, 10, 11)] == [[], [], ["a"], []]


def test_why_a_mail_was_released_is_not_why_it_waits(house: House) -> None:
    house.fail("a", minutes=0)
    with house.outbox.transaction(at(10)) as t:
        watch_storms(t, house.policy, house)

    status = read_status(house.outbox.file, house.policy, at(60))

    assert (status.waiting, status.reason) == (1, "")


def test_a_single_failure_that_recovers_meanwhile_is_never_sent(house: House) -> None:
    house.fail("a", minutes=0)
    house.deliver(1)

    assert house.recover("a", minutes=5) == []
    assert house.deliver(60) == []


def test_a_storm_by_outcomes(house: House) -> None:
    """One after the other fails, five minutes apart, and then backups succeed again."""
    house.total, house.outcomes, sent = (
        60,
        [outcome(f"g{n}", -n, failed=False) for n in range(9)],
        [],
    )
    for number, uid in enumerate("abcdefgh", 1):
        house.outcomes.append(outcome(uid, 5 * number))
        house.fail(uid, minutes=5 * number, task="status")
        sent.append(house.deliver(5 * number))

    assert sent == [[], [], ["a"], ["b"], ["noc"], [], [], []]
    (storm,) = house.composer.storms
    assert storm == Storm(
        *("backup-01", "status", at(5), tuple((uid, "status") for uid in "cde")),
        *(5, 60, at(25) + DAY, (("a", "status"), ("b", "status"))),
    )
    assert house.deliver(12 * 60) == [], "a quiet half day changes nothing"
    assert house.count_held() == 6
    house.outcomes += [outcome("c", 800, failed=False), outcome("d", 801, failed=False)]
    house.outcomes = [each for each in house.outcomes if each != outcome("c", 15)]
    house.outcomes = [each for each in house.outcomes if each != outcome("d", 20)]
    assert house.recover("a", "c", "d", minutes=802, task="status") == ["a"]
    assert house.deliver(802) == ["e", "f", "g", "h"]


def test_who_goes_on_failing_is_notified_when_the_storm_is_over(house: House) -> None:
    """25 of 60 fail at once, 24 recover; another customer lets two accounts fail in turn."""
    names = [f"c{number:02}" for number in range(25)]
    house.total, house.outcomes = 60, [outcome(name, 0) for name in names]
    house.fail(*names, minutes=0, task="status")
    assert house.deliver(1) == ["noc"]
    house.outcomes = [outcome(name, 60 + n, failed=False) for n, name in enumerate(names[1:])]
    house.outcomes += [outcome("c00", 0), outcome("turn", 85)]
    house.recover(*names[1:], minutes=85, task="status")
    house.fail("turn-1", minutes=85, task="status", customer="turn")

    assert house.deliver(86) == ["c00"]
    assert house.deliver(95) == ["turn-1"]


def test_one_owner_of_21_accounts_holds_nobody_else(house: House) -> None:
    names = [f"own{number:02}" for number in range(21)]
    for task in ("status", "quota"):
        house.total, house.outcomes = 180, [outcome("owner", 0) for _ in names]
        house.fail(*names, minutes=0, task=task, customer="owner")
        house.fail("other", minutes=0, task=task)

        assert house.deliver(10) == sorted([*names, "other"])
    assert house.composer.storms == []


def test_a_storm_by_number(house: House) -> None:
    house.fail(*MANY, minutes=0)
    house.fail("other", minutes=3, host="backup-02")
    house.fail("task", minutes=3, task="client")

    assert house.deliver(4) == ["noc"]
    (storm,) = house.composer.storms
    held = tuple((uid, "quota") for uid in MANY)
    assert storm == Storm("backup-01", "quota", NOW, held, 20, None, at(4) + DAY)
    house.fail("late", minutes=20)
    assert house.deliver(20) == ["other", "task"]
    assert house.count_held() == 21
    assert house.recover(MANY[0], minutes=21) == []
    assert house.deliver(40) == [], "twenty customers are still a storm"
    assert house.recover(MANY[1], minutes=41) == []
    assert house.deliver(42) == sorted([*MANY[2:], "late"])
    assert house.recover(MANY[2], minutes=43) == [MANY[2]]
    assert house.deliver(100) == []
    assert len(house.composer.storms) == 1


def test_two_accounts_in_turn_keep_no_storm_alive(house: House) -> None:
    house.fail(*MANY, minutes=0)
    assert house.deliver(0) == ["noc"]
    house.recover(*MANY[1:], minutes=30)
    for minutes in range(30, 50, 5):
        house.fail(f"turn-{minutes % 2}", minutes=minutes, customer="turn")
        house.recover(f"turn-{1 - minutes % 2}", minutes=minutes)

        assert house.deliver(minutes) == ([MANY[0]] if minutes == 30 else [])


def test_all_recover(house: House) -> None:
    house.fail(*MANY, minutes=0)
    assert house.deliver(0) == ["noc"]

    assert house.recover(*MANY, minutes=5) == []

    assert house.deliver(5) == []
    house.fail(*MANY, minutes=200)
    assert house.deliver(200) == ["noc"], "the operator is notified of a new storm"


def test_what_lasts_for_a_day_is_sent(house: House) -> None:
    house.fail(*MANY, minutes=0)
    assert house.deliver(0) == ["noc"]
    house.recover(MANY[0], minutes=60)
    house.fail("late", minutes=60)

    assert house.deliver(20 * 60 - 1) == []
    assert house.deliver(20 * 60) == ["noc"], "again, four hours before"
    assert house.deliver(24 * 60 - 1) == []
    assert [storm.again for storm in house.composer.storms] == [False, True]
    assert held_of(house.composer.storms[1]) == [*MANY[1:], "late"]
    assert house.deliver(24 * 60) == [*MANY[1:], "late"]
    house.fail("later", minutes=24 * 60 + 1)
    assert house.deliver(24 * 60 + 2) == []
    assert house.deliver(24 * 60 + 11) == ["later"]


def test_no_second_mail_about_a_short_storm(house: House) -> None:
    house.policy = POLICY._replace(storm_max_hold=timedelta(hours=4))
    house.fail(*MANY, minutes=0)

    assert [house.deliver(minutes) for minutes in (0, 239)] == [["noc"], []]
    assert house.deliver(240) == list(MANY)


def test_release(house: House) -> None:
    house.fail(*MANY, minutes=0)
    with house.outbox.transaction(at(0)) as t:
        queue_for_digest(t, reseller(), event(MANY[0]))
    assert house.deliver(0) == ["noc"]
    with house.outbox.transaction(at(30)) as t:
        assert release_held(t) == 21

    assert house.deliver(30) == [*MANY, "support"]
    house.fail("e", minutes=100)
    house.fail("f", minutes=105)
    assert house.deliver(110) == ["e"]


def test_a_storm_by_outcomes_that_is_released_is_not_recognized_again(house: House) -> None:
    house.outcomes = [outcome(uid, 0) for uid in "abcde"]
    house.fail(*"abcde", minutes=0, task="schedule")
    assert house.deliver(1) == ["noc"]
    with house.outbox.transaction(at(2)) as t:
        assert release_held(t) == 5
    house.fail("f", minutes=3, task="schedule")
    house.outcomes.append(outcome("f", 3))

    assert house.deliver(3) == list("abcde")
    assert house.deliver(13) == ["f"]
    house.outcomes = []
    house.deliver(14)
    house.outcomes = [outcome(uid, 100) for uid in "abcde"]
    house.fail(*"vwxyz", minutes=100, task="schedule")
    assert house.deliver(101) == ["noc"], "another storm"


def test_what_the_guard_did_is_in_the_log(house: House) -> None:
    house.fail("alone", minutes=-60)
    house.deliver(-50)
    house.fail(*MANY, minutes=0)
    house.deliver(0)
    house.recover(MANY[0], minutes=5)
    house.deliver(10)
    house.fail(*MANY, minutes=100)
    house.deliver(101)
    house.recover(*MANY[2:], minutes=101)
    house.fail(*(f"d{number}" for number in range(18)), minutes=102)
    house.deliver(102)
    house.deliver(101 + 24 * 60)

    ran = house.logged()
    assert ran[0] == ("released", "alone", "no storm")
    assert ran[1:21] == [("held", uid, "storm on backup-01") for uid in MANY]
    assert ran[21:40] == [("released", uid, "the storm is over") for uid in MANY[1:]]
    assert ran[-1] == ("released", "d9", "the storm lasts longer than 1d")


@pytest.mark.parametrize(("total", "held"), [(None, 20), (200, 20), (201, 0)])
def test_the_threshold_grows_with_the_server(house: House, total: int | None, held: int) -> None:
    house.total = total
    house.fail(*MANY, minutes=0)

    house.deliver(0)

    assert house.count_held() == held


def test_without_outcomes_what_is_known_of_a_storm_stays(house: House) -> None:
    """The store is too old for a while, in a storm of few customers."""
    house.outcomes = [outcome(uid, 0) for uid in "abcde"]
    house.fail(*"abcde", minutes=0, task="schedule")
    assert house.deliver(1) == ["noc"]
    house.outcomes = None
    house.fail("f", minutes=60, task="schedule")

    assert house.deliver(100) == []
    assert house.count_held() == 6
    house.outcomes = [outcome(uid, 110, failed=False) for uid in "vwxyz"]
    assert house.deliver(111) == list("abcdef")


def test_without_outcomes_a_storm_that_was_released_is_forgotten(house: House) -> None:
    house.outcomes = [outcome(uid, 0) for uid in "abcde"]
    house.fail(*"abcde", minutes=0, task="schedule")
    assert house.deliver(1) == ["noc"]
    with house.outbox.transaction(at(2)) as t:
        release_held(t)
    house.outcomes = None
    assert house.deliver(3) == list("abcde")
    house.fail(*MANY, minutes=60, task="schedule")

    assert house.deliver(61) == ["noc"]


def test_without_a_store_schedule_is_counted_too(house: House) -> None:
    house.fail(*MANY, minutes=0, task="schedule")

    assert house.deliver(1) == ["noc"]


def test_a_further_computer_of_an_old_failure_is_held_too(house: House) -> None:
    house.fail("old", minutes=-600, task="schedule")
    assert house.deliver(-580) == ["old"]
    house.outcomes = [outcome(uid, 0) for uid in "abcde"]
    house.fail("a", "old", minutes=1, task="schedule")

    assert house.deliver(2) == ["noc"]
    assert house.count_held() == 2


def test_problem_and_recovery_in_turn_sends_nothing(house: House) -> None:
    house.outcomes = []
    for minutes in range(0, 100, 10):
        house.outcomes = [outcome("turn", minutes)]
        house.fail("turn", minutes=minutes, task="status")
        assert house.deliver(minutes) == []
        assert house.recover("turn", minutes=minutes + 5, task="status") == []
        assert house.deliver(minutes + 5) == []


def hold(house: House, minutes: float, *uids: str) -> int:
    """Let these accounts be monitored no longer; return how many of these ends are held."""
    with house.outbox.transaction(at(minutes)) as t:
        ended = [(uid, "quota") for uid in uids]
        held = hold_endings(t, ended, house.policy, house)
        assert held <= set(ended)
        return len(held)


@pytest.fixture
def notified(house: House) -> House:
    """A server whose 40 customers were notified of failures."""
    house.policy = POLICY._replace(storm=False)
    house.fail(*(f"c{number:02}" for number in range(40)), minutes=-1000)
    house.deliver(-1000)
    house.policy = POLICY
    return house


def test_many_that_are_no_longer_monitored_are_held_like_a_storm(notified: House) -> None:
    house = notified
    house.total = 180

    assert hold(house, 0, *MANY[:19]) == 0, "too few"
    assert hold(house, 1, *MANY) == 20
    assert house.deliver(1) == ["noc"]
    (storm,) = house.composer.storms
    held = tuple((uid, "quota") for uid in MANY)
    assert storm == Storm("backup-01", ENDED, at(1), held, 20, None, at(1) + DAY)
    assert hold(house, 2, *MANY, "c30") == 21
    assert hold(house, 20 * 60, *MANY[:19], "c30", "c31") == 21
    assert house.deliver(20 * 60 + 1) == ["noc"]
    assert held_of(house.composer.storms[1]) == [*MANY[:19], "c30", "c31"]
    assert read_status(house.outbox.file, house.policy, NOW).held == 21
    assert hold(house, 24 * 60 + 1, *MANY) == 0, "held for a day"
    assert hold(house, 24 * 60 + 2, *MANY) == 20, "another time"


def test_when_they_are_back_nothing_is_held(notified: House) -> None:
    assert hold(notified, 0, *MANY) == 20
    assert hold(notified, 5, *MANY[:3]) == 0
    assert notified.deliver(5) == [], "it was over before anybody was notified"


@pytest.mark.parametrize(("total", "held"), [(None, 20), (180, 20), (181, 0)])
def test_how_many_ends_are_too_many(notified: House, total: int | None, held: int) -> None:
    notified.total = total

    assert hold(notified, 0, *MANY) == held


def test_ends_that_were_released_are_not_held(notified: House) -> None:
    assert hold(notified, 0, *MANY) == 20
    with notified.outbox.transaction(at(1)) as t:
        release_held(t)

    assert hold(notified, 5, *MANY) == 0
    notified.policy = POLICY._replace(storm=False)
    assert hold(notified, 10, *MANY) == 0


def test_the_ends_of_one_customer_are_not_held(house: House) -> None:
    house.fail(*MANY, minutes=-60, customer="one")
    house.deliver(-50)

    assert hold(house, 0, *MANY) == 0


def test_off(house: House) -> None:
    house.fail(*MANY, minutes=0)
    house.deliver(0)
    house.policy = POLICY._replace(storm=False)

    assert house.deliver(1) == list(MANY), "what was held is sent, too"
    house.fail("e", minutes=2)
    assert house.deliver(2) == ["e"]
    house.policy = POLICY
    house.fail("f", minutes=100)
    house.fail("g", minutes=105)
    assert house.deliver(110) == ["f"], "the earlier storm is over"


def test_nobody_delivered_for_hours(house: House) -> None:
    house.fail(*MANY, minutes=0)

    assert house.deliver(300) == ["noc"]


def test_digests_are_held_too(house: House) -> None:
    for uid in MANY:
        about = event(uid)
        with house.outbox.transaction(NOW) as t:
            track_failure(t, about, uid)
            queue_for_digest(t, reseller(), about)
    assert house.deliver(0) == ["noc"]
    assert house.deliver(60) == []
    with house.outbox.transaction(at(61)) as t:
        track_failure(t, event(MANY[0], EventKind.RECOVERY, State.OK))
        assert find_last_sent(t, (reseller().address, Role.RESELLER), MANY[0], "quota") is None

    assert house.deliver(62) == ["support"]
    assert [each.uid for each in house.composer.digests[0].events] == list(MANY[1:])
    with house.outbox.transaction(at(63)) as t:
        last = find_last_sent(t, (reseller().address, Role.RESELLER), MANY[1], "quota")
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
    house.fail("a", minutes=60 * 24 * 365)
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
    house.fail(*MANY, minutes=0)

    assert house.deliver(0) == []
    assert [str(each) for each in house.delivered.errors] == ["template: broken; mend it"]
    assert house.count_held() == 20
    house.composer = working
    assert house.deliver(1) == ["noc"]
