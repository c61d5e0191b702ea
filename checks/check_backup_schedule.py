"""check_backup_schedule: was a backup not executed at its planned time?"""

from collections.abc import Sequence

from backup_monitoring.plugin import WarnAfterCheck, Watchdog, run


class ScheduleCheck(WarnAfterCheck):
    """Reads the directory, and the reports in each home."""

    task = "schedule"
    description = "Checks whether backups were executed at their planned times."
    counted = "missed"


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the check; return its exit code and its output."""
    return run(ScheduleCheck(), arguments, watchdog)
