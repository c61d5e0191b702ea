"""The task status: what its rule takes from the settings."""

from datetime import timedelta
from typing import Annotated, NamedTuple

from backup_monitoring.model import Key


class StatusPolicy(NamedTuple):
    """[status]: how long a backup may run, and when a success is doubted."""

    max_runtime: Annotated[
        timedelta, Key("a backup that has not ended after this time has failed")
    ] = timedelta(hours=24)
    max_runtime_first: Annotated[
        timedelta,
        Key(
            "the same for a computer that has never ended a backup, from its first start seen",
            "the same for a computer that has never ended a backup",
        ),
    ] = timedelta(days=7)
    full: Annotated[
        float,
        Key(
            "a reported success is doubted if this much of the quota is used",
            "percent of the quota from which on a success is doubted",
        ),
    ] = 99
