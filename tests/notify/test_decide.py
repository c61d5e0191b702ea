"""Who gets what of an event, by what was sent before: the whole table."""

from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from backup_monitoring.model.notices import (
    Decision,
    Ending,
    Event,
    EventKind,
    Recipient,
    Role,
)
from backup_monitoring.model.people import MAX_ADDRESSES, Contact
from backup_monitoring.model.verdicts import State
from backup_monitoring.notify.decide import Audience, Instructions, decide
from backup_monitoring.outbox.columns import RECIPIENT
from backup_monitoring.outbox.conversation import Conversation, Message
from backup_monitoring.settings.notify import NotifySettings, ResellerDelivery

PROBLEM, REMINDER, CUSTOM = EventKind.PROBLEM, EventKind.REMINDER, EventKind.CUSTOM
RECOVERY, ENDED = EventKind.RECOVERY, EventKind.MONITORING_ENDED
POLICY = NotifySettings(operator="operations@example.org")
SINGLE = POLICY._replace(reseller=ResellerDelivery(digest=False))
NO_RESELLER = POLICY._replace(reseller=ResellerDelivery(enabled=False))
NOT_NOTIFIED = "was not notified of a problem"
AT = datetime(2026, 11, 25, 3, tzinfo=UTC)


def to(name: str, role: Role = Role.CUSTOMER, language: str = "de") -> Recipient:
    sender = "backup@reseller.example.org" if role is Role.RESELLER else ""
    return Recipient(f"{name}@example.org", name, role, language, sender=sender, reason="rule 2")


ANNA, BERT, CLAUDE = to("anna"), to("bert"), to("claude", language="fr")
SUPPORT = to("support", Role.RESELLER)
ANNA_TOO = to("anna", Role.RESELLER)
OPERATOR = to("operations", Role.OPERATOR)


def message(
    recipient: Recipient, kind: EventKind = PROBLEM, status: str = "sent", thread: str = "1 1"
) -> Message:
    first, last = thread.split() if thread else ("", "")
    state = State.OK if kind in (RECOVERY, ENDED) else State.CRITICAL
    person = RECIPIENT.encode(recipient)
    return Message(recipient.address, recipient.role, kind, state, status, person, first, last)


class Case(NamedTuple):
    """An event of *kind*, for those whom the rules name or would name, after *messages*.

    Args:
        sent: name, kind and thread of each mail. objections: name and reason. withdrawn: names.
    """

    kind: EventKind
    named: tuple[Recipient, ...] = ()
    messages: tuple[Message, ...] = ()
    sent: tuple[str, ...] = ()
    off: tuple[Recipient, ...] = ()
    objections: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    policy: NotifySettings = POLICY
    only_new: bool = False


