"""What is a fact, and what is a cause? How a task's verdicts say more than their summary."""

from datetime import UTC, datetime
from typing import NamedTuple

# The times of the samples: their evening, and the noon three days later.
SAMPLE_EVENING = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
SAMPLE_NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


class Cause(NamedTuple):
    """What may be wrong.

    Args:
        name: in a verdict's facts, in templates, and as the end of the documents' anchor.
        meaning: one sentence without its full stop.
        action: what the provider can do about it, in sentences.
    """

    name: str
    meaning: str
    action: str


class Fact(NamedTuple):
    """The annotation of a fact: a field of a task's facts that mails show.

    The type of the field and *unit* decide how it is shown: str is a text, bool a flag, int a
    number or, with the unit B, a size; float is a percentage, datetime a time, date a day,
    timedelta an age in whole days.

    Args:
        meaning: for the documents.
        sample: its value in the sample of a problem. solved: in that of a recovery.
        unit: "B" for bytes, else ''.
        above: the fact, a percentage, that this one is shown to be above of, if it is.
    """

    meaning: str
    sample: object = None
    solved: object = None
    unit: str = ""
    above: str = ""
