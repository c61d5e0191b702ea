"""Delivery from the outbox to a real mail server."""

import multiprocessing
import os
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from backup_monitoring.mail.transport import SendOutcome, SendResult
from backup_monitoring.mail.transport_selection import open_transport
from backup_monitoring.model.errors import MonitoringError
from backup_monitoring.model.notices import EventKind, Role
from backup_monitoring.model.verdicts import State
from backup_monitoring.outbox.backlog import read_status
from backup_monitoring.outbox.delivery import TIME_LIMIT, DeliveryResult, deliver
from backup_monitoring.outbox.messages import Digest, DigestPart
from backup_monitoring.outbox.outbox_errors import OutboxError
from backup_monitoring.outbox.outbox_file import name_lock
from backup_monitoring.outbox.queue import queue_for_digest, queue_mail, track_failure
from backup_monitoring.outbox.sending import choose_pause
from backup_monitoring.outbox.sent import read_conversation
from backup_monitoring.outbox.transaction import Outbox
from integration.slapd import free_port
from mail import mailserver, scripted
from mail.mailserver import Behaviour
from outbox.outbox_cases import (
    MINUTE,
    NOW,
    OPERATOR,
    Composer,
    MailHouse,
    deliver_with_another,
    event,
    find_last_sent,
    mail,
    reseller,
)

ANNA = "anna@example.org"


