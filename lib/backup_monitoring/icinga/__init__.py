"""The monitoring systems: services, objects and results for Icinga 2, its Director and Nagios."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.icinga.api import submit, try_api
    from backup_monitoring.icinga.nagios_files import try_pipe, write_pipe, write_spool
    from backup_monitoring.icinga.object_formats import FORMATS
    from backup_monitoring.icinga.objects_file import diff_objects, replace_objects
    from backup_monitoring.icinga.results import CheckResult, make_results
    from backup_monitoring.icinga.services import make_services
else:
    __all__, __getattr__ = face(__name__, __file__)
