"""Reads all accounts with their files live, as a collector run does; prints how many there are.

Run by the installed environment's interpreter: SETTINGS NOW.
"""

import sys
from datetime import datetime
from pathlib import Path

from backup_monitoring.model.needs import Files, Need
from backup_monitoring.settings.load import read_settings
from backup_monitoring.store.live import read_live_accounts


def _main(file: Path, now: datetime) -> None:
    settings = read_settings(file)
    found = read_live_accounts(settings, Need.ALL, Files.ALL, None, now, lambda doing: None)
    count = sum(len(uploads.computers) for _, uploads in found)
    assert count
    print(count)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))
