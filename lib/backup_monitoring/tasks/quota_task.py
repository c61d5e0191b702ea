"""The task quota: its settings, facts, options, metrics and causes."""

from datetime import date, datetime, tzinfo
from typing import Annotated, NamedTuple

from backup_monitoring.model import GIB, PERCENT, Key, Need, Needs, Threshold
from backup_monitoring.tasks.task import (
    SAMPLE_EVENING,
    Cause,
    Fact,
    MetricInfo,
    Option,
    Task,
    Total,
)


class QuotaPolicy(NamedTuple):
    """[quota]: how much of its capacity an account may use.

    Args:
        forecast: WARNING if full in fewer days than this; None: off.
    """

    warning: Annotated[
        Threshold,
        Key(
            "WARNING above this use, for accounts whose entry sets no threshold",
            "percent: WARNING above it, if the entry sets no threshold",
            threshold=PERCENT,
        ),
    ] = Threshold(PERCENT.make(85), "default")
    critical: Annotated[
        Threshold,
        Key(
            "CRITICAL above this use, but never before WARNING",
            "percent: CRITICAL above it, but never before WARNING",
            threshold=PERCENT,
        ),
    ] = Threshold(PERCENT.make(99), "default")
    sudden_loss: Annotated[
        float,
        Key(
            "WARNING if more than this share of the used space disappears from one day to the "
            "next; requires a store",
            "percent of the used space, from one day to the next: WARNING",
        ),
    ] = 50
    forecast: int | None = None


class QuotaFacts(NamedTuple):
    """The facts of a verdict on quota; None where not known."""

    cause: str = ""
    used: Annotated[int | None, Fact("the used space", int(9.2 * GIB), 4 * GIB, unit="B")] = None
    capacity: Annotated[int | None, Fact("the quota", 10 * GIB, 10 * GIB, unit="B")] = None
    free: Annotated[
        int | None, Fact("what is left of the quota", int(0.8 * GIB), 6 * GIB, unit="B")
    ] = None
    percent: Annotated[
        float | None, Fact("the used space of the quota", 92.0, 40.0, above="threshold_percent")
    ] = None
    threshold_percent: Annotated[float | None, Fact("the threshold", 85.0, 85.0)] = None
    days_to_full: Annotated[int | None, Fact("of a forecast, days until full", 12)] = None
    sudden_loss_before: Annotated[
        int | None, Fact("the used space before a sudden loss", 9 * GIB, unit="B")
    ] = None
    sudden_loss_after: Annotated[
        int | None, Fact("the used space after a sudden loss", 2 * GIB, unit="B")
    ] = None
    sudden_loss_day: Annotated[
        date | None, Fact("the day of the sudden loss", SAMPLE_EVENING.date())
    ] = None
    zone: tzinfo | None = None

    @property
    def since(self) -> datetime | None:
        """When the problem began: not known."""
        return None


QUOTA = Task(
    name="quota",
    question="has an account used too much of its quota?",
    subject="used space",
    description="Checks the used space of backup accounts, in percent of their quota.",
    rule="quota.evaluate_quota",
    thresholds="quota.format_quota_thresholds",
    shortcut="quota.is_certainly_ok",
    needs=Needs(Need.QUOTA, None),
    policy=QuotaPolicy,
    facts=QuotaFacts,
    metrics=(
        MetricInfo("used_percent", "%", "used space, with the thresholds in effect"),
        MetricInfo("used", "B", "used space; its maximum is the capacity"),
        MetricInfo(
            "days_to_threshold",
            "",
            "whole days until the threshold at the present growth, up to 9999; with a store only, "
            "and while it grows",
        ),
        MetricInfo("days_to_full", "", "the same until the account is full"),
    ),
    totals=(
        Total("used", "B", "sum of the used space", "capacity"),
        Total("capacity", "B", "sum of the quotas"),
    ),
    causes=(
        Cause(
            "used",
            "the used space is above the threshold",
            "The customer removes data from the backup or orders more space. Above 99 % uploads "
            "may fail.",
        ),
        Cause(
            "sudden_loss",
            "the used space fell suddenly",
            "Ask the customer whether data were deleted, encrypted, or are no longer selected. "
            "Keep older versions until it is clear.",
        ),
        Cause(
            "forecast",
            "at its growth the account will soon be full",
            "The customer orders more space, or finds out what grows.",
        ),
    ),
    reseller_words=("quota",),
    options=(
        Option(
            ("-w", "--warning"),
            "RANGE",
            "good used space in percent, {default} by default ([quota] warning); for accounts "
            "whose entry sets none: most entries do",
            QuotaPolicy,
            "warning",
        ),
        Option(
            ("-c", "--critical"),
            "RANGE",
            "CRITICAL outside of it, {default} by default ([quota] critical), never before WARNING",
            QuotaPolicy,
            "critical",
        ),
        Option(
            ("--forecast-warning",),
            "DAYS",
            "WARNING if at its growth an account is full in fewer days (needs a store)",
            QuotaPolicy,
            "forecast",
            needs_store="needs earlier sizes, which only the store has",
        ),
    ),
    has_computers=False,
)
