"""When many failures are one storm."""

from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_monitoring.model.verdicts import LastOutcome
from backup_monitoring.outbox.storms import (
    Crowd,
    Failure,
    FailurePhase,
    OngoingStorm,
    StormDecision,
    choose_oldest,
    decide_storm,
    find_crowd,
    find_mass,
    is_mass,
)

NOW = datetime.fromisoformat("2026-11-25T08:00:00+00:00")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NEW, RELEASED, HELD = FailurePhase.NEW, FailurePhase.RELEASED, FailurePhase.HELD


def good(customer: str, hours: float) -> LastOutcome:
    """Return a success, due so many *hours* ago."""
    return LastOutcome(False, NOW - hours * HOUR, customer)


def bad(customer: str, hours: float) -> LastOutcome:
    """Return a failure, due so many *hours* ago."""
    return LastOutcome(True, NOW - hours * HOUR, customer)


def find(outcomes: list[LastOutcome], failures: int = 5, of: int = 6) -> Crowd | None:
    return find_crowd(outcomes, NOW - 24 * HOUR, failures, of)


FIVE = [bad(name, 3 + number / 10) for number, name in enumerate("abcde")]


@pytest.mark.parametrize(
    ("outcomes", "crowd"),
    [
        pytest.param([], None, id="no outcome at all"),
        pytest.param(FIVE[:4], None, id="four"),
        pytest.param(FIVE, (5, 3.4), id="five"),
        pytest.param([*FIVE, good("f", 2)], (5, 3.4), id="five of six"),
        pytest.param([*FIVE, good("f", 2), good("g", 2)], None, id="five of seven, two newer"),
        pytest.param([*FIVE, good("f", 4), good("g", 5)], (5, 3.4), id="those before are older"),
        pytest.param(
            [*FIVE, good("f", 3.05), good("g", 3.15)], None, id="two successes among the newest"
        ),
        pytest.param(
            [*FIVE, *(bad(name, 4) for name in "vwxyz")], (10, 4), id="all that began with it"
        ),
        pytest.param(
            [*(bad("a", 3 + number / 10) for number in range(9))], None, id="one customer is one"
        ),
        pytest.param(
            [*FIVE[:4], bad("f", 3), good("f", 2)], (5, 3.3), id="a customer is as bad as any"
        ),
        pytest.param(
            [*FIVE[:4], bad("f", 30), good("f", 2)],
            None,
            id="but for a failure of the day before: who goes on failing says nothing",
        ),
        pytest.param([bad(name, 24) for name in "abcde"], (5, 24), id="a day ago"),
        pytest.param([bad(name, 24.1) for name in "abcde"], None, id="older than a day"),
    ],
)
def test_the_last_outcomes_decide(
    outcomes: list[LastOutcome], crowd: tuple[int, float] | None
) -> None:
    expected = None if crowd is None else Crowd(crowd[0], NOW - crowd[1] * HOUR)

    assert find(outcomes) == expected


def test_everybody_who_fails_since_it_began_is_counted() -> None:
    earlier = [bad("x", 6), *(good(f"g{number}", 5 + number / 100) for number in range(9))]
    outcomes = [bad(f"c{number}", 3 + number / 100) for number in range(30)]

    storm = find(outcomes + earlier)

    assert storm == Crowd(30, NOW - 3.29 * HOUR)


def test_the_settings_say_how_many_of_how_many() -> None:
    outcomes = [bad("a", 3), bad("b", 3.1), good("c", 3.2)]

    assert find(outcomes, 2, 3) is not None
    assert find(outcomes, 3, 3) is None


@pytest.mark.parametrize(("share", "storm"), [(10, False), (50, False), (98, True)])
def test_hundreds_that_are_due_at_the_same_minute(share: int, storm: bool) -> None:
    """Nothing but chance orders them: neither their names nor how they went."""
    random = Random(1)
    outcomes = [
        bad(f"c{number}", 3) if random.random() * 100 < share else good(f"c{number}", 3)
        for number in range(500)
    ]

    assert (find(outcomes) is not None) is storm


@pytest.mark.parametrize(
    ("task", "storm", "hours"),
    [
        ("schedule", None, 24),
        ("status", None, 48),
        ("schedule", OngoingStorm(NOW - 5 * HOUR), 29),
        ("schedule", OngoingStorm(NOW - 5 * HOUR, sent=True), 24),
        ("schedule", OngoingStorm(NOW + 300 * HOUR), 24),  # a clock that was set back
    ],
)
def test_how_old_an_outcome_may_be(task: str, storm: OngoingStorm | None, hours: int) -> None:
    assert choose_oldest(task, NOW, storm) == NOW - hours * HOUR


def test_other_tasks_have_no_outcomes() -> None:
    assert choose_oldest("quota", NOW, None) is None


@pytest.mark.parametrize(
    ("customers", "total", "many"),
    [
        *((19, None, False), (20, None, True), (20, 200, True), (20, 201, False)),
        *((21, 210, True), (99, 1000, False), (100, 1000, True), (20, 0, True)),
    ],
)
def test_how_many_are_many_in_one_run(customers: int, total: int | None, many: bool) -> None:
    assert is_mass(customers, total) is many


