"""The store's files, and the error of all that reads or writes them."""

from backup_monitoring.model import MonitoringError

STATE = "state.sqlite"
HISTORY = "past.sqlite"
LOCK = "lock"
# What decoding raises where a cell is damaged: bytes that were flipped, or another type.
UNREADABLE = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    OSError,  # a time that the system cannot hold
)


class StoreError(MonitoringError):
    """The store does not exist, is too old, or cannot be read or written."""
