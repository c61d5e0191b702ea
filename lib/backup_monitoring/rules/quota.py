"""Quota: has an account used more of its capacity than its thresholds allow?"""

from backup_monitoring.model import GIB, Account, Metric, Range, State, Threshold, Verdict
from backup_monitoring.policies import QuotaPolicy
from backup_monitoring.rules.watched import unwatched


def quota(account: Account, policy: QuotaPolicy) -> Verdict:
    """Judge how much of its capacity *account* has used.

    WARNING when the unrounded percentage is bigger than the warning threshold (the entry's, else
    the policy's), CRITICAL when it is bigger than the larger of that and the critical one.

    Args:
        account: ``used``, ``capacity`` in bytes, None where the entry has no value.
        policy: thresholds in percent, ends included.

    Returns:
        UNKNOWN if a number is missing, naming the attribute and the entry. Raises nothing.

    Source: sstNotificationWarningLevel of the directory's schema ("warn when bigger").
    """
    if verdict := unwatched(account):
        return verdict
    used, capacity = account.used, account.capacity
    if used is None or not capacity:
        return _unknown(account)
    percent = 100 * used / capacity
    warning, critical = thresholds(account, policy)
    metrics = (
        Metric("used_percent", percent, "%", warning.good, critical.good),
        Metric("used", used, "B", maximum=capacity),
    )
    for state, threshold in ((State.CRITICAL, critical), (State.WARNING, warning)):
        if percent not in threshold.good:
            summary = (
                f"{_shown(percent, threshold.good)} % of {capacity / GIB:.1f} GiB used, "
                f"limit {_limit(threshold.good)} % ({threshold.origin})"
            )
            return Verdict(state, summary, None, metrics)
    summary = (
        f"{percent:.1f} % of {capacity / GIB:.1f} GiB used, "
        f"limit {_limit(warning.good)} % ({warning.origin})"
    )
    return Verdict(State.OK, summary, None, metrics)


def thresholds(account: Account, policy: QuotaPolicy) -> tuple[Threshold, Threshold]:
    """Return the WARNING and the CRITICAL threshold of *account*, in percent."""
    warning, critical = policy.warning, policy.critical
    if account.quota_threshold is not None:
        warning = Threshold(Range(end=account.quota_threshold), "entry")
    # A customer who wants to be told at 100 % only must not get CRITICAL before WARNING.
    if warning.good.end > critical.good.end and not critical.good.inverted:
        critical = Threshold(critical.good._replace(end=warning.good.end), warning.origin)
    return warning, critical


def _unknown(account: Account) -> Verdict:
    if not account.provisioned:
        return Verdict(State.OK, "not provisioned yet")
    missing = account.quota_missing or ("used space" if account.used is None else "capacity")
    return Verdict(State.UNKNOWN, f"no usable {missing} in the entry {account.dn}")


def _shown(percent: float, good: Range) -> str:
    text = f"{percent:.1f}"
    # 85.04 % is bigger than 85 %: the sentence must show it.
    return text if float(text) not in good else f"{percent:.6g}"


def _limit(good: Range) -> str:
    plain = good.plain
    if good.start > 0 or plain is None:
        return f"{'@' * good.inverted}{good.start:g}:{good.end:g}"
    return f"{plain:g}"