def test_what_fails_in_one_run_is_counted_by_customer() -> None:
    run = [Failure(f"a{n}", NOW, f"c{n}") for n in range(20)]
    before = [Failure(f"b{n}", NOW - HOUR, f"d{n}") for n in range(19)]
    settle = 10 * MINUTE

    assert find_mass(run, None, settle) == Crowd(20, NOW)
    assert find_mass(run[1:] + before, None, settle) is None
    assert find_mass(run[1:] + before, None, timedelta.max) is not None
    late = [each._replace(at=NOW + 10 * MINUTE) for each in run[:10]]
    assert find_mass(late + run[10:], 200, settle) == Crowd(20, NOW)
    assert find_mass(late + run[10:], 201, settle) is None
    too_late = [each._replace(at=NOW + 10.1 * MINUTE) for each in run[:1]]
    assert find_mass(too_late + run[1:], None, settle) is None
    assert find_mass([each._replace(customer="one") for each in run * 9], None, settle) is None


def failures(**phases: FailurePhase) -> list[Failure]:
    """Return failures of now, or of so many minutes before as the name's number says."""
    return [
        Failure(name, NOW - int(name[1:] or 0) * MINUTE, name, phase)
        for name, phase in phases.items()
    ]


CROWD = Crowd(5, NOW - HOUR)
YOUNG, OLD = OngoingStorm(NOW - 23.9 * HOUR), OngoingStorm(NOW - 24 * HOUR)


@pytest.mark.parametrize(
    ("known", "crowd", "storm", "hold", "release", "after"),
    [
        pytest.param({"a9": NEW}, None, None, "", "", None, id="it settles"),
        pytest.param({"a10": NEW}, None, None, "", "a10", None, id="it has settled"),
        pytest.param({"a10": RELEASED}, None, None, "", "", None, id="released only once"),
        pytest.param(
            {"a99": NEW, "b1": NEW, "c5": RELEASED},
            *(CROWD, None, "a99 b1", "", OngoingStorm(NOW)),
            id="a storm begins: what waits is held",
        ),
        pytest.param(
            {"a99": HELD, "b1": NEW},
            *(CROWD, YOUNG, "b1", "", YOUNG),
            id="it goes on: what is new is held",
        ),
        pytest.param({"a99": HELD}, CROWD, YOUNG, "", "", YOUNG, id="nothing new"),
        pytest.param({}, CROWD, YOUNG, "", "", YOUNG, id="nobody wants to be notified"),
        pytest.param(
            {"a99": HELD, "b1": NEW, "c10": NEW},
            *(None, YOUNG, "", "a99 c10", None),
            id="it is over: what is new settles",
        ),
        pytest.param(
            {"a99": HELD, "b1": NEW, "c10": NEW},
            *(CROWD, OLD, "", "a99 c10", OLD._replace(sent=True)),
            id="it lasts too long",
        ),
        pytest.param(
            {"b1": NEW, "c10": NEW},
            *(CROWD, OLD._replace(sent=True), "", "c10", OLD._replace(sent=True)),
            id="it lasts on: nothing is held again",
        ),
        pytest.param(
            {"c10": NEW},
            *(CROWD, YOUNG._replace(sent=True), "", "c10", YOUNG._replace(sent=True)),
            id="released by hand: nothing is held again",
        ),
        pytest.param({}, None, OLD._replace(sent=True), "", "", None, id="over at last"),
    ],
)
def test_decisions(
    known: dict[str, FailurePhase],
    crowd: Crowd | None,
    storm: OngoingStorm | None,
    hold: str,
    release: str,
    after: OngoingStorm | None,
) -> None:
    decision = decide_storm(failures(**known), crowd, storm, 10 * MINUTE, 24 * HOUR, NOW)

    assert decision == StormDecision(frozenset(hold.split()), frozenset(release.split()), after)


some = st.lists(
    st.builds(
        LastOutcome,
        st.booleans(),
        st.integers(0, 30).map(lambda hours: NOW - hours * HOUR),
        st.sampled_from("abcdefghij"),
    ),
    max_size=30,
)


@given(some, st.randoms())
def test_the_order_in_which_they_are_read_does_not_matter(
    outcomes: list[LastOutcome], random: Random
) -> None:
    assert find(outcomes) == find(random.sample(outcomes, len(outcomes)))


@given(some, some)
def test_one_customer_neither_makes_nor_ends_a_storm_of_others(
    outcomes: list[LastOutcome], own: list[LastOutcome]
) -> None:
    """Whatever one customer does is one outcome of the newest six."""
    mine = [each._replace(customer="mine", at=each.at + HOUR / 2) for each in own]  # no ties

    if find(outcomes, 4, 5) is None and find(outcomes) is None:
        assert find(outcomes + mine) is None
    if find(outcomes, 5, 5) is not None:
        assert find(outcomes + mine) is not None
