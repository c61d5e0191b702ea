"""notify_backup --scan as a program: histories of runs and scans, and the mails of each."""

import email
import email.policy
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from backup_monitoring.notify.scan import scan_accounts
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.settings.load import read_settings
from backup_monitoring.store.account_verdict import AccountVerdict
from backup_monitoring.store.source import open_source
from programs.installed import NOW
from programs.notifier import Notifier, SentMail, entry

pytestmark = pytest.mark.installed
OPERATOR = "operations@example.org"


def at(hours: float) -> str:
    return (datetime.fromisoformat(NOW) + timedelta(hours=hours)).isoformat()


QUOTA = "\n[quota]\ncritical = 95\n"
AT_ONCE = '\n[notify.reseller]\ndigest_delay = "0s"\n'


RESELLER = """dn: uid={uid},ou=reseller,ou=configuration,ou=backup,ou=services,dc=example,dc=org
objectClass: sstServiceConfigurationObjectClass
uid: {uid}
sstIsActive: TRUE

dn: ou=notifications,uid={uid},ou=reseller,ou=configuration,ou=backup,ou=services,dc=example,dc=org
objectClass: sstServiceConfigurationNotificationWarningObjectClass
ou: notifications
sstMailTo: reseller-{uid}@example.org
sstNotificationWarning: quota
"""


def format_mails(sent: Sequence[SentMail]) -> list[str]:
    """Return what was sent: kind, state, account."""
    return [f"{each.kind} {each.state} {each.account}" for each in sent]


@pytest.fixture
def scanned(notifier: Notifier) -> Notifier:
    """An installation that scans, after a first scan when all was well."""
    notifier.settings(trigger="scan", more=AT_ONCE + QUOTA)
    notifier.empty()
    notifier.entries(entry("1"), entry("2"))
    assert notifier.scan(NOW) == []
    return notifier


class Step(NamedTuple):
    """The entry of account 1 at *hours*, and the mails that follow."""

    hours: float
    account: str
    sent: tuple[str, ...] = ()


