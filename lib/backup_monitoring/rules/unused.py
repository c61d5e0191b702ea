"""Unused: is there an account that was never backed up to?"""

from datetime import datetime, timedelta

from backup_monitoring.durations import say_duration
from backup_monitoring.model import Account, Metric, Range, State, Uploads, Verdict
from backup_monitoring.policies import UnusedPolicy
from backup_monitoring.rules.clock import CLOCK_SLACK
from backup_monitoring.rules.watched import unfinished, unreachable, unwatched
from backup_monitoring.rules.worst import reporting

_LONGEST = timedelta.max.total_seconds()


def unused(account: Account, uploads: Uploads, policy: UnusedPolicy, now: datetime) -> Verdict:
    """Judge whether *account* is older than it may be without a single report or data.

    Args:
        account: ``created`` is its age's begin.
        uploads: what lies in its home.
        policy: good ages in seconds.
        now: aware UTC.

    Returns:
        UNKNOWN if the age of an unused account is not known. Raises nothing.
    """
    if verdict := unwatched(account) or unreachable(account, uploads):
        return verdict
    seen = reporting(uploads)
    computers = [each for each in seen if each.past is None or each.past.gone is None]
    if computers:
        return Verdict(State.OK, f"used by {len(computers)} computer{'s' * (len(computers) > 1)}")
    if uploads.data:
        return Verdict(State.OK, "backed up without a client that reports")
    if part := unfinished(uploads):
        return Verdict(State.UNKNOWN, part)
    if account.created is None:
        return Verdict(State.UNKNOWN, f"no creation time in the entry {account.dn}")
    if account.created > now + CLOCK_SLACK:
        created = f"{account.created:%Y-%m-%d %H:%M} +00:00"
        what = f"clock: {account.dn} was created in the future, {created}"
        return Verdict(State.UNKNOWN, f"{what}; set this server's clock, or the directory's")
    never = "never used" if not seen else "used no more, the folders of its computers are gone,"
    return _judged(account.created, never, policy, now)


def _judged(created: datetime, never: str, policy: UnusedPolicy, now: datetime) -> Verdict:
    age = max(0.0, (now - created).total_seconds())
    critical = policy.critical.good if policy.critical else None
    metrics = (Metric("age", int(age), "s", policy.warning.good, critical),)
    since = f"since {created:%Y-%m-%d %H:%M} +00:00"
    for state, threshold in ((State.CRITICAL, policy.critical), (State.WARNING, policy.warning)):
        if threshold is not None and age not in threshold.good:
            summary = (
                f"{never} {since} ({say_duration(now - created)}), "
                f"limit {_say_limit(threshold.good)} ({threshold.origin})"
            )
            return Verdict(
                state, summary, None, metrics, facts={"cause": "unused", "created": created}
            )
    return Verdict(State.OK, f"not used yet, {since}", None, metrics)


def _say_limit(good: Range) -> str:
    """Return the good ages in words; what no words have, in seconds."""
    if good.inverted or good.start > 0:
        return f"{good} s"
    if good.end < 60 or good.end % 60 or good.end > _LONGEST:
        return f"{good.end:.15g} s"
    return say_duration(timedelta(seconds=good.end))
