"""The notifier: who is notified of an event, and when."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.notify.call import parse_call
    from backup_monitoring.notify.call_values import collect_values
    from backup_monitoring.notify.decision_list import format_decisions, list_decisions
    from backup_monitoring.notify.decision_records import make_decision_record
    from backup_monitoring.notify.deadline import call_within
    from backup_monitoring.notify.dispatch import choose_zone
    from backup_monitoring.notify.explanations import format_explanations, make_explanation_record
    from backup_monitoring.notify.explanations import summarize_explanations
    from backup_monitoring.notify.notifier import Notifier, require_outbox
    from backup_monitoring.notify.spooling import DONE, HOOK_LIMIT, INCOMPLETE, NOT_WRITTEN, WRONG
    from backup_monitoring.notify.spooling import spool_call, spool_quickly
else:
    __all__, __getattr__ = face(__name__, __file__)
