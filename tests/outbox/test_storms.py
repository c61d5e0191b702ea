"""When many failures are one storm."""

from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.outbox.storms import (
    Failure,
    FailurePhase,
    StormDecision,
    StormThreshold,
    evaluate_storm,
    find_crowded,
    max_failures,
)

START = datetime.fromisoformat("2026-11-25T08:00:00+00:00")
RULE = StormThreshold(2, timedelta(minutes=10))
NEW, RELEASED, HELD = FailurePhase.NEW, FailurePhase.RELEASED, FailurePhase.HELD


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def failures(*known: tuple[str, float, FailurePhase]) -> list[Failure]:
    return [Failure(account, at(minutes), phase) for account, minutes, phase in known]


@pytest.mark.parametrize(
    ("known", "now", "ongoing", "hold", "release", "storm"),
    [
        pytest.param([("a", 0, NEW)], 9, False, "", "", False, id="it settles"),
        pytest.param([("a", 0, NEW)], 10, False, "", "a", False, id="it has settled"),
        pytest.param(
            [("a", 0, NEW), ("b", 1, NEW)], 10, False, "", "a", False, id="as many as allowed"
        ),
        pytest.param(
            [("a", 0, NEW), ("b", 1, NEW), ("c", 9, NEW)], 9, False, "abc", "", True, id="one more"
        ),
        pytest.param(
            [("a", 0, NEW), ("b", 9, NEW), ("c", 10.5, NEW)],
            *(20, False, "", "ab", False),
            id="spread over more than settle",
        ),
        pytest.param(
            [("a", 0, NEW), ("b", 1, NEW), ("c", 2, NEW)],
            *(500, False, "abc", "", True),
            id="nothing was delivered for hours",
        ),
        pytest.param(
            [("a", 0, RELEASED), ("b", 3, RELEASED), ("c", 9, NEW)],
            *(14, False, "c", "", True),
            id="some were already released",
        ),
        pytest.param(
            [("a", -90, RELEASED), ("b", -90, RELEASED), ("d", -90, RELEASED), ("c", 0, NEW)],
            *(10, False, "", "c", False),
            id="an old crowd says nothing",
        ),
        pytest.param(
            [("a", 0, HELD), ("b", 0, HELD), ("c", 0, HELD), ("d", 300, NEW)],
            *(300, True, "d", "", True),
            id="a late one joins",
        ),
        pytest.param(
            [("a", 0, HELD), ("b", 0, HELD), ("c", 0, HELD)],
            *(300, True, "", "", True),
            id="too many still fail",
        ),
        pytest.param(
            [("a", 0, HELD), ("b", 0, HELD)],
            9,
            True,
            "",
            "",
            True,
            id="not quiet for long enough",
        ),
        pytest.param([("a", 0, HELD), ("b", 0, HELD)], 10, True, "", "ab", False, id="it is over"),
        pytest.param([], 10, True, "", "", False, id="all have recovered"),
        pytest.param(
            [("a", 0, HELD), ("b", 0, HELD), ("p", 5, RELEASED)],
            *(10, True, "", "ab", False),
            id="released failures do not keep a storm going",
        ),
        pytest.param(
            [("a", 0, RELEASED), ("b", 5, NEW)], 15, False, "", "b", False, id="released only once"
        ),
        pytest.param(
            [("a", 0, RELEASED), ("b", 1, RELEASED), ("c", 5, NEW), ("d", 14, NEW)],
            *(14, False, "cd", "", True),
            id="the first one that waits is in a crowd",
        ),
        pytest.param(
            [("a", 0, RELEASED), ("b", 0, RELEASED), ("c", 10, NEW)],
            *(10, False, "c", "", True),
            id="just within settle",
        ),
    ],
)
def test_decisions(
    known: list[tuple[str, float, FailurePhase]],
    now: float,
    ongoing: bool,
    hold: str,
    release: str,
    storm: bool,
) -> None:
    decision = evaluate_storm(failures(*known), RULE, at(now), ongoing=ongoing)

    assert decision == StormDecision(frozenset(hold), frozenset(release), storm, decision.accounts)


@pytest.mark.parametrize(
    ("known", "ongoing", "accounts"),
    [
        pytest.param(
            [("p", 3, RELEASED), ("q", 3, RELEASED), ("c", 9, NEW), ("early", -100, NEW)],
            *(False, {"p", "q", "c", "early"}),
            id="those that were released, and all that wait",
        ),
        pytest.param(
            [*((name, -90, RELEASED) for name in "xyz"), *((name, 0, NEW) for name in "abc")],
            *(False, {"a", "b", "c"}),
            id="no older crowd",
        ),
        pytest.param([("a", 0, HELD), ("late", 9, NEW)], True, {"a", "late"}, id="an ongoing one"),
    ],
)
def test_what_a_storm_consists_of(
    known: list[tuple[str, float, FailurePhase]], ongoing: bool, accounts: set[str]
) -> None:
    assert evaluate_storm(failures(*known), RULE, at(9), ongoing=ongoing).accounts == accounts


@pytest.mark.parametrize(
    ("total", "expected"),
    [(None, 20), (0, 20), (200, 20), (201, 20.1), (1000, 100)],
)
def test_max_failures(total: int | None, expected: float) -> None:
    assert max_failures(10, 20, total) == expected


minutes = st.integers(0, 60)
many = st.lists(minutes, max_size=25).map(
    lambda times: [Failure(str(n), at(time)) for n, time in enumerate(times)]
)


@given(many, st.integers(1, 6))
def test_crowded_as_one_would_count(known: list[Failure], allowed: int) -> None:
    rule = StormThreshold(allowed, timedelta(minutes=10))
    expected: set[str] = set()
    for begin in known:
        within = [each for each in known if begin.at <= each.at <= begin.at + rule.settle]
        if len(within) > allowed:
            expected.update(each.account for each in within)

    assert find_crowded(known, rule) == expected


@given(many, st.integers(1, 6), st.randoms())
def test_the_order_does_not_matter(known: list[Failure], allowed: int, random: Random) -> None:
    rule = StormThreshold(allowed, timedelta(minutes=10))
    shuffled = random.sample(known, len(known))

    assert evaluate_storm(known, rule, at(60), ongoing=False) == evaluate_storm(
        shuffled, rule, at(60), ongoing=False
    )


@given(many, st.integers(1, 6), minutes)
def test_nobody_is_both_held_and_released(known: list[Failure], allowed: int, now: int) -> None:
    rule = StormThreshold(allowed, timedelta(minutes=10))
    recent = [each for each in known if each.at <= at(now)]

    decision = evaluate_storm(recent, rule, at(now), ongoing=False)

    assert not decision.hold & decision.release
    assert decision.storm is bool(decision.hold)
    if len(recent) <= allowed:
        assert decision == StormDecision(frozenset(), decision.release, storm=False)


@given(many, st.integers(1, 6))
def test_everybody_is_released_or_held_in_the_end(known: list[Failure], allowed: int) -> None:
    rule = StormThreshold(allowed, timedelta(minutes=10))

    decision = evaluate_storm(known, rule, at(70), ongoing=False)

    assert decision.hold | decision.release == {each.account for each in known}