OK, WARNING, CRITICAL = entry("1", 80), entry("1", 90), entry("1", 98)
UNKNOWN, INACTIVE, GONE = entry("1", sstBackupSize=None), entry("1", 98, sstIsActive="FALSE"), ""
SILENT, SILENT_OK = (entry("1", percent, sstBackupWarningOn="FALSE") for percent in (98, 80))
MOVED, MOVED_OK = (entry("1", percent, mail="moved-1@example.org") for percent in (98, 80))
P_W, P_C, OVER = "PROBLEM WARNING 1", "PROBLEM CRITICAL 1", "RECOVERY OK 1"
P_U = "PROBLEM UNKNOWN 1"


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(
            [Step(1, CRITICAL, (P_C,)), Step(2, CRITICAL), Step(3, OK, (OVER,)), Step(4, OK)],
            id="a problem is sent once, and its end",
        ),
        pytest.param(
            [Step(1, WARNING, (P_W,)), Step(2, CRITICAL, (P_C,)), Step(3, CRITICAL)],
            id="WARNING that became CRITICAL is sent once",
        ),
        pytest.param(
            [Step(1, CRITICAL, (P_C,)), Step(2, WARNING), Step(3, CRITICAL), Step(4, OK, (OVER,))],
            id="less bad and worse again is one problem",
        ),
        pytest.param(
            [Step(1, CRITICAL, (P_C,)), Step(2, OK, (OVER,)), Step(3, CRITICAL, (P_C,))],
            id="after a recovery it is a new problem",
        ),
        pytest.param(
            [
                *(Step(1, CRITICAL, (P_C,)), Step(2, UNKNOWN, (P_U,)), Step(3, UNKNOWN)),
                *(Step(4, CRITICAL), Step(5, OK, (OVER,))),
            ],
            id="CRITICAL, UNKNOWN, CRITICAL is one problem",
        ),
        pytest.param(
            [Step(1, CRITICAL, (P_C,)), Step(2, UNKNOWN, (P_U,)), Step(3, OK, (OVER,))],
            id="a recovery after UNKNOWN",
        ),
        pytest.param(
            [Step(1, UNKNOWN, (P_U,)), Step(2, OK), Step(3, UNKNOWN, (P_U,))],
            id="UNKNOWN alone does not concern the customer",
        ),
        pytest.param(
            [
                *(Step(1, CRITICAL, (P_C,)), Step(168, CRITICAL)),
                *(Step(169, CRITICAL, ("REMINDER CRITICAL 1",)), Step(170, CRITICAL)),
                *(Step(337, CRITICAL, ("REMINDER CRITICAL 1",)), Step(338, OK, (OVER,))),
            ],
            id="reminders",
        ),
        pytest.param(
            [
                Step(1, CRITICAL, (P_C,)),
                Step(2, INACTIVE, ("MONITORING_ENDED OK 1",)),
                Step(3, INACTIVE),
            ],
            id="an account that is not active is no longer monitored",
        ),
        pytest.param(
            [Step(1, CRITICAL, (P_C,)), Step(2, GONE, ("MONITORING_ENDED OK 1",)), Step(3, GONE)],
            id="an account that is gone is no longer monitored",
        ),
        pytest.param(
            [
                *(Step(1, CRITICAL, (P_C,)), Step(2, SILENT, ("MONITORING_ENDED CRITICAL 1",))),
                *(Step(3, SILENT), Step(170, SILENT), Step(171, SILENT_OK)),
            ],
            id="warnings that were switched off end the monitoring, not the problem",
        ),
        pytest.param(
            [
                *(Step(1, SILENT), Step(2, CRITICAL, (P_C,)), Step(3, CRITICAL)),
                *(Step(4, OK, (OVER,)), Step(5, OK)),
            ],
            id="switched on for the first time while it fails",
        ),
        pytest.param(
            [
                *(Step(1, CRITICAL, (P_C,)), Step(2, MOVED_OK, (OVER,)), Step(3, MOVED, (P_C,))),
                *(Step(4, GONE, ("MONITORING_ENDED OK 1",)), Step(5, GONE)),
            ],
            id="a problem's end is the end for all who were notified, and for nobody else",
        ),
        pytest.param(
            [
                *(Step(1, CRITICAL, (P_C,)), Step(2, MOVED, (P_C,)), Step(3, MOVED)),
                *(Step(4, CRITICAL), Step(5, MOVED_OK, (OVER, OVER)), Step(6, MOVED, (P_C,))),
            ],
            id="a new address hears of the problem, the old and the new one of its end",
        ),
        pytest.param(
            [
                Step(1, CRITICAL, (P_C,)),
                Step(2, SILENT_OK, ("MONITORING_ENDED OK 1",)),
                Step(3, OK),
            ],
            id="warnings that were switched off as the problem ended",
        ),
        pytest.param([Step(1, SILENT), Step(2, OK)], id="switched off is not sent"),
        pytest.param(
            [
                *(Step(1, CRITICAL, (P_C,)), Step(2, SILENT, ("MONITORING_ENDED CRITICAL 1",))),
                *(Step(3, CRITICAL, (P_C,)), Step(4, CRITICAL), Step(5, OK, (OVER,))),
            ],
            id="switched on again while it fails",
        ),
    ],
)
def test_histories(scanned: Notifier, history: list[Step]) -> None:
    for step in history:
        scanned.entries(step.account, entry("2"))

        assert format_mails(scanned.scan(at(step.hours))) == list(step.sent), f"hour {step.hours}"
    addresses = {each.address for each in scanned.behaviour.got}
    assert addresses <= {"account-1@example.org", "moved-1@example.org", OPERATOR}
    if any(step.account is MOVED for step in history):
        heard = [each.address.partition("-")[0] for each in scanned.behaviour.got]
        assert " ".join(heard) in (
            "account account moved moved",
            "account moved account moved moved",
            "account moved moved account moved",
        )
    sent = {line["address"] for line in scanned.log() if line.get("state") == "UNKNOWN"}
    assert sent <= {OPERATOR}


SWITCHED = "a scan has notified of this problem, already notified\n"


