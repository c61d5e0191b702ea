"""Queues mails and digest events, and drops what they replace."""

from collections.abc import Sequence

from backup_monitoring.model import Event, EventKind, Recipient, Role, State
from backup_monitoring.outbox.columns import (
    EVENT,
    RECIPIENT,
    normalize_address,
    write_text,
    write_time,
)
from backup_monitoring.outbox.delivery_log import LogAction
from backup_monitoring.outbox.messages import GUARDED, OVER, UNSENT, QueuedMail
from backup_monitoring.outbox.storms import FailurePhase
from backup_monitoring.outbox.transaction import Transaction

_STATUS = {
    FailurePhase.NEW: "settling",
    FailurePhase.RELEASED: "waiting",
    FailurePhase.HELD: "held",
}


def record_event(transaction: Transaction, event: Event) -> bool:
    """Record *event*; return whether it is new, and log it if it is a duplicate.

    A duplicate has kind, state, minute and comment of the last event of its account and task: what
    fails, is solved and fails again within a minute is new each time.
    """
    subject = _get_subject(event)
    minute = int(write_time(event.at) // 60)
    what = (event.kind.name, event.state.name, minute, write_text(event.comment))
    last = transaction.execute(
        "SELECT kind, state, minute, comment FROM events WHERE account = ? AND task = ?", subject
    ).fetchone()
    if last == what:
        transaction.log_event(LogAction.DUPLICATE, event, "", "duplicate event")
        return False
    transaction.execute(
        "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*subject, *what, write_time(transaction.now)),
    )
    return True


def track_failure(
    transaction: Transaction, event: Event, customer: str = "", *, settled: bool = False
) -> None:
    """Let the storm guard know of *event*; call this before its mails are queued.

    A failure (WARNING, CRITICAL) is kept until its recovery or the end of the monitoring. These
    drop what has not been sent about it: `Conversation.drop_unsent` is what remains.

    Args:
        customer: the account's, as `name_customer` names it; not needed for an end.
        settled: the failure cannot be part of a storm, for example because it was released.
    """
    if event.kind in OVER:
        transaction.execute(
            "DELETE FROM failing WHERE account = ? AND task = ?", _get_subject(event)
        )
        end = "recovered" if event.kind is EventKind.RECOVERY else "monitoring ended"
        _drop(transaction, _get_subject(event), GUARDED, UNSENT, f"{end} before it was sent")
    elif event.kind is EventKind.PROBLEM and event.state in (State.WARNING, State.CRITICAL):
        phase = FailurePhase.RELEASED if settled else FailurePhase.NEW
        transaction.execute(
            "INSERT INTO failing VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
            # A further computer that fails, or a worse state, may be part of a storm again.
            "SET at = excluded.at, phase = excluded.phase WHERE phase = 'released'",
            (
                *_get_subject(event),
                write_text(event.host),
                write_text(customer),
                write_time(transaction.now),
                phase.value,
            ),
        )


def withdraw(transaction: Transaction, event: Event, recipient: Recipient, reason: str) -> None:
    """Drop what has not been sent to *recipient* of the problem that *event* is about."""
    to = (recipient.address, recipient.role)
    _drop(transaction, _get_subject(event), GUARDED, UNSENT, reason, to)


def queue_mail(transaction: Transaction, mail: QueuedMail) -> None:
    """Queue *mail*; what the storm guard holds of the same problem is dropped for it."""
    event, recipient, status = mail.event, mail.recipient, "waiting"
    if event is not None:
        status = _choose_status(transaction, event)
        _drop_replaced(transaction, status, event, recipient)
    row = _make_row(mail, status, write_time(transaction.now))
    statement = f"INSERT INTO mails ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
    transaction.execute(statement, tuple(row.values()))
    action, reason = _describe_status(status)
    if event is None:
        transaction.log(action, address=recipient.address, reason=reason)
    else:
        transaction.log_event(action, event, recipient.address, reason)


def queue_for_digest(
    transaction: Transaction, recipient: Recipient, event: Event, note: str = ""
) -> None:
    """Queue *event* for the next digest of *recipient*, as `queue_mail` queues a mail.

    Args:
        note: for the operator, why nobody else was notified.
    """
    status = _choose_status(transaction, event)
    if event.state is not State.UNKNOWN:  # which neither begins nor ends a problem
        _drop_replaced(transaction, status, event, recipient)
    insert_for_digest(transaction, recipient, event, _get_subject(event), status, note)
    action, reason = _describe_status(status, "for a digest")
    transaction.log_event(action, event, recipient.address, reason)


def insert_for_digest(
    transaction: Transaction,
    recipient: Recipient,
    event: Event,
    subject: tuple[str, str],
    status: str,
    note: str = "",
    draft: str = "",
    purpose: str = "",
) -> None:
    """Insert the row of *event* for a digest.

    Args:
        subject: account and task that it is found by.
        draft: of the mail that it was before. note, purpose: as in `Digest`.
    """
    # A customer's accounts may have resellers with senders of their own: a digest for each.
    group = recipient.reseller or recipient.sender
    transaction.execute(
        "INSERT INTO digests (role, reseller, recipient, person, account, task, kind, state, "
        "event, status, at, note, draft, purpose) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            recipient.role.name,
            write_text(group),
            normalize_address(recipient.address),
            RECIPIENT.encode(recipient),
            *subject,
            event.kind.name,
            event.state.name,
            EVENT.encode(event),
            status,
            write_time(transaction.now),
            write_text(note),
            draft,
            purpose,
        ),
    )


