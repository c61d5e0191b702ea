"""Who is notified of an account's problems, and why: as text, and as records."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from backup_monitoring.model import Decision, Recipient, format_count
from backup_monitoring.records import Record, write_name, write_sentence


class Explanation(NamedTuple):
    """Who is notified of a problem of the account *uid* in *task*."""

    uid: str
    task: str
    decision: Decision


def format_explanations(explanations: Iterable[Explanation]) -> Iterator[str]:
    """Yield *explanations* as lines; tasks of an account that are alike are together."""
    tasks: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for uid, task, decision in explanations:
        recipients = (f"notify: {r.address} ({r.role.value})" for r in decision.recipients)
        tasks.setdefault((uid, (*decision.explanation, *recipients)), []).append(task)
    for (uid, lines), names in tasks.items():
        yield f"{uid}, {', '.join(names)}:"
        yield from (f"  {line}" for line in lines)


def summarize_explanations(explanations: Iterable[Explanation]) -> str:
    """Return how many recipients and accounts *explanations* are about."""
    found = list(explanations)
    recipients = len({each.address for one in found for each in one.decision.recipients})
    accounts = len({one.uid for one in found})
    return f"{format_count(recipients, 'recipient')} of {format_count(accounts, 'account')}"


def make_explanation_record(explanation: Explanation) -> Record:
    """Return *explanation* as a record.

    Source: the schema, ``$defs/explanation``.
    """
    decision = explanation.decision
    reason = decision.operator_reason
    return {
        "account": write_name(explanation.uid),
        "task": explanation.task,
        "recipients": [_make_recipient_record(each) for each in decision.recipients],
        "rules": [write_sentence(line) for line in decision.explanation],
        "findings": [write_sentence(finding) for finding in decision.findings],
        "operator_reason": None if reason is None else write_sentence(reason),
    }


def _make_recipient_record(recipient: Recipient) -> Record:
    return {
        "address": write_name(recipient.address),
        "name": write_name(recipient.name),
        "role": recipient.role.value,
        "reseller": write_name(recipient.reseller),
        "language": write_name(recipient.language),
        "reason": write_sentence(recipient.reason),
    }
