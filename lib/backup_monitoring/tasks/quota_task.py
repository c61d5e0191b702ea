"""The task quota: what its rule takes from the settings."""

from typing import Annotated, NamedTuple

from backup_monitoring.model import PERCENT, Key, Threshold


class QuotaPolicy(NamedTuple):
    """[quota]: how much of its capacity an account may use.

    Args:
        forecast: WARNING if full in fewer days than this; None: off.
    """

    warning: Annotated[
        Threshold,
        Key(
            "WARNING above this use, for accounts whose entry sets no threshold",
            "percent: WARNING above it, if the entry sets no threshold",
            threshold=PERCENT,
        ),
    ] = Threshold(PERCENT.make(85), "default")
    critical: Annotated[
        Threshold,
        Key(
            "CRITICAL above this use, but never before WARNING",
            "percent: CRITICAL above it, but never before WARNING",
            threshold=PERCENT,
        ),
    ] = Threshold(PERCENT.make(99), "default")
    sudden_loss: Annotated[
        float,
        Key(
            "WARNING if more than this share of the used space disappears from one day to the "
            "next; requires a store",
            "percent of the used space, from one day to the next: WARNING",
        ),
    ] = 50
    forecast: int | None = None
