"""How many mails an address gets: collected if many come at once, deferred beyond a number."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from backup_monitoring.mail.transport import SendResult
from backup_monitoring.model.notices import EventKind
from backup_monitoring.model.people import Reseller
from backup_monitoring.outbox.limits import begin_day
from notify.post import WARNING, GotMail, Post, account, make_event
from people import PeopleTable

ANNA = "anna@example.org"
PROBLEM, RECOVERY, REMINDER = EventKind.PROBLEM, EventKind.RECOVERY, EventKind.REMINDER
TASKS = ("quota", "schedule", "status", "client", "unused")
OFF = "storm = false"
MORNING = 19 * 60  # minutes from NOW, noon, to the next morning
ZURICH = ZoneInfo("Europe/Zurich")


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        ("2026-11-24T07:00+01:00", "2026-11-24T07:00+01:00"),
        ("2026-11-24T06:59+01:00", "2026-11-23T07:00+01:00"),
        ("2026-11-24T05:30+00:00", "2026-11-23T07:00+01:00"),
        ("2026-10-25T06:59+01:00", "2026-10-24T07:00+02:00"),
        ("2026-03-29T07:00+02:00", "2026-03-29T07:00+02:00"),
    ],
)
def test_a_day_begins_in_the_morning_of_the_zone(now: str, begins: str) -> None:
    begin = begin_day(datetime.fromisoformat(now), ZURICH)

    assert begin.astimezone(UTC) == datetime.fromisoformat(begins).astimezone(UTC)


def test_up_to_three_go_at_once(tmp_path: Path) -> None:
    post = Post(tmp_path, [account("1", ANNA)], OFF)
    post.notify(0, *(make_event("1", task=task) for task in TASKS[:3]))

    assert [mail.address for mail in post.deliver(0)] == [ANNA] * 3


def test_more_than_three_are_one_mail(tmp_path: Path) -> None:
    people = [account(str(number), ANNA, "it@example.org") for number in range(20)]
    post = Post(tmp_path, [*people, account("20", "it@example.org")], OFF)
    post.notify(0, *(make_event(str(number)) for number in range(21)))
    assert [*post.deliver(0), *post.deliver(9)] == []

    mails = post.deliver(10)

    assert sorted(mails)[0][:2] == (ANNA, "Backup accounts: 20 with problems")
    assert sorted(mails)[1][:2] == ("it@example.org", "Backup accounts: 21 with problems")
    assert mails[0].text.startswith("Hello, Something has changed for these backup accounts.")
    assert "registered for the warnings of these backup accounts" in mails[0].text
    assert [*post.deliver(20), *post.deliver(100)] == []
    assert "collected: more than 3 within 10 min" in post.logged()


def test_more_than_three_in_turn_are_collected_from_the_fourth_on(tmp_path: Path) -> None:
    post = Post(tmp_path, [account(str(number), ANNA) for number in range(9)], OFF)
    got = []
    for minute in range(8):
        post.notify(minute, make_event(str(minute)))
        got += [(minute, mail.subject) for mail in post.deliver(minute)]
    got += [(13, mail.subject) for mail in post.deliver(13)]

    single = "Problem with the backup space: “{}”"
    assert got == [
        *((minute, single.format(minute)) for minute in range(3)),
        (13, "Backup accounts: 5 with problems"),
    ]


def test_a_collected_problem_that_is_solved_is_not_sent(tmp_path: Path) -> None:
    post = Post(tmp_path, [account(str(number), ANNA) for number in range(5)], OFF)
    post.notify(0, *(make_event(str(number)) for number in range(5)))
    post.deliver(0)
    post.notify(5, *(make_event(str(number), RECOVERY) for number in range(5)))

    assert [*post.deliver(5), *post.deliver(30)] == []


def test_the_end_of_a_collected_problem_is_a_mail(tmp_path: Path) -> None:
    post = Post(tmp_path, [account(str(number), ANNA) for number in range(5)], OFF)
    post.notify(0, *(make_event(str(number)) for number in range(5)))
    assert len([*post.deliver(0), *post.deliver(10)]) == 1
    post.notify(30, make_event("1", RECOVERY))

    assert [mail.subject for mail in post.deliver(30)] == ["Solved: enough backup space (“1”)"]


def test_what_was_collected_stays_in_its_thread(tmp_path: Path) -> None:
    post = Post(tmp_path, [account(str(number), ANNA) for number in range(5)], OFF)
    post.notify(0, make_event("0", state=WARNING))
    (alone,) = post.deliver(0)
    post.notify(60, *(make_event(str(number)) for number in range(5)))
    (digest,) = [*post.deliver(60), *post.deliver(70)]
    post.notify(120, make_event("0", RECOVERY), make_event("1", RECOVERY))
    ends = post.deliver(120)
    post.notify(180, make_event("1"))
    (again,) = post.deliver(180)

    assert [mail.references for mail in ends] == [f"{alone.id} {digest.id}", digest.id]
    assert alone.references == digest.references == again.references == ""


def test_senders_of_resellers_are_not_mixed(tmp_path: Path) -> None:
    resellers = [
        Reseller(uid, f"uid={uid}", mail_from=f"{uid}@reseller.example.org") for uid in ("a", "b")
    ]
    people = [account(str(n), ANNA, resellers=("a" if n < 4 else "b",)) for n in range(8)]
    post = Post(tmp_path, [*resellers, *people], OFF)
    post.notify(0, *(make_event(str(number)) for number in range(8)))

    mails = [*post.deliver(0), *post.deliver(10)]

    assert [mail.subject for mail in mails] == ["Backup accounts: 4 with problems"] * 2


def _flap(post: Post, until: int, step: int, begin: int = 0) -> list[tuple[int, GotMail]]:
    """Let an account fail and recover in turn, every *step* minutes; return mails with minutes."""
    got = []
    for turn, minute in enumerate(range(begin, until, step)):
        post.notify(minute, make_event("1", RECOVERY if turn % 2 else PROBLEM))
        got += [(minute, mail) for mail in post.deliver(minute)]
    return got


def test_problem_and_recovery_in_turn_are_the_limit_and_one_digest(tmp_path: Path) -> None:
    post = Post(tmp_path, [account("1", ANNA), account("2", ANNA)], OFF)
    first = _flap(post, MORNING, 30)
    (digest,) = post.deliver(MORNING)
    later = _flap(post, 22 * 60, 30, MORNING + 30)

    assert len(first) == 10
    assert digest.subject == "Backup accounts: 1 solved"
    assert "There was so much to report about these backup accounts" in digest.text
    assert len(later) == 5  # of the next day
    assert "deferred to 2026-11-25 07:00 +01:00: 10 mails to this address today" in post.logged()
    assert post.logged().count("deferred to 2026-11-25") == 19 * 2 - 10


def test_the_digest_has_the_last_state_of_each(tmp_path: Path) -> None:
    post = Post(tmp_path, [account("1", ANNA), account("2", ANNA)], OFF)
    for minute in range(0, 300, 15):
        kind = RECOVERY if minute % 30 else PROBLEM
        post.notify(minute, make_event("1", kind), make_event("2", kind))
        post.deliver(minute)
    post.notify(300, make_event("2"))
    assert post.deliver(300) == post.deliver(MORNING - 1) == []

    (mail,) = post.deliver(MORNING)

    assert mail.subject == "Backup accounts: 1 with problems, 1 solved"
    assert [*post.deliver(MORNING + 1), *post.deliver(MORNING + 60)] == []
    # It counts: the end of what it has said is sent, and what it has said to be over is over.
    post.notify(MORNING + 90, make_event("2", RECOVERY), make_event("1", RECOVERY))
    assert [each.subject for each in post.deliver(MORNING + 90)] == [
        "Solved: enough backup space (“2”)"
    ]


def test_the_first_problem_of_each_account_and_task_always_goes(tmp_path: Path) -> None:
    post = Post(tmp_path, [account("1", ANNA), account("2", ANNA)], OFF)
    assert len(_flap(post, 300, 15)) == 10

    post.notify(300, make_event("2"))
    assert [mail.subject for mail in post.deliver(300)] == ["Problem with the backup space: “2”"]
    post.notify(315, make_event("2", RECOVERY))
    post.notify(330, make_event("2", task="schedule"))
    assert len(post.deliver(330)) == 1
    post.notify(345, make_event("2"))
    assert post.deliver(345) == []


def test_a_customer_with_many_addresses(tmp_path: Path) -> None:
    everybody = [f"a{number}@example.org" for number in range(20)]
    people = [account("1", *everybody), account("2", "other@example.org")]
    post = Post(tmp_path, people, OFF)
    got = []
    for turn in range(20):
        kind = RECOVERY if turn % 2 else PROBLEM
        post.notify(turn * 15, make_event("1", kind), make_event("2", kind))
        got += [mail.address for mail in post.deliver(turn * 15)]

    assert len(got) - got.count("other@example.org") == 100
    assert got.count("other@example.org") == 10  # another customer's
    assert "100 mails about this customer today" in post.logged()
    assert len(post.deliver(MORNING)) == 21


def test_a_customer_whose_addresses_change_all_the_time(tmp_path: Path) -> None:
    reseller = Reseller("a", "uid=a", ("reseller@example.org",), problems=frozenset(("quota",)))
    post = Post(tmp_path, [], OFF + "\n[notify.reseller]\ndigest = false\n")
    got = []
    for turn in range(20):
        strangers = [f"{turn}-{number}@example.org" for number in range(20)]
        changed = account("1", *strangers, resellers=("a",))
        post.people = PeopleTable.of([reseller, changed, account("2", "other@example.org")])
        for minute, kind in ((0, PROBLEM), (10, RECOVERY)):
            post.notify(turn * 20 + minute, make_event("1", kind), make_event("2", kind))
            got += [mail.address for mail in post.deliver(turn * 20 + minute)]

    known = {"other@example.org": 10, "reseller@example.org": 10}
    assert {address: got.count(address) for address in known} == known
    assert len(got) - 2 * 10 == 100
    assert "addresses have heard of such a problem today: no others" in post.logged()
    morning = [mail.address for mail in post.deliver(MORNING)]
    assert len(morning) - 2 <= 20  # nobody who has not heard of a problem
    # A later day begins anew: the first problem goes.
    post.notify(24 * 60, make_event("1", RECOVERY))
    post.deliver(24 * 60)
    post.notify(24 * 60 + 10, make_event("1"))
    assert len(post.deliver(24 * 60 + 10)) == 21


@pytest.mark.parametrize("digest", ["true", "false"])
def test_a_reseller_whose_addresses_change_all_the_time(tmp_path: Path, digest: str) -> None:
    post = Post(tmp_path, [], f"{OFF}\n[notify.reseller]\ndigest = {digest}\n")
    other = Reseller("b", "uid=b", ("other@example.org",), problems=frozenset(("quota",)))
    off = account("1", resellers=("a",), warning_on="FALSE")
    got = []
    for turn in range(6):
        strangers = tuple(f"{turn}-{number}@example.org" for number in range(20))
        reseller = Reseller("a", "uid=a", strangers, problems=frozenset(("quota",)))
        people = [off, off._replace(uid="2", resellers=("b",))]
        post.people = PeopleTable.of([reseller, other, *people])
        for minute, kind in ((0, PROBLEM), (15, RECOVERY)):
            post.notify(turn * 30 + minute, make_event("1", kind), make_event("2", kind))
            got += [mail.address for mail in post.deliver(turn * 30 + minute + 10)]

    assert got.count("other@example.org") == 10
    assert len({*got} - {"other@example.org"}) == 100
    assert "100 addresses of this reseller have got mails today: no others" in post.logged()
    assert len(post.deliver(MORNING)) <= 1 + 20  # those who have heard of the problem


def test_a_resellers_digests_are_limited_too(tmp_path: Path) -> None:
    reseller = Reseller("a", "uid=a", (ANNA,), problems=frozenset(("quota", "schedule")))
    post = Post(tmp_path, [reseller, account("1", resellers=("a",), warning_on="FALSE")], OFF)
    got = []
    for turn in range(15):
        post.notify(turn * 20, make_event("1", RECOVERY if turn % 2 else PROBLEM))
        got += post.deliver(turn * 20 + 10)
    assert len(got) == 10

    post.notify(300, make_event("1", task="schedule"), make_event("1"))
    subjects = [mail.subject for mail in (*post.deliver(300), *post.deliver(310))]
    assert subjects == ["Backup accounts: 2 with problems"]  # it goes because of the first
    post.notify(320, make_event("1", RECOVERY))
    (mail,) = [
        mail for minute in (320, 330, MORNING, MORNING + 30) for mail in post.deliver(minute)
    ]
    assert mail.subject == "Backup accounts: 1 solved"
    assert "held back" in mail.text
    assert "you are the reseller" in mail.text


def test_what_the_staff_writes_and_the_operator_are_not_limited(tmp_path: Path) -> None:
    post = Post(tmp_path, [account("1", ANNA), account("2")], OFF)
    got = []
    for turn in range(15):
        custom = make_event("1", EventKind.CUSTOM)._replace(comment=f"note {turn}")
        post.notify(turn, *[custom._replace(comment=f"{custom.comment} {n}") for n in range(4)][:1])
        got += post.deliver(turn)

    assert len(got) == 15


def test_a_draft_that_cannot_be_read_stops_nobody_else(tmp_path: Path) -> None:
    people = [*(account(str(number), ANNA) for number in range(5)), account("5", "it@example.org")]
    post = Post(tmp_path, people, OFF)
    post.notify(0, *(make_event(str(number)) for number in range(6)))
    with post.open(0) as transaction:
        transaction.execute("UPDATE mails SET draft = '{}' WHERE account = '1'")

    with pytest.raises(AssertionError, match="cannot be written"):
        post.deliver(0)
    assert [mail.address for mail in post.got] == ["it@example.org"]


def test_what_settles_is_collected_when_it_is_released(tmp_path: Path) -> None:
    post = Post(tmp_path, [account("1", ANNA)])
    post.notify(0, *(make_event("1", task=task, state=WARNING) for task in TASKS))
    assert post.deliver(0) == []
    got = [*post.deliver(10), *post.deliver(20)]
    assert [mail.subject for mail in got] == ["Backup accounts: 5 with problems"]


def test_what_another_process_queues_during_a_delivery_is_limited(tmp_path: Path) -> None:
    class Busy(Post):
        def send(self, sender: str, address: str, message: bytes) -> SendResult:
            self.notify(0, *(make_event(str(number), RECOVERY) for number in range(1, 9)))
            return super().send(sender, address, message)

    people = [account(str(number), ANNA) for number in range(9)]
    before = Post(tmp_path, people, OFF)
    before.notify(-60, *(make_event(str(number)) for number in range(9)))
    assert len([*before.deliver(-60), *before.deliver(-50)]) == 1
    before.notify(0, make_event("0", RECOVERY))

    (mail,) = Busy(tmp_path, people, OFF).deliver(0)

    assert mail.subject == "Solved: enough backup space (“0”)"
    assert [mail.subject for mail in before.deliver(10)] == ["Backup accounts: 8 solved"]


@pytest.mark.parametrize("back", [5, 60, 3 * 24 * 60])
def test_a_clock_that_steps_back_loses_nothing(tmp_path: Path, back: int) -> None:
    post = Post(tmp_path, [account("1", ANNA)], OFF)
    _flap(post, 300, 20)
    now = 300 - back

    got = [*post.deliver(now), *post.deliver(now + 24 * 60), *post.deliver(now + 48 * 60)]

    assert len([mail for mail in got if "held back" in mail.text]) == 1


def test_what_was_deferred_as_solved_is_not_said_if_it_fails_again(tmp_path: Path) -> None:
    people = [account("1", ANNA), account("2", ANNA)]
    post = Post(tmp_path, people, OFF)
    yesterday = -24 * 60
    post.notify(yesterday, make_event("2"))
    assert len(post.deliver(yesterday)) == 1
    assert len(_flap(post, 300, 15)) == 10
    post.notify(300, make_event("2", RECOVERY))
    assert post.deliver(300) == []

    post.notify(360, make_event("2"))
    (mail,) = post.deliver(360)  # the first of today
    assert mail.subject == "Problem with the backup space: “2”"

    (mail,) = post.deliver(MORNING)
    assert mail.subject == "Backup accounts: 1 solved"
    assert "“2”" not in mail.text


def test_what_was_deferred_is_not_said_if_something_newer_was_sent(tmp_path: Path) -> None:
    post = Post(tmp_path, [account("1", ANNA), account("2", ANNA)], OFF)
    yesterday = -24 * 60
    post.notify(yesterday, make_event("2", state=WARNING))
    post.deliver(yesterday)
    _flap(post, 300, 15)
    post.notify(300, make_event("2", REMINDER, state=WARNING))
    assert post.deliver(300) == []
    post.notify(360, make_event("2"))  # worse
    assert len(post.deliver(360)) == 1

    (mail,) = post.deliver(MORNING)
    assert mail.subject == "Backup accounts: 1 solved"


def test_what_is_over_in_the_morning_is_not_said_to_fail(tmp_path: Path) -> None:
    post = Post(tmp_path, [account("1", ANNA)], OFF)
    _flap(post, 300, 15)
    post.notify(300, make_event("1"))
    assert post.deliver(300) == []

    post.notify(MORNING + 1, make_event("1", RECOVERY))
    assert [mail.subject for mail in (*post.deliver(MORNING + 1), *post.deliver(MORNING + 20))] == [
        "Solved: enough backup space (“1”)"
    ]


def test_what_may_have_arrived_is_neither_collected_nor_deferred(tmp_path: Path) -> None:
    post = Post(tmp_path, [account(str(number), ANNA) for number in range(5)], OFF)
    post.notify(0, *(make_event(str(number)) for number in range(5)))
    with post.open(0) as transaction:  # a process was killed while it was sending
        transaction.execute("UPDATE mails SET status = 'sending'")

    assert len(post.deliver(0)) == 5
    post.notify(1, *(make_event(str(number), RECOVERY) for number in range(5)))
    (mail,) = [*post.deliver(1), *post.deliver(11)]
    assert mail.subject == "Backup accounts: 5 solved"
