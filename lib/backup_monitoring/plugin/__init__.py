"""The plugins: a program as the monitoring system expects it, from options to output."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.plugin.check import EXIT_CODES, LIMIT, BackupCheck, add_verbosity
    from backup_monitoring.plugin.check import make_parser
    from backup_monitoring.plugin.check_run import run_check
    from backup_monitoring.plugin.client_check import ClientCheck
    from backup_monitoring.plugin.counter import Evaluation
    from backup_monitoring.plugin.help_request import HelpRequested
    from backup_monitoring.plugin.launcher import Watchdog
    from backup_monitoring.plugin.options import Parser, add_account_option
    from backup_monitoring.plugin.options import add_common_options, add_output_option, choose_now
    from backup_monitoring.plugin.options import parse_uids, require_found
    from backup_monitoring.plugin.output import VerdictSummary, limit_size
    from backup_monitoring.plugin.output import make_metrics, render_output
    from backup_monitoring.plugin.performance import format_performance
    from backup_monitoring.plugin.start import start_run
else:
    __all__, __getattr__ = face(__name__, __file__)
