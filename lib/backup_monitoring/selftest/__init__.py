"""The self-test: does the installation work, and is the monitoring itself healthy?"""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.selftest.health import AffectedAccounts, HealthAspect, LastRun
    from backup_monitoring.selftest.health import OutboxFailure, Routine
    from backup_monitoring.selftest.health import evaluate_health, list_aspects
    from backup_monitoring.selftest.installation import PARTS, InstallationCheck
    from backup_monitoring.selftest.other_user import find_user
else:
    __all__, __getattr__ = face(__name__, __file__)