def test_a_change_from_scan_to_monitoring_repeats_nothing(scanned: Notifier) -> None:
    scanned.write_reports("1", "one", "2026-11-24T12:30:00+01:00", success=False)
    scanned.entries(CRITICAL, entry("2", 90), entry("3", 98))
    sent = [f"{each.task} {each.account}" for each in scanned.scan(at(1))]
    assert sent == ["quota 1", "quota 3", "status 1", "quota 2"]
    scanned.settings(trigger="monitoring", more=AT_ONCE + QUOTA)
    scanned.entries(CRITICAL, entry("2", 98), entry("3", 98, mail="new@example.org"))
    scanned.collect(at(2))

    # Icinga calls of everything that fails when it gets its notifications.
    assert scanned.hook("1", "PROBLEM", "CRITICAL", now=at(2)).out == SWITCHED
    status = scanned.hook("1", "PROBLEM", "WARNING", "--task", "status", now=at(2))
    assert status.out == SWITCHED
    assert scanned.hook("2", "PROBLEM", "CRITICAL", now=at(2)).out == "1 queued\n"  # it is worse
    scanned.hook("3", "PROBLEM", "CRITICAL", now=at(2))
    assert format_mails(scanned.deliver(at(2))) == ["PROBLEM CRITICAL 2", "PROBLEM CRITICAL 3"]
    assert scanned.behaviour.got[-1].address == "new@example.org"

    assert scanned.hook("1", "PROBLEM", "CRITICAL", now=at(3)).out == "1 queued\n"  # its reminder
    for uid in "123":
        scanned.hook(uid, "RECOVERY", "OK", now=at(4))
    assert scanned.hook("1", "RECOVERY", "OK", "--task", "status", now=at(4)).out == "1 queued\n"
    over = [each for each in scanned.deliver(at(4)) if each.kind == "RECOVERY"]
    assert format_mails(over) == [OVER, OVER, "RECOVERY OK 2", *["RECOVERY OK 3"] * 2]
    scanned.settings(trigger="scan", more=AT_ONCE + QUOTA)
    scanned.write_reports("1", "one", "2026-11-24T16:30:00+01:00")
    scanned.entries(OK, entry("2"), entry("3"))
    assert scanned.scan(at(5)) == []
    scanned.entries(CRITICAL, entry("2"), entry("3"))
    assert format_mails(scanned.scan(at(6))) == [P_C]  # another problem


def test_a_change_from_monitoring_to_scan_repeats_nothing(notifier: Notifier) -> None:
    notifier.settings(more=AT_ONCE + QUOTA)
    notifier.empty()
    failing = [entry(uid, 98) for uid in "1234"]
    notifier.write_reports("1", "one", "2026-11-24T12:30:00+01:00", success=False)
    notifier.entries(*failing)
    notifier.collect(at(1))
    for uid in "123":
        notifier.hook(uid, "PROBLEM", "WARNING" if uid == "2" else "CRITICAL", now=at(1))
    notifier.hook("1", "PROBLEM", "WARNING", "--task", "status", now=at(1))
    assert len(notifier.deliver(at(1))) == 4
    notifier.settings(trigger="scan", more=AT_ONCE + QUOTA)
    notifier.entries(*failing[:2], entry("3"), failing[3])

    sent = notifier.scan(at(2))  # the first scan: nobody has been notified of account 4

    assert format_mails(sent) == ["PROBLEM CRITICAL 2", "RECOVERY OK 3"]  # 2 is worse
    assert [each.address for each in notifier.behaviour.got].count(OPERATOR) == 1
    assert notifier.scan(at(3)) == []
    assert notifier.scan(at(168)) == []
    reminders = notifier.scan(at(169))  # since the call, since the scan
    assert [f"{each.kind} {each.task} {each.account}" for each in reminders] == [
        "REMINDER quota 1",
        "REMINDER status 1",
    ]
    notifier.write_reports("1", "one", "2026-12-01T12:30:00+01:00")
    notifier.entries(OK, entry("2"), entry("3"), entry("4"))
    over = [each for each in notifier.scan(at(169.5)) if each.kind == "RECOVERY"]
    assert format_mails(over) == [OVER, OVER, "RECOVERY OK 2"]


def test_a_clock_that_was_a_year_ahead_puts_off_no_reminder(notifier: Notifier) -> None:
    notifier.settings(trigger="scan", store=False, more=AT_ONCE + QUOTA)
    notifier.empty()
    notifier.entries(entry("1"), entry("2"))

    def scan_accounts(hours: float) -> list[str]:
        assert notifier.run("--scan", now=at(hours)).code == 0
        return format_mails(notifier.deliver(at(hours)))

    assert scan_accounts(0) == []
    notifier.entries(CRITICAL, entry("2"))
    assert scan_accounts(1) == [P_C]
    assert scan_accounts(9000) == ["REMINDER CRITICAL 1"]
    assert scan_accounts(2) == scan_accounts(169) == []
    assert scan_accounts(170) == ["REMINDER CRITICAL 1"]


