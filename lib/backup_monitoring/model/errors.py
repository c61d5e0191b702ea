"""Our own failures: where, what the problem is, and what to do about it."""

OPERATIONS_GUIDE = "share/doc/backup-monitoring/docs/operations.md"  # where it is installed


class MonitoringError(Exception):
    """Our own failure. A check prints it in one line, as UNKNOWN.

    Args:
        where: the file, entry, server or option.
        problem: what is wrong with it.
        remedy: what the administrator can do.
    """

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(f"{where}: {problem}; {remedy}")
        self.where = where
        self.problem = problem
        self.remedy = remedy


class UsageError(MonitoringError):
    """The command line is wrong."""


class SettingsError(MonitoringError):
    """The settings are wrong: the run cannot start."""


class DirectoryError(MonitoringError):
    """The directory did not answer completely; partial results are rejected."""


def advise_on_fault(error: Exception) -> str:
    """Return what to do about *error*, which nothing should have raised."""
    return "install the package again" if isinstance(error, ImportError) else "report it"
