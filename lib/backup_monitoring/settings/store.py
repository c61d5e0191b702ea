"""Section [store]: where the collector's data is, and how old it may be."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

from backup_monitoring.model import DAY, Key, parse_duration, parse_text


def _parse_keep(value: object) -> timedelta:
    keep = parse_duration(parse_text(value))
    if keep < DAY:  # it is noted once a day that an account was seen
        raise ValueError("not a duration of at least 1d")
    return keep


class StoreSettings(NamedTuple):
    """[store]: where `collect_backup_state` stores its data for the checks."""

    folder: Annotated[
        Path | None,
        Key(
            "folder of the store",
            "default: no store, all checks read live",
            unset="no store, all checks read live",
            example="/var/lib/backup-monitoring",
        ),
    ] = None
    max_age: Annotated[
        timedelta,
        Key(
            "checks are UNKNOWN if the uploads were last read longer ago than this",
            "UNKNOWN if the uploads were last read longer ago,",
        ),
    ] = timedelta(minutes=30)
    directory_max_age: Annotated[
        timedelta,
        Key(
            "checks are UNKNOWN if the directory was last read longer ago than this",
            "or the directory",
        ),
    ] = timedelta(hours=4)
    keep: Annotated[
        timedelta, Key("how long history is kept, at least `1d`", parse=_parse_keep)
    ] = timedelta(days=400)
    max_loss: Annotated[
        float,
        Key(
            "percent of the accounts: if more go missing within 7 days, they are held as UNKNOWN; "
            "3 accounts never are. [More](rules.md#lost-accounts)",
            "percent of the accounts: if more go missing, they are held",
        ),
    ] = 5
