"""The store's files, and the error of all that reads or writes them."""

from backup_monitoring.model import MonitoringError

STATE = "state.sqlite"
HISTORY = "past.sqlite"
LOCK = "lock"


class StoreError(MonitoringError):
    """The store does not exist, is too old, or cannot be read or written."""
