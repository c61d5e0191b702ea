"""The facts of a verdict that mails, logs and pages show."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from backup_monitoring.model import Verdict

# The provider's words for problems, in a reseller's settings, by our tasks.
PROBLEM_WORDS = {
    "quota": ("quota",),
    "schedule": ("schedule",),
    "status": ("unsuccessful", "status"),
    "client": ("upgrade", "client"),
    "unused": ("no backup", "unused"),
}


# Every fact that a mail can tell, with its types. All may be missing: the mail is shorter then.
FACTS: Mapping[str, tuple[type, ...]] = {
    "cause": (str,),  # CAUSES
    "others": (int,),  # further computers of the account with the same problem
    "used": (int,),  # bytes
    "capacity": (int,),  # bytes
    "percent": (float, int),  # used of capacity
    "threshold_percent": (float, int),
    "days_to_full": (int,),
    "sudden_loss_before": (int,),  # bytes
    "sudden_loss_after": (int,),  # bytes
    "sudden_loss_day": (date,),
    "missed": (int,),  # backups
    "first_due": (datetime,),  # the first missed one
    "next_due": (datetime,),
    "last_backup": (datetime,),  # schedule: its start
    "failed": (int,),  # backups in a row
    "at_least": (bool,),  # *failed* is a lower bound
    "failed_at": (datetime,),  # end of the newest backup that is over; never ended: its start
    "last_success": (datetime,),  # end of the last successful backup
    "threshold_backups": (int,),  # backups, from so many on
    "threshold_days": (int,),  # times 24 h
    "identifier": (str,),  # of the backup program
    "version": (str,),
    "minimum": (str,),  # the oldest good version
    "created": (datetime,),  # the account
    "age": (timedelta,),  # of the account; schedule, cause old: of the last backup
    "threshold_age": (timedelta,),
}


# What may be wrong, by task; the first is meant where only other facts are known.
CAUSES: Mapping[str, tuple[str, ...]] = {
    "quota": ("used", "sudden_loss", "forecast"),
    "schedule": ("missed", "old"),
    "status": ("errors", "never_ended", "empty", "full"),
    "client": ("outdated",),
    "unused": ("unused",),
}


_FROM_METRICS = {"used_percent": "percent", "used": "used", "missed": "missed", "failed": "failed"}


def collect_facts(verdict: Verdict) -> dict[str, object]:
    """Return the facts of *verdict*: its own, and what its metrics tell."""
    found: dict[str, object] = {}
    for metric in verdict.metrics:
        if metric.name in _FROM_METRICS:
            found[_FROM_METRICS[metric.name]] = metric.value
        if metric.name == "used" and metric.maximum is not None:
            found["capacity"] = int(metric.maximum)
        if metric.name == "used_percent" and metric.warning is not None:
            threshold = metric.warning.plain
            if threshold is not None:
                found["threshold_percent"] = threshold
        if metric.name == "age":
            found["age"] = timedelta(seconds=metric.value)
            if metric.warning is not None and metric.warning.plain is not None:
                found["threshold_age"] = timedelta(seconds=metric.warning.plain)
    return found | dict(verdict.facts)
