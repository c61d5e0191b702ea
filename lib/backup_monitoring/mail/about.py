"""What a mail says about an account: its names, and the facts of a verdict."""

from datetime import UTC, tzinfo
from typing import NamedTuple

from backup_monitoring.model import Facts


class About(NamedTuple):
    """What a mail needs in addition to the event.

    Args:
        name: of the account. customer: the company or the person. Raw text from outside.
        facts: of the task of the event; None: only the event's summary is known.
        zone: of times, if the event has none.
    """

    name: str = ""
    customer: str = ""
    facts: Facts | None = None
    zone: tzinfo = UTC
