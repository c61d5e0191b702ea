"""Which state has begun, and since when one lasts of which no run before is known."""

import pytest

from backup_monitoring.model.verdicts import State
from backup_monitoring.tasks.state_since import StateSince, follow_state, is_change
from cases import at

NOW = at("2026-11-24T12:00+01:00")
OK, WARNING, CRITICAL, UNKNOWN = State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN


@pytest.mark.parametrize(
    ("states", "begins"),
    [
        pytest.param((OK, OK), False, id="goes on"),
        pytest.param((OK, WARNING), True, id="fails"),
        pytest.param((WARNING, OK, WARNING), True, id="fails again"),
        pytest.param((WARNING, UNKNOWN), True, id="is not known"),
        pytest.param((WARNING, UNKNOWN, UNKNOWN), False, id="is still not known"),
        pytest.param((WARNING, UNKNOWN, WARNING), False, id="goes on after it was not known"),
        pytest.param((WARNING, UNKNOWN, CRITICAL), True, id="is another after it was not known"),
    ],
)
def test_a_state_begins(states: tuple[State, ...], begins: bool) -> None:
    known = StateSince(states[0], NOW)
    for state in states[1:-1]:
        known = follow_state(known, state, NOW)

    assert is_change(known, follow_state(known, states[-1], NOW)) is begins


@pytest.mark.parametrize("at_least", [False, True])
def test_a_state_that_the_first_run_finds_may_be_older(at_least: bool) -> None:
    assert follow_state(None, WARNING, NOW, at_least=at_least) == StateSince(WARNING, NOW, at_least)
    assert follow_state(None, WARNING, NOW) == StateSince(WARNING, NOW, False)
