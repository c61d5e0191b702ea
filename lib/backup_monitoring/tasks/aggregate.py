"""What is an account's verdict, given those of its computers? That of the worst one."""

from collections.abc import Sequence
from typing import NamedTuple

from backup_monitoring.model import (
    Computer,
    Facts,
    LastOutcome,
    Metric,
    Range,
    State,
    Uploads,
    Verdict,
    format_count,
)
from backup_monitoring.tasks.account_eligibility import explain_cut_short


class ComputerVerdict(NamedTuple):
    """A rule's verdict for one computer.

    Args:
        computer: its name, '' if its reports are directly in ``incoming``.
        state, summary: as of `Verdict`.
        number: what the rule counts (missed, failed, outdated), None if unknown.
        how: how the number was found, for an administrator.
        facts: as of `Verdict`.
        retired: the customer no longer uses the computer, so that it is neither good nor bad.
        elsewhere: another task reports the cause, so that it does not count as failing.
        uncertain: it is OK only by a count that is a lower bound.
        outcome: of its last backup, or the first failure of a row; None: it is not known.
    """

    computer: str
    state: State
    summary: str
    number: int | None = None
    how: str = ""
    facts: Facts | None = None
    retired: bool = False
    elsewhere: bool = False
    uncertain: bool = False
    outcome: LastOutcome | None = None


def aggregate(
    verdicts: Sequence[ComputerVerdict],
    uploads: Uploads,
    metric: str,
    thresholds: tuple[Range | None, Range | None],
) -> Verdict:
    """Return the account's verdict: the worst computer's, and the number of others as bad.

    Args:
        verdicts: one per computer.
        uploads: the search for computers may have been cut short.
        metric: the name of the metric; its value is the greatest number of a computer.
        thresholds: the WARNING and the CRITICAL range of the metric.
    """
    numbers = [verdict.number for verdict in verdicts if verdict.number is not None]
    metrics = (Metric(metric, max(numbers), "", *thresholds),) if numbers else ()
    worst_first = sorted(verdicts, key=_rank_badness, reverse=True)
    details = tuple(_format_detail(verdict) for verdict in worst_first)
    gap = explain_cut_short(uploads)
    if gap is not None:
        details += (f"UNKNOWN - {gap}",)
    bad = [verdict for verdict in verdicts if verdict.state is not State.OK]
    if gap is not None and not bad:
        return Verdict(State.UNKNOWN, gap, None, metrics, details)
    if not verdicts:
        return Verdict(State.OK, "no report yet")
    failing = [v for v in bad if v.state is not State.UNKNOWN and not v.elsewhere]
    worst, others = worst_first[0], len(failing) - 1
    return Verdict(
        worst.state,
        worst.summary + _format_more(len(bad) - 1),
        worst.computer,
        metrics,
        details,
        worst.facts._replace(others=others) if worst.facts and others > 0 else worst.facts,
        tuple(verdict.computer for verdict in failing),
        tuple(verdict.computer for verdict in verdicts if verdict.retired),
        tuple(verdict.computer for verdict in verdicts if verdict.uncertain),
        _select_newest(verdicts),
    )


def _select_newest(verdicts: Sequence[ComputerVerdict]) -> tuple[LastOutcome, ...]:
    """Return the newest success and the newest failure."""
    newest: dict[bool, LastOutcome] = {}
    for verdict in verdicts:
        new = verdict.outcome
        if new is not None and (new.failed not in newest or new.at > newest[new.failed].at):
            newest[new.failed] = new
    return tuple(newest.values())


def list_reporting_computers(uploads: Uploads) -> tuple[Computer, ...]:
    """Return the computers that have a report or a history."""
    return tuple(
        computer
        for computer in uploads.computers
        if computer.start or computer.end or computer.schedule or computer.history is not None
    )


def _rank_badness(verdict: ComputerVerdict) -> tuple[int, int, bool]:
    # If all are OK, the summary is that of a computer in use, not of a retired one.
    return verdict.state.badness, verdict.number or 0, not verdict.retired


def _format_more(count: int) -> str:
    return f"; {format_count(count, 'more computer')}" if count > 0 else ""


def _format_detail(verdict: ComputerVerdict) -> str:
    name = verdict.computer or "(in incoming itself)"
    how = f" [{verdict.how}]" if verdict.how else ""
    return f"{name}: {verdict.state.name} - {verdict.summary}{how}"