CASES = {
    # the first problem
    "a problem is for all": Case(
        PROBLEM,
        (ANNA, SUPPORT, OPERATOR),
        (),
        ("anna PROBLEM", "support PROBLEM in a digest", "operations PROBLEM in a digest"),
    ),
    "without digests a reseller gets a mail": Case(
        PROBLEM, (SUPPORT,), (), ("support PROBLEM",), policy=SINGLE
    ),
    "a problem that is worse is in the thread": Case(
        PROBLEM, (ANNA,), (message(ANNA, thread="1 2"),), ("anna PROBLEM 1 2",)
    ),
    "a new problem is a new thread": Case(
        PROBLEM, (ANNA,), (message(ANNA, RECOVERY),), ("anna PROBLEM",)
    ),
    "a held mail is not part of the thread": Case(
        PROBLEM, (ANNA,), (message(ANNA, status="held"),), ("anna PROBLEM",)
    ),
    "a note continues the thread": Case(
        CUSTOM, (ANNA,), (message(ANNA, RECOVERY, thread="1 3"),), ("anna CUSTOM 1 3",)
    ),
    "a note is no last notice": Case(CUSTOM, (), (message(ANNA),), (), off=(ANNA,)),
    # reminders
    "a reminder": Case(REMINDER, (ANNA,), (message(ANNA),), ("anna REMINDER 1 1",)),
    "a reminder that is the first mail": Case(
        REMINDER, (BERT,), (message(ANNA),), ("bert PROBLEM",)
    ),
    "a reminder of what is held": Case(
        REMINDER, (ANNA,), (message(ANNA, status="held"),), ("anna PROBLEM",)
    ),
    "a reminder of what waits": Case(
        REMINDER, (ANNA,), (message(ANNA, status="waiting"),), ("anna REMINDER 1 1",)
    ),
    "a reminder of a composed digest": Case(
        REMINDER,
        (SUPPORT,),
        (message(SUPPORT, status="composed", thread=""),),
        ("support REMINDER in a digest",),
    ),
    "a reminder after a refusal": Case(
        REMINDER, (ANNA,), (message(ANNA, status="refused", thread=""),), ("anna PROBLEM",)
    ),
    # an address that is new while it fails
    "who knows hears nothing": Case(PROBLEM, (ANNA,), (message(ANNA),), (), only_new=True),
    "who will know hears nothing": Case(
        PROBLEM, (ANNA,), (message(ANNA, status="held"),), (), only_new=True
    ),
    "a new address": Case(
        PROBLEM, (ANNA, BERT), (message(ANNA),), ("bert PROBLEM",), only_new=True
    ),
    "a new reseller": Case(
        PROBLEM, (ANNA, SUPPORT), (message(ANNA),), ("support PROBLEM in a digest",), only_new=True
    ),
    "who heard of the last end": Case(
        PROBLEM, (ANNA,), (message(ANNA, RECOVERY),), ("anna PROBLEM",), only_new=True
    ),
    "warnings that are on again": Case(
        PROBLEM, (ANNA,), (message(ANNA, ENDED),), ("anna PROBLEM",), only_new=True
    ),
    "who has refused is not tried again": Case(
        PROBLEM,
        (ANNA, BERT),
        (message(ANNA, status="refused", thread=""),),
        ("bert PROBLEM",),
        only_new=True,
    ),
    "not more addresses than an account may have": Case(
        PROBLEM,
        (SUPPORT, ANNA, BERT, OPERATOR),
        tuple(message(to(f"a{number}")) for number in range(MAX_ADDRESSES - 1)),
        ("support PROBLEM in a digest", "anna PROBLEM", "operations PROBLEM in a digest"),
        objections=(
            f"bert: {MAX_ADDRESSES} addresses know of this problem: no others are notified",
        ),
        only_new=True,
    ),
    "who knows in the other role": Case(
        PROBLEM, (ANNA,), (message(ANNA_TOO),), (), policy=SINGLE, only_new=True
    ),
    "who has a digest in the other role": Case(
        PROBLEM, (ANNA,), (message(ANNA_TOO, thread=""),), ("anna PROBLEM",), only_new=True
    ),
    # the end
    "the end is for who was notified": Case(
        RECOVERY,
        (ANNA, BERT),
        (message(ANNA),),
        ("anna RECOVERY 1 1",),
        objections=(f"bert: {NOT_NOTIFIED}",),
    ),
    "the end is for the old and the new address": Case(
        RECOVERY,
        (BERT,),
        (message(BERT, thread="2 2"), message(ANNA, REMINDER, thread="1 2")),
        ("bert RECOVERY 2 2", "anna RECOVERY 1 2"),
    ),
    "the end of a reseller's digest, who is no longer named": Case(
        RECOVERY, (), (message(SUPPORT, thread=""),), ("support RECOVERY in a digest",)
    ),
    "the end is sent once": Case(
        RECOVERY, (ANNA,), (message(ANNA, RECOVERY),), (), objections=(f"anna: {NOT_NOTIFIED}",)
    ),
    "the end of what is being sent": Case(
        RECOVERY, (ANNA,), (message(ANNA, status="sending"),), ("anna RECOVERY 1 1",)
    ),
    "the end of a composed digest": Case(
        RECOVERY,
        (SUPPORT,),
        (message(SUPPORT, status="composed", thread=""),),
        ("support RECOVERY in a digest",),
    ),
    **{
        f"no end of what is {status}": Case(
            RECOVERY,
            (ANNA,),
            (message(ANNA, status=status),),
            (),
            objections=(f"anna: {NOT_NOTIFIED}",),
        )
        for status in ("settling", "held", "waiting")
    },
    "no end of what was refused": Case(
        RECOVERY,
        (ANNA,),
        (message(ANNA, status="refused", thread=""),),
        (),
        objections=(f"anna: {NOT_NOTIFIED}",),
    ),
    "no end for a former address that heard nothing": Case(
        RECOVERY, (), (message(ANNA, status="held"), message(BERT, RECOVERY)), ()
    ),
    "the end of a problem that was sent, and again is held": Case(
        RECOVERY,
        (ANNA,),
        (message(ANNA, REMINDER, status="held", thread="1 2"), message(ANNA)),
        ("anna RECOVERY 1 1",),
    ),
    "the operator hears of no end": Case(RECOVERY, (), (message(OPERATOR, thread=""),), ()),
    "resellers that are switched off hear of no end": Case(
        RECOVERY,
        (),
        (message(SUPPORT),),
        (),
        objections=("support: [notify.reseller] enabled is false",),
        policy=NO_RESELLER,
    ),
    "who was notified in both roles hears it once": Case(
        RECOVERY, (), (message(ANNA_TOO), message(ANNA)), ("anna RECOVERY 1 1",), policy=SINGLE
    ),
    "who has a digest in the other role hears it in both": Case(
        RECOVERY,
        (),
        (message(ANNA_TOO, thread=""), message(ANNA)),
        ("anna RECOVERY 1 1", "anna RECOVERY in a digest"),
    ),
    "named in one role, notified in the other": Case(
        RECOVERY, (ANNA,), (message(ANNA_TOO),), ("anna RECOVERY 1 1",), policy=SINGLE
    ),
    "no longer monitored": Case(ENDED, (), (message(ANNA),), ("anna MONITORING_ENDED 1 1",)),
    # warnings that are switched off
    "switched off: the last notice": Case(
        PROBLEM,
        (),
        (message(ANNA),),
        ("anna MONITORING_ENDED 1 1",),
        off=(ANNA,),
        withdrawn=("anna",),
        only_new=True,
    ),
    "switched off: one last notice": Case(
        PROBLEM, (), (message(ANNA, ENDED),), (), off=(ANNA,), withdrawn=("anna",), only_new=True
    ),
    "switched off before anything was sent": Case(
        PROBLEM, (), (message(ANNA, status="held"),), (), off=(ANNA,), withdrawn=("anna",)
    ),
    "switched off as it ended": Case(
        RECOVERY,
        (),
        (message(ANNA),),
        ("anna MONITORING_ENDED 1 1",),
        off=(ANNA,),
        withdrawn=("anna",),
    ),
    "switched off, and still named as a reseller": Case(
        PROBLEM,
        (ANNA_TOO,),
        (message(ANNA_TOO), message(BERT, thread="2 2")),
        ("anna PROBLEM 1 1", "bert MONITORING_ENDED 2 2"),
        off=(ANNA, BERT),
        withdrawn=("bert",),
        policy=SINGLE,
    ),
    "switched off, and heard nothing in the other role either": Case(
        PROBLEM,
        (),
        (message(ANNA_TOO, status="held"),),
        (),
        off=(ANNA,),
        withdrawn=("anna",),
        policy=SINGLE,
    ),
}


