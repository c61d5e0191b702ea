"""Who was told: what counts as told, and what is forgotten again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_monitoring.model.notices import EventKind, Role
from backup_monitoring.model.verdicts import State
from backup_monitoring.outbox.queue import Outbox, Transaction
from backup_monitoring.outbox.sent import (
    find_last_sent,
    forget_sent,
    list_sent_to,
    record_refused,
    record_sent,
    was_sent,
)
from outbox.outbox_cases import NOBODY, NOW, event, mail, reseller

ANNA = ("anna@example.org", Role.CUSTOMER)
BERT = ("bert@example.org", Role.CUSTOMER)
ABOUT = ("4000101", "quota")


@pytest.fixture
def t(tmp_path: Path) -> Iterator[Transaction]:
    with Outbox(tmp_path / "outbox") as outbox, outbox.transaction(NOW) as transaction:
        yield transaction


def tell(t: Transaction, to: tuple[str, Role], kind: EventKind = EventKind.PROBLEM) -> None:
    record_sent(t, to, *ABOUT, kind, State.CRITICAL, f"<{kind.name}@t>")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (EventKind.PROBLEM, True),
        (EventKind.REMINDER, True),
        (EventKind.RECOVERY, False),
        (EventKind.MONITORING_ENDED, False),
    ],
)
def test_who_got_a_mail_of_a_failure_was_told(
    t: Transaction, kind: EventKind, expected: bool
) -> None:
    assert not was_sent(t, ANNA, *ABOUT)

    tell(t, ANNA, kind)

    assert was_sent(t, ANNA, *ABOUT) is expected
    assert not was_sent(t, BERT, *ABOUT)
    assert not was_sent(t, (ANNA[0], Role.RESELLER), *ABOUT)
    assert not was_sent(t, ANNA, "4000101", "status")


@pytest.mark.parametrize("settled", [True, False])
def test_what_certainly_leaves_counts_as_told(t: Transaction, settled: bool) -> None:
    t.note(event(), settled=settled)
    t.queue(mail("1@t", about=event()))
    t.add_digest(reseller(), event())

    assert was_sent(t, ANNA, *ABOUT) is settled
    assert was_sent(t, (reseller().address, Role.RESELLER), *ABOUT) is settled


def test_whom_a_problem_s_end_concerns(t: Transaction) -> None:
    tell(t, BERT)
    tell(t, ANNA, EventKind.REMINDER)
    tell(t, (NOBODY, Role.OPERATOR))
    tell(t, ("over@example.org", Role.CUSTOMER), EventKind.RECOVERY)

    assert list_sent_to(t, *ABOUT) == [ANNA, BERT]
    assert list_sent_to(t, "4000101", "status") == []


def test_whoever_is_not_told_of_the_end_is_forgotten(t: Transaction) -> None:
    for to in (ANNA, BERT):
        tell(t, to)

    forget_sent(t, *ABOUT, [("anna@EXAMPLE.org", Role.CUSTOMER), (BERT[0], Role.RESELLER)])

    assert list_sent_to(t, *ABOUT) == [ANNA]


@pytest.mark.parametrize(
    ("told", "refused", "kept"),
    [
        (EventKind.PROBLEM, EventKind.RECOVERY, False),
        (EventKind.PROBLEM, EventKind.MONITORING_ENDED, False),
        (EventKind.PROBLEM, EventKind.REMINDER, True),
        (EventKind.RECOVERY, EventKind.PROBLEM, False),
    ],
)
def test_a_refused_mail_is_not_tried_for_ever(
    t: Transaction, told: EventKind, refused: EventKind, kept: bool
) -> None:
    tell(t, ANNA, told)

    record_refused(t, ANNA, *ABOUT, refused)

    assert (find_last_sent(t, ANNA, *ABOUT) is not None) is kept


def test_a_thread_begins_with_its_first_mail(t: Transaction) -> None:
    record_sent(t, ANNA, *ABOUT, EventKind.PROBLEM, State.CRITICAL, "<1@t>")
    record_sent(t, ANNA, *ABOUT, EventKind.REMINDER, State.CRITICAL, "<2@t>", "<1@t>")

    last = find_last_sent(t, ANNA, *ABOUT)
    assert last is not None
    assert (last.first_id, last.last_id) == ("<1@t>", "<2@t>")
