"""The plugins: a program as the monitoring system expects it, from options to output."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.plugin.check import LIMIT, AccountSource, BackupCheck, Request
    from backup_monitoring.plugin.check import account_lines, add_verbosity, no_account_error
    from backup_monitoring.plugin.check import parser_of, run
    from backup_monitoring.plugin.inventory import Inventory
    from backup_monitoring.plugin.launcher import Watchdog
    from backup_monitoring.plugin.options import HelpRequested, Parser, add_account_option
    from backup_monitoring.plugin.options import add_common_options, choose_now, parse_days
    from backup_monitoring.plugin.options import parse_uids, require_found
    from backup_monitoring.plugin.output import PluginOutput, format_performance_data, limit_size
    from backup_monitoring.plugin.output import render_output
    from backup_monitoring.plugin.summary import Evaluation
    from backup_monitoring.plugin.thresholds import add_patience, add_thresholds, apply_warn_after
    from backup_monitoring.plugin.thresholds import choose_threshold, explain_ranges, range_option
else:
    __all__, __getattr__ = face(__name__, __file__)