def run(case: Case, ending: Ending | None = None) -> Instructions:
    state = State.OK if case.kind in (RECOVERY, ENDED) else State.CRITICAL
    event = Event("4000101", "quota", case.kind, state, AT, "97 % used", ending=ending)
    audience = Audience(Decision(case.named, ()), case.off)
    conversation = Conversation(case.messages)
    return decide(event, audience, conversation, case.policy, only_new=case.only_new)


def show(instructions: Instructions) -> tuple[str, ...]:
    return tuple(
        " ".join(
            [
                recipient.address.removesuffix("@example.org"),
                event.kind.name,
                *(thread or ()),
                *(["in a digest"] if in_digest else []),
            ]
        )
        for recipient, event, thread, in_digest in instructions.sendings
    )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_decide(case: Case) -> None:
    done = run(case)

    assert show(done) == case.sent
    objections = (f"{each.partition('@')[0]}: {reason}" for each, reason in done.objections)
    assert tuple(objections) == case.objections
    assert tuple(each.name for each in done.withdrawn) == case.withdrawn


@pytest.mark.parametrize("kind", [RECOVERY, ENDED])
@pytest.mark.parametrize("named", [(), (ANNA._replace(language="", sender=""),)], ids=str)
def test_the_end_has_language_and_sender_of_the_mails_before(
    kind: EventKind, named: tuple[Recipient, ...]
) -> None:
    before = ANNA._replace(language="fr-CH", sender="backup@reseller.example.org", surname="Muster")

    (sending,) = run(Case(kind, named, (message(before),))).sendings

    recipient = sending.recipient
    assert (recipient.language, recipient.sender) == ("fr-CH", "backup@reseller.example.org")
    assert recipient.surname == ("" if named else "Muster")
    former = "was notified of the problem of account 4000101 before"
    assert recipient.reason == ("rule 2" if named else former)


