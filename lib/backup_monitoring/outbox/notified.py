"""Who was notified of what in the last weeks, for people to read."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.model import EventKind, Role, State
from backup_monitoring.outbox.columns import read_time
from backup_monitoring.outbox.outbox_copy import read_outbox
from backup_monitoring.outbox.outbox_errors import make_error

# Single mails, what waits for a digest, and what a digest has brought. Mails that arrived are
# deleted after some weeks; of each recipient the last one stays known.
_NOTICES = """
SELECT account, task, kind, state, status, role, address, coalesce(done, created) AS at FROM mails
WHERE account != '' AND kind != '' AND status != 'dropped'
UNION ALL SELECT account, task, kind, state, 'waiting', role, recipient, at FROM digests
UNION ALL SELECT account, task, kind, state, iif(refused, 'refused', 'sent'), role,
    recipient, at FROM sent AS last
WHERE NOT EXISTS (SELECT 1 FROM mails WHERE mails.key = last.last_id AND status = 'sent'
    AND mails.account != '')
ORDER BY at DESC
"""
_WAITING = ("settling", "held", "waiting", "sending")


class Notice(NamedTuple):
    """That somebody was notified, or will be.

    Args:
        account: its uid as the event had it; the directory ignores its case. task: the check's.
        kind, state: of the event.
        at: when it was sent, refused or queued, UTC.
        is_sent: it has arrived at a mail server. is_waiting: it has not been tried to the end; a
            notice that is neither was refused.
        role, address: of the recipient.
    """

    account: str
    task: str
    kind: EventKind
    state: State
    at: datetime
    is_sent: bool
    is_waiting: bool
    role: Role
    address: str


def list_notices(file: Path) -> Iterator[Notice]:
    """Yield what the outbox *file* knows of who was notified, the newest first.

    Raises:
        OutboxError: it is missing, empty or damaged, or this user cannot read it.
    """
    try:
        with read_outbox(file) as db:
            for account, task, kind, state, status, role, address, at in db.execute(_NOTICES):
                yield Notice(
                    account,
                    task,
                    EventKind[kind],
                    State[state],
                    read_time(at),
                    status == "sent",
                    status in _WAITING,
                    Role[role],
                    address,
                )
    except sqlite3.Error as error:
        raise make_error(file, error) from None
