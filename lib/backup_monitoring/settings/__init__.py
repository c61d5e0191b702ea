"""The settings file: typed sections, or an error that names the wrong key."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.settings.attribute_names import AttributeNames
    from backup_monitoring.settings.directory import DirectorySettings
    from backup_monitoring.settings.forms import Names
    from backup_monitoring.settings.homes import PLACEHOLDER, HomesSettings
    from backup_monitoring.settings.icinga import IcingaSettings
    from backup_monitoring.settings.load import Settings, find_settings_file, read_settings
    from backup_monitoring.settings.monitoring import MonitoringPolicy
    from backup_monitoring.settings.notify import NotifySettings
    from backup_monitoring.settings.store import StoreSettings
    from backup_monitoring.settings.toml_table import Setting, write_toml
else:
    __all__, __getattr__ = face(__name__, __file__)