def _choose_status(transaction: Transaction, event: Event) -> str:
    if event.kind not in GUARDED or event.state is State.UNKNOWN:
        return "waiting"
    row = transaction.execute(
        "SELECT phase FROM failing WHERE account = ? AND task = ?", _get_subject(event)
    ).fetchone()
    return _STATUS[FailurePhase(row[0])] if row else "waiting"


def _drop_replaced(
    transaction: Transaction, status: str, event: Event, recipient: Recipient
) -> None:
    """Drop what a new mail contradicts or repeats, for the same address and role."""
    subject, to = _get_subject(event), (recipient.address, recipient.role)
    if event.kind in GUARDED:  # "it is over" must not arrive after it
        statuses = ("waiting", "deferred")
        _drop(transaction, subject, OVER, statuses, "failed again before it was sent", to)
    # A storm may last for days: its end must not release every reminder that was held.
    if status != "waiting":
        _drop(transaction, subject, GUARDED, ("settling", "held"), "replaced by a newer mail", to)


def _drop(
    transaction: Transaction,
    subject: tuple[str, str],
    kinds: Sequence[EventKind],
    statuses: Sequence[str],
    reason: str,
    to: tuple[str, Role] | None = None,
) -> None:
    """Drop mails and digest events about an account and task, except those of UNKNOWN.

    A mail about a problem that may have arrived is not dropped: its reader must hear of the end.

    Args:
        kinds, statuses: of what is dropped.
        to: only those to this address in this role; None: to everybody.
    """
    address, role = ("", "") if to is None else (normalize_address(to[0]), to[1].name)
    where = (
        f"account = ? AND task = ? AND status IN ({_quote(statuses)}) "
        f"AND kind IN ({_quote([kind.name for kind in kinds])}) "
        f"AND state != '{State.UNKNOWN.name}' AND ? IN ('', recipient) AND ? IN ('', role)"
    )
    values = (*subject, address, role)
    mails = transaction.execute(
        "UPDATE mails SET status = 'dropped', raw = x'', draft = '', done = ?, error = ? "  # noqa: S608 - ours
        f"WHERE {where} AND (NOT unanswered OR kind IN ({_quote([kind.name for kind in OVER])})) "
        "RETURNING kind, state, address",
        (write_time(transaction.now), reason, *values),
    ).fetchall()
    events = transaction.execute(
        f"DELETE FROM digests WHERE {where} RETURNING kind, state, recipient",  # noqa: S608 - ours
        values,
    ).fetchall()
    for kind, state, recipient in mails + events:
        transaction.log(LogAction.DROPPED, *subject, kind, state, recipient, reason)


def _quote(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _get_subject(event: Event) -> tuple[str, str]:
    """Return account and task of *event* as they are stored."""
    return write_text(event.uid), write_text(event.task)


def _describe_status(status: str, reason: str = "") -> tuple[LogAction, str]:
    """Return what the log says of a mail that is queued with *status*."""
    if status == "settling":
        return LogAction.QUEUED, "waits for the storm guard"
    if status == "held":
        return LogAction.HELD, "in a storm"
    return LogAction.QUEUED, reason


def _make_row(mail: QueuedMail, status: str, now: float) -> dict[str, object]:
    recipient, event = mail.recipient, mail.event
    account, task = ("", "") if event is None else _get_subject(event)
    return {
        "key": write_text(mail.key),
        "address": write_text(recipient.address),
        "recipient": normalize_address(recipient.address),
        "role": recipient.role.name,
        "reseller": write_text(recipient.reseller),
        "customer": write_text(recipient.customer),
        "account": account,
        "task": task,
        "kind": "" if event is None else event.kind.name,
        "state": "" if event is None else event.state.name,
        "host": "" if event is None else write_text(event.host),
        "thread": write_text(mail.thread),
        "person": "" if event is None else RECIPIENT.encode(recipient),
        "raw": mail.raw,
        "draft": mail.draft,
        "entry": recipient.entry,
        "status": status,
        "ready": now if status == "waiting" else None,
        "next_try": now,
        "created": now,
    }
