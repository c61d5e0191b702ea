"""Describes a fault of ours that must not stop what others wait for."""

from backup_monitoring.model import sanitize


def describe_fault(error: Exception) -> str:
    """Return what *error*, which nothing should have raised, says to an administrator."""
    return f"cannot be handled ({type(error).__name__}: {sanitize(str(error), 300)}); report it"
