"""Section [store]: where the collector's data is, and how old it may be."""

from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.settings.toml_table import Table, parse_path, parse_percent, parse_span


class StoreSettings(NamedTuple):
    """[store]: where the collector's data is, and how old it may be.

    Args:
        folder: None: no store, every check reads live.
        max_age: of the uploads that the last run read. directory_max_age: of the directory's data.
        keep: how long history is kept.
        max_loss: percent of the accounts; as many may be missing without being held.
    """

    folder: Path | None = None
    max_age: timedelta = timedelta(minutes=30)
    directory_max_age: timedelta = timedelta(hours=4)
    keep: timedelta = timedelta(days=400)
    max_loss: float = 5


def parse_store(table: Table) -> StoreSettings:
    """Return the settings of section [store]; SettingsError names the first bad key."""
    default = StoreSettings()
    return StoreSettings(
        folder=table.take("folder", lambda v: parse_path(table.file.parent, v), None),
        max_age=table.take("max_age", parse_span, default.max_age),
        directory_max_age=table.take("directory_max_age", parse_span, default.directory_max_age),
        keep=table.take("keep", parse_span, default.keep),
        max_loss=table.take("max_loss", parse_percent, default.max_loss),
    )
