"""Quota: has an account used more of its capacity than its thresholds allow?"""

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
    Verdict,
)
from backup_monitoring.tasks.account_eligibility import check_status
from backup_monitoring.tasks.aggregate import known
from backup_monitoring.tasks.policies import QuotaPolicy

_NEAR = 99
_FAR = 9999


def evaluate_quota(account: Account, policy: QuotaPolicy) -> Verdict:
    """Judge how much of its capacity *account* has used.

    WARNING when the unrounded percentage is bigger than the warning threshold (the entry's, else
    the policy's), CRITICAL when it is bigger than the larger of that and the critical one.
    Where the past is known: WARNING too for a sudden loss, and for a forecast that is too near.

    Args:
        account: ``used``, ``capacity`` in bytes, None where the entry has no value.
        policy: thresholds in percent, ends included.

    Returns:
        UNKNOWN if a number is missing, naming the attribute and the entry. Raises nothing.

    Source: sstNotificationWarningLevel of the directory's schema ("warn when bigger").
    """
    if verdict := check_status(account):
        return verdict
    used, capacity = account.used, account.capacity
    if used is None or not capacity:
        return _unknown(account)
    percent = 100 * used / capacity
    warning, critical = resolve_quota_thresholds(account, policy)
    outlook = _NO_OUTLOOK
    if account.growth is not None:
        outlook = _outlook(account.growth, used, capacity, warning.good)
    metrics: tuple[Metric, ...] = (
        Metric("used_percent", percent, "%", warning.good, critical.good),
        Metric("used", used, "B", None, None, 0, capacity),
    )
    if outlook.to_full is not None:
        metrics += outlook.metrics(policy)
    growing = outlook.said() if used < capacity else ""  # else it is full now
    size = f"of {capacity / GIB:.1f} GiB used{growing}"
    for state, threshold in ((State.CRITICAL, critical), (State.WARNING, warning)):
        if percent not in threshold.good:
            summary = f"{_shown(percent, threshold.good)} % {size}, {_limit(threshold)}"
            return Verdict(state, summary, None, metrics, outlook.details(), outlook.facts("used"))
    summary = f"{percent:.1f} % {size}, {_limit(warning)}"
    cause, doubt = _doubt(account.growth, outlook, policy)
    state = State.WARNING if doubt else State.OK
    return Verdict(state, doubt + summary, None, metrics, outlook.details(), outlook.facts(cause))


def is_certainly_ok(account: Account, policy: QuotaPolicy) -> bool:
    """Tell whether `evaluate_quota` certainly says OK, without all that it would say.

    Of 100,000 accounts nearly all are only counted: their sentences are half of a run.
    """
    used, capacity, growth = account.used, account.capacity, account.growth
    if used is None or not capacity or account.status is not AccountStatus.ACTIVE:
        return False
    if growth is not None and (growth.sudden_loss is not None or policy.forecast is not None):
        return False
    percent = 100 * used / capacity
    warning, critical = resolve_quota_thresholds(account, policy)
    return percent in warning.good and percent in critical.good


class _Outlook(NamedTuple):
    """Days until the threshold and until full, None where use does not grow."""

    growth: Growth | None
    to_threshold: int | None
    to_full: int | None

    def metrics(self, policy: QuotaPolicy) -> tuple[Metric, ...]:
        """Return the days as metrics."""
        good = Range(start=policy.forecast) if policy.forecast is not None else None
        named = (
            ("days_to_threshold", self.to_threshold, None),
            ("days_to_full", self.to_full, good),
        )
        return tuple(
            Metric(name, days, "", warning) for name, days, warning in named if days is not None
        )

    def said(self) -> str:
        """Return the days until full in words, if they are few."""
        if self.to_full is None or self.to_full > _NEAR:
            return ""
        return f", full in {_format_days(self.to_full)}"

    def facts(self, cause: str) -> dict[str, object]:
        """Return what a mail says."""
        sudden_loss = self.growth.sudden_loss if self.growth is not None else None
        if sudden_loss is None and self.to_full is None:
            return {"cause": cause}
        return known(
            cause=cause,
            days_to_full=self.to_full,
            sudden_loss_before=sudden_loss.before if sudden_loss else None,
            sudden_loss_after=sudden_loss.after if sudden_loss else None,
            sudden_loss_day=sudden_loss.day if sudden_loss else None,
        )

    def details(self) -> tuple[str, ...]:
        """Return what the forecast rests on."""
        growth = self.growth
        if growth is None:
            return ()
        if growth.per_day is None:
            return _too_few(growth.days)
        slope = f"{growth.per_day / GIB:+.2f} GiB a day, the median slope of {growth.days} days"
        if self.to_full is None or self.to_threshold is None:
            return (slope,)
        return (f"{slope}: at the threshold in {self.to_threshold} d, full in {self.to_full} d",)


