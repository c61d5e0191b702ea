"""Our own failures: where, what is the problem, what to do about it."""


class MonitoringError(Exception):
    """Our own failure; it ends as UNKNOWN, in one line.

    Args:
        where: the file, entry, server or option that is concerned.
        problem: what is wrong with it.
        remedy: what the reader can do.
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
    """The directory did not answer completely: a part would be a smaller truth."""
