"""What was sent to whom: what counts as sent, and what is forgotten."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_monitoring.model.notices import EventKind, Role
from backup_monitoring.model.verdicts import State
from backup_monitoring.outbox.queue import queue_for_digest, queue_mail, track_failure
from backup_monitoring.outbox.sent import (
    forget_sent,
    read_conversation,
    record_refused,
    record_sent,
)
from backup_monitoring.outbox.transaction import Outbox, Transaction
from outbox.outbox_cases import NOW, OPERATOR, event, find_last_sent, mail, reseller

ANNA = ("anna@example.org", Role.CUSTOMER)
BERT = ("bert@example.org", Role.CUSTOMER)
ABOUT = ("4000101", "quota")


@pytest.fixture
def t(tmp_path: Path) -> Iterator[Transaction]:
    with Outbox(tmp_path / "outbox") as outbox, outbox.transaction(NOW) as transaction:
        yield transaction


def send(t: Transaction, to: tuple[str, Role], kind: EventKind = EventKind.PROBLEM) -> None:
    record_sent(t, to, *ABOUT, kind, State.CRITICAL, "", f"<{kind.name}@t>")


def is_notified(t: Transaction, to: tuple[str, Role], account: str, task: str) -> bool:
    return read_conversation(t, account, task).is_notified(to[0], (to[1],))


def list_notified(t: Transaction, account: str, task: str) -> list[tuple[str, Role]]:
    notified = read_conversation(t, account, task).list_notified()
    return [(each.recipient.address, each.recipient.role) for each in notified]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (EventKind.PROBLEM, True),
        (EventKind.REMINDER, True),
        (EventKind.RECOVERY, False),
        (EventKind.MONITORING_ENDED, False),
    ],
)
def test_a_delivered_mail_about_a_failure_counts(
    t: Transaction, kind: EventKind, expected: bool
) -> None:
    assert not is_notified(t, ANNA, *ABOUT)

    send(t, ANNA, kind)

    assert is_notified(t, ANNA, *ABOUT) is expected
    assert not is_notified(t, BERT, *ABOUT)
    assert not is_notified(t, (ANNA[0], Role.RESELLER), *ABOUT)
    assert not is_notified(t, ANNA, "4000101", "status")


@pytest.mark.parametrize("settled", [True, False])
def test_a_mail_that_will_certainly_be_sent_counts(t: Transaction, settled: bool) -> None:
    track_failure(t, event(), settled=settled)
    queue_mail(t, mail("1@t", about=event()))
    queue_for_digest(t, reseller(), event())

    assert is_notified(t, ANNA, *ABOUT) is settled
    assert is_notified(t, (reseller().address, Role.RESELLER), *ABOUT) is settled


def test_who_hears_of_the_end_of_a_problem(t: Transaction) -> None:
    send(t, BERT)
    send(t, ANNA, EventKind.REMINDER)
    send(t, (OPERATOR, Role.OPERATOR))
    send(t, ("over@example.org", Role.CUSTOMER), EventKind.RECOVERY)

    assert list_notified(t, *ABOUT) == [ANNA, BERT]
    assert list_notified(t, "4000101", "status") == []


def test_who_does_not_hear_of_the_end_is_forgotten(t: Transaction) -> None:
    for to in (ANNA, BERT):
        send(t, to)

    forget_sent(t, *ABOUT, [("anna@EXAMPLE.org", Role.CUSTOMER), (BERT[0], Role.RESELLER)])

    assert list_notified(t, *ABOUT) == [ANNA]


@pytest.mark.parametrize(
    ("sent", "refused", "kept"),
    [
        (EventKind.PROBLEM, EventKind.RECOVERY, False),
        (EventKind.PROBLEM, EventKind.MONITORING_ENDED, False),
        (EventKind.PROBLEM, EventKind.REMINDER, True),
        (EventKind.RECOVERY, EventKind.PROBLEM, False),
    ],
)
def test_a_refused_mail_is_not_tried_again(
    t: Transaction, sent: EventKind, refused: EventKind, kept: bool
) -> None:
    send(t, ANNA, sent)

    record_refused(t, ANNA, *ABOUT, refused, State.CRITICAL)

    assert (find_last_sent(t, ANNA, *ABOUT) is not None) is kept


def test_a_thread_begins_with_its_first_mail(t: Transaction) -> None:
    record_sent(t, ANNA, *ABOUT, EventKind.PROBLEM, State.CRITICAL, "", "<1@t>")
    record_sent(t, ANNA, *ABOUT, EventKind.REMINDER, State.CRITICAL, "", "<2@t>", "<1@t>")

    last = find_last_sent(t, ANNA, *ABOUT)
    assert last is not None
    assert (last.first_id, last.last_id) == ("<1@t>", "<2@t>")
