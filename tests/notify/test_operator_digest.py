"""The operator's mail is a digest: one per `digest_delay`, whose subject names the accounts."""

from pathlib import Path

import pytest

from backup_monitoring.model.notices import EventKind
from backup_monitoring.model.people import Contact
from backup_monitoring.model.verdicts import State
from notify.post import OPERATOR, WARNING, Post, account, make_event
from people import PeopleTable

RECOVERY, ENDED = EventKind.RECOVERY, EventKind.MONITORING_ENDED
THIRTY = [str(number) for number in range(4000101, 4000131)]


def test_thirty_accounts_without_an_address_in_one_storm_are_one_mail(tmp_path: Path) -> None:
    post = Post(tmp_path, [account(uid) for uid in THIRTY])
    results = post.notify(0, *(make_event(uid) for uid in THIRTY))
    assert all(each.operator_reason for each in results)
    got = [*post.deliver(1), *post.deliver(11), *post.deliver(60)]
    ended = post.notify(90, *(make_event(uid, RECOVERY) for uid in THIRTY))
    got += [*post.deliver(91), *post.deliver(120)]

    assert [each.address for each in got] == [OPERATOR]
    assert "30 customers with problems" in got[0].subject
    assert not any(each.operator_reason for each in ended)


def test_what_still_fails_after_a_storm_is_one_more(tmp_path: Path) -> None:
    post = Post(tmp_path, [account(uid) for uid in THIRTY])
    post.notify(0, *(make_event(uid) for uid in THIRTY))
    assert len(post.deliver(11)) == 1
    post.notify(20, *(make_event(uid, RECOVERY) for uid in THIRTY[2:]))

    (mail,) = [*post.deliver(40), *post.deliver(60)]

    assert mail.subject == "Backup monitoring: 4000101, 4000102"
    assert "2 messages could not be delivered to some or all of their recipients." in mail.text
    assert "Reason: uid=4000101: no address found for the customer" in mail.text


def test_one_mail_for_all_reasons_of_ten_minutes(tmp_path: Path) -> None:
    people = [account("1"), account("2", "not an address"), account("3", "gone@example.org")]
    post = Post(
        tmp_path, [*people, account("4"), account("5")], "storm = false", lambda it: "gone@" in it
    )
    post.notify(0, make_event("1"), make_event("3"), make_event("4", state=State.UNKNOWN))
    assert post.deliver(0) == []  # one is refused
    post.notify(1, make_event("2", state=WARNING), make_event("5"))
    assert [*post.deliver(1), *post.deliver(9)] == []

    (mail,) = post.deliver(10)

    assert (mail.address, mail.subject) == (OPERATOR, "Backup monitoring: 1, 4, 2 and 2 more")
    for said in (
        "4 messages could not be delivered",
        "1 account could not be checked.",
        "Reason: uid=1: no address found for the customer",
        "Reason: gone@example.org: 550 5.1.1 no such user",
        "Reason: uid=2: mail 'not an address'",
        "* quota: UNKNOWN 4",
    ):
        assert said in mail.text
    assert [*post.deliver(11), *post.deliver(60)] == []


def test_the_end_is_said_of_what_was_said(tmp_path: Path) -> None:
    post = Post(tmp_path, [account("1"), account("2")], "storm = false")
    post.notify(0, make_event("1"))
    post.deliver(10)
    post.notify(20, make_event("1", RECOVERY), make_event("2", RECOVERY), make_event("2", ENDED))

    (mail,) = [*post.deliver(20), *post.deliver(30)]

    assert mail.subject == "Backup monitoring: 1"
    assert "Solved" in mail.text
    post.notify(40, make_event("1", RECOVERY))
    assert [*post.deliver(40), *post.deliver(60)] == []


@pytest.mark.parametrize(
    ("later", "kind"),
    [
        ([account("1", "found@example.org")], RECOVERY),
        ([account("1", warning_on="FALSE")], RECOVERY),
        ([account("1", "found@example.org")], ENDED),
        ([], ENDED),
    ],
)
def test_the_end_is_said_though_its_reason_is_gone(
    tmp_path: Path, later: list[Contact], kind: EventKind
) -> None:
    post = Post(tmp_path, [account("1"), account("2")], "storm = false")
    post.notify(0, make_event("1"), make_event("2", state=State.UNKNOWN))
    post.deliver(10)
    post.people = PeopleTable.of([*later, account("2", "a2@example.org")])
    post.notify(20, make_event("2"))
    post.deliver(30)

    post.notify(40, make_event("1", kind), make_event("2", RECOVERY))

    got = [each for each in [*post.deliver(40), *post.deliver(50)] if each.address == OPERATOR]
    assert [each.subject for each in got] == ["Backup monitoring: 1"]
    assert "1 problem that you were notified of has ended." in got[0].text
    assert "could not be delivered" not in got[0].text
    post.notify(60, make_event("1", kind))
    assert [*post.deliver(60), *post.deliver(70)] == []


def test_a_recovery_drops_what_waits_but_not_what_was_refused(tmp_path: Path) -> None:
    people = [account("1"), account("3", "gone@example.org")]
    post = Post(tmp_path, people, "storm = false", lambda address: "gone@" in address)
    post.notify(0, make_event("1"), make_event("3"))
    post.deliver(0)
    post.deliver(1)
    post.notify(2, make_event("1", RECOVERY), make_event("3", RECOVERY))

    (mail,) = [*post.deliver(3), *post.deliver(11), *post.deliver(30)]

    assert mail.subject == "Backup monitoring: 3"


def test_without_an_operator_the_program_says_so(tmp_path: Path) -> None:
    settings = (tmp_path, [account("1")])
    post = Post(*settings)
    for operator, failure in (("", ""), ("nonsense", "; nobody was notified: [notify] operator: ")):
        policy = post.settings.notify._replace(operator=operator)
        post.settings = post.settings._replace(notify=policy)
        (result,) = post.notify(0, make_event("1"))
        assert result.operator_reason is not None
        assert (failure in result.operator_reason) is True
        assert ("nobody was notified" in result.operator_reason) is bool(failure)


def test_a_hostile_name_stays_a_name(tmp_path: Path) -> None:
    uid = "1\r\nBcc: x@example.net <b>" + "9" * 500
    post = Post(tmp_path, [account(uid)], "storm = false")
    post.notify(0, make_event(uid))

    (mail,) = post.deliver(10)

    assert mail.subject.startswith("Backup monitoring: 1\\r\\nBcc: x")
    assert len(mail.subject) < 100
