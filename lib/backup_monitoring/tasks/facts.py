"""What are the facts of a verdict, that mails, logs and pages show? Their names and types."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from backup_monitoring.model import Verdict

# The provider's words for problems, in the settings of a reseller, per task.
PROBLEM_WORDS = {
    "quota": ("quota",),
    "schedule": ("schedule",),
    "status": ("unsuccessful", "status"),
    "client": ("upgrade", "client"),
    "unused": ("no backup", "unused"),
}

# What may be wrong, per task. The first is assumed if a verdict's facts name no cause.
CAUSES: Mapping[str, tuple[str, ...]] = {
    "quota": ("used", "sudden_loss", "forecast"),
    "schedule": ("missed", "old"),
    "status": ("errors", "never_ended", "empty", "full"),
    "client": ("outdated",),
    "unused": ("unused",),
}

# Every fact that a mail can contain, with its types. Any of them may be missing.
FACTS: Mapping[str, tuple[type, ...]] = {
    "cause": (str,),  # one of CAUSES
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
    "first_due": (datetime,),  # the first missed due time
    "next_due": (datetime,),
    "last_backup": (datetime,),  # schedule: its start
    "failed": (int,),  # backups in a row
    "at_least": (bool,),  # *failed* is a lower bound
    "failed_at": (datetime,),  # end of the newest finished backup; never ended: its start
    "last_success": (datetime,),  # end of the last successful backup
    "threshold_backups": (int,),  # this many backups are too many
    "threshold_days": (int,),  # times 24 h
    "identifier": (str,),  # of the backup program
    "version": (str,),
    "minimum": (str,),  # the oldest good version
    "created": (datetime,),  # the account
    "age": (timedelta,),  # of the account; schedule, cause old: of the last backup
    "threshold_age": (timedelta,),
}

_FROM_METRICS = {"used_percent": "percent", "used": "used", "missed": "missed", "failed": "failed"}


def collect_facts(verdict: Verdict) -> dict[str, object]:
    """Return the facts of *verdict*: its own, and those that its metrics contain."""
    facts: dict[str, object] = {}
    for metric in verdict.metrics:
        threshold = metric.warning.plain if metric.warning is not None else None
        if metric.name in _FROM_METRICS:
            facts[_FROM_METRICS[metric.name]] = metric.value
        if metric.name == "used" and metric.maximum is not None:
            facts["capacity"] = int(metric.maximum)
        if metric.name == "used_percent" and threshold is not None:
            facts["threshold_percent"] = threshold
        if metric.name == "age":
            facts["age"] = timedelta(seconds=metric.value)
            if threshold is not None:
                facts["threshold_age"] = timedelta(seconds=threshold)
    return facts | dict(verdict.facts)
