"""Unused: was an account never backed up to?"""

from datetime import UTC, datetime, timedelta

from backup_monitoring.model import (
    CLOCK_SLACK,
    Account,
    Metric,
    State,
    Threshold,
    Uploads,
    Verdict,
    format_count,
    format_duration,
    format_time,
)
from backup_monitoring.tasks.account_eligibility import check_home, check_status, explain_cut_short
from backup_monitoring.tasks.aggregate import list_reporting_computers
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.unused_facts import UnusedFacts
from backup_monitoring.tasks.unused_task import UnusedPolicy

_LONGEST = timedelta.max.total_seconds()


def evaluate_unused(
    account: Account, uploads: Uploads, policies: Policies, now: datetime
) -> Verdict:
    """Evaluate whether *account* is too old for having neither reports nor data.

    Args:
        account: its age is counted from ``created``.
        uploads: the contents of its home directory.
        policies: of the settings.
        now: aware UTC.

    Returns:
        UNKNOWN if the age of an unused account is unknown. Raises nothing.

    Source: docs/rules.md, "Unused".
    """
    if verdict := check_status(account) or check_home(account, uploads):
        return verdict
    reporting = list_reporting_computers(uploads)
    count = sum(1 for each in reporting if each.history is None or each.history.is_in_use)
    if count:
        return Verdict(State.OK, f"used by {format_count(count, 'computer')}")
    if any(each.history is not None and each.history.is_retired for each in reporting):
        return Verdict(State.OK, "all its computers are retired")
    if uploads.data:
        return Verdict(State.OK, "has data, but no client that reports")
    if gap := explain_cut_short(uploads):
        return Verdict(State.UNKNOWN, gap)
    if account.created is None:
        return Verdict(State.UNKNOWN, f"no creation time in the entry {account.dn}")
    if account.created > now + CLOCK_SLACK:
        created = format_time(account.created, UTC)
        problem = f"clock: {account.dn} has a creation time in the future, {created}"
        return Verdict(State.UNKNOWN, f"{problem}; set this server's clock, or the directory's")
    never = "no longer used, all computers' folders are missing," if reporting else "never used,"
    return _evaluate_age(account.created, never, policies[UnusedPolicy], now)


def _evaluate_age(created: datetime, never: str, policy: UnusedPolicy, now: datetime) -> Verdict:
    age = max(0.0, (now - created).total_seconds())
    critical = policy.critical.good if policy.critical else None
    plain = policy.warning.good.plain
    good_age = timedelta(seconds=min(plain, _LONGEST)) if plain is not None else None
    metrics = (Metric("age", int(age), "s", policy.warning.good, critical),)
    since = f"created {format_time(created, UTC)}"
    for state, threshold in ((State.CRITICAL, policy.critical), (State.WARNING, policy.warning)):
        if threshold is not None and age not in threshold.good:
            # Without its age, by which the pages of all of them would change every hour.
            summary = f"{never} {since}, {_format_threshold(threshold)}"
            facts = UnusedFacts("unused", created, timedelta(seconds=int(age)), good_age)
            return Verdict(state, summary, None, metrics, facts=facts)
    return Verdict(State.OK, f"not used yet, {since}", None, metrics, facts=UnusedFacts())


def format_age_thresholds(_: Account, policies: Policies) -> str:
    """Return the thresholds in words, with their origins."""
    policy = policies[UnusedPolicy]
    warning = f"WARNING {_format_threshold(policy.warning)}"
    if policy.critical is None:
        return warning
    return f"{warning}, CRITICAL {_format_threshold(policy.critical)}"


def _format_threshold(threshold: Threshold) -> str:
    """Return the good ages in words, or in seconds if a duration cannot express them."""
    good, seconds = threshold.good, threshold.good.end
    if good.start > 0 or good.plain is None:
        text = f"{good} s"
    elif seconds < 60 or seconds % 60 or seconds > _LONGEST:
        text = f"{seconds:.15g} s"
    else:
        text = format_duration(timedelta(seconds=seconds))
    return f"threshold {text} ({threshold.origin})"
