"""The operator's mail about a storm: the same facts in every language."""

import email
import email.policy
import re
from datetime import timedelta, timezone

import pytest

from backup_monitoring.mail.content import ListItem, ListPurpose, MailList
from backup_monitoring.mail.lists import compose_list
from backup_monitoring.model.notices import Ending, Event, EventKind, Recipient, Role
from backup_monitoring.model.verdicts import State
from backup_monitoring.settings.notify import NotifySettings
from cases import at

POLICY = NotifySettings(sender="backup@example.org", operator="noc@example.org")
SINCE, UNTIL = at("2026-11-24T20:00+01:00"), at("2026-11-25T22:20+01:00")
ITEM = Event("4000101", "schedule", EventKind.PROBLEM, State.WARNING, SINCE, "", host="backup-01")
STORM = MailList(
    ListPurpose.STORM,
    [ListItem(ITEM), ListItem(ITEM._replace(uid="4000102"), note="notified before")],
    "backup-01",
    60,
    since=SINCE,
    task="schedule",
    customers=7,
    until=UNTIL,
)
ENDED = STORM._replace(
    task="",
    of=None,
    items=[ListItem(ITEM._replace(kind=EventKind.MONITORING_ENDED, ending=Ending.ACCOUNT))],
)


def write(listing: MailList, language: str = "en") -> tuple[str, str]:
    """Return subject and plain text."""
    operator = Recipient("noc@example.org", "", Role.OPERATOR, language)
    zone = timezone(timedelta(hours=1))
    mail = compose_list(listing, operator, POLICY, SINCE, zone)
    assert mail.complaints == ()
    plain = email.message_from_bytes(mail.data, policy=email.policy.default).get_body(("plain",))
    assert plain is not None
    return " ".join(mail.subject.split()), " ".join(
        plain.get_content().replace("\u2060", "").split()
    )


@pytest.mark.parametrize("language", ["de", "en", "fr", "it"])
@pytest.mark.parametrize("listing", [STORM, STORM._replace(again=True), ENDED])
def test_server_check_customers_and_times(listing: MailList, language: str) -> None:
    subject, text = write(listing, language)

    assert "backup-01" in subject
    assert re.search(r"\b7\b", subject)
    assert re.search(r"\b7\b", text)
    assert (" 60 " in text) is (listing.of is not None)
    assert bool(re.search(r"\bschedule\b", text)) is (listing.task != "")
    assert re.search(r"20:00( Uhr)? \(UTC\+01:00\)", text)
    assert re.search(r"22:20( Uhr)? \(UTC\+01:00\)", text)
    assert ("22:20" in subject) is listing.again
    assert "notify_backup --release" in text
    assert text.count("* ") == len(listing.items)
    assert ("notified before" in text) is (listing.task != "")
    assert not re.search(r" [.,]|None|  ", text)


@pytest.mark.parametrize(
    ("listing", "subject", "says"),
    [
        (
            STORM,
            "Backup server backup-01: 7 of 60 customers with problems, emails held back",
            "On this server, 7 of 60 customers fail the check schedule. Most likely the server",
        ),
        (
            STORM._replace(customers=1, of=None),
            "Backup server backup-01: 1 customer with problems, emails held back",
            "On this server, 1 customer fails the check schedule.",
        ),
        (
            STORM._replace(again=True),
            "Backup server backup-01: 7 of 60 customers with problems, emails will be sent on "
            "25 November 2026, 22:20 (UTC+01:00)",
            "You were notified of this before, and it is not over. On this server, 7 of 60",
        ),
        (
            ENDED,
            "Backup server backup-01: 7 customers no longer monitored, emails held back",
            "On this server, 7 customers are no longer monitored, all at once.",
        ),
    ],
)
def test_what_it_says(listing: MailList, subject: str, says: str) -> None:
    written = write(listing)

    assert written[0] == subject
    assert says in written[1]
