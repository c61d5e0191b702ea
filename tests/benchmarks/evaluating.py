"""Judges one computer that has not backed up for a year; prints seconds as JSON.

Run by the installed environment's interpreter: ROUNDS NOW.
"""

import json
import sys
import time
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from backup_monitoring.model.accounts import Account
from backup_monitoring.model.uploads import Client, Computer, Pattern, Schedule, Start, Uploads
from backup_monitoring.model.verdicts import State
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.schedule import evaluate_schedule
from backup_monitoring.tasks.schedule_task import SchedulePolicy
from backup_monitoring.tasks.status_task import StatusPolicy
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy

_AT_ONCE = 50


def _main(rounds: int, now: datetime) -> None:
    hour = timedelta(hours=1)
    client = Client("Online Backup Perl Script", "2.0.11", "linux")
    last = now - timedelta(days=365)
    start = Start(last, hour, "461239", client, last)
    pattern = Pattern(frozenset([30]), frozenset([20]), hour)
    computer = Computer("web01", start, None, Schedule(pattern, client, last))
    account = Account("4000101", "uid=4000101", created=last, warning_days=1, warning_numbers=0)
    policy = SchedulePolicy(zones=(ZoneInfo("Europe/Zurich"),))
    rules = Policies(WarnAfterPolicy(), policy, StatusPolicy())
    uploads = Uploads((computer,), data=True)
    assert evaluate_schedule(account, uploads, rules, now).state is State.CRITICAL
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(_AT_ONCE):
            evaluate_schedule(account, uploads, rules, now)
        times.append((time.perf_counter() - began) / _AT_ONCE)
    print(json.dumps(median(times)))


if __name__ == "__main__":
    _main(int(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))
