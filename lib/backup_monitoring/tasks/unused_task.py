"""The task unused: what its rule takes from the settings."""

from datetime import timedelta
from typing import Annotated, NamedTuple

from backup_monitoring.model import AGE, Key, Threshold


class UnusedPolicy(NamedTuple):
    """[unused]: how old an account may be that was never used.

    Args:
        warning, critical: good ages in seconds; critical None: off.
    """

    warning: Annotated[
        Threshold,
        Key(
            "WARNING if an account is older than this and was never used",
            name="after",
            threshold=AGE,
        ),
    ] = Threshold(AGE.make(timedelta(days=14)), "default")
    critical: Threshold | None = None
