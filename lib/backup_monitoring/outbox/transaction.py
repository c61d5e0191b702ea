"""The outbox as it is opened: its transactions, and their lines in the log.

Everything that follows from one event, or one batch of events, is one transaction: after a kill at
any moment, or on a full disk, it is stored completely or not at all.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from backup_monitoring.model import Event
from backup_monitoring.outbox.decisions import save_decisions
from backup_monitoring.outbox.delivery_log import DeliveryLog, LogAction, LogLine
from backup_monitoring.outbox.outbox_errors import make_error
from backup_monitoring.outbox.outbox_file import open_outbox


class Outbox:
    """An open outbox; a context manager that closes it.

    Args:
        file: created if it does not exist.
        log: where decisions are logged, None: nowhere.

    Raises:
        OutboxError: it cannot be opened.
    """

    def __init__(self, file: Path, log: DeliveryLog | None = None) -> None:
        self.file = file
        self.log = log or DeliveryLog(None)
        self._db = open_outbox(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    @contextmanager
    def transaction(self, now: datetime) -> Iterator["Transaction"]:
        """Begin a transaction; it is committed if the block ends without an error.

        Its decisions are stored with it. The log's lines are written after the commit, so that they
        never report what was rolled back.

        Args:
            now: aware; the time of everything in the transaction.

        Raises:
            OutboxError: the disk is full, or another process was busy for too long; nothing is
                stored.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            transaction = Transaction(self._db, now)
            yield transaction
            save_decisions(self._db, transaction.lines)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise make_error(self.file, error) from None
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        self.log.write(transaction.lines)


class Transaction:
    """A transaction of an outbox; begun by `Outbox.transaction`.

    Args:
        now: aware.
    """

    def __init__(self, db: sqlite3.Connection, now: datetime) -> None:
        self.now = now
        self.lines: list[LogLine] = []
        self._db = db

    def execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run SQL, for the modules of the outbox."""
        return self._db.execute(statement, values)

    def log(
        self,
        what: LogAction,
        account: str = "",
        task: str = "",
        kind: str = "",
        state: str = "",
        address: str = "",
        reason: str = "",
    ) -> None:
        """Log a decision: it is stored with the transaction, and its line written afterwards."""
        self.lines.append(LogLine(self.now, what, account, task, kind, state, address, reason))

    def log_event(self, what: LogAction, event: Event, address: str, reason: str) -> None:
        """Log a decision about *event*; *address* is '' where it concerns nobody or everybody."""
        kind, state = event.kind.name, event.state.name
        self.log(what, event.uid, event.task, kind, state, address, reason)

    def get_meta(self, key: str) -> str | None:
        """Return the value that was stored under *key*, None if there is none."""
        row = self.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Store *value* under *key*."""
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
