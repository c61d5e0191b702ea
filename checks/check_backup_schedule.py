"""check_backup_schedule: was a backup not executed at its planned time?"""

import argparse
from collections.abc import Sequence

from backup_monitoring.model.accounts import Account
from backup_monitoring.plugin.check import BackupCheck, run
from backup_monitoring.plugin.launcher import Watchdog
from backup_monitoring.plugin.options import Parser
from backup_monitoring.plugin.thresholds import add_patience, patience_given
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.tolerance import resolve_warn_after, say_thresholds


class ScheduleCheck(BackupCheck):
    """Reads the directory, and the reports in each home."""

    task = "schedule"
    description = "Checks whether backups were executed at their planned times."

    def add_options(self, parser: Parser) -> None:
        """Add the thresholds as counts."""
        add_patience(parser, "missed")

    def policies(self, options: argparse.Namespace, policies: Policies) -> Policies:
        """Return *policies* with the thresholds of the command line."""
        return patience_given(options, policies)

    def thresholds(self, account: Account, policies: Policies) -> str:
        """Return the patience in effect."""
        return say_thresholds(resolve_warn_after(account, policies.warn_after))


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the check; return its exit code and its output."""
    return run(ScheduleCheck(), arguments, watchdog)
