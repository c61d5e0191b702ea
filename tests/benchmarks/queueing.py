"""Queues drafts about events of many accounts in an outbox; prints seconds as JSON.

Run by the installed environment's interpreter: SETTINGS FOLDER MAILS ROUNDS NOW. Each account
has two recipients.
"""

import json
import sys
import time
from datetime import datetime
from pathlib import Path
from statistics import median

from backup_monitoring.model.notices import Event, EventKind
from backup_monitoring.model.verdicts import Facts, State
from backup_monitoring.notify.dispatch import find_audience, notify
from backup_monitoring.notify.events import make_event
from backup_monitoring.outbox.transaction import Outbox
from backup_monitoring.settings.load import Settings, read_settings
from backup_monitoring.store.source import Source, open_source
from backup_monitoring.tasks.registry import TASKS, load_rule


def events(
    source: Source, settings: Settings, now: datetime, count: int
) -> list[tuple[Event, Facts | None]]:
    """Return events of the first accounts that fail, with what mails say of them."""
    judge, found = load_rule("quota"), []
    for account, uploads in source.accounts(None, TASKS["quota"].needs):
        verdict = judge(account, uploads, settings.policies, now)
        if verdict.state is State.WARNING:
            event = make_event(account.uid, "quota", EventKind.PROBLEM, verdict, "backup-01", now)
            found.append((event, verdict.facts))
        if len(found) == count:
            break
    return found


def _main(settings_file: Path, folder: Path, mails: int, rounds: int, now: datetime) -> None:
    settings = read_settings(settings_file)
    seconds = []
    with open_source(settings, now, lambda doing: None) as source:
        asked = events(source, settings, now, mails // 2)
        for number in range(rounds):
            file = folder / f"outbox{number}" / "outbox.sqlite"
            file.parent.mkdir()
            began = time.perf_counter()
            results = []
            with Outbox(file) as outbox:
                for event, facts in asked:
                    audience = find_audience(event, source.people, settings)
                    with outbox.transaction(now) as t:
                        results.append(notify(t, event, facts, audience, settings))
            seconds.append(time.perf_counter() - began)
            queued = [each for result in results for each in result.notifications]
            assert sum(each.mail is not None for each in queued) == 2 * len(asked)
    print(json.dumps([2 * len(asked), median(seconds)]))


if __name__ == "__main__":
    _, of, into, number, times, moment = sys.argv
    _main(Path(of), Path(into), int(number), int(times), datetime.fromisoformat(moment))
