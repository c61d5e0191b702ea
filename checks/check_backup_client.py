"""check_backup_client: is a computer's backup program too old?"""

from collections.abc import Sequence

from backup_monitoring.plugin import Watchdog, run_check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.plugin import BackupCheck


def make_check() -> "BackupCheck":
    """Return the check, which has an inventory, too."""
    from backup_monitoring.plugin import ClientCheck

    return ClientCheck("client")


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the check; return its exit code and its output."""
    return run_check("client", arguments, watchdog, make_check)
