"""The error of a base that does not exist, and the setting that names it."""

from backup_monitoring.model import DirectoryError
from backup_monitoring.settings import BASES, DirectorySettings


class MissingBaseError(DirectoryError):
    """A base does not exist, or the bind account cannot see it."""


def find_base_key(settings: DirectorySettings, base: str) -> str:
    """Return the keys of *settings* that define the distinguished name *base*, for an error."""
    keys = [name for name in (*BASES, "bind_dn") if getattr(settings, name) == base]
    return " or ".join([*keys[:1], "suffix"])
