"""What a mail says about an account: names, and the facts of a verdict."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import NamedTuple


class About(NamedTuple):
    """What a mail needs to know beside the event.

    Args:
        name: of the account. customer: the company, or the person. Raw text from outside.
        facts: some of `FACTS`; a fact of another type counts as missing. Times are aware.
        zone: shown where the recipient's own is not known: the first of the settings' ``zones``.
    """

    name: str = ""
    customer: str = ""
    facts: Mapping[str, object] = {}
    zone: tzinfo = UTC
