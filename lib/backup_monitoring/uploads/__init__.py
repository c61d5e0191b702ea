"""The uploads: what the backup clients left in an account's home directory."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.uploads.home_path import HomeError, resolve_home
    from backup_monitoring.uploads.home_reader import HomeReader
else:
    __all__, __getattr__ = face(__name__, __file__)