def _format_days(days: int) -> str:
    return f"{days} d" if days else "less than 1 d"


_NO_OUTLOOK = _Outlook(None, None, None)


@lru_cache(maxsize=64)
def _too_few(days: int) -> tuple[str, ...]:
    return (f"no forecast yet: {days} daily sizes, too few",)


def _outlook(growth: Growth | None, used: int, capacity: int, good: Range) -> _Outlook:
    if growth is None or growth.per_day is None or growth.per_day <= 0:
        return _Outlook(growth, None, None)
    end = min(good.end, 100) / 100 * capacity
    days = [max(0.0, (goal - used) / growth.per_day) for goal in (end, capacity)]
    return _Outlook(growth, *(min(_FAR, int(each)) for each in days))


def _doubt(growth: Growth | None, outlook: _Outlook, policy: QuotaPolicy) -> tuple[str, str]:
    """Return cause and words, where use within its thresholds is no good sign."""
    if growth is not None and growth.sudden_loss is not None:
        drop = growth.sudden_loss
        return "sudden_loss", (
            f"used space fell from {drop.before / GIB:.1f} to {drop.after / GIB:.1f} GiB on "
            f"{drop.day:%Y-%m-%d}, threshold {policy.sudden_loss:g} % a day "
            "([quota] sudden_loss): "
            "deleted, encrypted, or the wrong source? Now "
        )
    full, least = outlook.to_full, policy.forecast
    if full is not None and least is not None and full < least:
        return (
            "forecast",
            f"full in {_format_days(full)}, threshold {least} d (--forecast-warning); now ",
        )
    return "used", ""


def resolve_quota_thresholds(account: Account, policy: QuotaPolicy) -> tuple[Threshold, Threshold]:
    """Return the WARNING and the CRITICAL threshold of *account*, in percent."""
    warning, critical = policy.warning, policy.critical
    if account.quota_threshold is not None:
        warning = _of_entry(account.quota_threshold)
    # A customer who wants to be told at 100 % only must not get CRITICAL before WARNING.
    plain = warning.good.plain is not None and not critical.good.inverted
    if plain and warning.good.end > critical.good.end:
        critical = Threshold(critical.good._replace(end=warning.good.end), warning.origin)
    return warning, critical


def format_quota_thresholds(account: Account, policy: QuotaPolicy) -> str:
    """Return the thresholds of *account* in words, with their origins."""
    warning, critical = resolve_quota_thresholds(account, policy)
    return f"WARNING {_limit(warning)}, CRITICAL {_limit(critical)}"


@cache
def _of_entry(level: int) -> Threshold:
    return Threshold(Range(end=level), "entry")


def _unknown(account: Account) -> Verdict:
    if not account.provisioned:
        return Verdict(State.OK, "not provisioned yet")
    missing = account.quota_missing or ("used space" if account.used is None else "capacity")
    return Verdict(State.UNKNOWN, f"no usable {missing} in the entry {account.dn}")


def _shown(percent: float, good: Range) -> str:
    text = f"{percent:.1f}"
    # 85.04 % is bigger than 85 %: the sentence must show it.
    return text if float(text) not in good else f"{percent:.6g}"


@lru_cache(maxsize=256)
def _limit(threshold: Threshold) -> str:
    good = threshold.good
    if good.start > 0 or good.plain is None:
        return f"threshold {good} % ({threshold.origin})"
    return f"threshold {good.plain:.15g} % ({threshold.origin})"
