"""Reads some accounts as a collector run does, and writes nothing."""

import time
from collections.abc import Callable
from datetime import datetime

from backup_monitoring.model import Files, Need
from backup_monitoring.settings import Settings
from backup_monitoring.store.account_findings import find_home_problem
from backup_monitoring.store.collector import CollectorRun
from backup_monitoring.store.live import read_live_accounts
from backup_monitoring.tasks import find_wrong_clocks


def try_accounts(
    settings: Settings, uids: list[str], now: datetime, phase: Callable[[str], None]
) -> CollectorRun:
    """Read only these accounts, and write nothing.

    Raises:
        DirectoryError: the directory did not answer completely.
    """
    began = time.monotonic()
    result = CollectorRun(started=now)
    unknown = {uid.lower() for uid in uids}
    for account, uploads in read_live_accounts(settings, Need.ALL, Files.ALL, uids, now, phase):
        result.accounts += 1
        result.computers += len(uploads.computers)
        result.findings += (*account.findings, *uploads.findings)
        result.findings += find_wrong_clocks(account, uploads.computers, now)
        result.findings += find_home_problem(account, uploads)
        unknown.discard(account.uid.lower())
    result.failed += [f"{uid}: no such account" for uid in uids if uid.lower() in unknown]
    result.seconds = time.monotonic() - began
    return result
