"""Who was told: what counts as told, and what is forgotten again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_monitoring.model.notices import Kind, Role
from backup_monitoring.model.verdicts import State
from backup_monitoring.outbox.queue import Outbox, Transaction
from backup_monitoring.outbox.sent import (
    forget_told,
    last_told,
    note_refused,
    note_told,
    told_of,
    was_told,
)
from outbox.outbox_cases import NOBODY, NOW, event, mail, reseller

ANNA = ("anna@example.org", Role.CUSTOMER)
BERT = ("bert@example.org", Role.CUSTOMER)
ABOUT = ("4000101", "quota")


@pytest.fixture
def t(tmp_path: Path) -> Iterator[Transaction]:
    with Outbox(tmp_path / "outbox") as outbox, outbox.transaction(NOW) as transaction:
        yield transaction


def tell(t: Transaction, to: tuple[str, Role], kind: Kind = Kind.PROBLEM) -> None:
    note_told(t, to, *ABOUT, kind, State.CRITICAL, f"<{kind.name}@t>")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Kind.PROBLEM, True), (Kind.REMINDER, True), (Kind.RECOVERY, False), (Kind.UNWATCHED, False)],
)
def test_who_got_a_mail_of_a_failure_was_told(t: Transaction, kind: Kind, expected: bool) -> None:
    assert not was_told(t, ANNA, *ABOUT)

    tell(t, ANNA, kind)

    assert was_told(t, ANNA, *ABOUT) is expected
    assert not was_told(t, BERT, *ABOUT)
    assert not was_told(t, (ANNA[0], Role.RESELLER), *ABOUT)
    assert not was_told(t, ANNA, "4000101", "status")


@pytest.mark.parametrize("settled", [True, False])
def test_what_certainly_leaves_counts_as_told(t: Transaction, settled: bool) -> None:
    t.note(event(), settled=settled)
    t.queue(mail("1@t", about=event()))
    t.add_digest(reseller(), event())

    assert was_told(t, ANNA, *ABOUT) is settled
    assert was_told(t, (reseller().address, Role.RESELLER), *ABOUT) is settled


def test_whom_a_problem_s_end_concerns(t: Transaction) -> None:
    tell(t, BERT)
    tell(t, ANNA, Kind.REMINDER)
    tell(t, (NOBODY, Role.PROVIDER))
    tell(t, ("over@example.org", Role.CUSTOMER), Kind.RECOVERY)

    assert told_of(t, *ABOUT) == [ANNA, BERT]
    assert told_of(t, "4000101", "status") == []


def test_whoever_is_not_told_of_the_end_is_forgotten(t: Transaction) -> None:
    for to in (ANNA, BERT):
        tell(t, to)

    forget_told(t, *ABOUT, [("anna@EXAMPLE.org", Role.CUSTOMER), (BERT[0], Role.RESELLER)])

    assert told_of(t, *ABOUT) == [ANNA]


@pytest.mark.parametrize(
    ("told", "refused", "kept"),
    [
        (Kind.PROBLEM, Kind.RECOVERY, False),
        (Kind.PROBLEM, Kind.UNWATCHED, False),
        (Kind.PROBLEM, Kind.REMINDER, True),
        (Kind.RECOVERY, Kind.PROBLEM, False),
    ],
)
def test_a_refused_mail_is_not_tried_for_ever(
    t: Transaction, told: Kind, refused: Kind, kept: bool
) -> None:
    tell(t, ANNA, told)

    note_refused(t, ANNA, *ABOUT, refused)

    assert (last_told(t, ANNA, *ABOUT) is not None) is kept


def test_a_thread_begins_with_its_first_mail(t: Transaction) -> None:
    note_told(t, ANNA, *ABOUT, Kind.PROBLEM, State.CRITICAL, "<1@t>")
    note_told(t, ANNA, *ABOUT, Kind.REMINDER, State.CRITICAL, "<2@t>", "<1@t>")

    last = last_told(t, ANNA, *ABOUT)
    assert last is not None
    assert (last.first_id, last.last_id) == ("<1@t>", "<2@t>")
