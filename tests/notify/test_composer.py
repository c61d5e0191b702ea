"""Digests in parts: each event is shown, and counts as sent when its part has arrived."""

import email
import email.policy
import re
from datetime import timedelta
from pathlib import Path

import pytest

from backup_monitoring.mail.transport import SendOutcome, SendResult
from backup_monitoring.model.notices import Event, EventKind, Recipient, Role
from backup_monitoring.model.verdicts import State
from backup_monitoring.notify.composer import Composer
from backup_monitoring.outbox.delivery import deliver
from backup_monitoring.outbox.queue import queue_for_digest
from backup_monitoring.outbox.transaction import Outbox
from notify.spool_cases import NOW, OPERATOR, Spooling

SUPPORT = "support@reseller.example.org"
RESELLER = Recipient(SUPPORT, "Support", Role.RESELLER, "en", reseller="4000000")
LATER = NOW + timedelta(minutes=10)


class Transport:
    """Accepts and refuses mails by turns, to resellers; keeps what was accepted, by address."""

    def __init__(self, *outcomes: SendOutcome) -> None:
        self._outcomes = list(outcomes)
        self.texts: dict[str, list[str]] = {SUPPORT: [], OPERATOR: []}

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        outcome = SendOutcome.ACCEPTED if address == OPERATOR else self._outcomes.pop(0)
        if outcome is SendOutcome.ACCEPTED:
            body = email.message_from_bytes(message, policy=email.policy.default)
            text = body.get_body(("plain",))
            assert text is not None
            self.texts[address].append(text.get_content())
        return SendResult(outcome, "550 5.7.1 no" if outcome is SendOutcome.REFUSED else "250 ok")

    def close(self) -> None:
        pass


def make_events() -> list[Event]:
    """Return 300 problems and 20 recoveries, as in the night after an outage."""
    solved = range(0, 320, 16)
    return [
        Event(
            str(4000200 + number),
            "quota",
            EventKind.RECOVERY if number in solved else EventKind.PROBLEM,
            State.OK if number in solved else State.WARNING,
            NOW,
            "quota is used up",
            cause="used",
        )
        for number in range(320)
    ]


@pytest.mark.parametrize("second", [SendOutcome.ACCEPTED, SendOutcome.REFUSED, SendOutcome.LATER])
def test_of_a_digest_counts_what_was_shown(tmp_path: Path, second: SendOutcome) -> None:
    spooling, events = Spooling(tmp_path), make_events()
    transport = Transport(SendOutcome.ACCEPTED, second, SendOutcome.ACCEPTED)
    notify = spooling.settings.notify
    with Outbox(spooling.outbox) as outbox:
        with outbox.transaction(NOW) as transaction:
            for event in events:
                queue_for_digest(transaction, RESELLER, event)
        writer = Composer(spooling.settings, None, LATER)

        deliver(outbox, transport, notify, LATER, writer)
        if second is SendOutcome.REFUSED:  # the operator's next digest has it
            for minutes in (1, 11):
                deliver(outbox, transport, notify, LATER + timedelta(minutes=minutes), writer)
    texts = transport.texts[SUPPORT], transport.texts[OPERATOR]
    shown, reported = (set(re.findall(r"\b4000\d+", "".join(each))) for each in texts)
    counted = set(spooling.rows("SELECT account FROM sent WHERE role = 'RESELLER' AND NOT refused"))
    every = {event.uid for event in events}

    assert counted == shown
    assert reported == (every - shown if second is SendOutcome.REFUSED else set())
    assert (shown == every) is (second is SendOutcome.ACCEPTED)
    assert len(shown) > 100
