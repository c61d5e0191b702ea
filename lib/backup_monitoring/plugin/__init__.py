"""The plugins: a program as the monitoring system expects it, from options to output."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.plugin.account_verdicts import AccountSource, Request
    from backup_monitoring.plugin.account_verdicts import make_no_account_error
    from backup_monitoring.plugin.check import EXIT_CODES, LIMIT, BackupCheck, add_verbosity
    from backup_monitoring.plugin.check import make_parser, run
    from backup_monitoring.plugin.counter import Evaluation
    from backup_monitoring.plugin.inventory import Inventory
    from backup_monitoring.plugin.launcher import Watchdog
    from backup_monitoring.plugin.options import Parser, add_account_option
    from backup_monitoring.plugin.options import add_common_options, choose_now
    from backup_monitoring.plugin.options import parse_uids, require_found
    from backup_monitoring.plugin.output import VerdictSummary, format_performance_data, limit_size
    from backup_monitoring.plugin.output import make_metrics, render_output
    from backup_monitoring.plugin.start import start_run
else:
    __all__, __getattr__ = face(__name__, __file__)
