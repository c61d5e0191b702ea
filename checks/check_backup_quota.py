"""check_backup_quota: has an account used too much of its quota?"""

import argparse
from collections.abc import Sequence

from backup_monitoring.model import Account, Metric, UsageError
from backup_monitoring.plugin import (
    AccountSource,
    BackupCheck,
    Parser,
    Request,
    Watchdog,
    add_thresholds,
    choose_threshold,
    parse_days,
    run,
)
from backup_monitoring.tasks import Policies, QuotaPolicy, format_quota_thresholds, is_certainly_ok


class QuotaCheck(BackupCheck):
    """Reads the directory."""

    task = "quota"
    description = "Checks the used space of backup accounts, in percent of their quota."

    def __init__(self) -> None:
        self._used = 0
        self._capacity = 0

    def add_options(self, parser: Parser) -> None:
        """Add the thresholds in percent, and the one of the forecast in days."""
        add_thresholds(
            parser,
            "good used space in percent, 85 by default ([quota] warning)",
            "CRITICAL outside of it, 99 by default ([quota] critical), never before WARNING",
        )
        parser.add_argument(
            "--forecast-warning",
            metavar="DAYS",
            type=parse_days,
            help="WARNING if at its growth an account is full in fewer days (needs a store)",
        )

    def apply_options(self, options: argparse.Namespace, policies: Policies) -> Policies:
        """Return *policies* with the thresholds of the command line."""
        quota_policy = policies[QuotaPolicy]._replace(
            warning=choose_threshold(options.warning, "-w", policies[QuotaPolicy].warning),
            critical=choose_threshold(options.critical, "-c", policies[QuotaPolicy].critical),
            forecast=options.forecast_warning,
        )
        return policies.replace(quota_policy)

    def run_instead(self, request: Request, source: AccountSource) -> None:
        """Refuse a forecast without a store."""
        stored = request.settings.store.folder is not None and not request.options.live
        if request.options.forecast_warning is not None and not stored:
            raise UsageError(
                "--forecast-warning",
                "needs earlier sizes, which only the store has",
                "set [store] folder and leave --live out, or leave this option out",
            )

    def format_thresholds(self, account: Account, policies: Policies) -> str:
        """Return the percentages in effect."""
        return format_quota_thresholds(account, policies[QuotaPolicy])

    def is_certainly_ok(self, account: Account, policies: Policies) -> bool:
        """Return whether the quota rule's answer is OK: quicker than the rule itself."""
        return is_certainly_ok(account, policies[QuotaPolicy])

    def add_to_totals(self, account: Account) -> None:
        """Add used space and capacity."""
        self._used += account.used or 0
        self._capacity += account.capacity or 0

    def list_totals(self) -> list[Metric]:
        """Return the sums of used space and capacity, in bytes."""
        return [
            Metric("used", self._used, "B", maximum=self._capacity),
            Metric("capacity", self._capacity, "B"),
        ]


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the check; return its exit code and its output."""
    return run(QuotaCheck(), arguments, watchdog)
