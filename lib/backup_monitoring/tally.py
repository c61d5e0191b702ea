"""Counts the verdicts of a run, and keeps the worst, in bounded memory."""

from collections import Counter
from heapq import heappush, heappushpop
from typing import NamedTuple

from backup_monitoring.model import State, Verdict


class Judged(NamedTuple):
    """An account's uid with its verdict."""

    uid: str
    verdict: Verdict

    @property
    def name(self) -> str:
        """The account, and the computer where one is meant."""
        return f"{self.uid} {self.verdict.computer}" if self.verdict.computer else self.uid


class Tally:
    """What a run over accounts has found so far.

    Args:
        at_most: so many verdicts are kept, the worst ones.
    """

    def __init__(self, at_most: int) -> None:
        self.counts: Counter[State] = Counter()
        self._at_most = at_most
        self._kept: list[tuple[int, float, int, Judged]] = []
        self._added = 0

    def add(self, uid: str, verdict: Verdict) -> None:
        """Count *verdict*, and keep it if it is among the worst."""
        self.counts[verdict.state] += 1
        self._added += 1
        number = verdict.metrics[0].value if verdict.metrics else 0
        item = (verdict.state.badness, number, -self._added, Judged(uid, verdict))
        if len(self._kept) < self._at_most:
            heappush(self._kept, item)
        elif item > self._kept[0]:
            heappushpop(self._kept, item)

    @property
    def worst(self) -> list[Judged]:
        """The verdicts that were kept, worst first."""
        return [item[-1] for item in sorted(self._kept, reverse=True)]

    @property
    def total(self) -> int:
        """How many accounts were judged."""
        return self._added

    def bad(self) -> int:
        """Return how many accounts are not OK."""
        return self._added - self.counts[State.OK]

    def say_counts(self) -> str:
        """Return how many accounts are in which bad state: ``1 critical, 2 warning of 12``."""
        order = (State.CRITICAL, State.WARNING, State.UNKNOWN)
        said = [f"{self.counts[s]} {s.name.lower()}" for s in order if self.counts[s]]
        return f"{', '.join(said) or 'all ok'} of {self._added}"
