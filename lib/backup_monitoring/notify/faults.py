"""Describes a fault of ours that must not stop what others wait for."""

from backup_monitoring.model import advise_on_fault, sanitize


def describe_fault(error: Exception) -> str:
    """Return what *error*, which nothing should have raised, says to an administrator."""
    why = f"{type(error).__name__}: {sanitize(str(error), 300)}"
    return f"cannot be handled ({why}); {advise_on_fault(error)}"
