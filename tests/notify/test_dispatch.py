"""What is decided reaches the outbox, and what was sent is known to the next decision."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backup_monitoring.mail.transport import SendOutcome, SendResult
from backup_monitoring.model.notices import Ending, Event, EventKind, Recipient
from backup_monitoring.model.people import Contact, Person, Reseller
from backup_monitoring.model.verdicts import State
from backup_monitoring.notify.dispatch import EventResult, find_audience, notify
from backup_monitoring.outbox.drafts import Draft, read_draft
from backup_monitoring.outbox.sending import SendQueue, list_due_digests, queue_digest
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.settings.load import Settings
from notify.spool_cases import NOW, OPERATOR, Spooling
from outbox.outbox_cases import mail
from people import PeopleTable

ANNA, SUPPORT = "anna@example.org", "support@reseller.example.org"
DN = "ou=reseller,ou=configuration"
PROBLEM, REMINDER, RECOVERY = EventKind.PROBLEM, EventKind.REMINDER, EventKind.RECOVERY


def contact(uid: str = "4000101", **changes: Any) -> Contact:
    usual = Contact(
        uid,
        f"uid={uid},ou=accounts",
        warning_on="TRUE",
        warning_days=1,
        person="4000002",
        resellers=("R1",),
    )
    return usual._replace(**changes)


PERSON = Person("4000002", "uid=4000002,ou=people", "Anna", "Muster", mails=(ANNA,))
RESELLER = Reseller(
    "R1",
    f"uid=R1,{DN}",
    mail_to=(SUPPORT,),
    problems=frozenset({"quota"}),
    mail_from="Backup <backup@reseller.example.org>",
    language="fr-CH",
)


class House:
    """An outbox, people, and a mail server that accepts everything but what is *refused*."""

    def __init__(self, outbox: Outbox, settings: Settings) -> None:
        self.refused: set[str] = set()
        self._outbox = outbox
        self._settings = settings
        self._minutes = 0

    def notify(
        self,
        kind: EventKind,
        *people: Contact | Person | Reseller,
        uid: str = "4000101",
        only_new: bool = False,
    ) -> EventResult:
        over = kind not in (PROBLEM, REMINDER)
        state = State.OK if over else State.CRITICAL
        self._minutes += 1
        now = NOW + timedelta(minutes=self._minutes)
        event = Event(uid, "quota", kind, state, now, "97 % used", host="backup-01")
        if kind is EventKind.MONITORING_ENDED:
            event = event._replace(ending=Ending.ACCOUNT)
        audience = find_audience(event, PeopleTable.of(people), self._settings)
        with self._outbox.transaction(now) as t:
            settings = self._settings
            return notify(t, event, None, audience, settings, settled=True, only_new=only_new)

    def deliver(self) -> list[tuple[str, str]]:
        """Deliver all; return kind and address of each mail, and of each event of a digest."""
        queue, sent = SendQueue(timedelta(days=3), ""), []
        with self._outbox.transaction(NOW + timedelta(minutes=self._minutes)) as t:
            for due in list_due_digests(t, timedelta(0)):
                digest = due.read()
                address, role = digest.recipient.address, digest.recipient.role
                key = f"{self._minutes}@digest"
                queue_digest(t, mail(key, address, role=role), due.ids)
                sent += [(event.kind.name, address) for event in digest.events]
            while found := queue.claim(t, 1):
                (claimed,) = found
                address, refused = claimed.address, claimed.address in self.refused
                outcome = SendOutcome.REFUSED if refused else SendOutcome.ACCEPTED
                queue.record_result(t, claimed, SendResult(outcome, "550 no"))
                if claimed.kind is not None and not refused:
                    sent.append((claimed.kind.name, address))
        return sorted(sent)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    spooling = Spooling(tmp_path)
    with Outbox(spooling.outbox) as outbox:
        yield House(outbox, spooling.settings)


def recipients(result: EventResult) -> list[Recipient]:
    return [each.recipient for each in result.notifications]


@pytest.mark.parametrize("kind", [RECOVERY, EventKind.MONITORING_ENDED])
@pytest.mark.parametrize("left", [(), (contact(person="", resellers=()),)], ids=["gone", "moved"])
def test_the_end_comes_in_the_language_and_from_the_sender_of_the_mails_before(
    house: House, kind: EventKind, left: tuple[Contact, ...]
) -> None:
    house.notify(PROBLEM, contact(), PERSON, RESELLER)
    assert house.deliver() == [("PROBLEM", ANNA), ("PROBLEM", SUPPORT)]

    done = house.notify(kind, *left)

    anna, support = (each for each in recipients(done) if each.address != OPERATOR)
    assert (anna.language, anna.sender) == ("fr-CH", "Backup <backup@reseller.example.org>")
    assert (anna.name, anna.surname) == ("Anna Muster", "Muster")
    assert (support.language, support.reseller) == ("fr-CH", "R1")
    assert house.deliver() == [(kind.name, ANNA), (kind.name, SUPPORT)]
    assert {each.address for each in recipients(house.notify(kind))} <= {OPERATOR}  # once


def test_the_draft_has_the_language_of_the_mails_before(house: House) -> None:
    house.notify(PROBLEM, contact(), PERSON, RESELLER)
    house.deliver()
    house.notify(RECOVERY, contact(resellers=()), PERSON)

    with house._outbox.transaction(NOW) as t:
        (draft,) = t.execute("SELECT draft FROM mails WHERE status = 'waiting'").fetchone()

    assert read_draft(draft).recipient.language == "fr-CH"


def test_what_was_dropped_or_refused_counts_as_not_sent(house: House) -> None:
    house.refused = {ANNA}
    house.notify(PROBLEM, contact(), PERSON, RESELLER)
    assert house.deliver() == [("PROBLEM", SUPPORT)]

    assert recipients(house.notify(PROBLEM, contact(), PERSON, RESELLER, only_new=True)) == []
    done = house.notify(RECOVERY, contact(), PERSON, RESELLER)
    assert [each.address for each in recipients(done)] == [SUPPORT]
    house.refused = set()
    assert house.deliver() == [("RECOVERY", SUPPORT)]
    house.notify(PROBLEM, contact(), PERSON, RESELLER)
    assert house.deliver() == [("PROBLEM", ANNA), ("PROBLEM", SUPPORT)]  # another problem


def test_who_did_not_get_the_end_hears_of_the_next_problem_once(house: House) -> None:
    people = (contact(resellers=()), PERSON)
    house.notify(PROBLEM, *people)
    house.deliver()
    house.refused = {ANNA}  # or given up after days
    house.notify(RECOVERY, *people)
    assert house.deliver() == []

    house.refused = set()
    done = house.notify(PROBLEM, *people)

    (draft,) = (each.mail for each in done.notifications)
    assert isinstance(draft, Draft)
    assert draft.thread is None
    assert house.notify(PROBLEM, *people, only_new=True).notifications == ()
    assert house.deliver() == [("PROBLEM", ANNA)]
    house.notify(RECOVERY, *people)
    assert house.deliver() == [("RECOVERY", ANNA)]


def test_a_refused_digest_counts_as_not_sent(house: House) -> None:
    house.refused = {SUPPORT}
    house.notify(PROBLEM, contact(), PERSON, RESELLER)
    house.deliver()

    assert recipients(house.notify(PROBLEM, contact(), PERSON, RESELLER, only_new=True)) == []
    done = house.notify(RECOVERY, contact(), PERSON, RESELLER)
    assert [each.address for each in recipients(done)] == [ANNA]


def test_a_reseller_without_settings_is_reported_once(house: House) -> None:
    first = house.notify(PROBLEM, contact(), PERSON)
    again = house.notify(REMINDER, contact(), PERSON)
    other = house.notify(PROBLEM, contact("4000102"), PERSON, uid="4000102")

    reason = (
        "uid=4000101,ou=accounts: sstBelongsToResellerUID 'R1': has no settings, and default ones "
        "do not exist"
    )
    assert first.operator_reason == reason
    assert [each.address for each in recipients(first)] == [ANNA, OPERATOR]
    assert first.decision.findings == (reason,)
    assert (again.operator_reason, other.operator_reason) == (None, None)

    house.notify(REMINDER, contact(), PERSON, RESELLER)  # who has got settings, and loses them
    assert house.notify(REMINDER, contact(), PERSON).operator_reason == reason


def test_a_finding_that_nobody_was_notified_of_is_not_known(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = house._settings
    house._settings = whole._replace(notify=whole.notify._replace(operator=""))
    assert house.notify(PROBLEM, contact(), PERSON).operator_reason is not None

    house._settings = whole
    assert house.notify(REMINDER, contact(), PERSON).operator_reason is not None
    assert house.notify(REMINDER, contact(), PERSON).operator_reason is None
