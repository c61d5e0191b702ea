"""check_backup_status: did the last backups end with errors, or not end?"""

from collections.abc import Sequence

from backup_monitoring.plugin import WarnAfterCheck, Watchdog, run


class StatusCheck(WarnAfterCheck):
    """Reads the directory, and the reports in each home."""

    task = "status"
    description = "Checks whether the last backups ended, and ended well."
    counted = "failed"


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the check; return its exit code and its output."""
    return run(StatusCheck(), arguments, watchdog)
