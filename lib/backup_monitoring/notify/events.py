"""Makes events from verdicts."""

from collections.abc import Collection, Sequence
from datetime import datetime

from backup_monitoring.model import Ending, Event, EventKind, Facts, Verdict


def make_event(
    uid: str, task: str, kind: EventKind, verdict: Verdict, host: str, now: datetime
) -> Event:
    """Return the event of *verdict* about the account *uid* on the server *host*."""
    facts = verdict.facts
    return Event(
        uid,
        task,
        kind,
        verdict.state,
        now,
        verdict.summary,
        verdict.computer,
        facts.since if facts is not None else None,
        host,
        cause=facts.cause if facts is not None else "",
        zone=facts.zone if facts is not None else None,
    )


def is_end_uncertain(failed: Sequence[str], uncertain: Collection[str]) -> bool:
    """Return whether a problem may go on, though its state is OK.

    Args:
        failed: names of the computers that recipients were notified of; empty if not known.
        uncertain: names of computers that are OK only by a count that is a lower bound.
    """
    return bool(uncertain) and (not failed or not set(failed).isdisjoint(uncertain))


def end_problem(
    event: Event, facts: Facts | None, failed: Sequence[str], retired: Collection[str]
) -> tuple[Event, Facts | None]:
    """Return the recovery *event* for the computers that had failed, and its facts.

    The verdict's computer may be another one, which has been fine all the time.

    Args:
        facts: of the verdict.
        failed: names of the computers that recipients were notified of; empty if not known or if
            there are none.
        retired: names of computers that are no longer used: if all failed ones are, nothing is
            solved, and the event becomes MONITORING_ENDED.
    """
    names = set(failed) or {name for name in (event.computer,) if name is not None}
    if names and names <= set(retired):
        event = event._replace(kind=EventKind.MONITORING_ENDED, ending=Ending.COMPUTER)
    if event.computer is None or tuple(failed) == (event.computer,):
        return event, facts
    return event._replace(computer=failed[0] if len(failed) == 1 else None, summary=""), None
