"""The error of a base that does not exist, and the setting that names it."""

from backup_monitoring.model import DirectoryError
from backup_monitoring.settings import DirectorySettings


class MissingBaseError(DirectoryError):
    """A base does not exist, or the bind account cannot see it."""


def find_base_key(settings: DirectorySettings, base: str) -> str:
    """Return the keys of *settings* that define the distinguished name *base*, for an error."""
    names = (name for name in settings._fields if name.endswith("_base") or name == "bind_dn")
    keys = [name for name in names if getattr(settings, name) == base]
    return " or ".join([*keys[:1], "suffix"])
