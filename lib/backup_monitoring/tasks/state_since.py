"""Since when does an account have its state in a task, and which one did it have before?"""

from datetime import datetime
from typing import NamedTuple

from backup_monitoring.model import State


class SuspendedState(NamedTuple):
    """What was known of a state before it became UNKNOWN; fields as of `StateSince`."""

    at: datetime
    at_least: bool
    before: State | None


class StateSince(NamedTuple):
    """The state of an account in a task.

    Args:
        state: of the last run.
        at: when it began, aware UTC: the time of the first run that found it.
        at_least: it may have begun earlier, since what was known before is lost.
        before: the state before, None if none is known.
        suspended: of a state UNKNOWN: what was known of the state *before*.
    """

    state: State
    at: datetime
    at_least: bool = False
    before: State | None = None
    suspended: SuspendedState | None = None


def follow_state(
    known: StateSince | None, state: State, now: datetime, *, at_least: bool = False
) -> StateSince:
    """Return the *state* that a run found at *now*, and since when the account has it.

    A state that is UNKNOWN says nothing about the account: it suspends the state before, which
    goes on if the account still has it afterwards. So an outage does not restart a problem.

    Args:
        known: of the run before, None if that does not know the account.
        at_least: no run before is known at all.
    """
    if known is None:
        return StateSince(state, now, at_least)
    if state is known.state:
        return known if known.at <= now else known._replace(at=now)
    if state is State.UNKNOWN:
        suspended = SuspendedState(known.at, known.at_least, known.before)
        return StateSince(state, now, before=known.state, suspended=suspended)
    if known.suspended is None:
        return StateSince(state, now, before=known.state)
    if state is not known.before:
        return StateSince(state, now, before=known.before)
    at, was_at_least, before = known.suspended
    return StateSince(state, min(at, now), was_at_least, before)


def is_change(known: StateSince, since: StateSince) -> bool:
    """Return whether a state has begun: *since* follows *known*, and is another state.

    One that goes on after it was suspended has not begun.
    """
    goes_on = known.suspended is not None and since.state is known.before
    return since.state is not known.state and not goes_on
