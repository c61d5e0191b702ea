"""The plugins: a program as the monitoring system expects it, from options to output."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.plugin.check import (
        LIMIT,
        AccountSource,
        BackupCheck,
        Request,
        account_lines,
        add_verbosity,
        no_account_error,
        parser_of,
        run,
    )
    from backup_monitoring.plugin.inventory import (
        Inventory,
    )
    from backup_monitoring.plugin.launcher import (
        Watchdog,
    )
    from backup_monitoring.plugin.options import (
        HelpRequested,
        Parser,
        add_account_option,
        add_common_options,
        choose_now,
        parse_days,
        parse_uids,
        require_found,
    )
    from backup_monitoring.plugin.output import (
        PluginOutput,
        format_performance_data,
        limit_size,
        render_output,
    )
    from backup_monitoring.plugin.summary import (
        Evaluation,
    )
    from backup_monitoring.plugin.thresholds import (
        add_patience,
        add_thresholds,
        apply_warn_after,
        choose_threshold,
        explain_ranges,
        range_option,
    )

__all__, __getattr__ = face(
    __name__,
    check=(
        "LIMIT AccountSource BackupCheck Request account_lines add_verbosity "
        "no_account_error parser_of run"
    ),
    inventory="Inventory",
    launcher="Watchdog",
    options=(
        "HelpRequested Parser add_account_option add_common_options choose_now parse_days "
        "parse_uids require_found"
    ),
    output="PluginOutput format_performance_data limit_size render_output",
    summary="Evaluation",
    thresholds=(
        "add_patience add_thresholds apply_warn_after choose_threshold explain_ranges range_option"
    ),
)
