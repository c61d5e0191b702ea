"""Delivers waiting mails to a server, by turns with a bare loop; prints JSON.

Run by the installed environment's interpreter: SETTINGS FOLDER MAILS ROUNDS PORT NOW. Printed are
the number of mails, and the seconds: of our delivery; of a loop of smtplib with the same messages.
"""

import json
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from smtplib import SMTP
from statistics import median

from backup_monitoring.mail.transport_selection import open_transport
from backup_monitoring.model.notices import EventKind
from backup_monitoring.notify.composer import Composer
from backup_monitoring.notify.dispatch import find_audience, make_queued_draft, notify
from backup_monitoring.outbox.delivery import deliver
from backup_monitoring.outbox.drafts import Draft
from backup_monitoring.outbox.messages import QueuedMail
from backup_monitoring.outbox.queue import queue_mail
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.settings.load import Settings, read_settings
from backup_monitoring.store.source import open_source

_HOUR = timedelta(hours=1)


def write_mails(settings: Settings, folder: Path, now: datetime, count: int) -> list[QueuedMail]:
    """Return drafts about as many accounts, with the facts of those of the store that fail."""
    sys.path.append(str(Path(__file__).parents[1]))  # an isolated Python does not look there
    from benchmarks.queueing import events

    with (
        open_source(settings, now, lambda doing: None) as source,
        Outbox(folder / "none.sqlite") as outbox,
        outbox.transaction(now) as t,
    ):
        results = [
            notify(t, event, facts, find_audience(event, source.people, settings), settings)
            for event, facts in events(source, settings, now, min(count, 100))
        ]
    known = [each.mail for result in results for each in result.notifications]
    drafts = [each for each in known if isinstance(each, Draft)]
    mails = []
    for number, draft in enumerate(islice(cycle(drafts), count)):
        # A note: of problems an address gets no more than a few in a row as mails of their own.
        uid = f"{draft.event.uid}-{number}"
        event = draft.event._replace(uid=uid, kind=EventKind.CUSTOM)
        mails.append(make_queued_draft(draft._replace(event=event), settings.notify))
    return mails


def ours(settings: Settings, folder: Path, mails: Sequence[QueuedMail], now: datetime) -> float:
    """Return the seconds of delivering *mails* from a new outbox."""
    folder.mkdir()
    with Outbox(folder / "outbox.sqlite") as outbox:
        with outbox.transaction(now) as t:
            for each in mails:
                queue_mail(t, each)
        began = time.perf_counter()
        transport = open_transport(settings.notify)
        composer = Composer(settings, None, now)
        done = deliver(outbox, transport, settings.notify, now, composer, limit=_HOUR)
        took = time.perf_counter() - began
    assert done.sent == len(mails), done
    return took


def bare(port: int, messages: Sequence[tuple[str, bytes]]) -> float:
    """Return the seconds of a loop that sends *messages*, each to its address."""
    began = time.perf_counter()
    with SMTP("127.0.0.1", port) as connection:
        for address, message in messages:
            connection.sendmail("", [address], message)
    return time.perf_counter() - began


def _main(file: Path, folder: Path, count: int, rounds: int, port: int, now: datetime) -> None:
    settings = read_settings(file)
    notify = settings.notify._replace(smtp=f"smtp://127.0.0.1:{port}", storm=False)
    settings = settings._replace(notify=notify)
    mails = write_mails(settings, folder, now, count)
    composer = Composer(settings, None, now)
    messages = [(mail.recipient.address, composer.compose_draft(mail.draft)[0]) for mail in mails]
    bare(port, messages[:100])  # warm
    turns = [
        (ours(settings, folder / str(n), mails, now), bare(port, messages)) for n in range(rounds)
    ]
    print(json.dumps([len(mails), *map(median, zip(*turns, strict=True))]))


if __name__ == "__main__":
    _, of, into, number, times, where, moment = sys.argv
    at = datetime.fromisoformat(moment)
    _main(Path(of), Path(into), int(number), int(times), int(where), at)
