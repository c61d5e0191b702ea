"""What mails, logs and pages say of a verdict on unused: its facts, and what may be wrong."""

from datetime import datetime, timedelta, tzinfo
from typing import Annotated, NamedTuple

from backup_monitoring.model import DAY
from backup_monitoring.tasks.fact import SAMPLE_EVENING, Cause, Fact


class UnusedFacts(NamedTuple):
    """The facts of a verdict on unused; None where not known."""

    cause: str = ""
    created: Annotated[
        datetime | None, Fact("when the account was created", SAMPLE_EVENING - 20 * DAY)
    ] = None
    age: Annotated[timedelta | None, Fact("age of the account", 22 * DAY)] = None
    threshold_age: Annotated[timedelta | None, Fact("the threshold of this age", 14 * DAY)] = None
    zone: tzinfo | None = None

    @property
    def since(self) -> datetime | None:
        """When the problem began: with the account."""
        return self.created


CAUSES: tuple[Cause, ...] = (
    Cause(
        "unused",
        "the account has never been used",
        "Ask the customer to install the backup program, or end the account.",
    ),
)