def test_a_last_notice_has_language_and_sender_of_the_mails_before() -> None:
    before = ANNA._replace(language="it", sender="backup@reseller.example.org")

    (sending,) = run(Case(PROBLEM, (), (message(before),), off=(ANNA,))).sendings

    assert sending.recipient == before


@pytest.mark.parametrize(
    ("kind", "ending", "state", "sent"),
    [
        (PROBLEM, None, State.WARNING, Ending.WARNINGS),  # it goes on
        (RECOVERY, None, State.OK, Ending.WARNINGS),
        (ENDED, Ending.ACCOUNT, State.OK, Ending.ACCOUNT),
    ],
)
def test_a_last_notice_has_the_state_it_is_sent_in(
    kind: EventKind, ending: Ending | None, state: State, sent: Ending
) -> None:
    known = message(ANNA)._replace(state=State.WARNING)

    (sending,) = run(Case(kind, (), (known,), off=(ANNA,)), ending).sendings

    assert (sending.event.state, sending.event.ending) == (state, sent)


def test_a_new_problem_has_language_and_sender_of_the_directory() -> None:
    before = ANNA._replace(language="it", sender="backup@reseller.example.org")

    (sending,) = run(Case(REMINDER, (ANNA,), (message(before),))).sendings

    assert sending.recipient == ANNA


GONE = Decision((), (), (), "account 4000101: no such account")
UNSOLD = Decision((ANNA,), (), (), None, (("R1", "no settings of R1"), ("R2", "no settings of R2")))


@pytest.mark.parametrize(
    ("kind", "decision", "reported", "only_new", "reason"),
    [
        (PROBLEM, GONE, (), False, "account 4000101: no such account"),
        (ENDED, GONE, (), False, None),
        (PROBLEM, GONE, (), True, None),
        (PROBLEM, UNSOLD, (), False, "no settings of R1; no settings of R2"),
        (PROBLEM, UNSOLD, ("r1",), False, "no settings of R2"),
        (PROBLEM, UNSOLD, ("r1", "r2"), False, None),
        (PROBLEM, UNSOLD, (), True, None),
    ],
)
def test_why_the_operator_is_notified(
    kind: EventKind,
    decision: Decision,
    reported: tuple[str, ...],
    only_new: bool,
    reason: str | None,
) -> None:
    event = Event("4000101", "quota", kind, State.CRITICAL, AT, "97 % used")
    audience = Audience(
        decision, contact=None if decision is GONE else Contact("4000101", "uid=4000101")
    )

    done = decide(event, audience, Conversation(), POLICY, reported=reported, only_new=only_new)

    assert done.operator_reason == reason
    settled = {"r1", "r2"} - set(reported) if decision is UNSOLD and not only_new else set()
    assert done.reported == settled
