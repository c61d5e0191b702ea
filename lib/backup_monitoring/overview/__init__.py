"""The overview: the NOC page and the metrics."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.overview.figures import read_figures
    from backup_monitoring.overview.metrics import write_metrics
    from backup_monitoring.overview.page import write_page
    from backup_monitoring.overview.page_folder import is_page_folder
    from backup_monitoring.overview.whole_file import WrittenFiles
else:
    __all__, __getattr__ = face(__name__, __file__)
