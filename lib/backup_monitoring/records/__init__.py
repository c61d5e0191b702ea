"""The records: verdicts, metrics and findings as JSON, by one documented schema."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.records.account_records import make_account_record, make_finding_record
    from backup_monitoring.records.document import format_document
    from backup_monitoring.records.metric_records import make_metric_record
    from backup_monitoring.records.record_values import Record, write_name, write_sentence
    from backup_monitoring.records.record_values import write_time
else:
    __all__, __getattr__ = face(__name__, __file__)
