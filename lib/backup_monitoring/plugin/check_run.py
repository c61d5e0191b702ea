"""Runs a check: the quick answer, where there is one, and otherwise all of it."""

from backup_monitoring.plugin.launcher import Watchdog
from backup_monitoring.plugin.quick_answer import find_quick_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from backup_monitoring.plugin.check import BackupCheck


def run_check(
    task: str,
    arguments: "Sequence[str]",
    watchdog: Watchdog,
    make_check: "Callable[[], BackupCheck] | None" = None,
) -> tuple[int, str]:
    """Run the check of *task*; return its exit code and its output.

    Args:
        make_check: makes a check that does more than the task's row says.

    Raises:
        MonitoringError: our own failure.
        HelpRequested: the command line asks for help or version.
    """
    answer = find_quick_answer(task, arguments, watchdog)
    if answer is not None:
        return answer
    from backup_monitoring.plugin.check import BackupCheck, run

    check = BackupCheck(task) if make_check is None else make_check()
    return run(check, arguments, watchdog)
