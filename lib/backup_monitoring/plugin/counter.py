"""Counts the verdicts of a run and keeps the worst ones, in bounded memory."""

from collections.abc import Mapping, Sequence
from heapq import heappush, heappushpop
from typing import NamedTuple

from backup_monitoring.model import State, Verdict, format_count


class Evaluation(NamedTuple):
    """A verdict and the account it is about; *uid* is '' where it is about no account."""

    uid: str
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """The verdict's summary behind the account, and the computer where it names one."""
        name = " ".join(filter(None, (self.uid, self.verdict.computer)))
        return f"{name}: {self.verdict.summary}" if name else self.verdict.summary


def rank(verdict: Verdict) -> tuple[int, float]:
    """Return the rank of *verdict* among others, the greatest of the worst one."""
    return verdict.state.badness, verdict.metrics[0].value if verdict.metrics else 0


class VerdictCounter:
    """The verdicts of a run over accounts.

    Args:
        at_most: how many verdicts are kept. Among equal states the larger first metric is worse,
            then the account that came first.
    """

    def __init__(self, at_most: int) -> None:
        self._counts = [0] * len(State)  # by badness: a list is faster than a dict of states
        self._at_most = at_most
        self._kept: list[tuple[int, float, int, Evaluation]] = []
        self._added = 0

    def add(self, uid: str, verdict: Verdict) -> None:
        """Count *verdict*, and keep it if it is among the worst."""
        badness, number = rank(verdict)
        self._counts[badness] += 1
        self._added += 1
        if len(self._kept) < self._at_most:
            heappush(self._kept, (badness, number, -self._added, Evaluation(uid, verdict)))
        elif (badness, number, -self._added) > self._kept[0]:
            heappushpop(self._kept, (badness, number, -self._added, Evaluation(uid, verdict)))

    def add_ok(self) -> None:
        """Count an account that is OK and that no output names."""
        self._counts[State.OK.badness] += 1
        self._added += 1

    def set_counts(self, counts: Mapping[State, int], worst: Sequence[Evaluation]) -> None:
        """Take over what was counted elsewhere, with the *worst* verdicts, worst first."""
        self._counts = [counts[state] for state in sorted(State, key=lambda state: state.badness)]
        self._added = sum(self._counts)
        self._kept = [
            (each.verdict.state.badness, 0, -number, each) for number, each in enumerate(worst)
        ]

    @property
    def counts(self) -> Mapping[State, int]:
        """The number of accounts in each state."""
        return {state: self._counts[state.badness] for state in State}

    @property
    def worst(self) -> list[Evaluation]:
        """The verdicts that were kept, worst first."""
        return [item[-1] for item in sorted(self._kept, reverse=True)]

    @property
    def total(self) -> int:
        """The number of accounts."""
        return self._added

    @property
    def not_ok(self) -> int:
        """The number of accounts that are not OK."""
        return self._added - self._counts[State.OK.badness]

    def format_summary(self) -> str:
        """Return the counts, then the worst account: lists of services cut the line's end."""
        if not self.not_ok:
            return self.format_counts()
        return f"{self.format_counts()}; worst {self.worst[0].sentence}"

    def format_counts(self) -> str:
        """Return ``1 critical, 2 warning of 12``, or ``12 accounts, all ok``."""
        if not self.not_ok:
            return f"{format_count(self._added, 'account')}, all ok"
        order = (State.CRITICAL, State.WARNING, State.UNKNOWN)
        counts = [f"{self.counts[s]} {s.name.lower()}" for s in order if self.counts[s]]
        return f"{', '.join(counts)} of {self._added}"
