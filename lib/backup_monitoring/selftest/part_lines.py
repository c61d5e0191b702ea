"""The lines that a check of an installation prints: what came of trying each part."""

import re
from enum import Enum
from typing import NamedTuple


class Outcome(Enum):
    """What came of trying a part; the value is the line's first word."""

    OK = "ok"
    NOTE = "note"
    FAILED = "FAILED"
    NOT_TRIED = "not tried"


class PartLine(NamedTuple):
    """A line about *part*.

    Args:
        text: what was tried; of a failure place, problem and remedy; otherwise why.
        user: the name of another user than this process's, as whom it was tried.
    """

    outcome: Outcome
    part: str
    text: str
    user: str = ""

    def __str__(self) -> str:
        by = f" (as {self.user})" if self.user else ""
        return f"{self.outcome.value:7} {self.part}{by}: {self.text}"


_LINE = re.compile(f"({'|'.join(each.value for each in Outcome)}) +([a-z]+): (.*)")


def parse_line(text: str, user: str) -> PartLine | None:
    """Return the line that *user* printed as *text*, None if it is another text."""
    match = _LINE.fullmatch(text)
    return None if match is None else PartLine(Outcome(match[1]), match[2], match[3], user)
