"""An outbox over people in memory, whose mails are read instead of sent."""

import email
import email.policy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from backup_monitoring.mail.transport import SendOutcome, SendResult
from backup_monitoring.model.notices import Event, EventKind
from backup_monitoring.model.people import Contact, Customer, Person, Reseller
from backup_monitoring.model.verdicts import State
from backup_monitoring.notify.composer import Composer
from backup_monitoring.notify.dispatch import EventResult, choose_zone, find_audience, notify
from backup_monitoring.outbox.delivery import DeliveryResult, deliver
from backup_monitoring.outbox.delivery_log import DeliveryLog
from backup_monitoring.outbox.transaction import Outbox, Transaction
from backup_monitoring.settings.load import Settings, read_settings
from people import PeopleTable

NOW = datetime.fromisoformat("2026-11-24T12:00:00+01:00")  # a Tuesday
OPERATOR = "operations@example.org"
OK, WARNING, CRITICAL = State.OK, State.WARNING, State.CRITICAL
_SETTINGS = f"""
[directory]
uri = "ldif:/dev/null"
suffix = "dc=example,dc=org"
[schedule]
zones = ["Europe/Zurich"]
[notify]
from = "backup@example.org"
operator = "{OPERATOR}"
smtp = "sendmail:/bin/true"
outbox = "outbox.sqlite"
"""


class GotMail(NamedTuple):
    """A mail that arrived, as its reader sees it; *id* and *references* make a thread."""

    address: str
    subject: str
    text: str
    id: str
    references: str


class Post:
    """Notifies of events and delivers, at times in minutes after `NOW`.

    Args:
        settings: further lines of [notify], or sections. refuse: returns whether an address is.
    """

    def __init__(
        self,
        folder: Path,
        people: Sequence[Contact | Person | Customer | Reseller],
        settings: str = "",
        refuse: Callable[[str], bool] = lambda address: False,
    ) -> None:
        (folder / "settings.toml").write_text(_SETTINGS + settings)
        self.settings: Settings = read_settings(folder / "settings.toml")
        self.people = PeopleTable.of(people)
        self.got: list[GotMail] = []
        self.log = folder / "log"
        self.file = folder / "outbox.sqlite"
        self._refuse = refuse

    @contextmanager
    def open(self, minutes: float) -> Iterator[Transaction]:
        """Give a transaction."""
        now = NOW + timedelta(minutes=minutes)
        with (
            Outbox(self.file, DeliveryLog(self.log)) as outbox,
            outbox.transaction(now) as transaction,
        ):
            yield transaction

    def notify(self, minutes: float, *events: Event) -> list[EventResult]:
        """Dispatch *events* in one transaction."""
        with self.open(minutes) as transaction:
            results = []
            for each in events:
                event = each._replace(at=transaction.now)
                audience = find_audience(event, self.people, self.settings)
                results.append(notify(transaction, event, None, audience, self.settings))
            return results

    def deliver(self, minutes: float) -> list[GotMail]:
        """Deliver; return what arrived."""
        self.got.clear()
        self.run_delivery(NOW + timedelta(minutes=minutes))
        return list(self.got)

    def run_delivery(self, now: datetime) -> DeliveryResult:
        with Outbox(self.file, DeliveryLog(self.log)) as outbox:
            composer = Composer(self.settings, self.people, now)
            zone = choose_zone(self.settings)
            done = deliver(outbox, self, self.settings.notify, now, composer, zone=zone)
        assert not done.errors, done.errors
        return done

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        """Take a mail, as a `Transport`."""
        if self._refuse(address):
            return SendResult(SendOutcome.REFUSED, "550 5.1.1 no such user")
        mail: Any = email.message_from_bytes(message, policy=email.policy.default)
        body = mail.get_body(("plain",))
        assert body is not None
        text = body.get_content().replace("\r", "").replace("\u2060", "")
        text, ids = " ".join(text.split()), (mail["Message-ID"], mail["References"] or "")
        self.got.append(GotMail(address, str(mail["Subject"]), text, *map(str, ids)))
        return SendResult(SendOutcome.ACCEPTED, "")

    def close(self) -> None:
        """End, as a `Transport`."""

    def logged(self) -> str:
        return self.log.read_text()


def account(uid: str, *mails: str, **attributes: Any) -> Contact:
    """Return an account whose customer has this number, too."""
    given = {"warning_on": "TRUE", "medium": "mail", "customers": (f"c{uid}",), **attributes}
    return Contact(uid, f"uid={uid}", mails=mails, **given)


def make_event(
    uid: str, kind: EventKind = EventKind.PROBLEM, task: str = "quota", state: State = CRITICAL
) -> Event:
    over = kind in (EventKind.RECOVERY, EventKind.MONITORING_ENDED)
    return Event(uid, task, kind, OK if over else state, NOW, "as the check says", host="backup-01")
