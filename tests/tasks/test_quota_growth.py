"""The quota rule with a past: days until full, and sudden losses."""

from datetime import date

import pytest

from backup_monitoring.model.accounts import GIB, Account, Growth, SizeDrop
from backup_monitoring.model.uploads import Uploads
from backup_monitoring.model.verdicts import Range, State, Threshold, Verdict
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.quota import evaluate_quota
from backup_monitoring.tasks.quota_facts import QuotaFacts
from backup_monitoring.tasks.quota_task import QuotaPolicy
from cases import LONG_AGO

LOST = SizeDrop(80 * GIB, 30 * GIB, date(2026, 11, 20))


def evaluate_at(
    used: float,
    growth: Growth | None,
    policy: QuotaPolicy | None = None,
    threshold: int | None = 80,
) -> Verdict:
    account = Account(
        "4000101",
        "uid=4000101",
        used=int(used * GIB),
        capacity=100 * GIB,
        quota_threshold=threshold,
        growth=growth,
    )
    return evaluate_quota(account, Uploads(), Policies(policy or QuotaPolicy()), LONG_AGO)


def forecast_of(verdict: Verdict) -> dict[str, float]:
    return {metric.name: metric.value for metric in verdict.metrics if "days" in metric.name}


@pytest.mark.parametrize(
    ("used", "per_day", "to_threshold", "to_full", "text"),
    [
        pytest.param(
            50, 1.0, 30, 50, "50.0 % of 100.0 GiB used, full in 50 d, threshold", id="grows"
        ),
        pytest.param(79.5, 1.0, 0, 20, ", full in 20 d", id="the threshold is a day away"),
        pytest.param(50, 0.505, 59, 99, ", full in 99 d", id="99 days are mentioned"),
        pytest.param(50, 0.5, 60, 100, None, id="far away is not mentioned"),
        pytest.param(98, 2.0, 0, 1, ", full in 1 d", id="tomorrow"),
        pytest.param(50, 0.4999, 60, 100, None, id="whole days, rounded down"),
        pytest.param(50, 1e-10, 9999, 9999, None, id="a byte in ten days, at most 9999 days"),
        pytest.param(98.5, 2.0, 0, 0, ", full in less than 1 d, threshold", id="today"),
        pytest.param(100, 2.0, 0, 0, None, id="full now"),
        pytest.param(110, 1.0, 0, 0, None, id="fuller than full"),
    ],
)
def test_forecast(
    used: float, per_day: float, to_threshold: int, to_full: int, text: str | None
) -> None:
    verdict = evaluate_at(used, Growth(per_day * GIB, 30))

    assert forecast_of(verdict) == {"days_to_threshold": to_threshold, "days_to_full": to_full}
    if text is not None:
        assert text in verdict.summary
    else:
        assert "full in" not in verdict.summary
    assert "median slope of 30 days" in verdict.details[0]
    assert f"at the threshold in {to_threshold} d, full in {to_full} d" in verdict.details[0]


@pytest.mark.parametrize(
    ("growth", "details"),
    [
        pytest.param(None, (), id="no store"),
        pytest.param(Growth(None, 6), (), id="too few daily sizes"),
        pytest.param(
            Growth(0.0, 30), ("+0.00 GiB per day, the median slope of 30 days",), id="stands"
        ),
        pytest.param(
            Growth(-1.0 * GIB, 9), ("-1.00 GiB per day, the median slope of 9 days",), id="falls"
        ),
    ],
)
def test_no_forecast(growth: Growth | None, details: tuple[str, ...]) -> None:
    verdict = evaluate_at(50, growth, QuotaPolicy(forecast=9999))

    assert verdict.state is State.OK
    assert forecast_of(verdict) == {}
    assert verdict.details == details


def test_the_threshold_of_the_forecast_is_the_entrys_else_the_settings() -> None:
    growth = Growth(1.0 * GIB, 30)

    assert forecast_of(evaluate_at(50, growth, threshold=90))["days_to_threshold"] == 40
    assert forecast_of(evaluate_at(50, growth, threshold=None))["days_to_threshold"] == 35
    off = QuotaPolicy(warning=Threshold(Range(), "-w"))
    assert forecast_of(evaluate_at(50, growth, off, threshold=None))["days_to_threshold"] == 50


