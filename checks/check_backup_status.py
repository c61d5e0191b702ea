"""check_backup_status: did the last backups end with errors, or never end?"""

import argparse
from collections.abc import Sequence

from backup_monitoring.model import Account
from backup_monitoring.plugin import (
    BackupCheck,
    Parser,
    Watchdog,
    add_patience,
    apply_warn_after,
    run,
)
from backup_monitoring.tasks import Policies, format_warn_thresholds, resolve_warn_after


class StatusCheck(BackupCheck):
    """Reads the directory, and the reports in each home."""

    task = "status"
    description = "Checks whether the last backups ended, and ended well."

    def add_options(self, parser: Parser) -> None:
        """Add the thresholds as counts."""
        add_patience(parser, "failed")

    def policies(self, options: argparse.Namespace, policies: Policies) -> Policies:
        """Return *policies* with the thresholds of the command line."""
        return apply_warn_after(options, policies)

    def thresholds(self, account: Account, policies: Policies) -> str:
        """Return the patience in effect."""
        return format_warn_thresholds(resolve_warn_after(account, policies.warn_after))


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the check; return its exit code and its output."""
    return run(StatusCheck(), arguments, watchdog)
