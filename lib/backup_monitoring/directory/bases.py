"""Names the setting that a base came from, for the errors of those that do not find it."""

from backup_monitoring.model import DirectoryError
from backup_monitoring.settings import BASES, DirectorySettings


class MissingBaseError(DirectoryError):
    """A base is not there, or this reader may not see it."""


def base_key(settings: DirectorySettings, base: str) -> str:
    """Return the keys of *settings* that have to do with the distinguished name *base*."""
    keys = [name for name in (*BASES, "bind_dn") if getattr(settings, name) == base]
    return " or ".join([*keys[:1], "suffix"])