def test_who_refuses_the_last_mail_is_not_sent_another(scanned: Notifier) -> None:
    scanned.entries(CRITICAL, entry("2"))
    assert format_mails(scanned.scan(at(1))) == [P_C]
    scanned.behaviour.answers["RCPT account-1@example.org"] = "550 5.1.1 left"
    scanned.entries(SILENT, entry("2"))
    scanned.collect(at(2))

    first = scanned.run("--scan", now=at(2))
    assert scanned.run("--deliver", now=at(2)).code == 1  # refused
    scanned.collect(at(3))
    again = scanned.run("--scan", now=at(3))

    assert "1 event, 1 to notify" in first.out
    assert "0 events, 0 to notify" in again.out


def test_a_gone_account_notified_in_both_roles_ends_no_scan(scanned: Notifier) -> None:
    more = RESELLER.format(uid="71")
    scanned.settings(trigger="scan", more="\n[notify.reseller]\ndigest = false\n" + QUOTA)
    mine = {"mail": "reseller-71@example.org", "sstBelongsToResellerUID": "71"}
    scanned.entries(entry("1", 98, **mine, sstBackupWarningOn="FALSE"), entry("2"), more=more)
    assert format_mails(scanned.scan(at(1))) == [P_C]  # as the reseller
    scanned.entries(entry("1", 98, **mine), entry("2"), more=more)
    scanned.scan(at(170))  # reminded, as the customer
    scanned.entries(entry("2", 98), more=more)

    assert format_mails(scanned.scan(at(171))) == ["MONITORING_ENDED OK 1", "PROBLEM CRITICAL 2"]


def test_without_digests_an_address_hears_of_the_end_once(scanned: Notifier) -> None:
    more = RESELLER.format(uid="71")
    scanned.settings(trigger="scan", more="\n[notify.reseller]\ndigest = false\n" + QUOTA)
    mine = {"mail": "reseller-71@example.org", "sstBelongsToResellerUID": "71"}
    scanned.entries(entry("1", 98, **mine, sstBackupWarningOn="FALSE"), entry("2"), more=more)
    assert format_mails(scanned.scan(at(1))) == [P_C]
    scanned.entries(entry("1", 80, **mine), entry("2"), more=more)

    assert format_mails(scanned.scan(at(2))) == [OVER]


def test_the_first_scan_only_records(notifier: Notifier) -> None:
    notifier.settings(trigger="scan", more=QUOTA)
    notifier.empty()
    doubt = entry("4", sstBackupSize=None)
    notifier.entries(entry("1", 98), entry("2", 90), entry("3"), doubt)
    notifier.collect()

    ran = notifier.run("--scan")

    assert ran.code == 0
    assert ran.first == (
        "4 accounts, 1 event, 1 to notify; first scan: 2 problems recorded, "
        "to notify after notify_backup --release"
    )
    assert notifier.deliver() == []
    (listed,) = notifier.behaviour.got
    assert (listed.address, b"account-4" in listed.content) == (OPERATOR, False)
    assert format_mails(notifier.scan(at(1))) == [
        "PROBLEM UNKNOWN 4"
    ]  # the others wait for the release
    assert [each.address for each in notifier.behaviour.got] == [OPERATOR] * 2

    ran = notifier.run("--release", now=at(1))
    assert (
        "2 recorded problems released: the next scan notifies of those that still fail" in ran.out
    )
    notifier.entries(entry("1", 98), entry("2"), entry("3", 98), doubt)
    assert format_mails(notifier.scan(at(2))) == ["PROBLEM CRITICAL 1", "PROBLEM CRITICAL 3"]


