"""The task quota: its settings, options and metrics."""

from typing import Annotated, NamedTuple

from backup_monitoring.model import PERCENT, Key, Need, Needs, Threshold
from backup_monitoring.tasks.task import (
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


QUOTA = Task(
    name="quota",
    question="has an account used too much of its quota?",
    description="Checks the used space of backup accounts, in percent of their quota.",
    rule="quota.evaluate_quota",
    thresholds="quota.format_quota_thresholds",
    shortcut="quota.is_certainly_ok",
    needs=Needs(Need.QUOTA, None),
    policy=QuotaPolicy,
    facts="quota_facts.QuotaFacts",
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
    causes="quota_facts.CAUSES",
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
