"""The store: what one pass over directory and storage saw, for everything else to read."""

from backup_monitoring.model import MonitoringError

STATE = "state.sqlite"
PAST = "past.sqlite"
LOCK = "lock"


class StoreError(MonitoringError):
    """The store is not there, too old, or cannot be read or written."""