def test_a_further_computer_is_sent_once(scanned: Notifier) -> None:
    def scan_accounts(hours: float) -> list[str]:
        return format_mails(scanned.scan(at(hours)))

    for name in ("one", "two"):
        scanned.write_reports("1", name, "2026-11-24T11:30:00+01:00")
    assert scan_accounts(1) == []
    scanned.write_reports("1", "one", "2026-11-24T13:30:00+01:00", success=False)
    first = scan_accounts(2)
    scanned.write_reports("1", "two", "2026-11-24T14:30:00+01:00", success=False)
    second = scan_accounts(3)
    assert [*first, *second] == ["PROBLEM WARNING 1"] * 2
    assert scan_accounts(4) == []
    scanned.write_reports("1", "one", "2026-11-24T16:30:00+01:00")
    assert scan_accounts(5) == []  # the other one still fails
    scanned.write_reports("1", "two", "2026-11-24T17:30:00+01:00")
    assert scan_accounts(6) == ["RECOVERY OK 1"]
    assert len(scanned.behaviour.got) == 3


def test_a_computer_that_is_unknown_is_sent_only_when_it_fails(scanned: Notifier) -> None:
    scanned.write_reports("1", "one", "2026-11-24T12:30:00+01:00", success=False)
    scanned.write_reports("1", "two", "2026-11-24T12:30:00+01:00")
    assert format_mails(scanned.scan(at(1))) == ["PROBLEM WARNING 1"]
    end = scanned.folder / "tree/home/1/incoming/two/.sepiola_backup/backupEnded.xml"
    end.write_text("<torn")
    assert format_mails(scanned.scan(at(2))) == []

    scanned.write_reports("1", "two", "2026-11-24T13:30:00+01:00", success=False)

    assert format_mails(scanned.scan(at(3))) == ["PROBLEM WARNING 1"]


def test_what_is_over_names_the_computers_that_failed(scanned: Notifier) -> None:
    for name in ("fine", "one", "two"):
        scanned.write_reports("1", name, "2026-11-24T11:30:00+01:00")
    scanned.write_reports("1", "two", "2026-11-24T13:30:00+01:00", success=False)
    scanned.scan(at(2))
    scanned.write_reports("1", "two", "2026-11-24T14:30:00+01:00")
    assert format_mails(scanned.scan(at(3))) == ["RECOVERY OK 1"]
    for name, success in (("one", False), ("two", False), ("one", True), ("two", True)):
        scanned.write_reports("1", name, f"2026-11-24T{16 + success}:30:00+01:00", success)
        scanned.scan(at(5 + success))

    texts = [each for each in bodies(scanned) if "succeeded again" in each]

    assert len(texts) == 2
    assert "The backup on the computer “two” succeeded again" in texts[0]
    assert "The backup succeeded again" in texts[1]
    assert not any("fine" in each for each in texts)


def bodies(notifier: Notifier) -> list[str]:
    """Return the texts of all mails that arrived."""
    texts = []
    for got in notifier.behaviour.got:
        mail = email.message_from_bytes(got.content, policy=email.policy.default)
        body = mail.get_body(("plain",))
        assert body is not None
        texts.append(" ".join(body.get_content().replace("\u2060", "").split()))
    return texts


def test_a_retired_computer_is_no_longer_monitored(scanned: Notifier) -> None:
    scanned.write_reports("1", "one", "2026-11-24T12:30:00+01:00", success=False)
    scanned.write_reports("1", "two", "2026-11-24T12:30:00+01:00")
    assert format_mails(scanned.scan(at(1))) == ["PROBLEM WARNING 1"]
    scanned.write_reports("1", "two", "2027-02-23T12:30:00+01:00")

    assert format_mails(scanned.scan("2027-02-23T13:00:00+01:00")) == ["MONITORING_ENDED OK 1"]
    assert "The computer “one” counts as retired" in bodies(scanned)[-1]


@pytest.mark.parametrize(
    ("then", "reason"),
    [
        ((), "The account is no longer active"),
        ((entry("1", 99, sstIsActive="FALSE"),), "The account is no longer active"),
        ((entry("1", 99, sstBackupWarningOn="FALSE"),), "The warnings about this are now switched"),
    ],
    ids=["gone", "not active", "warnings switched off"],
)
def test_what_is_no_longer_monitored_says_why(
    scanned: Notifier, then: Sequence[str], reason: str
) -> None:
    scanned.entries(entry("1", 99), entry("2"))
    assert format_mails(scanned.scan(at(1))) == ["PROBLEM CRITICAL 1"]
    scanned.entries(*then, entry("2"))

    scanned.scan(at(2))

    assert reason in bodies(scanned)[-1]


