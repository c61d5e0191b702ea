"""Unused: is there an account that was never backed up to?"""

from datetime import UTC, datetime, timedelta

from backup_monitoring.model import (
    CLOCK_SLACK,
    Account,
    Metric,
    State,
    Threshold,
    Uploads,
    Verdict,
    format_duration,
    format_time,
)
from backup_monitoring.tasks.account_eligibility import check_home, check_status, check_traversal
from backup_monitoring.tasks.aggregate import list_reporting_computers
from backup_monitoring.tasks.policies import UnusedPolicy

_LONGEST = timedelta.max.total_seconds()


def evaluate_unused(
    account: Account, uploads: Uploads, policy: UnusedPolicy, now: datetime
) -> Verdict:
    """Judge whether *account* is older than it may be without a single report or data.

    Args:
        account: ``created`` is its age's begin.
        uploads: what lies in its home.
        policy: good ages in seconds.
        now: aware UTC.

    Returns:
        UNKNOWN if the age of an unused account is not known. Raises nothing.
    """
    if verdict := check_status(account) or check_home(account, uploads):
        return verdict
    seen = list_reporting_computers(uploads)
    computers = [each for each in seen if each.history is None or each.history.gone is None]
    if computers:
        return Verdict(State.OK, f"used by {len(computers)} computer{'s' * (len(computers) > 1)}")
    if uploads.data:
        return Verdict(State.OK, "backed up without a client that reports")
    if part := check_traversal(uploads):
        return Verdict(State.UNKNOWN, part)
    if account.created is None:
        return Verdict(State.UNKNOWN, f"no creation time in the entry {account.dn}")
    if account.created > now + CLOCK_SLACK:
        created = format_time(account.created, UTC)
        what = f"clock: {account.dn} was created in the future, {created}"
        return Verdict(State.UNKNOWN, f"{what}; set this server's clock, or the directory's")
    never = "never used" if not seen else "used no more, the folders of its computers are gone,"
    return _judged(account.created, never, policy, now)


def _judged(created: datetime, never: str, policy: UnusedPolicy, now: datetime) -> Verdict:
    age = max(0.0, (now - created).total_seconds())
    critical = policy.critical.good if policy.critical else None
    metrics = (Metric("age", int(age), "s", policy.warning.good, critical),)
    since = f"since {format_time(created, UTC)}"
    for state, threshold in ((State.CRITICAL, policy.critical), (State.WARNING, policy.warning)):
        if threshold is not None and age not in threshold.good:
            age_said = format_duration(now - created)
            summary = f"{never} {since} ({age_said}), {_format_threshold(threshold)}"
            return Verdict(
                state, summary, None, metrics, facts={"cause": "unused", "created": created}
            )
    return Verdict(State.OK, f"not used yet, {since}", None, metrics)


def format_age_thresholds(policy: UnusedPolicy) -> str:
    """Return the thresholds of *policy* in words, with their origins."""
    critical = (
        f", CRITICAL {_format_threshold(policy.critical)}" if policy.critical is not None else ""
    )
    return f"WARNING {_format_threshold(policy.warning)}{critical}"


def _format_threshold(threshold: Threshold) -> str:
    """Return the good ages in words; what no words have, in seconds."""
    good, seconds = threshold.good, threshold.good.end
    if good.start > 0 or good.plain is None:
        said = f"{good} s"
    elif seconds < 60 or seconds % 60 or seconds > _LONGEST:
        said = f"{seconds:.15g} s"
    else:
        said = format_duration(timedelta(seconds=seconds))
    return f"threshold {said} ({threshold.origin})"
