"""Reads and judges all accounts live, as a collector run does; prints how many computers there are.

Run by the installed environment's interpreter: SETTINGS NOW.
"""

import sys
from datetime import datetime
from pathlib import Path

from backup_monitoring.model.needs import Files, Need
from backup_monitoring.settings.load import read_settings
from backup_monitoring.store.live import read_live_accounts
from backup_monitoring.tasks.judge import evaluate_all


def _main(file: Path, now: datetime) -> None:
    settings = read_settings(file)
    found = read_live_accounts(settings, Need.ALL, Files.ALL, None, now, lambda doing: None)
    count = 0
    for account, uploads in found:
        count += len(uploads.computers)
        assert len(evaluate_all(account, uploads, settings.policies, now)) > 1
    assert count
    print(count)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))
