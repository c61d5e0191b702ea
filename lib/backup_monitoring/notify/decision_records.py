"""What was decided and sent, as records."""

from backup_monitoring.outbox import PastDecision, PendingMail
from backup_monitoring.records import Record, write_name, write_sentence, write_time


def make_decision_record(decision: PastDecision) -> Record:
    """Return *decision* as a record.

    Source: the schema, ``$defs/decision``.
    """
    return {
        "time": write_time(decision.at),
        "action": decision.action.value,
        "account": write_name(decision.account) or None,
        "task": decision.task or None,
        "kind": decision.kind or None,
        "state": decision.state or None,
        "addresses": [write_name(address) for address in decision.addresses],
        "reason": write_sentence(decision.reason),
        "pending": [_make_pending_record(mail) for mail in decision.pending],
    }


def _make_pending_record(mail: PendingMail) -> Record:
    return {
        "address": write_name(mail.address),
        "status": mail.status,
        "next_try": write_time(mail.next_try),
    }
