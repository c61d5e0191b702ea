"""The tasks: pure rules with their policies and facts, and their registry."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.tasks.backup_days import BackupDays, DueOutcome, follow_days
    from backup_monitoring.tasks.client_counts import ClientCount, ClientCounts
    from backup_monitoring.tasks.clocks import ReportTime, date_report, find_wrong_clocks, has_ended
    from backup_monitoring.tasks.clocks import find_schedule_change, format_clock_error, is_ahead
    from backup_monitoring.tasks.clocks import read_times
    from backup_monitoring.tasks.computer_client import find_client
    from backup_monitoring.tasks.computer_eligibility import find_last_upload
    from backup_monitoring.tasks.fact import SAMPLE_EVENING, SAMPLE_NOON
    from backup_monitoring.tasks.fact_kinds import FactKind, list_facts, load_causes, load_facts
    from backup_monitoring.tasks.fact_kinds import pack_facts, unpack_facts
    from backup_monitoring.tasks.judge import evaluate_all, format_fault
    from backup_monitoring.tasks.names import TASK_NAMES
    from backup_monitoring.tasks.policies import Policies
    from backup_monitoring.tasks.quota import resolve_quota_thresholds
    from backup_monitoring.tasks.quota_task import QuotaPolicy
    from backup_monitoring.tasks.readable import find_invalid_arrival, list_invalid
    from backup_monitoring.tasks.readable import separate_invalid
    from backup_monitoring.tasks.registry import SECTIONS, TASKS, fingerprint_policies
    from backup_monitoring.tasks.registry import format_thresholds, is_certainly_ok
    from backup_monitoring.tasks.registry import is_covered_elsewhere
    from backup_monitoring.tasks.schedule_task import SchedulePolicy
    from backup_monitoring.tasks.state_since import StateSince, SuspendedState, follow_state
    from backup_monitoring.tasks.state_since import is_change
    from backup_monitoring.tasks.status import find_last_success
    from backup_monitoring.tasks.task import Option, Task
    from backup_monitoring.tasks.warn_after import format_backup_count, format_warn_after
    from backup_monitoring.tasks.warn_after import resolve_warn_after
    from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy
else:
    __all__, __getattr__ = face(__name__, __file__)