@pytest.mark.parametrize(
    ("used", "growth", "facts"),
    [
        pytest.param(50, None, QuotaFacts(cause="used"), id="no past"),
        pytest.param(50, Growth(None, 3), QuotaFacts(cause="used"), id="a short past"),
        pytest.param(
            90, Growth(1.0 * GIB, 30), QuotaFacts(cause="used", days_to_full=10), id="over"
        ),
        pytest.param(
            50, Growth(1.0 * GIB, 30), QuotaFacts(cause="forecast", days_to_full=50), id="soon full"
        ),
        pytest.param(
            30,
            Growth(None, 3, LOST),
            QuotaFacts(
                cause="sudden_loss",
                sudden_loss_before=80 * GIB,
                sudden_loss_after=30 * GIB,
                sudden_loss_day=date(2026, 11, 20),
            ),
            id="lost",
        ),
    ],
)
def test_the_facts(used: float, growth: Growth | None, facts: QuotaFacts) -> None:
    found = evaluate_at(used, growth, QuotaPolicy(forecast=60)).facts

    assert found == facts._replace(
        used=int(used * GIB),
        capacity=100 * GIB,
        free=int((100 - used) * GIB),
        percent=float(used),
        threshold_percent=80,
    )


def test_what_is_fuller_than_full_has_nothing_free() -> None:
    facts = evaluate_at(110, None).facts

    assert isinstance(facts, QuotaFacts)
    assert facts.free == 0


@pytest.mark.parametrize(
    ("used", "days", "state", "says"),
    [
        pytest.param(50, None, State.OK, "50.0 %", id="not asked for"),
        pytest.param(50, 50, State.OK, "50.0 %", id="not in fewer days"),
        pytest.param(50, 51, State.WARNING, "full in 50 d, threshold 51 d (--forecast-warning)"),
        pytest.param(
            90, 60, State.WARNING, "90.0 % of 100.0 GiB used, full in 10 d, threshold 80 %"
        ),
        pytest.param(
            79.9, 60, State.WARNING, "full in 20 d, threshold 60 d", id="before the threshold"
        ),
        pytest.param(99.5, 60, State.CRITICAL, "99.5 %", id="what is worse is text"),
    ],
)
def test_forecast_warning(used: float, days: int | None, state: State, says: str) -> None:
    verdict = evaluate_at(used, Growth(1.0 * GIB, 30), QuotaPolicy(forecast=days))

    assert verdict.state is state
    assert says in verdict.summary
    to_full = next(metric for metric in verdict.metrics if metric.name == "days_to_full")
    assert to_full.unit == ""
    assert to_full.warning == (None if days is None else Range(start=days))


@pytest.mark.parametrize(
    ("used", "state", "says"),
    [
        pytest.param(30, State.WARNING, "used space fell from 80.0 to 30.0 GiB on 2026-11-20"),
        pytest.param(
            0, State.WARNING, "threshold 50 % per day ([quota] sudden_loss)", id="everything"
        ),
        pytest.param(
            85, State.WARNING, "85.0 % of 100.0 GiB used, threshold 80 % (entry)", id="quota"
        ),
        pytest.param(99.5, State.CRITICAL, "threshold 99 % (default)", id="full"),
    ],
)
def test_a_sudden_loss(used: float, state: State, says: str) -> None:
    verdict = evaluate_at(used, Growth(None, 3, LOST))

    assert verdict.state is state
    assert says in verdict.summary


def test_a_sudden_loss_has_its_own_text() -> None:
    summary = evaluate_at(30, Growth(1.0 * GIB, 30, LOST), QuotaPolicy(sudden_loss=40)).summary

    assert summary == (
        "used space fell from 80.0 to 30.0 GiB on 2026-11-20, threshold 40 % per day "
        "([quota] sudden_loss): "
        "deleted, encrypted, or the wrong source? Now 30.0 % of 100.0 GiB used, full in 70 d, "
        "threshold 80 % (entry)"
    )


def test_a_missing_number_is_unknown_whatever_the_past() -> None:
    account = Account("4000101", "uid=4000101", growth=Growth(1.0, 30, LOST))

    rules = Policies(QuotaPolicy(forecast=9))
    assert evaluate_quota(account, Uploads(), rules, LONG_AGO).state is State.UNKNOWN
