"""States, ranges of good values, and the verdicts that rules return."""

from datetime import datetime, tzinfo
from enum import Enum
from math import inf
from typing import Any, NamedTuple, Protocol


class State(Enum):
    """A monitoring state; its value is the plugin's exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3

    @property
    def badness(self) -> int:
        """The rank of the state, from 0 (OK) over UNKNOWN and WARNING to 3 (CRITICAL)."""
        return _BADNESS[self._value_]


# By exit code. An account that cannot be read (UNKNOWN) must not hide another one's lost backups.
_BADNESS = (0, 2, 3, 1)


class Range(NamedTuple):
    """The good values of a metric, *start* and *end* included.

    With *inverted* (``@`` in text) the values inside are bad instead.

    Source: Monitoring Plugins Development Guidelines, "Threshold and Ranges".
    """

    start: float = 0
    end: float = inf
    inverted: bool = False

    def __contains__(self, value: object) -> bool:
        """Return whether *value* is a number, and good."""
        if not isinstance(value, (int, float)):
            return False
        return (self.start <= value <= self.end) is not self.inverted

    def __str__(self) -> str:
        """Return the range as in the guidelines, for example ``0:85``, ``@~:5`` or ``10:``."""
        start = "~" if self.start == -inf else f"{self.start:.15g}"
        end = "" if self.end == inf else f"{self.end:.15g}"
        return f"{'@' * self.inverted}{start}:{end}"

    @property
    def off(self) -> bool:
        """Whether no number, however large, is bad."""
        return self.end == inf and not self.inverted

    @property
    def plain(self) -> float | None:
        """The end as the plain number of performance data, None if there is none."""
        return None if self.inverted or self.end == inf else self.end


class Threshold(NamedTuple):
    """A range of good values, and its *origin*: entry, option, settings or default."""

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


class Facts(Protocol):
    """What mails, logs and pages show of a verdict: a NamedTuple of its task, see ``TASKS``."""

    @property
    def cause(self) -> str:
        """One of the task's causes; '' if it is not known or nothing is wrong."""

    @property
    def since(self) -> datetime | None:
        """When the problem began, aware UTC; None: not known."""

    @property
    def zone(self) -> tzinfo | None:
        """The computer's time zone, None where there is none."""

    def _replace(self, *_: Any, **changes: Any) -> Any:
        """Return the facts with *changes*."""

    def _asdict(self) -> dict[str, Any]:
        """Return the facts by name."""


class LastOutcome(NamedTuple):
    """A backup that went well, or the first of a row of failures.

    It is raw: whether and when anybody wants to be notified does not matter.

    Args:
        failed: whether it is a failure.
        at: its due time, or else when it began, aware UTC.
        customer: whose it is; '' where only the computer is known.
    """

    failed: bool
    at: datetime
    customer: str = ""


class Verdict(NamedTuple):
    """A rule's answer for an account.

    Args:
        state: the account's, which is that of its worst computer.
        summary: one sentence, without the account's name; may contain raw text from outside.
        computer: the worst computer, None if the verdict is about the account itself.
        metrics: the rule's numbers.
        details: one line per computer, with how its number was found.
        facts: of the worst computer; None: only the summary is known.
        failing: the computers that are WARNING or CRITICAL by a cause of this task.
        retired: the computers that their customer no longer uses.
        uncertain: those that are OK only by a count that is a lower bound: that solves nothing.
        outcomes: of the computers, the newest success and the newest failure.
    """

    state: State
    summary: str
    computer: str | None = None
    metrics: tuple[Metric, ...] = ()
    details: tuple[str, ...] = ()
    facts: Facts | None = None
    failing: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    outcomes: tuple[LastOutcome, ...] = ()
