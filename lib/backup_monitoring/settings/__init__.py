"""The settings file: typed sections, or an error that names the wrong key."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.settings.annotated import describe_section, format_default
    from backup_monitoring.settings.annotated import render_annotated
    from backup_monitoring.settings.directory import AttributeNames, DirectorySettings
    from backup_monitoring.settings.forms import Names
    from backup_monitoring.settings.homes import PLACEHOLDER, HomesSettings
    from backup_monitoring.settings.hook_settings import find_hook_outbox
    from backup_monitoring.settings.icinga import ACCOUNT_PLACEHOLDER, IcingaSettings
    from backup_monitoring.settings.load import Settings, find_settings_file, list_sections
    from backup_monitoring.settings.load import read_settings
    from backup_monitoring.settings.monitoring import MonitoringPolicy
    from backup_monitoring.settings.new_file import create_new
    from backup_monitoring.settings.notify import NotifySettings
    from backup_monitoring.settings.overview import OverviewSettings
    from backup_monitoring.settings.sections import DeclaredKey, list_keys
    from backup_monitoring.settings.regular_file import DATABASE_SUFFIXES, IrregularFileError
    from backup_monitoring.settings.regular_file import open_regular, refuse_irregular
    from backup_monitoring.settings.store import StoreSettings
    from backup_monitoring.settings.store_guess import DEFAULT_FILE, FILE_VARIABLE
    from backup_monitoring.settings.store_guess import guess_store_folder
    from backup_monitoring.settings.toml_table import Setting, format_key
    from backup_monitoring.settings.zones import list_zone_findings
else:
    __all__, __getattr__ = face(__name__, __file__)
