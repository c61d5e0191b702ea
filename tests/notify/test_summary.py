"""The weekly summary: who gets it, what it says, when it must not be sent, and how often."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from backup_monitoring.model.people import Reseller
from backup_monitoring.model.verdicts import State, Verdict
from backup_monitoring.notify import summary_mails
from backup_monitoring.notify.summary import find_week
from backup_monitoring.notify.summary_mails import find_due_week, queue_summaries
from backup_monitoring.outbox.bounces import make_entry
from backup_monitoring.outbox.columns import write_time
from backup_monitoring.outbox.delivery_log import DeliveryLog
from backup_monitoring.outbox.messages import Problem
from backup_monitoring.outbox.problems import save_problem
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.store.account_verdict import AccountVerdict
from backup_monitoring.store.source import Source
from notify.post import CRITICAL, NOW, WARNING, GotMail, Post, account, make_event

WEEKLY = 'summary = "weekly"\n'
CUSTOMERS = f"{WEEKLY}summary_customers = true\n"
MONDAY = datetime.fromisoformat("2026-11-30T07:00:00+01:00")
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
QUOTA = frozenset({"quota", "schedule"})
RESELLERS = [
    Reseller("a", "uid=a", ("a@reseller.example.org",), problems=QUOTA),
    Reseller("b", "uid=b", ("b@reseller.example.org",), problems=QUOTA),
]
ACCOUNTS = [
    account("1", "anna@example.org", resellers=("a",)),
    account("2", "anna@example.org", "it@example.org", resellers=("a", "b")),
    account("3", "off@example.org", resellers=("a",), warning_on="FALSE"),
]
A, B = "a@reseller.example.org", "b@reseller.example.org"
ANNA, IT = "anna@example.org", "it@example.org"


def failing(uid: str, task: str = "quota", state: State = WARNING) -> AccountVerdict:
    return AccountVerdict(uid, ("backup-01",), task, Verdict(state, f"{task} of {uid}"))


class Week(Post):
    """Deliveries with weekly summaries."""

    def __init__(self, folder: Path, settings: str = WEEKLY) -> None:
        super().__init__(folder, [*RESELLERS, *ACCOUNTS], settings)
        self.failing: Sequence[AccountVerdict] = ()
        self.looked = 0

    def run(self, now: datetime) -> list[GotMail]:
        """Deliver at *now*; return what arrived."""
        self.got.clear()
        with Outbox(self.file, DeliveryLog(self.log)) as outbox:
            week = find_due_week(outbox, self.settings, now)
            if week is not None:
                self.looked += 1
                queue_summaries(outbox, self._source(), self.settings, now, week)
        self.run_delivery(now)
        return sorted(self.got)

    def _source(self) -> Source:
        accounts = [(SimpleNamespace(uid=each.uid), None) for each in ACCOUNTS]
        source: Any = SimpleNamespace(
            people=self.people,
            accounts=lambda uids, needs: accounts,
            list_failing=lambda known: (len(accounts), self.failing),
        )
        return cast(Source, source)


@pytest.mark.parametrize(
    ("now", "week"),
    [
        ("2026-11-30T07:00+01:00", "2026-11-30"),
        ("2026-11-30T06:59+01:00", None),
        ("2026-11-30T06:00+00:00", "2026-11-30"),
        ("2026-11-30T12:00+01:00", None),
        ("2026-12-04T11:59+01:00", "2026-11-30"),
        ("2026-12-05T08:00+01:00", None),
        ("2026-12-06T08:00+01:00", None),
        ("2027-01-01T08:00+01:00", "2026-12-28"),
        ("2026-03-30T05:00+00:00", "2026-03-30"),
        ("2026-10-26T06:00+00:00", "2026-10-26"),
    ],
)
def test_a_weekday_morning_in_the_zone(now: str, week: str | None) -> None:
    found = find_week(datetime.fromisoformat(now), ZoneInfo("Europe/Zurich"))

    assert (found and found.isoformat()) == week


def test_all_is_fine(tmp_path: Path) -> None:
    got = Week(tmp_path).run(MONDAY)

    assert [mail[:2] for mail in got] == [
        (A, "All 3 backup accounts are fine"),
        (B, "1 backup account is fine"),
    ]
    assert "This is the weekly summary. At the last check, everything was fine." in got[0].text
    assert "you are the reseller of these backup accounts" in got[0].text


def test_customers_who_want_warnings_get_it_if_you_wish(tmp_path: Path) -> None:
    got = Week(tmp_path, CUSTOMERS).run(MONDAY)

    assert [mail[:2] for mail in got] == [
        (A, "All 3 backup accounts are fine"),
        (ANNA, "All 2 backup accounts are fine"),
        (B, "1 backup account is fine"),
        (IT, "1 backup account is fine"),
    ]


def test_a_customer_who_has_switched_off_a_check_hears_nothing_of_it(tmp_path: Path) -> None:
    week = Week(tmp_path, CUSTOMERS)
    off = account("1", ANNA, warning_numbers=0, warning_days=0, resellers=("a",))
    week.people.contacts["1"] = off
    week.failing = [failing("1", "schedule")]

    got = {mail.address: mail.subject for mail in week.run(MONDAY)}

    assert got[ANNA] == "All 2 backup accounts are fine"
    assert got[A] == "1 of 3 backup accounts has a problem"


@pytest.mark.parametrize(("digest", "mails"), [("true", 2), ("false", 1)])
def test_who_is_customer_and_reseller(tmp_path: Path, digest: str, mails: int) -> None:
    week = Week(tmp_path, f"{CUSTOMERS}[notify.reseller]\ndigest = {digest}\n")
    week.people.contacts["2"] = account("2", B, resellers=("b",))

    assert [mail.address for mail in week.run(MONDAY)].count(B) == mails


def test_what_is_not_fine_is_listed_with_its_reason_to_whom_it_concerns(tmp_path: Path) -> None:
    week = Week(tmp_path, CUSTOMERS)
    week.failing = [failing("1"), failing("1", "schedule", CRITICAL), failing("2", "client")]

    got = {mail.address: mail for mail in week.run(MONDAY)}

    assert got[A].subject == "1 of 3 backup accounts has a problem"
    assert got[A].text.count("* Problem with") == 2
    assert "quota of 1" in got[A].text
    assert "schedule of 1" in got[A].text
    assert got[B].subject == "1 backup account is fine"  # it does not want to hear of clients
    assert got[ANNA].subject == "2 of 2 backup accounts have a problem"
    assert "client of 2" in got[IT].text
    assert "backup-01" not in got[ANNA].text


def test_unknown_stops_the_summaries_with_this_account_until_it_is_known(tmp_path: Path) -> None:
    week = Week(tmp_path)
    week.failing = [failing("1", state=State.UNKNOWN)]
    assert [mail.address for mail in week.run(MONDAY)] == [B]
    assert week.run(MONDAY + 2 * HOUR) == []
    assert week.logged().count("weekly summary: 1 is UNKNOWN in quota") == 1

    week.failing = []

    assert [mail.address for mail in week.run(MONDAY + DAY)] == [A]
    assert week.run(MONDAY + 2 * DAY) == []


def test_an_account_that_cannot_be_judged_all_week(tmp_path: Path) -> None:
    week = Week(tmp_path)
    week.failing = [failing(uid, state=State.UNKNOWN) for uid in ("1", "2")]
    for day in range(7):
        for half_hours in range(-1, 12):
            assert week.run(MONDAY + day * DAY + half_hours * HOUR / 2) == []

    assert week.looked == 25  # once an hour of five mornings
    assert week.logged().count("weekly summary: ") == 2


@pytest.mark.parametrize("withheld", ["settling", "held", "recorded"])
def test_what_nobody_is_notified_of_yet_is_not_given_away(tmp_path: Path, withheld: str) -> None:
    week = Week(tmp_path, CUSTOMERS)
    week.failing = [failing("1")]
    if withheld == "recorded":
        with week.open(0) as transaction:
            save_problem(transaction, Problem("1", "quota", WARNING, NOW, status="recorded"))
    else:
        minutes = (MONDAY - NOW) / MINUTE
        week.notify(minutes, make_event("1"))
        with week.open(minutes) as transaction:
            transaction.execute(f"UPDATE mails SET status = '{withheld}'")

    addresses = [mail.address for mail in week.run(MONDAY)]

    assert addresses == [B, IT]


@pytest.mark.parametrize("back", [0.01, 1, 2, 6, 20])
def test_exactly_once_a_week_whatever_the_clock_does(tmp_path: Path, back: float) -> None:
    week = Week(tmp_path)
    got = []
    for days in (0, 0.1, 1, 2, 4, 4.1 - back, 4.2 - back, 5 - back):
        got += week.run(MONDAY + days * DAY)
    assert len(got) == 2
    for days in (7, 7.1, 8, 11):
        got += week.run(MONDAY + days * DAY)
    assert len(got) == 4


def test_a_clock_that_was_ahead_for_long_stops_no_summary_for_long(tmp_path: Path) -> None:
    week = Week(tmp_path)
    assert len(week.run(MONDAY + 364 * DAY)) == 2

    assert len(week.run(MONDAY)) == 2
    assert week.run(MONDAY + DAY) == []


@pytest.mark.parametrize("step", ["compose_parts", "queue_mail", "record_summary"])
def test_a_process_that_is_killed_leaves_the_rest_to_the_next(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = Week(tmp_path, CUSTOMERS)
    plain = getattr(summary_mails, step)
    calls = []

    def killed(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(*arguments)

    monkeypatch.setattr(summary_mails, step, killed)
    with pytest.raises(KeyboardInterrupt):
        week.run(MONDAY)
    monkeypatch.undo()

    first = week.run(MONDAY + MINUTE)
    later = week.run(MONDAY + HOUR)

    assert len(first) == 2
    assert sorted(mail.address for mail in (*first, *later)) == sorted([A, B, ANNA, IT])


def test_many_are_done_in_several_deliveries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = Week(tmp_path)
    monkeypatch.setattr(summary_mails, "_LIMIT", -1)
    assert week.run(MONDAY) == []
    monkeypatch.undo()

    assert len(week.run(MONDAY + MINUTE)) == 2


@pytest.mark.parametrize("attribute", ["mail", "rfc822Mailbox"])
def test_an_address_that_bounces_gets_no_summary(tmp_path: Path, attribute: str) -> None:
    post = Week(tmp_path, f'{CUSTOMERS}[directory.attributes]\nmail = "{attribute}"\n')
    entries = [
        (A, make_entry("ou=notifications,uid=a", "sstMailTo", (A,))),
        (IT, make_entry("uid=2", attribute, (ANNA, IT))),
    ]
    with post.open(0) as transaction:
        for number, (address, entry) in enumerate(entries):
            transaction.execute(
                "INSERT INTO undeliverable VALUES (?, ?, ?, ?, ?)",
                (address, entry, write_time(NOW), str(number), "bounced: 5.1.1"),
            )

    assert [mail.address for mail in post.run(MONDAY)] == [ANNA, B]
