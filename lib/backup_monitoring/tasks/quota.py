"""Quota: has an account used more of its capacity than its thresholds allow?"""

from datetime import datetime
from functools import cache, lru_cache
from typing import NamedTuple

from backup_monitoring.model import (
    GIB,
    Account,
    AccountStatus,
    Growth,
    Metric,
    Range,
    State,
    Threshold,
    Uploads,
    Verdict,
)
from backup_monitoring.tasks.account_eligibility import check_status
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.quota_facts import QuotaFacts
from backup_monitoring.tasks.quota_task import QuotaPolicy

_NEAR = 99  # days; the summary mentions nothing later
_FAR = 9999  # days; the metrics say nothing later


def evaluate_quota(
    account: Account, uploads: Uploads, policies: Policies, now: datetime
) -> Verdict:
    """Evaluate how much of its capacity *account* has used.

    WARNING if the unrounded percentage is bigger than the warning threshold (the entry's, else
    the policy's), CRITICAL if it is bigger than the larger of that and the critical one. With
    a store also WARNING for a sudden loss of used space, and for a forecast that is too near.

    Args:
        account: ``used``, ``capacity`` in bytes, None if the entry has no valid value.
        uploads, now: not used.
        policies: thresholds in percent, ends included.

    Returns:
        UNKNOWN if a number is missing, naming the attribute and the entry. Raises nothing.

    Source: sstNotificationWarningLevel of the directory's schema ("warn when bigger").
    """
    if verdict := check_status(account):
        return verdict
    policy, used, capacity = policies[QuotaPolicy], account.used, account.capacity
    if used is None or not capacity:
        return _report_missing(account)
    percent = 100 * used / capacity
    warning, critical = resolve_quota_thresholds(account, policy)
    forecast = _make_forecast(account.growth, used, capacity, warning.good)
    metrics = (
        Metric("used_percent", percent, "%", warning.good, critical.good),
        Metric("used", used, "B", None, None, 0, capacity),
        *forecast.make_metrics(policy),
    )
    details = forecast.format_details()
    facts = QuotaFacts(
        cause="used",
        used=used,
        capacity=capacity,
        free=max(0, capacity - used),
        percent=percent,
        threshold_percent=warning.good.plain,
        days_to_full=forecast.days_to_full,
    )
    size = f"of {capacity / GIB:.1f} GiB used{forecast.format_full() if used < capacity else ''}"
    for state, threshold in ((State.CRITICAL, critical), (State.WARNING, warning)):
        if percent not in threshold.good:
            shown = _format_percent(percent, threshold.good)
            summary = f"{shown} % {size}, {_format_threshold(threshold)}"
            return Verdict(state, summary, None, metrics, details, facts)
    facts, doubt = _find_doubt(forecast, policy, facts)
    summary = f"{doubt}{percent:.1f} % {size}, {_format_threshold(warning)}"
    state = State.WARNING if doubt else State.OK
    return Verdict(state, summary, None, metrics, details, facts)


def is_certainly_ok(account: Account, policies: Policies) -> bool:
    """Return whether `evaluate_quota` would certainly return OK, without composing its texts.

    Nearly all of 100,000 accounts are only counted: their sentences would be half of a run.
    """
    used, capacity, growth = account.used, account.capacity, account.growth
    if account.status is not AccountStatus.ACTIVE or account.loss is not None:
        return False
    policy = policies[QuotaPolicy]
    if used is None or not capacity:
        return False
    if growth is not None and (growth.sudden_loss is not None or policy.forecast is not None):
        return False
    percent = 100 * used / capacity
    warning, critical = resolve_quota_thresholds(account, policy)
    return percent in warning.good and percent in critical.good


def resolve_quota_thresholds(account: Account, policy: QuotaPolicy) -> tuple[Threshold, Threshold]:
    """Return the WARNING and the CRITICAL threshold of *account*, in percent."""
    warning, critical = policy.warning, policy.critical
    if account.quota_threshold is not None:
        warning = _make_entry_threshold(account.quota_threshold)
    # A customer who wants to be warned at 100 % only must not get CRITICAL before WARNING.
    plain = warning.good.plain is not None and not critical.good.inverted
    if plain and warning.good.end > critical.good.end:
        critical = Threshold(critical.good._replace(end=warning.good.end), warning.origin)
    return warning, critical


