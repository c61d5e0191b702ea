"""The outbox: mails that wait, with transactions, storm guard, delivery, retries and log."""

from backup_monitoring import face

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backup_monitoring.outbox.backlog import SCANNED, OutboxStatus, read_status
    from backup_monitoring.outbox.bounces import Undeliverable, forget_bounces
    from backup_monitoring.outbox.bounces import list_undeliverable, read_undeliverable
    from backup_monitoring.outbox.bounces import make_entry, record_bounce
    from backup_monitoring.outbox.calls import count_attempt, count_waiting, delete_waiting
    from backup_monitoring.outbox.calls import forget_handled, list_handled, list_waiting
    from backup_monitoring.outbox.calls import record_handled, save_waiting
    from backup_monitoring.outbox.conversation import Conversation
    from backup_monitoring.outbox.decisions import PastDecision, PendingMail, read_decisions
    from backup_monitoring.outbox.delivery import deliver
    from backup_monitoring.outbox.delivery_log import DeliveryLog, LogAction, try_log
    from backup_monitoring.outbox.drafts import Draft, read_draft, write_draft
    from backup_monitoring.outbox.messages import ENDED, GUARDED, OVER, STATES, Digest, DigestPart
    from backup_monitoring.outbox.messages import Problem, QueuedMail, SentState, Storm
    from backup_monitoring.outbox.outbox_copy import copy_outbox
    from backup_monitoring.outbox.outbox_errors import OutboxAccessError, OutboxError
    from backup_monitoring.outbox.notified import Notice, list_notices
    from backup_monitoring.outbox.outbox_file import OutboxAccess, try_outbox
    from backup_monitoring.outbox.problems import delete_problem, find_problem, list_problems
    from backup_monitoring.outbox.problems import save_problem
    from backup_monitoring.outbox.queue import queue_for_digest, queue_mail
    from backup_monitoring.outbox.queue import record_event, track_failure, withdraw
    from backup_monitoring.outbox.sent import forget_sent, read_conversation
    from backup_monitoring.outbox.spool import Spool
    from backup_monitoring.outbox.spool_writer import SpoolError, write_call
    from backup_monitoring.outbox.storm_guard import UnknownServers, hold_endings, release_held
    from backup_monitoring.outbox.summaries import is_summary_due, list_withheld, record_objection
    from backup_monitoring.outbox.summaries import record_summary
    from backup_monitoring.outbox.transaction import Outbox, Transaction
else:
    __all__, __getattr__ = face(__name__, __file__)
