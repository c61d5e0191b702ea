"""Storms with the installed programs: a full disk, one owner of many accounts, a mass of ends."""

import email
import email.policy
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from programs.installed import EXAMPLES, NOW
from programs.notifier import Notifier, entry

pytestmark = pytest.mark.installed
OPERATOR = "operations@example.org"
QUOTA = "\n[quota]\ncritical = 95\n"
PLAN = EXAMPLES / "storage/home/4000101/incoming/web01/.sepiola_backup/scheduler.xml"
FLEET = range(10, 22)


def at(hours: float) -> str:
    return (datetime.fromisoformat(NOW) + timedelta(hours=hours)).isoformat()


def read_mails(notifier: Notifier) -> list[tuple[str, str, str]]:
    """Return address, subject and text of what has arrived since the last call, sorted."""
    mails = []
    for got in notifier.behaviour.got:
        mail = email.message_from_bytes(got.content, policy=email.policy.default)
        body = mail.get_body(("plain",))
        assert body is not None
        text = " ".join(body.get_content().replace("\u2060", "").split())
        mails.append((got.address, str(mail["Subject"]), text))
    notifier.behaviour.got.clear()
    return sorted(mails)


def list_addresses(notifier: Notifier) -> list[str]:
    return [address for address, _, _ in read_mails(notifier)]


def customers(*uids: int) -> list[str]:
    return [f"account-{uid}@example.org" for uid in uids]


def write_start(notifier: Notifier, uid: int, text: str) -> None:
    notifier.write_reports(str(uid), "web01", text)


@pytest.fixture
def nightly(notifier: Notifier) -> Notifier:
    """A server whose 12 accounts are due from 20:00 on, five minutes apart, after a good night."""
    notifier.settings(("storm = false", "storm = true"), trigger="scan")
    notifier.empty()
    notifier.entries(*(entry(str(uid)) for uid in FLEET))
    for number, uid in enumerate(FLEET):
        write_start(notifier, uid, f"2026-11-23T20:{5 * number:02}:00+01:00")
        plan = PLAN.read_text().replace(
            "<minute_selected>00<", f"<minute_selected>{5 * number:02}<"
        )
        folder = notifier.folder / f"tree/home/{uid}/incoming/web01/.sepiola_backup"
        (folder / "scheduler.xml").write_text(plan)
    assert notifier.scan(NOW) == []
    return notifier


def test_of_a_full_disk_the_operator_is_notified(nightly: Notifier) -> None:
    """From the evening on nothing arrives; in the morning three customers start backups."""
    sent = []
    for hours in (10.1, 10.29, 10.35, 10.5):  # 22:06, 22:17:24, 22:21, 22:30
        nightly.scan(at(hours))
        sent.append(read_mails(nightly))

    assert sent[0] == []
    assert [address for address, _, _ in sent[1]] == customers(10, 11)
    ((address, subject, text),) = sent[2]
    assert address == OPERATOR
    assert subject == "Backup server backup-01: 5 of 12 customers with problems, emails held back"
    assert "5 of 12 customers fail the check schedule. Most likely the server itself" in text
    assert "What is still true on 25 November 2026, 22:21 (UTC+01:00) is sent then." in text
    assert "Since: 24 November 2026, 20:00 (UTC+01:00)" in text
    assert text.count("* Problem with the scheduled backups Account") == 5
    assert text.count("Reason: notified before") == 2
    assert "Check the server: storage" in text
    assert sent[3] == []
    nightly.scan(at(20))
    assert nightly.behaviour.got == []
    for uid in (10, 12, 13):
        write_start(nightly, uid, "2026-11-25T08:30:00+01:00")
    got = nightly.scan(at(21))

    held = [uid for uid in FLEET if uid not in (10, 11, 12, 13)]
    assert [(each.kind, each.account) for each in got] == [
        *(("PROBLEM", str(uid)) for uid in held),
        ("RECOVERY", "10"),
    ]


def fleet(
    notifier: Notifier, failing: Sequence[int], owned: Sequence[int] = (), **more: str
) -> None:
    """Let *failing* of 60 accounts fail; those *owned* are one customer's; *more* is of these."""
    accounts = []
    for uid in range(10, 70):
        own = {"sstBelongsToCustomerUID": "4000001" if uid in owned else None}
        changed = more if uid in failing else {}
        accounts.append(entry(str(uid), 98 if uid in failing else 50, **own, **changed))
    notifier.entries(*accounts)


@pytest.fixture
def counted(notifier: Notifier) -> Notifier:
    """A scan over 60 accounts of one server when all was well."""
    notifier.settings(("storm = false", "storm = true"), trigger="scan", more=QUOTA)
    notifier.empty()
    fleet(notifier, ())
    assert notifier.scan(NOW) == []
    return notifier


def test_one_owner_of_many_accounts_holds_nobody_else(counted: Notifier) -> None:
    fleet(counted, range(10, 32), owned=range(10, 31))
    counted.scan(at(1))
    counted.deliver(at(1.2))

    assert list_addresses(counted) == customers(*range(10, 32))


def test_a_storm_by_number_and_who_goes_on_failing(counted: Notifier) -> None:
    fleet(counted, range(10, 35))
    counted.scan(at(1))
    ((address, subject, _),) = read_mails(counted)
    assert (address, subject) == (
        OPERATOR,
        "Backup server backup-01: 25 of 60 customers with problems, emails held back",
    )
    fleet(counted, [10, 69])
    counted.scan(at(2))

    assert list_addresses(counted) == customers(10)
    counted.deliver(at(2.2))
    assert list_addresses(counted) == customers(69)


def test_many_that_are_no_longer_monitored_at_once(notifier: Notifier) -> None:
    notifier.settings(trigger="scan", more=QUOTA)
    notifier.empty()
    fleet(notifier, ())
    assert notifier.scan(NOW) == []
    fleet(notifier, range(10, 35))
    notifier.scan(at(1))
    assert list_addresses(notifier) == customers(*range(10, 35))
    notifier.settings(("storm = false", "storm = true"), trigger="scan", more=QUOTA)

    fleet(notifier, range(10, 35), sstIsActive="FALSE")
    notifier.scan(at(2))
    ((address, subject, text),) = read_mails(notifier)
    assert address == OPERATOR
    assert subject == (
        "Backup server backup-01: 25 customers no longer monitored, emails held back"
    )
    assert "their entries were changed by mistake" in text
    assert text.count("* No longer monitored") == 25
    checked = notifier.program("check_backup_monitoring", now=at(2))
    assert "25 mails are held" in checked.out

    fleet(notifier, range(20, 35))  # they are back, and ten have recovered
    got = notifier.scan(at(3))

    assert [(each.kind, each.account) for each in got] == [
        ("RECOVERY", str(uid)) for uid in range(10, 20)
    ]
    assert notifier.program("check_backup_monitoring", now=at(3)).code == 0
