"""Counts the verdicts of a run, and keeps the worst, in bounded memory."""

from collections.abc import Mapping
from heapq import heappush, heappushpop
from typing import NamedTuple

from backup_monitoring.model import State, Verdict


class Evaluation(NamedTuple):
    """An account's uid with its verdict."""

    uid: str
    verdict: Verdict

    @property
    def name(self) -> str:
        """The account, and the computer where one is meant."""
        return f"{self.uid} {self.verdict.computer}" if self.verdict.computer else self.uid


class VerdictCounter:
    """What a run over accounts has found so far.

    Args:
        at_most: so many verdicts are kept, the worst ones.
    """

    def __init__(self, at_most: int) -> None:
        self._counts = [0] * len(State)  # by badness: a list is quicker than a table of states
        self._at_most = at_most
        self._kept: list[tuple[int, float, int, Evaluation]] = []
        self._added = 0

    def add(self, uid: str, verdict: Verdict) -> None:
        """Count *verdict*, and keep it if it is among the worst."""
        badness = verdict.state.badness
        self._counts[badness] += 1
        self._added += 1
        number = verdict.metrics[0].value if verdict.metrics else 0
        if len(self._kept) < self._at_most:
            heappush(self._kept, (badness, number, -self._added, Evaluation(uid, verdict)))
        elif (badness, number, -self._added) > self._kept[0]:
            heappushpop(self._kept, (badness, number, -self._added, Evaluation(uid, verdict)))

    def add_ok(self) -> None:
        """Count an account that is OK and need not be named."""
        self._counts[State.OK.badness] += 1
        self._added += 1

    @property
    def counts(self) -> Mapping[State, int]:
        """How many accounts are in which state."""
        return {state: self._counts[state.badness] for state in State}

    @property
    def worst(self) -> list[Evaluation]:
        """The verdicts that were kept, worst first."""
        return [item[-1] for item in sorted(self._kept, reverse=True)]

    @property
    def total(self) -> int:
        """How many accounts were judged."""
        return self._added

    def bad(self) -> int:
        """Return how many accounts are not OK."""
        return self._added - self.counts[State.OK]

    def format_counts(self) -> str:
        """Return how many accounts are in which bad state: ``1 critical, 2 warning of 12``."""
        order = (State.CRITICAL, State.WARNING, State.UNKNOWN)
        said = [f"{self.counts[s]} {s.name.lower()}" for s in order if self.counts[s]]
        return f"{', '.join(said) or 'all ok'} of {self._added}"
