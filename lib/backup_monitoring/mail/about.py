"""What a mail says about an account: its names, and the facts of a verdict."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import NamedTuple


class About(NamedTuple):
    """What a mail needs in addition to the event.

    Args:
        name: of the account. customer: the company or the person. Raw text from outside.
        facts: some of ``tasks.FACTS``; one of another type counts as missing. Times are aware.
        zone: of times, if the recipient's own is not known.
    """

    name: str = ""
    customer: str = ""
    facts: Mapping[str, object] = {}
    zone: tzinfo = UTC