class House(MailHouse):
    """An outbox, and the server that its mails go to."""

    def __init__(self, folder: Path, server: Behaviour, port: int) -> None:
        smtp = f"smtp://localhost:{port}"
        super().__init__(folder, smtp=smtp, return_path="bounces@example.org", storm=False)
        self.server = server

    def deliver(self, minutes: float = 0, limit: timedelta = TIME_LIMIT) -> DeliveryResult:
        return self.deliver_by(open_transport(self.policy, 0.5), minutes, limit=limit)

    def got(self) -> list[str]:
        """Return who got mails since the last time."""
        found = [each.address for each in self.server.got]
        self.server.got.clear()
        return found

    def logged(self, *what: str) -> list[tuple[str, str]]:
        """Return what the log says, and to whom."""
        return [(line["what"], line["address"]) for line in self.read_log(*what)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with mailserver.running() as (behaviour, port):
        made = House(tmp_path, behaviour, port)
        with made.outbox:
            yield made


def test_greylisted_and_sent_a_minute_later(house: House) -> None:
    house.server.greylist.add(ANNA)
    about = event()
    house.queue(mail("1@t", about=about), mail("2@t", "b@example.org"))

    assert house.deliver() == DeliveryResult(sent=1, retried=1)
    assert house.deliver(0.5) == DeliveryResult()
    assert house.deliver(1) == DeliveryResult(sent=1)
    assert house.got() == ["b@example.org", ANNA]
    assert house.logged("sent", "retried") == [
        ("retried", ANNA),
        ("sent", "b@example.org"),
        ("sent", ANNA),
    ]
    with house.outbox.transaction(NOW) as t:
        last = find_last_sent(t, (ANNA, Role.CUSTOMER), about.uid, about.task)
    assert last is not None
    assert (last.kind, last.state, last.first_id) == (EventKind.PROBLEM, State.CRITICAL, "<1@t>")


def test_solved_does_not_arrive_after_it_failed_again(house: House) -> None:
    house.queue(mail("1@t", about=event()))
    assert house.deliver() == DeliveryResult(sent=1)
    house.server.greylist.add(ANNA)
    over = event(kind=EventKind.RECOVERY, state=State.OK)
    with house.outbox.transaction(NOW) as t:
        track_failure(t, over)
        queue_mail(t, mail("2@t", about=over))
    assert house.deliver(1) == DeliveryResult(retried=1)

    again = event(at=NOW + MINUTE)
    house.queue(mail("3@t", about=again))

    assert house.deliver(2) == DeliveryResult(sent=1)
    with house.outbox.transaction(NOW) as t:
        last = find_last_sent(t, (ANNA, Role.CUSTOMER), "4000101", "quota")
    assert last is not None
    assert (last.kind, last.last_id) == (EventKind.PROBLEM, "<3@t>")


def test_no_mail_about_a_problem_overtakes_an_older_one(house: House) -> None:
    house.server.greylist.add(ANNA)
    house.queue(mail("1@t", about=event(state=State.WARNING)), mail("0@t"))
    assert house.deliver() == DeliveryResult(sent=1, retried=1)  # the other one is about no problem
    house.queue(mail("2@t", about=event(state=State.CRITICAL)))

    assert house.deliver(0.5) == DeliveryResult()
    assert house.deliver(1) == DeliveryResult(sent=2)
    sent = [each.content.split(b"\r\n")[0] for each in house.server.got]
    assert sent == [b"Message-ID: <0@t>", b"Message-ID: <1@t>", b"Message-ID: <2@t>"]


def test_no_digest_overtakes_an_older_one(house: House) -> None:
    house.server.greylist.add(reseller().address)

    def send(kind: EventKind, minutes: int) -> None:
        with house.outbox.transaction(NOW + minutes * MINUTE) as t:
            queue_for_digest(t, reseller(), event(kind=kind))

    send(EventKind.PROBLEM, 0)
    assert house.deliver(10).retried == 1
    send(EventKind.RECOVERY, 1)  # it has waited for as long, when the first one is tried again

    assert house.deliver(11).sent == 1
    assert house.deliver(12).sent == 1
    assert [each.events[0].kind for each in house.composer.digests] == [
        EventKind.PROBLEM,
        EventKind.RECOVERY,
    ]


def test_pauses_grow_until_it_is_given_up(house: House) -> None:
    house.server.answers[f"RCPT {ANNA}"] = "450 4.2.0 full"
    house.queue(mail("1@t", about=event()))
    tries, refused = [], 0
    for minute in range(4 * 24 * 60):
        done = house.deliver(minute) if _due(house, minute) else DeliveryResult()
        if done.retried or done.refused:
            tries.append(minute)
        refused += done.refused

    assert tries[:9] == [0, 1, 3, 8, 23, 53, 113, 233, 473]
    assert tries[-1] - 3 * 24 * 60 in range(4 * 60)
    assert refused == 1
    house.deliver(minute)
    house.deliver(minute + 10)  # the digest that has waited for `digest_delay`
    assert house.got() == [OPERATOR]
    [digest] = house.composer.digests
    assert digest.events == (event()._replace(summary=""),)
    assert digest.notes[0].startswith(f"{ANNA}: given up after")
    assert digest.notes[0].endswith("tries: 450 4.2.0 full")


def _due(house: House, minute: int) -> bool:
    now = (NOW + minute * MINUTE).timestamp()
    with house.outbox.transaction(NOW) as t:
        found = t.execute("SELECT 1 FROM mails WHERE status = 'waiting' AND next_try <= ?", (now,))
        return found.fetchone() is not None


def test_pause() -> None:
    minutes = [choose_pause(attempts) / MINUTE for attempts in (1, 2, 3, 7, 8, 9, 1000)]
    assert minutes == [1, 2, 5, 120, 240, 240, 240]


def test_a_final_refusal_is_reported_once(house: House) -> None:
    house.server.answers["RCPT a@example.org"] = "550 5.1.1 no such user"
    house.server.answers["RCPT b@example.org"] = "550 5.7.1 not for you"
    house.queue(mail("1@t", "a@example.org"), mail("2@t", "b@example.org"), mail("3@t"))

    assert house.deliver() == DeliveryResult(sent=1, refused=2)
    house.queue(mail("4@t", "a@example.org"))
    assert house.deliver(5) == DeliveryResult(refused=1)
    assert house.deliver(10) == DeliveryResult()
    assert house.deliver(15) == DeliveryResult(sent=1)  # one mail, of all of `digest_delay`
    assert house.got() == [ANNA, OPERATOR]
    [digest] = house.composer.digests
    assert digest.notes == (
        "a@example.org: 550 5.1.1 no such user",
        "b@example.org: 550 5.7.1 not for you",
        "a@example.org: 550 5.1.1 no such user",
    )
    assert house.deliver(1000) == DeliveryResult()
    assert read_status(house.outbox.file, house.policy, NOW).refused == 3


def test_a_refused_digest_is_reported_event_by_event(house: House) -> None:
    house.server.answers["RCPT support@reseller.example.org"] = "550 5.1.1 no such user"
    lost = (event(), event("4000102", EventKind.RECOVERY, State.OK, task="status"))
    with house.outbox.transaction(NOW) as t:
        for each in lost:
            queue_for_digest(t, reseller(), each)
        queue_mail(t, mail("about many@t", "support@reseller.example.org", role=Role.OPERATOR))

    assert house.deliver(60) == DeliveryResult(refused=2)
    assert house.deliver(61) == DeliveryResult()
    assert house.deliver(71) == DeliveryResult(sent=1)

    digest = house.composer.digests[-1]
    assert sorted(each.uid for each in digest.events) == ["", "4000101", "4000102"]
    assert set(lost) < set(digest.events)
    assert set(digest.notes) == {"support@reseller.example.org: 550 5.1.1 no such user"}
    assert read_status(house.outbox.file, house.policy, NOW + 60 * MINUTE).refused == 2
    with house.outbox.transaction(NOW) as t:
        to = ("support@reseller.example.org", Role.RESELLER)
        assert find_last_sent(t, to, "4000101", "quota") is None
        kept = t.execute("SELECT 1 FROM mails WHERE draft != '' UNION SELECT 1 FROM digests")
        assert kept.fetchall() == []
    assert house.deliver(72) == DeliveryResult()


def test_without_an_operator_refused_mails_are_kept_for_a_month(house: House) -> None:
    house.policy = house.policy._replace(operator="")
    house.server.answers["RCPT"] = "550 5.1.1 nobody"
    house.queue(mail("1@t"))
    day = 24 * 60

    assert house.deliver().refused == 1
    assert read_status(house.outbox.file, house.policy, NOW + day * MINUTE - MINUTE).refused == 1
    house.deliver(31 * day)

    house.policy = house.policy._replace(operator=OPERATOR)
    house.server.answers.clear()
    assert [house.deliver(minute) for minute in (32 * day, 33 * day)] == [DeliveryResult()] * 2


def test_no_notice_about_a_notice(house: House) -> None:
    house.server.answers[f"RCPT {ANNA}"] = "550 5.1.1 nobody"
    house.queue(mail("1@t"))
    house.deliver()
    house.server.answers["RCPT"] = "550 5.1.1 nobody"
    house.queue(mail("2@t", "b@example.org"))

    for minute in range(0, 4 * 24 * 60, 60):  # the operator's address is refused, too: all wait
        house.deliver(minute)
    before = len(house.composer.digests)

    assert before == 2
    assert house.deliver(7 * 24 * 60).refused == 1  # the notice
    assert house.deliver(8 * 24 * 60) == DeliveryResult()
    assert len(house.composer.digests) == before


@pytest.mark.parametrize("operator", [OPERATOR, f"Operations <{OPERATOR}>"])
def test_no_notice_to_the_operator_about_itself(house: House, operator: str) -> None:
    house.policy = house.policy._replace(operator=operator)
    house.server.answers["RCPT"] = "550 5.1.1 nobody"
    house.queue(mail("1@t", OPERATOR, role=Role.OPERATOR))

    assert house.deliver().retried == 1
    assert house.deliver(3 * 24 * 60).refused == 1
    assert house.deliver(4 * 24 * 60) == DeliveryResult()
    assert house.composer.digests == []


@pytest.mark.parametrize(
    ("phase", "answer", "setting"),
    [
        ("MAIL", "501 5.1.7 bad sender", "return_path in [notify]"),
        ("MAIL", "550 5.7.1 no", "return_path in [notify]"),
        ("MAIL", "553 5.1.8 no such domain", "return_path in [notify]"),
        ("MAIL", "554 5.7.1 no service", "this host or username"),
        ("RCPT", "554 5.7.1 relay access denied", "operator and username in [notify]"),
        ("DATA", "554 5.7.1 not your domain", "from and username in [notify]"),
    ],
)
def test_a_server_that_refuses_us_refuses_no_mail(
    house: House, phase: str, answer: str, setting: str
) -> None:
    house.server.answers[phase] = answer
    house.queue(mail("1@t"), mail("2@t", "b@example.org"), mail("3@t", OPERATOR))

    done = house.deliver()

    assert (done.sent, done.retried, done.refused) == (0, 3, 0)
    (error,) = done.errors
    assert answer in str(error)
    assert setting in str(error)
    assert house.composer.digests == []
    assert house.deliver(2 * 24 * 60)[:3] == (0, 3, 0)
    house.server.answers.clear()
    assert house.deliver(3 * 24 * 60 - 1) == DeliveryResult(sent=3)


def test_mails_that_wait_for_another_return_path_get_it(house: House) -> None:
    house.server.answers["MAIL bounces@wrong.example.org"] = "553 5.1.8 no such domain"
    wrong = house.policy._replace(return_path="bounces@wrong.example.org")
    house.policy = wrong
    house.queue(mail("1@t"))
    assert house.deliver().retried == 1

    house.policy = wrong._replace(return_path="bounces@example.org")
    assert house.deliver(1) == DeliveryResult(sent=1)
    assert [each.sender for each in house.server.got] == ["bounces@example.org"]


def test_one_message_that_is_refused_stops_nobody_else(house: House) -> None:
    house.server.answers[f"DATA {ANNA}"] = "554 5.7.1 spam"
    house.queue(mail("1@t"), mail("2@t", "b@example.org"))

    done = house.deliver()

    assert (done.sent, done.retried) == (1, 1)
    assert "554 5.7.1 spam" in str(done.errors[0])
    assert house.deliver(3 * 24 * 60)[:3] == (0, 0, 1)
    assert house.deliver(3 * 24 * 60 + 1) == DeliveryResult()
    assert house.deliver(3 * 24 * 60 + 12) == DeliveryResult(sent=1)
    assert house.got() == ["b@example.org", OPERATOR]
    [digest] = house.composer.digests
    assert digest.notes == (f"{ANNA}: given up after 2 tries: 554 5.7.1 spam",)


def test_no_server(house: House) -> None:
    house.queue(*(mail(f"{n}@t", f"a{n}@example.org") for n in range(5)))
    working = house.policy
    house.policy = working._replace(smtp=f"smtp://localhost:{free_port()}")

    down = house.deliver()

    assert (down.sent, down.retried, len(down.errors)) == (0, 5, 1)
    assert "not reachable" in str(down.errors[0])
    house.policy = working
    assert house.deliver(1) == DeliveryResult(sent=5)


def test_drafts_are_written_at_their_delivery(house: House) -> None:
    house.queue(mail("1@t")._replace(raw=b"", draft="good"))

    assert house.deliver() == DeliveryResult(sent=1)
    (got,) = house.server.got
    assert got.content.startswith(b"Subject: good")
    assert '"reason": "a complaint"' in house.log.read_text()


def test_a_draft_that_cannot_be_written_waits_alone(house: House) -> None:
    drafts = ("nonsense", "good", "nonsense", "fine")
    house.queue(*(mail(f"{n}@t")._replace(raw=b"", draft=each) for n, each in enumerate(drafts)))

    done = house.deliver()

    assert (done.sent, done.retried, done.refused, len(done.errors)) == (2, 2, 0, 2)
    assert "is nonsense" in str(done.errors[0])
    last = house.deliver(4 * 24 * 60)
    assert (last.sent, last.refused) == (0, 2)  # given up, and the operator is notified
    house.deliver(4 * 24 * 60 + 1)
    house.deliver(4 * 24 * 60 + 11)
    (digest,) = house.composer.digests
    assert "is nonsense" in digest.notes[0]


def test_a_password_that_cannot_be_read_is_like_no_server(house: House) -> None:
    house.queue(mail("1@t"))
    working = house.policy
    with mailserver.running(login=True) as (_, port):
        house.policy = working._replace(
            smtp=f"smtp://localhost:{port}", username="x", password_file=Path("/none")
        )
        down = house.deliver()

    assert (down.retried, len(down.errors)) == (1, 1)
    house.policy = working
    assert house.deliver(1) == DeliveryResult(sent=1)


@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA"])
def test_one_lost_connection_stops_nobody_else(house: House, phase: str) -> None:
    house.server.drop, house.server.drops = phase, 1
    house.queue(*(mail(f"{n}@t", f"a{n}@example.org") for n in range(3)))

    assert house.deliver() == DeliveryResult(sent=2, retried=1)
    assert house.deliver(1) == DeliveryResult(sent=1)
    assert sorted(house.got()) == [f"a{n}@example.org" for n in range(3)]


def test_connections_that_are_lost_again_and_again(house: House) -> None:
    house.server.drop = "DATA"
    house.queue(*(mail(f"{n}@t", f"a{n}@example.org") for n in range(10)))

    done = house.deliver()
    assert (done.sent, done.retried) == (0, 2)
    (error,) = done.errors
    assert str(error).endswith("the server closed the connection; check the mail server's log")
    house.server.drop = ""
    assert house.deliver() == DeliveryResult(sent=8)
    assert house.deliver(1) == DeliveryResult(sent=2)


def test_accepted_without_an_answer_comes_twice_rather_than_never(house: House) -> None:
    house.server.drop, house.server.drops = "ACCEPTED", 1
    house.queue(mail("1@t"))

    assert house.deliver().retried == 1
    assert house.deliver(1) == DeliveryResult(sent=1)
    assert house.got() == [ANNA, ANNA]


@pytest.mark.parametrize("killed", [False, True])
def test_who_may_have_heard_of_a_problem_hears_of_its_end_after_it(
    house: House, killed: bool
) -> None:
    about, over = event(), event(kind=EventKind.RECOVERY, state=State.OK)
    house.queue(mail("problem@t", about=about))
    house.server.drop, house.server.drops = "ACCEPTED", 1
    if killed:
        with house.outbox.transaction(NOW) as t:
            t.execute("UPDATE mails SET status = 'sending'")
        house.deliver(limit=timedelta(0))
        house.server.drops = 0
    else:
        house.deliver()
    with house.outbox.transaction(NOW) as t:
        (heard,) = read_conversation(t, about.uid, about.task).drop_unsent().list_notified()
        assert heard.recipient.address == ANNA
        track_failure(t, over)
        last = read_conversation(t, about.uid, about.task).find_last(ANNA, (Role.CUSTOMER,))
        assert last is not None
        assert last.kind is EventKind.PROBLEM
        queue_mail(t, mail("solved@t", about=over))

    if not killed:
        assert house.deliver(0.5) == DeliveryResult()  # the end does not overtake it
    assert house.deliver(1).sent == 2
    keys = [each.key for each in house.server.got]
    assert keys == ["<problem@t>"] * (1 if killed else 2) + ["<solved@t>"]


class Killed(BaseException):
    """The end of the process, whatever it was doing."""


class Killing:
    """A transport that accepts mails, and kills the process with the mail *last*."""

    def __init__(self, last: int, accepts_last: bool) -> None:
        self.got: list[str] = []
        self._last = last
        self._accepts_last = accepts_last

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        if len(self.got) == self._last and not self._accepts_last:
            raise Killed
        self.got.append(address)
        if len(self.got) > self._last:
            raise Killed
        return SendResult(SendOutcome.ACCEPTED, "250 fine")

    def close(self) -> None:
        pass


@pytest.mark.parametrize("accepted", [False, True])
def test_a_kill_within_a_batch_repeats_one_mail_at_most(house: House, accepted: bool) -> None:
    addresses = [f"a{n}@example.org" for n in range(9)]
    house.queue(*(mail(f"{n}@t", each, about=event(f"400{n}")) for n, each in enumerate(addresses)))
    killing = Killing(5, accepted)
    with pytest.raises(Killed):
        deliver(house.outbox, killing, house.policy, NOW, house.composer)

    # The five before are known; of the sixth nobody knows.
    assert killing.got == addresses[: 6 if accepted else 5]
    assert house.deliver() == DeliveryResult(sent=9)
    assert house.got() == addresses[5:]
    assert sorted(house.logged("sent")) == [("sent", each) for each in addresses]


def test_marks_of_another_batch_say_nothing(house: House) -> None:
    house.queue(mail("1@t"))
    with pytest.raises(Killed):
        deliver(house.outbox, Killing(0, True), house.policy, NOW, house.composer)
    lock = name_lock(house.outbox.file)
    lock.write_text(lock.read_text().replace("?", "+").replace("\n", "0\n", 1))

    assert house.deliver() == DeliveryResult(sent=1)


def test_nothing_is_sent_on_a_full_disk(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.queue(mail("1@t"))
    monkeypatch.setattr(os, "pwrite", lambda *_: 0)
    with pytest.raises(OutboxError, match="the disk is full"):
        house.deliver()
    monkeypatch.undo()

    assert house.got() == []
    assert house.deliver() == DeliveryResult(sent=1)


def test_a_problem_that_certainly_did_not_arrive_is_dropped_with_its_end(house: House) -> None:
    about = event()
    house.queue(mail("problem@t", about=about))
    house.server.drop, house.server.drops = "RCPT", 1
    house.deliver()

    with house.outbox.transaction(NOW) as t:
        assert read_conversation(t, about.uid, about.task).drop_unsent().messages == ()
        track_failure(t, event(kind=EventKind.RECOVERY, state=State.OK))
        assert read_conversation(t, about.uid, about.task).messages == ()


def test_a_slow_server_gets_no_mail_twice(house: House) -> None:
    """A mail takes half a second; of a delivery's 13.8 s, 12 s are kept for the last answer."""
    house.queue(*(mail(f"{n}@t", f"a{n}@example.org") for n in range(9)))
    with scripted.running({}, delay=0.1) as (server, port):
        policy = house.policy._replace(smtp=f"smtp://127.0.0.1:{port}")
        sent, errors = 0, ""
        while sent < 9:
            began = time.monotonic()
            transport = open_transport(policy, 3, began + 13.8)
            now = NOW + 30 * sent * MINUTE
            done = deliver(house.outbox, transport, policy, now, house.composer)
            assert time.monotonic() - began < 13.8
            assert done.sent > 0
            sent, errors = sent + done.sent, errors + str(done.errors)
    assert "too slow" in errors
    keys = [re.search(rb"<.+>", each)[0] for each in server.contents]  # type: ignore[index]
    assert sorted(keys) == [b"<%d@t>" % n for n in range(9)]


def test_one_connection_for_many(house: House) -> None:
    house.queue(*(mail(f"{n}@t", f"a{n}@example.org") for n in range(50)))

    assert house.deliver() == DeliveryResult(sent=50)
    assert house.server.connections == 1


def test_time_is_up(house: House) -> None:
    house.queue(mail("1@t"))

    assert house.deliver(limit=timedelta(0)) == DeliveryResult()
    assert house.deliver() == DeliveryResult(sent=1)


def test_a_clock_that_is_set_back_leaves_nothing_behind(house: House) -> None:
    year = 365 * 24 * 60
    house.server.greylist.add(ANNA)
    house.queue(mail("1@t"), now=NOW + year * MINUTE)
    assert house.deliver(year) == DeliveryResult(retried=1)

    assert house.deliver(0) == DeliveryResult(sent=1)
    assert house.got() == [ANNA]


def test_a_computer_that_was_off_for_long_gives_nothing_up(house: House) -> None:
    house.queue(mail("1@t"))
    house.server.greylist.add(ANNA)

    assert house.deliver(10 * 24 * 60) == DeliveryResult(retried=1)
    assert house.deliver(10 * 24 * 60 + 1) == DeliveryResult(sent=1)


def test_what_a_killed_process_was_sending(house: House) -> None:
    house.queue(mail("1@t"))
    with house.outbox.transaction(NOW) as t:
        t.execute("UPDATE mails SET status = 'sending'")

    assert house.deliver() == DeliveryResult(sent=1)


@pytest.mark.parametrize(
    "error", [MonitoringError("template", "is broken", "mend it"), RecursionError("is broken")]
)
def test_a_digest_that_cannot_be_written_stops_nobody_else(house: House, error: Exception) -> None:
    class Failing(Composer):
        def compose_digest(self, digest: Digest) -> tuple[DigestPart, ...]:
            raise error

    working, house.composer = house.composer, Failing()
    house.queue(mail("1@t"))
    with house.outbox.transaction(NOW) as t:
        queue_for_digest(t, reseller(), event())

    done = house.deliver(60)
    assert (done.sent, len(done.errors)) == (1, 1)
    assert "is broken" in str(done.errors[0])
    house.composer = working
    assert house.deliver(61) == DeliveryResult(sent=1)
    assert working.digests == [Digest(reseller(), (event(),), ("",), ("",))]


def test_a_digest_that_cannot_be_read_stops_nobody_else(house: House) -> None:
    """As one with a time zone that this system has no longer."""
    house.queue(mail("1@t"))
    with house.outbox.transaction(NOW) as t:
        queue_for_digest(t, reseller(), event())
        queue_for_digest(t, reseller("other@reseller.example.org"), event())
        where = "WHERE recipient = 'other@reseller.example.org'"
        t.execute(f"UPDATE digests SET event = '[]' {where}")

    done = house.deliver(60)

    assert done.sent == 2
    assert "with the digest for other@reseller.example.org: cannot be" in str(done.errors[0])


def test_others_go_on_while_a_digest_is_written(house: House) -> None:
    class Slow(Composer):
        """Sees while it writes the first digest that a problem in it is over."""

        def compose_digest(self, digest: Digest) -> tuple[DigestPart, ...]:
            if not self.digests:
                with Outbox(house.outbox.file) as other, other.transaction(NOW) as t:
                    track_failure(t, event("4000102", EventKind.RECOVERY, State.OK))
            return super().compose_digest(digest)

    house.composer = Slow()
    with house.outbox.transaction(NOW) as t:
        queue_for_digest(t, reseller(), event("4000101"))
        queue_for_digest(t, reseller(), event("4000102"))

    assert house.deliver(10) == DeliveryResult()  # what it has written is not true any more
    assert house.deliver(11) == DeliveryResult(sent=1)
    assert [each.uid for each in house.composer.digests[-1].events] == ["4000101"]


def test_while_another_process_delivers(house: House, tmp_path: Path) -> None:
    class Meanwhile:
        """Tries to deliver once more while a mail is being sent."""

        def __init__(self) -> None:
            self.meanwhile: list[DeliveryResult] = []

        def send(self, sender: str, address: str, message: bytes) -> SendResult:
            if not self.meanwhile:  # what another process queues is in nobody's way
                with Outbox(tmp_path / "outbox") as other, other.transaction(NOW) as t:
                    queue_mail(t, mail("2@t"))
            with Outbox(tmp_path / "outbox") as other:
                self.meanwhile.append(deliver(other, self, house.policy, NOW, house.composer))
            return SendResult(SendOutcome.LATER, "")

        def close(self) -> None:
            pass

    transport = Meanwhile()
    house.queue(mail("1@t", "a@example.org"))

    done = deliver(
        *(house.outbox, transport, house.policy, NOW, house.composer), limit=timedelta(seconds=60)
    )

    assert transport.meanwhile[0] == DeliveryResult(busy=True)
    assert done.retried == 2


def test_two_processes_at_once(house: House, tmp_path: Path) -> None:
    house.queue(*(mail(f"{n}@t", f"a{n}@example.org") for n in range(100)))
    spawn = multiprocessing.get_context("spawn")
    begin, sent = spawn.Barrier(2), spawn.Queue()
    port = int(house.policy.smtp.rpartition(":")[2])
    processes = [
        spawn.Process(target=deliver_with_another, args=(tmp_path, port, begin, sent))
        for _ in range(2)
    ]
    for each in processes:
        each.start()
    results = [sent.get(timeout=300) for _ in processes]
    for each in processes:
        each.join()

    assert sum(number for number, _ in results) == 100
    assert set(house.server.keys().values()) == {1}
    assert len(house.server.keys()) == 100
