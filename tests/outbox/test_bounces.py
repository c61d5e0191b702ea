"""Mails that came back, and who can say so."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from backup_monitoring.mail.transport_selection import open_transport
from backup_monitoring.model.notices import Recipient, Role
from backup_monitoring.outbox.bounces import (
    BouncedMail,
    Undeliverable,
    forget_bounces,
    list_undeliverable,
    load_key,
    make_token,
    read_undeliverable,
    record_bounce,
)
from backup_monitoring.outbox.messages import QueuedMail
from backup_monitoring.outbox.queue import queue_for_digest, queue_mail
from backup_monitoring.outbox.sent import read_conversation
from backup_monitoring.outbox.transaction import Outbox
from mail import scripted
from mail.scripted import Scripted
from outbox.outbox_cases import (
    MINUTE,
    NOW,
    OPERATOR,
    MailHouse,
    event,
    find_last_sent,
    mail,
    reseller,
)

ANNA = "anna@example.org"
REASON = "5.1.1 smtp; 550 5.1.1 no such user"
DAY = timedelta(days=1)


class House(MailHouse):
    """An outbox whose mails were sent, with the tokens that the server saw."""

    def __init__(self, folder: Path, server: Scripted, port: int) -> None:
        path = "bounces+{token}@example.org"
        super().__init__(folder, smtp=f"smtp://127.0.0.1:{port}", return_path=path, storm=False)
        self.server = server

    def send(self, *mails: QueuedMail) -> list[str]:
        """Queue and deliver; return the tokens of the return paths."""
        self.queue(*mails)
        self.deliver()
        paths = [each for each in self.server.commands if each.startswith("MAIL FROM:<bounces+")]
        return [each.partition("+")[2].partition("@")[0] for each in paths[-len(mails) :]]

    def deliver(self, minutes: int = 0) -> list[str]:
        """Deliver; return what the operator was notified of: addresses with reasons."""
        self.deliver_by(open_transport(self.policy, 5), minutes)
        return [note for digest in self.composer.digests for note in digest.notes]

    def bounce(self, token: str) -> BouncedMail | None:
        with self.outbox.transaction(NOW) as t:
            return record_bounce(t, token, REASON)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with scripted.running({}) as (server, port):
        made = House(tmp_path, server, port)
        with made.outbox:
            yield made


def to(number: int, address: str = ANNA, entry: str = "entry") -> QueuedMail:
    recipient = Recipient(address, "", Role.CUSTOMER, entry=entry)
    return mail(f"{number}@t", about=event(f"400010{number}"))._replace(recipient=recipient)


def test_a_bounce_marks_its_address_in_its_entry(house: House) -> None:
    (token,) = house.send(to(1))

    assert house.bounce(token) == BouncedMail(ANNA, "4000101")

    marked = read_undeliverable(house.outbox.file, NOW)
    assert (
        marked.find("anna@EXAMPLE.org", "entry") == f"bounced: {REASON} (2026-11-25 08:00 +00:00)"
    )
    assert marked.find(ANNA, "another entry") == ""
    assert marked.find("berta@example.org", "entry") == ""
    with house.outbox.transaction(NOW) as t:
        assert list_undeliverable(t) == marked
        assert read_conversation(t, "4000101", "quota").messages == ()


def test_the_operator_is_notified_once_of_an_address(house: House) -> None:
    tokens = house.send(to(1), to(2), to(3, "berta@example.org"))

    for each in tokens:
        house.bounce(each)

    assert house.deliver(1) == []  # within `digest_delay`
    listed = [f"{ANNA}: bounced: {REASON}", f"berta@example.org: bounced: {REASON}"]
    assert house.deliver(12) == listed
    assert house.deliver(30) == listed


def test_a_token_is_of_one_mail_and_of_one_use(house: House) -> None:
    first, second = house.send(to(1), to(2, "mallory@example.org"))
    number, _, code = second.partition("-")

    for forged in (
        f"{first.partition('-')[0]}-{code}",  # another mail with one's own code
        f"{number}-{'0' * 24}",
        f"{int(number) + 1}-{code}",
        f"{number}-{code[:-1]}",
        f"{'9' * 18}-{code}",
        f"{second} ",
        "",
    ):
        assert house.bounce(forged) is None
    assert house.bounce(second) == BouncedMail("mallory@example.org", "4000102")
    assert house.bounce(second) is None
    with house.outbox.transaction(NOW) as t:
        forget_bounces(t)
        assert record_bounce(t, second, REASON) is None
        assert list_undeliverable(t) == Undeliverable({})


def test_a_mail_that_was_not_sent_did_not_bounce(house: House) -> None:
    house.server.answers["RCPT"] = b"450 later\r\n"
    (token,) = house.send(to(1))

    assert house.bounce(token) is None


def test_a_mail_whose_answer_was_lost_may_bounce(house: House) -> None:
    house.server.answers["."] = scripted.DROP
    (token,) = house.send(to(1))

    assert house.bounce(token) == BouncedMail(ANNA, "4000101")
    del house.server.answers["."]
    house.deliver(5)
    assert house.deliver(16) == [f"{ANNA}: bounced: {REASON}"]
    assert house.server.commands.count(f"RCPT TO:<{ANNA}>") == 1


def test_a_mark_ends_after_a_month_or_by_hand(house: House) -> None:
    first, second = house.send(to(1), to(2))
    house.bounce(first)

    assert read_undeliverable(house.outbox.file, NOW + 29 * DAY).find(ANNA, "entry")
    assert not read_undeliverable(house.outbox.file, NOW + 30 * DAY).find(ANNA, "entry")
    with house.outbox.transaction(NOW + 30 * DAY) as t:
        assert list_undeliverable(t) == Undeliverable({})
    house.bounce(second)
    with house.outbox.transaction(NOW) as t:
        assert forget_bounces(t) == 1
        assert list_undeliverable(t) == Undeliverable({})


def test_the_operator_and_addresses_of_no_entry_are_not_marked(house: House) -> None:
    tokens = house.send(to(1, entry=""), mail("2@t", OPERATOR, role=Role.OPERATOR))

    assert [house.bounce(each) for each in tokens] == [
        BouncedMail(ANNA, "4000101"),
        BouncedMail(OPERATOR, ""),
    ]
    assert read_undeliverable(house.outbox.file, NOW) == Undeliverable({})
    house.deliver(1)
    assert house.deliver(12) == [f"{ANNA}: bounced: {REASON}"]


def test_each_outbox_has_a_key_of_its_own(house: House, tmp_path: Path) -> None:
    with house.outbox.transaction(NOW) as t:
        key = load_key(t)
        assert load_key(t) == key
    (tmp_path / "other").mkdir()
    with Outbox(tmp_path / "other" / "outbox") as outbox, outbox.transaction(NOW) as t:
        other = load_key(t)

    assert key != other
    tokens = {make_token(each, 1, "<1@t>", ANNA) for each in (key, other)}
    assert len(tokens) == 2
    assert make_token(key, 10**11, "<1@t>", ANNA) == make_token(key, 10**11, "<1@t>", ANNA)
    assert len(f"bounces+{make_token(key, 10**11, '<1@t>', ANNA)}") <= 64


def test_a_digest_whose_answer_was_lost_may_bounce(house: House) -> None:
    support = reseller()
    with house.outbox.transaction(NOW - 20 * MINUTE) as t:
        queue_for_digest(t, support, event())
    house.server.answers["."] = scripted.DROP
    (token,) = house.send()
    assert house.bounce(token) == BouncedMail(support.address, "")
    del house.server.answers["."]

    with house.outbox.transaction(NOW) as t:
        assert read_conversation(t, "4000101", "quota").messages == ()
        queue_for_digest(t, support, event("4000102"))
    house.deliver(30)
    assert house.server.commands.count(f"RCPT TO:<{support.address}>") == 2


def test_nobody_has_heard_of_what_was_in_a_digest_that_bounced(house: House) -> None:
    support, other = reseller(), reseller("other@reseller.example.org")
    with house.outbox.transaction(NOW - 20 * MINUTE) as t:
        queue_for_digest(t, support, event())
        queue_for_digest(t, support, event("4000102"))
        queue_for_digest(t, other, event())
    (token, _) = house.send()

    assert house.bounce(token) == BouncedMail(other.address, "")

    with house.outbox.transaction(NOW) as t:
        addresses = [
            [each.address for each in read_conversation(t, uid, "quota").messages]
            for uid in ("4000101", "4000102")
        ]
    assert addresses == [[support.address], [support.address]]


def test_what_was_queued_before_is_not_sent_to_an_address_that_bounced(house: House) -> None:
    (token,) = house.send(to(1))
    with house.outbox.transaction(NOW) as t:
        queue_mail(t, to(2))
        queue_mail(t, to(3, entry="another entry"))
        queue_for_digest(t, reseller(ANNA)._replace(entry="entry"), event("4000104"))
    house.bounce(token)

    house.deliver(12)

    assert house.server.commands.count(f"RCPT TO:<{ANNA}>") == 2  # the first, the other entry's
    with house.outbox.transaction(NOW) as t:
        assert find_last_sent(t, (ANNA, Role.CUSTOMER), "4000102", "quota") is None
        assert find_last_sent(t, (ANNA, Role.CUSTOMER), "4000103", "quota") is not None
    listed = [note for note in house.deliver(30) if note]
    assert listed == [f"{ANNA}: bounced: {REASON}"] * 3