def test_a_status_that_is_left_to_the_quota_check(scanned: Notifier) -> None:
    scanned.write_reports("1", "one", "2026-11-24T12:30:00+01:00")
    scanned.entries(entry("1", 99.9), entry("2"))

    sent = scanned.scan(at(1))

    assert [(each.task, each.state) for each in sent] == [("quota", "CRITICAL")]


def test_a_doubted_success_is_no_further_computer_until_it_fails(scanned: Notifier) -> None:
    scanned.entries(entry("1", 99.9), entry("2"))
    scanned.write_reports("1", "one", "2026-11-24T12:30:00+01:00", success=False)
    scanned.write_reports("1", "two", "2026-11-24T12:30:00+01:00")
    assert [each.task for each in scanned.scan(at(1))] == ["quota", "status"]

    scanned.write_reports("1", "two", "2026-11-24T13:30:00+01:00", success=False)

    assert [each.task for each in scanned.scan(at(2))] == ["status"]


def test_a_doubted_success_ends_no_problem(scanned: Notifier) -> None:
    scanned.write_reports("1", "one", "2026-11-24T12:30:00+01:00", success=False)
    assert format_mails(scanned.scan(at(1))) == ["PROBLEM WARNING 1"]
    scanned.write_reports("1", "one", "2026-11-24T13:30:00+01:00")
    scanned.entries(entry("1", 99.9), entry("2"))

    sent = scanned.scan(at(2))

    assert [(each.kind, each.task) for each in sent] == [("PROBLEM", "quota")]
    scanned.entries(entry("1"), entry("2"))
    sent = scanned.scan(at(3))
    assert [(each.kind, each.task) for each in sent] == [
        ("RECOVERY", "quota"),
        ("RECOVERY", "status"),
    ]


def test_a_reseller_gets_one_digest_of_its_own_accounts(scanned: Notifier) -> None:
    owners = {"11": "71", "12": "71", "13": "72", "14": "72"}
    resellers = RESELLER.format(uid="71") + "\n" + RESELLER.format(uid="72")

    def entries(percent: float) -> None:
        accounts = [
            entry(uid, percent, cn=f"Name of {uid}", sstBelongsToResellerUID=owner)
            for uid, owner in owners.items()
        ]
        scanned.entries(*accounts, more=resellers)

    scanned.settings(trigger="scan", more=QUOTA)
    entries(50)
    scanned.scan(at(1))
    entries(98)
    scanned.scan(at(2))
    assert [each for each in scanned.behaviour.got if "reseller" in each.address] == []
    scanned.deliver(at(2.2))  # digest_delay

    for reseller in ("71", "72"):
        address = f"reseller-{reseller}@example.org"
        (got,) = [each for each in scanned.behaviour.got if each.address == address]
        for uid, owner in owners.items():
            assert (f"Name of {uid}".encode() in got.content) == (owner == reseller)
    entries(50)
    sent = scanned.scan(at(3)) + scanned.deliver(at(3.2))
    assert len([each for each in sent if each.kind == "RECOVERY"]) == 8
    assert len([each for each in scanned.behaviour.got if "reseller" in each.address]) == 4


@pytest.fixture
def stormy(notifier: Notifier) -> Notifier:
    """A scan with a storm guard: 30 accounts of one server, 20 of them are a storm."""
    notifier.settings(("storm = false", "storm = true"), trigger="scan", more=QUOTA)
    notifier.empty()
    fleet(notifier, range(0))
    assert notifier.scan(NOW) == []
    return notifier


def fleet(notifier: Notifier, failing: Sequence[int]) -> None:
    """Let these of 30 accounts of a server fail, and none of another server."""
    accounts = [entry(str(uid), 98 if uid in failing else 50) for uid in range(10, 40)]
    others = [entry(str(uid), host="backup-02") for uid in range(50, 55)]
    notifier.entries(*accounts, *others)


def test_few_failures_are_no_storm(stormy: Notifier) -> None:
    fleet(stormy, range(10, 13))
    assert stormy.scan(at(1)) == []  # they wait for the storm guard

    assert format_mails(stormy.deliver(at(1.2))) == [
        f"PROBLEM CRITICAL {uid}" for uid in range(10, 13)
    ]


