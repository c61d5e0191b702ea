"""Lists what was decided and sent, for the helpdesk."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from pathlib import Path

from backup_monitoring.model import format_time, sanitize
from backup_monitoring.outbox import LogAction, PastDecision, PendingMail, read_decisions

_OF_ACCOUNT = 1000  # decisions: all that the outbox keeps
_LATEST = 100
_LONGEST = 2000  # characters of a line
_STATUS = {
    "settling": "waits for the storm guard",
    "held": "held in a storm",
    "waiting": "waits",
    "sending": "is being sent",
    "composed": "in a digest",
    "deferred": "waits for the next morning",
}


def list_decisions(file: Path, uids: Sequence[str] | None) -> list[PastDecision]:
    """Return what was decided about the accounts *uids*, the newest first; None: the latest of all.

    Args:
        file: the outbox, which is not changed.

    Raises:
        OutboxError: it cannot be read.
    """
    if uids is None:
        return read_decisions(file, None, _LATEST)
    return [each for uid in uids for each in read_decisions(file, uid, _OF_ACCOUNT)]


def format_decisions(decisions: Sequence[PastDecision], zone: tzinfo) -> Iterator[str]:
    """Yield a line for each of *decisions*, with times in *zone*."""
    for each in decisions:
        yield sanitize(_format_decision(each, zone), _LONGEST)


def _format_decision(decision: PastDecision, zone: tzinfo) -> str:
    event = (decision.account, decision.task, decision.kind, decision.state)
    what = decision.action.value
    if decision.addresses:
        preposition = "for" if decision.action is LogAction.QUEUED else "to"
        what = f"{what} {preposition} {', '.join(decision.addresses)}"
    pending = "; ".join(_format_pending(each, zone) for each in decision.pending)
    parts = (what, decision.reason, f"now: {pending}" if pending else "")
    about = " ".join(filter(None, event)) or "about many"
    return f"{format_time(decision.at, zone)}  {about}: {'; '.join(filter(None, parts))}"


def _format_pending(mail: PendingMail, zone: tzinfo) -> str:
    status = _STATUS.get(mail.status, mail.status)
    due = "" if mail.next_try is None else f", next attempt {format_time(mail.next_try, zone)}"
    return f"{mail.address} {status}{due if mail.status == 'waiting' else ''}"
