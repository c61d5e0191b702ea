"""Which lost accounts are believed, and which are held: sets and times in, verdicts out."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from backup_monitoring.model.accounts import LossReason
from backup_monitoring.store.losses import LossVerdict, LostAccount, judge_losses
from cases import at

NOW = at("2026-11-24T12:00+01:00")
BELIEVED, HELD, ACCEPTED = LossVerdict.BELIEVED, LossVerdict.HELD, LossVerdict.ACCEPTED
SAME = "4000001"


def lose(
    numbers: Iterable[int],
    customer: str | None = None,
    verdict: LossVerdict = HELD,
    since: datetime = NOW,
) -> dict[str, LostAccount]:
    """Return lost accounts; each is of a customer of its own if none is given."""
    return {
        str(n): LostAccount(str(n), (customer or f"c{n}",), since, LossReason.ENTRY, verdict)
        for n in numbers
    }


def count(
    known: dict[str, LostAccount],
    new: dict[str, LostAccount],
    monitored: int,
    *,
    returned: Iterable[str] = (),
    max_loss: float = 5,
    now: datetime = NOW,
) -> dict[str, int]:
    """Return the number of lost accounts of each verdict."""
    lost = judge_losses(known, set(returned), new, monitored, max_loss, now)
    return Counter(each.verdict.value for each in lost.values())


@pytest.mark.parametrize(
    ("monitored", "lost", "max_loss", "verdict"),
    [
        pytest.param(3, 3, 5, "believed", id="three are few, even if they are all"),
        pytest.param(10, 3, 5, "believed", id="never under three"),
        pytest.param(10, 4, 5, "held", id="four of ten"),
        pytest.param(99, 4, 5, "believed", id="4 % of 99"),
        pytest.param(99, 5, 5, "held", id="a little more than 5 %"),
        pytest.param(100, 5, 5, "believed", id="exactly 5 %"),
        pytest.param(1000, 50, 5, "believed", id="50 of 1,000"),
        pytest.param(1000, 51, 5, "held", id="51 of 1,000"),
        pytest.param(1000, 90, 9, "believed", id="as the settings say"),
        pytest.param(1000, 4, 0, "held", id="0 % is three"),
        pytest.param(1000, 1000, 100, "believed", id="100 %: never held"),
    ],
)
def test_few_are_believed(monitored: int, lost: int, max_loss: float, verdict: str) -> None:
    assert count({}, lose(range(lost)), monitored, max_loss=max_loss) == {verdict: lost}


@pytest.mark.parametrize(
    ("new", "verdicts"),
    [
        pytest.param(lose(range(10), SAME), {"believed": 10}, id="one customer's"),
        pytest.param({**lose(range(9), SAME), **lose([9])}, {"held": 10}, id="and another's"),
        pytest.param(
            {**lose(range(9), SAME), "9": lose([9])["9"]._replace(customers=())},
            {"held": 10},
            id="one without a customer is anybody's",
        ),
        pytest.param(
            {
                **lose(range(9), SAME),
                "9": lose([9])["9"]._replace(customers=(SAME, "4000002")),
            },
            {"believed": 10},
            id="a customer among several",
        ),
        pytest.param(
            {n: each._replace(customers=()) for n, each in lose(range(10)).items()},
            {"held": 10},
            id="no customer is no one customer",
        ),
    ],
)
def test_what_one_customer_loses_is_believed(
    new: dict[str, LostAccount], verdicts: dict[str, int]
) -> None:
    assert count({}, new, 20) == verdicts


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.mark.parametrize(
    ("known", "verdicts"),
    [
        pytest.param(lose(range(2), None, BELIEVED), {"believed": 3}, id="three in all"),
        pytest.param(lose(range(3), None, BELIEVED), {"believed": 3, "held": 1}, id="four"),
        pytest.param(lose(range(3), None, ACCEPTED), {"accepted": 3, "held": 1}, id="accepted"),
        pytest.param(
            lose(range(3), None, BELIEVED, days_ago(6.99)), {"believed": 3, "held": 1}, id="7 days"
        ),
        pytest.param(lose(range(3), None, BELIEVED, days_ago(7)), {"believed": 1}, id="older"),
        pytest.param(lose(range(3), None, ACCEPTED, days_ago(7)), {"believed": 1}, id="and older"),
        pytest.param(lose(range(4), None, HELD, days_ago(70)), {"held": 5}, id="held for long"),
        pytest.param(lose(range(8), "c9", BELIEVED), {"believed": 9}, id="the same customer's"),
    ],
)
def test_the_losses_of_seven_days_are_one_set(
    known: dict[str, LostAccount], verdicts: dict[str, int]
) -> None:
    assert count(known, lose([9]), 10) == verdicts


def test_a_verdict_stays() -> None:
    known = {**lose(range(3), None, BELIEVED, days_ago(1)), **lose(range(3, 9), None, HELD)}

    assert count(known, {}, 10) == {"believed": 3, "held": 6}
    assert count(known, lose(range(9, 18)), 1000) == {"believed": 12, "held": 6}


def test_what_is_back_is_not_lost() -> None:
    known = lose(range(6))

    assert count(known, {}, 10, returned=["0", "1"]) == {"held": 4}
    assert count(known, lose([0]), 10, returned=map(str, range(6))) == {"believed": 1}


def test_nothing_lost() -> None:
    assert count({}, {}, 0) == {}


def test_a_loss_that_a_wrong_clock_has_dated_ahead_is_forgotten_in_time() -> None:
    """Else it would count in the set for a year, and more of the others' losses were held."""
    ahead = lose(range(3), verdict=BELIEVED, since=NOW + timedelta(days=400))

    known = judge_losses(ahead, set(), {}, 100, 5, NOW)

    assert {lost.since for lost in known.values()} == {NOW}
    assert judge_losses(known, set(), {}, 100, 5, NOW + timedelta(days=7)) == {}