def test_of_a_storm_only_the_operator_is_notified(stormy: Notifier) -> None:
    fleet(stormy, range(10, 32))
    assert stormy.scan(at(1)) == []
    assert stormy.deliver(at(1.3)) == []

    (got,) = stormy.behaviour.got
    assert got.address == OPERATOR
    assert stormy.scan(at(2)) == []
    assert len(stormy.behaviour.got) == 1  # once
    # most recover: their mails are dropped; the rest still fails when the storm is over
    fleet(stormy, range(10, 12))
    assert format_mails(stormy.scan(at(3))) == ["PROBLEM CRITICAL 10", "PROBLEM CRITICAL 11"]
    fleet(stormy, range(0))
    assert format_mails(stormy.scan(at(4))) == ["RECOVERY OK 10", "RECOVERY OK 11"]
    assert {each.address for each in stormy.behaviour.got} == {
        *(OPERATOR, "account-10@example.org", "account-11@example.org")
    }


def test_a_storm_is_released_by_hand(stormy: Notifier) -> None:
    fleet(stormy, range(10, 32))
    stormy.scan(at(1))
    stormy.deliver(at(1.3))

    ran = stormy.run("--release", now=at(1.4))

    assert ran.out.startswith("22 held mails released;")
    assert format_mails(stormy.deliver(at(1.5))) == [
        f"PROBLEM CRITICAL {uid}" for uid in range(10, 32)
    ]


def test_a_storm_of_failures_over_several_scans(stormy: Notifier) -> None:
    for minutes, count in enumerate((8, 16, 24)):
        fleet(stormy, range(10, 10 + count))
        assert stormy.scan(at(1 + minutes / 20)) == []

    assert [each.address for each in stormy.behaviour.got] == [OPERATOR]


def test_the_collectors_return_after_an_outage(stormy: Notifier) -> None:
    """No scan while the store is old: the operator is notified; then all that failed is a storm."""
    for hours in (5, 5.5):
        ran = stormy.run("--scan", now=at(hours))
        assert ran.code == 1
        assert ran.first.startswith("no scan, ")
        assert "was last read" in ran.first
    assert stormy.deliver(at(5.6)) == []
    sent = [each.address for each in stormy.behaviour.got]
    assert sent == [OPERATOR] * len(sent)

    fleet(stormy, range(10, 30))
    assert stormy.scan(at(6)) == []
    assert stormy.deliver(at(6.3)) == []
    assert {each.address for each in stormy.behaviour.got} == {OPERATOR}


