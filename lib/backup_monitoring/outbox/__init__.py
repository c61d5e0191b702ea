"""The outbox: mails that wait, with transactions, storm guard, delivery, retries and log."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.outbox.backlog import read_status
    from backup_monitoring.outbox.delivery import deliver
    from backup_monitoring.outbox.delivery_log import DeliveryLog, LogAction
    from backup_monitoring.outbox.drafts import Draft, read_draft, write_draft
    from backup_monitoring.outbox.messages import Digest, Problem, QueuedMail, RefusedMail
    from backup_monitoring.outbox.messages import SentState, Storm
    from backup_monitoring.outbox.outbox_file import OutboxError, make_error
    from backup_monitoring.outbox.queue import GUARDED, OVER, DuplicateError, Outbox, Transaction
    from backup_monitoring.outbox.sent import find_last_sent, forget_sent, list_sent_to, record_sent
    from backup_monitoring.outbox.sent import was_sent
    from backup_monitoring.outbox.storm_guard import release_held
else:
    __all__, __getattr__ = face(__name__, __file__)
