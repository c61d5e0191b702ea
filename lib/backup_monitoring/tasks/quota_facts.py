"""What mails, logs and pages say of a verdict on quota: its facts, and what may be wrong."""

from datetime import date, datetime, tzinfo
from typing import Annotated, NamedTuple

from backup_monitoring.model import GIB
from backup_monitoring.tasks.fact import SAMPLE_EVENING, Cause, Fact


class QuotaFacts(NamedTuple):
    """The facts of a verdict on quota; None where not known."""

    cause: str = ""
    used: Annotated[int | None, Fact("the used space", int(9.2 * GIB), 4 * GIB, unit="B")] = None
    capacity: Annotated[int | None, Fact("the quota", 10 * GIB, 10 * GIB, unit="B")] = None
    free: Annotated[
        int | None, Fact("what is left of the quota", int(0.8 * GIB), 6 * GIB, unit="B")
    ] = None
    percent: Annotated[
        float | None,
        Fact("the used space in percent of the quota", 92.0, 40.0, above="threshold_percent"),
    ] = None
    threshold_percent: Annotated[float | None, Fact("the threshold", 85.0, 85.0)] = None
    days_to_full: Annotated[int | None, Fact("of a forecast, days until full", 12)] = None
    sudden_loss_before: Annotated[
        int | None, Fact("the used space before a sudden loss", 9 * GIB, unit="B")
    ] = None
    sudden_loss_after: Annotated[
        int | None, Fact("the used space after a sudden loss", 2 * GIB, unit="B")
    ] = None
    sudden_loss_day: Annotated[
        date | None, Fact("the day of the sudden loss", SAMPLE_EVENING.date())
    ] = None
    zone: tzinfo | None = None

    @property
    def since(self) -> datetime | None:
        """When the problem began: not known."""
        return None


CAUSES: tuple[Cause, ...] = (
    Cause(
        "used",
        "the used space is above the threshold",
        "The customer removes data from the backup or orders more space. Above 99 % uploads "
        "may fail.",
    ),
    Cause(
        "sudden_loss",
        "the used space fell suddenly",
        "Ask the customer whether data were deleted, encrypted, or are no longer selected. "
        "Keep older versions until it is clear.",
    ),
    Cause(
        "forecast",
        "at its growth the account will soon be full",
        "The customer orders more space, or finds out what grows.",
    ),
)