def test_an_outage_is_sent_once(stormy: Notifier) -> None:
    for hours in (5, 5.2, 5.4):
        ran = stormy.run("--scan", now=at(hours))
        assert ran.code == 1
    assert "the operator was notified 2026-11-24T16:00:00+00:00: " in ran.first
    stormy.deliver(at(5.5))
    (got,) = stormy.behaviour.got
    mail = email.message_from_bytes(got.content, policy=email.policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    text = " ".join(body.get_content().replace("\u2060", "").split())
    assert (got.address, mail["Subject"]) == (OPERATOR, "Backup monitoring: no scan is possible")
    assert "Reason: " in text
    assert "Since: 24 November 2026, 17:00 (UTC+01:00)" in text
    assert "collect_backup_state" in text
    assert "space" not in text
    assert "Inform the customers" not in text

    stormy.scan(at(6))
    stormy.run("--scan", now=at(11))  # another outage
    stormy.deliver(at(12))
    assert len(stormy.behaviour.got) == 2


@pytest.mark.parametrize(
    ("key", "value"),
    [("operator", "operations@example.org"), ("from", "Backup Service <backup@example.org>")],
)
def test_an_outage_that_nobody_can_be_notified_of(stormy: Notifier, key: str, value: str) -> None:
    stormy.settings((f'\n{key} = "{value}"', f'\n{key} = "nobody"'), trigger="scan", more=QUOTA)

    for hours in (5, 5.2):
        ran = stormy.run("--scan", now=at(hours))
        assert ran.code == 1
        assert f"no scan, nobody was notified ([notify] {key}: " in ran.first


def test_two_scans_at_once(scanned: Notifier) -> None:
    """The other one notifies while this one evaluates; account 2 has recovered for this one."""
    scanned.entries(entry("1", 98), entry("2", 98))
    scanned.collect(at(1))
    settings = read_settings(scanned.config)
    now = datetime.fromisoformat(at(1)).astimezone(UTC)
    with open_source(settings, now, lambda phase: None) as source, Outbox(scanned.outbox) as outbox:
        list_failing = source.list_failing

        def list_later(known: Collection[tuple[str, str]]) -> tuple[int, list[AccountVerdict]]:
            ran = scanned.run("--scan", now=at(1))
            assert "2 events, 2 to notify" in ran.out
            accounts, failing = list_failing(known)
            return accounts, [each for each in failing if each.uid != "2"]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(source, "list_failing", list_later)
            done = scan_accounts(outbox, source, settings, now)

    assert done.results == ()
    assert format_mails(scanned.deliver(at(1))) == ["PROBLEM CRITICAL 1", "PROBLEM CRITICAL 2"]


def test_a_dry_scan_shows_what_would_be_sent(scanned: Notifier) -> None:
    scanned.entries(entry("1", 98), entry("2"))
    scanned.collect(at(1))
    before = scanned.outbox.read_bytes()

    ran = scanned.run("--scan", "--dry-run", now=at(1))

    assert ran.code == 0
    assert "\n1 quota PROBLEM CRITICAL: 98.0 % of 10.0 GiB used" in ran.out
    assert "\nto account-1@example.org (customer): rule 2: mail of uid=1" in ran.out
    assert "\n  Subject: " in ran.out
    assert scanned.outbox.read_bytes() == before
    assert format_mails(scanned.scan(at(1))) == ["PROBLEM CRITICAL 1"]


def test_a_scan_whose_outbox_cannot_be_written(scanned: Notifier) -> None:
    scanned.entries(entry("1", 98), entry("2"))
    scanned.collect(at(1))
    scanned.outbox.rename(scanned.outbox.with_suffix(".kept"))
    scanned.outbox.mkdir()

    ran = scanned.run("--scan", now=at(1))

    assert ran.code == 2
    assert ran.first.startswith("FAILED: ")
    scanned.outbox.rmdir()
    scanned.outbox.with_suffix(".kept").rename(scanned.outbox)
    assert format_mails(scanned.scan(at(2))) == ["PROBLEM CRITICAL 1"]  # nothing was lost


def test_the_weekly_summary(notifier: Notifier) -> None:
    accounts = (
        entry("1", sstBelongsToResellerUID="7"),
        entry("2", 98, sstBelongsToResellerUID="7"),
    )
    unknown = entry("3", sstBackupSize=None, sstBelongsToResellerUID="7")
    notifier.settings(trigger="scan")
    notifier.empty()
    notifier.entries(*accounts, unknown, more=RESELLER.format(uid=7))
    begin, later, too_late = "2026-11-25T07:30:00+01:00", at(21.5), at(23.9)
    notifier.collect(begin)
    assert "summar" not in notifier.run("--deliver", now=begin).out  # off by default
    notifier.settings(trigger="scan", store=False, more='summary = "weekly"\n')
    ran = notifier.run("--deliver", now=begin)
    assert (ran.code, "[notify] summary: needs a store; set" in ran.out) == (3, True)
    notifier.settings(
        ("[notify]\n", '[notify]\nsummary = "weekly"\nsummary_customers = true\n'), trigger="scan"
    )

    ran = notifier.run("--deliver", now=begin)
    assert "weekly summaries: 2 queued, 2 not possible yet" in ran.out  # 3 is UNKNOWN
    got = [each.address for each in notifier.behaviour.got]
    assert sorted(got) == ["account-1@example.org", "account-2@example.org"]
    ran = notifier.run("--deliver", now=too_late)
    assert "no weekly summaries: the store is missing or too old" in ran.out
    notifier.entries(*accounts, more=RESELLER.format(uid=7))
    notifier.collect(later)
    notifier.behaviour.got.clear()
    ran = notifier.run("--deliver", now=later)
    assert "weekly summaries: 1 queued, 0 not possible yet" in ran.out
    (mail,) = notifier.behaviour.got
    assert mail.address == "reseller-7@example.org"
    assert b"Subject: 1 of 2 backup accounts has a problem" in mail.content
    assert notifier.deliver(at(45)) == []