def format_quota_thresholds(account: Account, policies: Policies) -> str:
    """Return the thresholds of *account* in words, with their origins."""
    warning, critical = resolve_quota_thresholds(account, policies[QuotaPolicy])
    return f"WARNING {_format_threshold(warning)}, CRITICAL {_format_threshold(critical)}"


class _Forecast(NamedTuple):
    """Days until the warning threshold and until full, None if the used space does not grow."""

    growth: Growth | None = None
    days_to_threshold: int | None = None
    days_to_full: int | None = None

    def make_metrics(self, policy: QuotaPolicy) -> tuple[Metric, ...]:
        good = Range(start=policy.forecast) if policy.forecast is not None else None
        named = (
            ("days_to_threshold", self.days_to_threshold, None),
            ("days_to_full", self.days_to_full, good),
        )
        return tuple(
            Metric(name, days, "", warning) for name, days, warning in named if days is not None
        )

    def format_full(self) -> str:
        if self.days_to_full is None or self.days_to_full > _NEAR:
            return ""
        return f", full in {_format_days(self.days_to_full)}"

    def format_details(self) -> tuple[str, ...]:
        """Return what the forecast is based on."""
        growth = self.growth
        if growth is None or growth.per_day is None:
            return ()
        slope = f"{growth.per_day / GIB:+.2f} GiB per day, the median slope of {growth.days} days"
        if self.days_to_full is None:
            return (slope,)
        days = f"at the threshold in {self.days_to_threshold} d, full in {self.days_to_full} d"
        return (f"{slope}: {days}",)


_NO_FORECAST = _Forecast()


def _make_forecast(growth: Growth | None, used: int, capacity: int, good: Range) -> _Forecast:
    if growth is None:
        return _NO_FORECAST
    if growth.per_day is None or growth.per_day <= 0:
        return _Forecast(growth)
    end = min(good.end, 100) / 100 * capacity
    days = [max(0.0, (goal - used) / growth.per_day) for goal in (end, capacity)]
    return _Forecast(growth, *(min(_FAR, int(each)) for each in days))


def _find_doubt(
    forecast: _Forecast, policy: QuotaPolicy, facts: QuotaFacts
) -> tuple[QuotaFacts, str]:
    """Return *facts* with the cause, and words ('' if none), if good use is a bad sign."""
    loss = forecast.growth.sudden_loss if forecast.growth is not None else None
    if loss is not None:
        facts = facts._replace(
            cause="sudden_loss",
            sudden_loss_before=loss.before,
            sudden_loss_after=loss.after,
            sudden_loss_day=loss.day,
        )
        return facts, (
            f"used space fell from {loss.before / GIB:.1f} to {loss.after / GIB:.1f} GiB on "
            f"{loss.day:%Y-%m-%d}, threshold {policy.sudden_loss:g} % per day "
            "([quota] sudden_loss): deleted, encrypted, or the wrong source? Now "
        )
    full, least = forecast.days_to_full, policy.forecast
    if full is not None and least is not None and full < least:
        days = f"full in {_format_days(full)}"
        return facts._replace(
            cause="forecast"
        ), f"{days}, threshold {least} d (--forecast-warning); now "
    return facts, ""


def _format_days(days: int) -> str:
    return f"{days} d" if days else "less than 1 d"


@cache
def _make_entry_threshold(level: int) -> Threshold:
    return Threshold(Range(end=level), "entry")


def _report_missing(account: Account) -> Verdict:
    if not account.provisioned:
        return Verdict(State.OK, "not provisioned yet")
    missing = account.quota_missing or ("used space" if account.used is None else "capacity")
    return Verdict(State.UNKNOWN, f"no usable {missing} in the entry {account.dn}")


def _format_percent(percent: float, good: Range) -> str:
    text = f"{percent:.1f}"
    # 85.04 % is bigger than 85 %: the sentence must show it.
    return text if float(text) not in good else f"{percent:.6g}"


@lru_cache(maxsize=256)
def _format_threshold(threshold: Threshold) -> str:
    good = threshold.good
    if good.start > 0 or good.plain is None:
        return f"threshold {good} % ({threshold.origin})"
    return f"threshold {good.plain:.15g} % ({threshold.origin})"
