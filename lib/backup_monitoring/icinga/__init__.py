"""The monitoring systems: services, objects and results for Icinga 2, its Director and Nagios."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.icinga.api import submit
    from backup_monitoring.icinga.director import render_director
    from backup_monitoring.icinga.icinga2 import render_icinga2
    from backup_monitoring.icinga.nagios import render_nagios
    from backup_monitoring.icinga.nagios_files import write_pipe, write_spool
    from backup_monitoring.icinga.results import CheckResult, make_results
    from backup_monitoring.icinga.services import CHECKS, Service, choose_host, encode_name
    from backup_monitoring.icinga.services import make_services
else:
    __all__, __getattr__ = face(__name__, __file__)
