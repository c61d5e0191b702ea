"""States, ranges of good values, and the verdicts that rules return."""

from collections.abc import Mapping
from enum import Enum
from math import inf
from typing import NamedTuple


class State(Enum):
    """A monitoring state; its value is the plugin's exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3

    @property
    def badness(self) -> int:
        """0 for the best state to 3 for the worst; CRITICAL is worst, UNKNOWN is no failure."""
        return _BADNESS[self._value_]


# Of OK, WARNING, CRITICAL, UNKNOWN: an account that cannot be read must not hide another one's
# lost backups.
_BADNESS = (0, 2, 3, 1)


class Range(NamedTuple):
    """The good values of a metric: *start* and *end* are good themselves.

    Source: Monitoring Plugins Development Guidelines, "Threshold and Ranges"; `inverted` is its
    ``@``: then the values inside are bad.
    """

    start: float = 0
    end: float = inf
    inverted: bool = False

    def __contains__(self, value: object) -> bool:
        """Tell whether *value*, a number, is good."""
        if not isinstance(value, (int, float)):
            return False
        return (self.start <= value <= self.end) is not self.inverted

    def __str__(self) -> str:
        """Return the range as the guidelines write it, such as ``0:85``, ``@~:5`` or ``10:``."""
        start = "~" if self.start == -inf else f"{self.start:.15g}"
        end = "" if self.end == inf else f"{self.end:.15g}"
        return f"{'@' * self.inverted}{start}:{end}"

    @property
    def off(self) -> bool:
        """Whether no number, however large, is bad."""
        return self.end == inf and not self.inverted

    @property
    def plain(self) -> float | None:
        """The end as the plain number that performance data can hold, None where there is none."""
        return None if self.inverted or self.end == inf else self.end


class Threshold(NamedTuple):
    """A range of good values and its *origin*: entry, option, settings or default."""

    good: Range
    origin: str


class Metric(NamedTuple):
    """A measured number for performance data; *unit* is '', 's', '%', 'B' or 'c'."""

    name: str
    value: float
    unit: str = ""
    warning: Range | None = None
    critical: Range | None = None
    minimum: float | None = 0
    maximum: float | None = None


class Verdict(NamedTuple):
    """A rule's answer for an account.

    Args:
        state: the worst of its computers'.
        summary: one sentence for a person, without the account's name, raw text from outside.
        computer: the worst computer, None where the account itself is judged.
        metrics: the rule's numbers.
        details: a line a computer and how each number was found.
        facts: what a mail says about it, by the names of `notify.about`; the worst computer's.
        failing: names of the computers that are WARNING or CRITICAL, and no other task tells why.
        retired: names of those that their customer does not use any more.
    """

    state: State
    summary: str
    computer: str | None = None
    metrics: tuple[Metric, ...] = ()
    details: tuple[str, ...] = ()
    facts: Mapping[str, object] = {}
    failing: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
