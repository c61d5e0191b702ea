"""The options of the checks whose thresholds are numbers of backups in a row, as in [warn_after]."""

from backup_monitoring.tasks.policies import WarnAfterPolicy
from backup_monitoring.tasks.task import Option


def make_warn_after_options(counted: str) -> tuple[Option, Option]:
    """Return ``-w`` and ``-c``; *counted* is what such a backup is: missed or failed."""
    return (
        Option(
            ("-w", "--warning"),
            "RANGE",
            f"good number of {counted} backups in a row, {{default}} by default ([warn_after] "
            "backups); for accounts whose entry sets none: most entries do",
            WarnAfterPolicy,
            "backups",
        ),
        Option(
            ("-c", "--critical"),
            "RANGE",
            "CRITICAL outside of it while WARNING holds, {default} by default",
            WarnAfterPolicy,
            "critical",
        ),
    )
