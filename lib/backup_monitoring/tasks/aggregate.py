"""An account's verdict from its computers': the worst one speaks."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from backup_monitoring.model import Computer, Metric, Range, State, Uploads, Verdict
from backup_monitoring.tasks.account_eligibility import check_traversal


class ComputerVerdict(NamedTuple):
    """What a rule says about one computer; *number* is None where none is known.

    Args:
        how: how the numbers were found, for an administrator.
        facts: as of `Verdict`.
        retired: its customer does not use it any more: neither good nor bad.
        elsewhere: it is no failure of its own, since another task tells what is wrong.
    """

    computer: str
    state: State
    summary: str
    number: int | None = None
    how: str = ""
    facts: Mapping[str, object] = {}
    retired: bool = False
    elsewhere: bool = False


def aggregate(
    judgements: Sequence[ComputerVerdict],
    uploads: Uploads,
    metric: str,
    thresholds: tuple[Range | None, Range | None],
) -> Verdict:
    """Return the account's verdict; its *metric* is the greatest of its computers' numbers."""
    numbers = [each.number for each in judgements if each.number is not None]
    metrics = (Metric(metric, max(numbers), "", *thresholds),) if numbers else ()
    worst_first = sorted(judgements, key=_badness, reverse=True)
    details = tuple(_detail(each) for each in worst_first)
    part = check_traversal(uploads)
    if part is not None:
        details += (f"UNKNOWN - {part}",)
    bad = [each for each in judgements if each.state is not State.OK]
    failing = [each for each in bad if each.state is not State.UNKNOWN and not each.elsewhere]
    if not bad and part is not None:
        return Verdict(State.UNKNOWN, part, None, metrics, details)
    if not judgements:
        return Verdict(State.OK, "no report yet", None, metrics, details)
    worst = worst_first[0]
    alike = len(bad) - 1
    more = f"; {alike} more computer{'s' * (alike > 1)}" if alike > 0 else ""
    others = len(failing) - 1  # a mail says that they have the same problem
    facts = worst.facts if others < 1 else {**worst.facts, "others": others}
    return Verdict(
        worst.state,
        worst.summary + more,
        worst.computer,
        metrics,
        details,
        facts,
        tuple(each.computer for each in failing),
        tuple(each.computer for each in judgements if each.retired),
    )


def _badness(judgement: ComputerVerdict) -> tuple[int, int, bool]:
    # Where all is well, a computer that backs up says so, not one that does so no more.
    return judgement.state.badness, judgement.number or 0, not judgement.retired


def known(**facts: object) -> dict[str, object]:
    """Return those of *facts* that are not None."""
    return {name: fact for name, fact in facts.items() if fact is not None}


def _detail(judgement: ComputerVerdict) -> str:
    name = judgement.computer or "(in incoming itself)"
    how = f" [{judgement.how}]" if judgement.how else ""
    return f"{name}: {judgement.state.name} - {judgement.summary}{how}"


def list_reporting_computers(uploads: Uploads) -> tuple[Computer, ...]:
    """Return the computers that have a report, or of which a past is known."""
    return tuple(
        each
        for each in uploads.computers
        if each.start or each.end or each.schedule or each.history is not None
    )
