"""The outbox: what is to be told waits in it, and who was told is known from it.

All that follows from one event, or from one batch of events, is one transaction: after any kill
or on a full disk it is there completely or not at all.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from backup_monitoring.model import Event, EventKind, MonitoringError, Recipient, Role, State
from backup_monitoring.outbox.columns import (
    normalize_address,
    read_optional_time,
    read_time,
    write_event,
    write_recipient,
    write_text,
    write_time,
)
from backup_monitoring.outbox.delivery_log import DeliveryLog, LogAction, LogLine
from backup_monitoring.outbox.messages import Problem, QueuedMail, Standing
from backup_monitoring.outbox.outbox_file import make_error, open_outbox
from backup_monitoring.outbox.storms import FailurePhase

# What the guard holds back, what a recovery drops, and what a newer mail replaces.
GUARDED = (EventKind.PROBLEM, EventKind.REMINDER)
OVER = (EventKind.RECOVERY, EventKind.MONITORING_ENDED)
_UNTOLD = ("settling", "held", "waiting")
_STATUS = {FailurePhase.NEW: "settling", FailurePhase.PASSED: "waiting", FailurePhase.STORM: "held"}


class DuplicateError(MonitoringError):
    """A mail was queued twice: a fault of the program that composes mails."""


class Outbox:
    """An outbox that is open; a context manager that closes it.

    Args:
        file: made where it is not there.
        audit: where decisions are noted, None: nowhere.

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
        """Give a transaction: what is done in it lasts once the block has ended, or not at all.

        The audit's lines follow it, so that they never tell what was taken back.

        Raises:
            OutboxError: a full disk, or another process was busy for too long; nothing lasts.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            transaction = Transaction(self._db, now)
            yield transaction
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise make_error(self.file, error) from None
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        self.log.write(transaction.lines)


class Transaction:
    """What can be done with an outbox; made by `Outbox.transaction`.

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
        """Note a decision; it is written once this transaction lasts."""
        self.lines.append(LogLine(self.now, what, account, task, kind, state, address, reason))

    def not_told(self, event: Event, address: str, reason: str) -> None:
        """Note that *address* ('': nobody) is not told of *event*, and why."""
        self._about(LogAction.NOT_TOLD, event, address, reason)

    def _about(self, what: LogAction, event: Event, address: str, reason: str) -> None:
        kind, state = event.kind.name, event.state.name
        self.log(what, event.uid, event.task, kind, state, address, reason)

    def seen(self, event: Event) -> bool:
        """Tell whether this event, to the minute, was there before; remember and audit it."""
        minute = int(write_time(event.at) // 60)
        added = self.execute(
            "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?)",
            (*_about(event), event.kind.name, event.state.name, minute, write_time(self.now)),
        ).rowcount
        if not added:
            self._about(LogAction.DUPLICATE, event, "", "the same event came before")
        return not added

    def note(self, event: Event, *, settled: bool = False) -> Standing:
        """Let the storm guard know *event*; to be called before its mails are queued.

        A failure (WARNING, CRITICAL) is remembered until its recovery; that drops what nobody
        was told of it yet, so that `told.find_last_sent` knows whom a recovery concerns.

        Args:
            settled: this failure is part of no storm, as what the first scan finds.
        """
        if event.kind in OVER:
            return self._over(event)
        if event.kind is not EventKind.PROBLEM or event.state not in (
            State.WARNING,
            State.CRITICAL,
        ):
            return Standing.NONE
        phase = FailurePhase.PASSED if settled else FailurePhase.NEW
        added = self.execute(
            "INSERT OR IGNORE INTO failing VALUES (?, ?, ?, ?, ?)",
            (*_about(event), write_text(event.host), write_time(self.now), phase.value),
        ).rowcount
        return Standing.NEW if added else Standing.KNOWN

    def _over(self, event: Event) -> Standing:
        about = _about(event)
        known = self.execute("DELETE FROM failing WHERE account = ? AND task = ?", about).rowcount
        over = "recovered" if event.kind is EventKind.RECOVERY else "no longer watched"
        self._drop(about, GUARDED, _UNTOLD, f"{over} before it was told")
        return Standing.OVER if known else Standing.NONE

    def withdraw(self, event: Event, recipient: Recipient, reason: str) -> None:
        """Drop what *recipient* was not told yet of the problem that *event* is about."""
        self._drop(_about(event), GUARDED, _UNTOLD, reason, (recipient.address, recipient.role))

    def _drop(
        self,
        about: tuple[str, str],
        kinds: Sequence[EventKind],
        statuses: Sequence[str],
        reason: str,
        to: tuple[str, Role] | None = None,
    ) -> None:
        """Drop what waits with these *statuses* about an account and task, but for the provider.

        Args:
            to: the address and role whose mails these are; None: everybody's.
        """
        account, task = about
        address, role = ("", "") if to is None else (normalize_address(to[0]), to[1].name)
        names = ", ".join(f"'{kind.name}'" for kind in kinds)
        status = ", ".join(f"'{each}'" for each in statuses)
        where = (
            f"account = ? AND task = ? AND status IN ({status}) AND kind IN ({names}) "
            f"AND role != '{Role.OPERATOR.name}' AND ? IN ('', recipient) AND ? IN ('', role)"
        )
        values = (account, task, address, role)
        mails = self.execute(
            "UPDATE mails SET status = 'dropped', raw = x'', draft = '', done = ?, error = ? "  # noqa: S608 - ours
            f"WHERE {where} RETURNING kind, state, address",
            (write_time(self.now), reason, *values),
        ).fetchall()
        lines = self.execute(
            f"DELETE FROM digests WHERE {where} RETURNING kind, state, recipient",  # noqa: S608
            values,
        ).fetchall()
        for kind, state, told in mails + lines:
            self.log(LogAction.DROPPED, account, task, kind, state, told, reason)

    def queue(self, mail: QueuedMail, held: str = "") -> None:
        """Put *mail* into the outbox; what the guard holds of the same problem gives way to it.

        Args:
            held: why it waits for a release, '' where it does not.

        Raises:
            DuplicateError: a mail to this address with this Message-ID is there already.
        """
        kind, state = _name(mail.kind), _name(mail.state)
        about, to = (write_text(mail.account), write_text(mail.task)), (mail.address, mail.role)
        status = self._status(mail.account, mail.task, mail.kind, mail.role, held)
        self._replace(status, mail.kind, about, to)
        row = _row(mail, status, write_time(self.now))
        statement = f"INSERT INTO mails ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
        try:
            self.execute(statement, tuple(row.values()))
        except sqlite3.IntegrityError:
            remedy = "give every mail a Message-ID of its own"
            raise DuplicateError(mail.key, "such a mail was queued already", remedy) from None
        what, reason = _queued(status, held, "")
        self.log(what, mail.account, mail.task, kind, state, mail.address, reason)

    def _status(
        self, account: str, task: str, kind: EventKind | None, role: Role, held: str
    ) -> str:
        if held:
            return "held"
        if kind not in GUARDED or role is Role.OPERATOR:
            return "waiting"
        found = self.execute(
            "SELECT phase FROM failing WHERE account = ? AND task = ?",
            (write_text(account), write_text(task)),
        ).fetchone()
        return _STATUS[FailurePhase(found[0])] if found else "waiting"

    def _replace(
        self, status: str, kind: EventKind | None, about: tuple[str, str], to: tuple[str, Role]
    ) -> None:
        """Drop what a new mail makes untrue or says again, to the same person in the same role."""
        if kind in GUARDED:  # "it is over" must not arrive after it
            self._drop(about, OVER, ("waiting",), "it failed again before it was told", to)
        # A storm may last for days: its end must not bring each reminder that was held.
        if status != "waiting":
            self._drop(about, GUARDED, ("settling", "held"), "a newer mail says it", to)

    def add_digest(self, recipient: Recipient, event: Event, held: str = "") -> None:
        """Let *event* wait for the next digest of *recipient*; *held* as of `queue`."""
        status = self._status(event.uid, event.task, event.kind, recipient.role, held)
        to = (recipient.address, recipient.role)
        self._replace(status, event.kind, _about(event), to)
        self.execute(
            "INSERT INTO digests (role, reseller, recipient, person, account, task, kind, state, "
            "event, status, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                recipient.role.name,
                write_text(recipient.reseller),
                normalize_address(recipient.address),
                write_recipient(recipient),
                *_about(event),
                event.kind.name,
                event.state.name,
                write_event(event),
                status,
                write_time(self.now),
            ),
        )
        what, reason = _queued(status, held, "for a digest")
        self._about(what, event, recipient.address, reason)

    def problems(self) -> Iterator[Problem]:
        """Yield what the scan remembers."""
        for row in self.execute("SELECT * FROM problems").fetchall():
            yield _problem(row)

    def problem(self, account: str, task: str) -> Problem | None:
        """Return what the scan remembers of *account* and *task*."""
        about = (write_text(account), write_text(task))
        row = self.execute(
            "SELECT * FROM problems WHERE account = ? AND task = ?", about
        ).fetchone()
        return None if row is None else _problem(row)

    def remember(self, problem: Problem) -> None:
        """Let the scan remember *problem* in place of what it knew of its account and task."""
        find_last_sent = (
            None if problem.find_last_sent is None else write_time(problem.find_last_sent)
        )
        self.execute(
            "INSERT OR REPLACE INTO problems VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                write_text(problem.account),
                write_text(problem.task),
                problem.state.name,
                write_time(problem.since),
                json.dumps(problem.computers),
                find_last_sent,
                problem.status,
            ),
        )

    def forget(self, account: str, task: str) -> None:
        """Let the scan forget a problem."""
        about = (write_text(account), write_text(task))
        self.execute("DELETE FROM problems WHERE account = ? AND task = ?", about)

    def meta(self, key: str) -> str | None:
        """Return what a program noted under *key*."""
        row = self.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Note *value* under *key*."""
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def _about(event: Event) -> tuple[str, str]:
    return write_text(event.uid), write_text(event.task)


def _name(value: EventKind | State | None) -> str:
    return "" if value is None else value.name


def _queued(status: str, held: str, reason: str) -> tuple[LogAction, str]:
    if status == "waiting":
        return LogAction.QUEUED, reason
    if status == "settling":
        return LogAction.QUEUED, "waits in case a storm shows"
    return LogAction.HELD, held or "in a storm"


def _row(mail: QueuedMail, status: str, now: float) -> dict[str, object]:
    return {
        "key": write_text(mail.key),
        "address": write_text(mail.address),
        "recipient": normalize_address(mail.address),
        "role": mail.role.name,
        "reseller": write_text(mail.reseller),
        "account": write_text(mail.account),
        "task": write_text(mail.task),
        "kind": _name(mail.kind),
        "state": _name(mail.state),
        "host": write_text(mail.host),
        "at": None if mail.at is None else write_time(mail.at),
        "sender": write_text(mail.sender),
        "thread": write_text(mail.thread),
        "raw": mail.raw,
        "draft": mail.draft,
        "status": status,
        "not_before": now if mail.not_before is None else write_time(mail.not_before),
        "ready": now if status == "waiting" else None,
        "next_try": now,
        "created": now,
    }


def _problem(row: Sequence[Any]) -> Problem:
    account, task, state, since, computers, find_last_sent, status = row
    told = read_optional_time(find_last_sent)
    names = tuple(json.loads(computers))
    return Problem(account, task, State[state], read_time(since), names, told, status)
