"""What the outbox remembers of its decisions, and how the helpdesk reads it."""

import multiprocessing
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from backup_monitoring.mail.transport import SendOutcome, SendResult
from backup_monitoring.model.notices import EventKind
from backup_monitoring.model.verdicts import State
from backup_monitoring.notify.decision_list import format_decisions, list_decisions
from backup_monitoring.outbox.decisions import read_decisions
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.outbox.outbox_errors import OutboxError
from backup_monitoring.outbox.queue import (
    queue_for_digest,
    queue_mail,
    record_event,
    track_failure,
)
from backup_monitoring.outbox.sending import SendQueue, clean_up
from backup_monitoring.outbox.transaction import Outbox
from outbox.outbox_cases import MINUTE, NOW, event, mail, reseller

ZURICH = ZoneInfo("Europe/Zurich")
HOSTILE = "4000101\n2026-11-25 09:00 +01:00  4000102: sent\x1b[31m\u202e|<b>\udcff"


def lines(file: Path, *uids: str) -> list[str]:
    return list(format_decisions(list_decisions(file, uids or None), ZURICH))


def test_what_was_queued_retried_and_sent(tmp_path: Path) -> None:
    queue = SendQueue(timedelta(days=3), "")
    with Outbox(tmp_path / "outbox") as outbox:
        with outbox.transaction(NOW) as transaction:
            queue_mail(transaction, mail("1", about=event()))
            queue_mail(transaction, mail("2", "it@example.org", event()))
            queue_for_digest(transaction, reseller(), event())
        with outbox.transaction(NOW + MINUTE) as transaction:
            (first,) = queue.claim(transaction, 1)
            queue.record_result(transaction, first, SendResult(SendOutcome.ACCEPTED, ""))
            (second,) = queue.claim(transaction, 1)
            queue.record_result(transaction, second, SendResult(SendOutcome.LATER, "451 busy"))

    about = "4000101 quota PROBLEM CRITICAL"
    assert lines(tmp_path / "outbox", "4000101") == [
        f"2026-11-25 09:01 +01:00  {about}: retried to it@example.org; 451 busy; "
        "now: it@example.org waits, next attempt 2026-11-25 09:02 +01:00",
        f"2026-11-25 09:01 +01:00  {about}: sent to anna@example.org",
        f"2026-11-25 09:00 +01:00  {about}: queued for support@reseller.example.org; for a digest; "
        "now: support@reseller.example.org waits",
        f"2026-11-25 09:00 +01:00  {about}: queued for anna@example.org, it@example.org",
    ]


def test_what_waits_for_the_storm_guard_and_what_is_dropped(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox") as outbox:
        with outbox.transaction(NOW) as transaction:
            track_failure(transaction, event())
            queue_mail(transaction, mail("1", about=event()))
        waits = lines(tmp_path / "outbox", "4000101")
        with outbox.transaction(NOW + MINUTE) as transaction:
            track_failure(transaction, event(kind=EventKind.RECOVERY, state=State.OK))

    about = "4000101 quota PROBLEM CRITICAL"
    queued = (
        f"2026-11-25 09:00 +01:00  {about}: queued for anna@example.org; waits for the storm guard"
    )
    assert waits == [f"{queued}; now: anna@example.org waits for the storm guard"]
    assert lines(tmp_path / "outbox", "4000101") == [
        f"2026-11-25 09:01 +01:00  {about}: dropped to anna@example.org; "
        "recovered before it was sent",
        queued,
    ]


def test_duplicates_and_other_accounts(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox") as outbox, outbox.transaction(NOW) as transaction:
        assert record_event(transaction, event("ABC"))
        assert not record_event(transaction, event("ABC"))
        transaction.log(LogAction.NOT_SENT, reason="no scan: the store is too old")
        queue_mail(transaction, mail("1", about=event("4000102")))

    file = tmp_path / "outbox"
    duplicate = "2026-11-25 09:00 +01:00  ABC quota PROBLEM CRITICAL: duplicate; duplicate event"
    assert lines(file, "abc") == [duplicate]
    assert lines(file, "4009999") == []
    assert [line[25:] for line in lines(file)] == [
        "4000102 quota PROBLEM CRITICAL: queued for anna@example.org; now: anna@example.org waits, "
        "next attempt 2026-11-25 09:00 +01:00",
        "about many: not sent; no scan: the store is too old",
        duplicate[25:],
    ]


def test_hostile_texts_stay_in_their_line(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox") as outbox, outbox.transaction(NOW) as transaction:
        transaction.log_event(LogAction.NOT_SENT, event(HOSTILE), HOSTILE, HOSTILE * 100)
        transaction.log_event(LogAction.NOT_SENT, event("4000102"), "", "fine")

    (line,) = lines(tmp_path / "outbox", HOSTILE)
    assert line.isprintable()
    assert not set("|<>") & set(line)
    assert len(line) <= 2000
    assert len(lines(tmp_path / "outbox", "4000102")) == 1


def test_a_rolled_back_transaction_leaves_no_decision(tmp_path: Path) -> None:
    def fail(outbox: Outbox) -> None:
        with outbox.transaction(NOW) as transaction:
            transaction.log(LogAction.SENT, "4000101")
            raise ZeroDivisionError

    with Outbox(tmp_path / "outbox") as outbox, pytest.raises(ZeroDivisionError):
        fail(outbox)

    assert lines(tmp_path / "outbox") == []


def test_each_account_keeps_its_newest_and_none_takes_those_of_another(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox") as outbox:
        with outbox.transaction(NOW) as transaction:
            transaction.log(LogAction.SENT, "4000102")
        for turn in range(3):
            with outbox.transaction(NOW + turn * MINUTE) as transaction:
                for number in range(500):
                    transaction.log(LogAction.SENT, "4000101", reason=str(turn * 500 + number))

    kept = read_decisions(tmp_path / "outbox", "4000101", 5000)
    assert [each.reason for each in (kept[0], kept[-1])] == ["1499", "500"]
    assert len(read_decisions(tmp_path / "outbox", "4000102", 5000)) == 1


def test_decisions_are_forgotten_after_a_month(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox") as outbox:
        with outbox.transaction(NOW) as transaction:
            transaction.log(LogAction.SENT, "4000101")
        for days, left in ((29, 1), (31, 0)):
            with outbox.transaction(NOW + timedelta(days=days)) as transaction:
                clean_up(transaction)
            assert len(lines(tmp_path / "outbox")) == left


def test_it_is_read_beside_a_delivery_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "outbox"
    with Outbox(file) as outbox:
        with outbox.transaction(NOW) as transaction:
            transaction.log(LogAction.SENT, "4000101")
        before = file.read_bytes()
        with outbox.transaction(NOW) as transaction:
            transaction.log(LogAction.SENT, "4000102")
            transaction.execute("DELETE FROM meta")  # a delivery is writing
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found = pool.apply(list_decisions, (file, None))
        assert [each.account for each in found] == ["4000101"]
    assert file.read_bytes() != before  # the delivery's own decision
    size = file.read_bytes()
    lines(file, "4000101")
    assert file.read_bytes() == size
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "outbox",
        "outbox-in-use",
        "outbox-journal",
    ]


def test_an_outbox_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match="notify_backup has never used it"):
        list_decisions(tmp_path / "outbox", None)
    (tmp_path / "outbox").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(OutboxError):
        list_decisions(tmp_path / "outbox", None)
