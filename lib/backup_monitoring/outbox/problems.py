"""The problems that scan and hook remember, until they are over."""

import json
from collections.abc import Sequence
from typing import Any

from backup_monitoring.model import State
from backup_monitoring.outbox.columns import read_optional_time, read_time, write_text, write_time
from backup_monitoring.outbox.messages import Problem
from backup_monitoring.outbox.transaction import Transaction


def list_problems(transaction: Transaction) -> list[Problem]:
    """Return all problems."""
    rows = transaction.execute("SELECT * FROM problems").fetchall()
    return [_read_problem(row) for row in rows]


def find_problem(transaction: Transaction, account: str, task: str) -> Problem | None:
    """Return the problem of *account*, in any case, and *task*; None if there is none."""
    row = transaction.execute(
        "SELECT * FROM problems WHERE account = ? AND task = ?",
        (write_text(account), write_text(task)),
    ).fetchone()
    return None if row is None else _read_problem(row)


def save_problem(transaction: Transaction, problem: Problem) -> None:
    """Store *problem*, in place of the one of the same account and task."""
    last_sent = None if problem.last_sent is None else write_time(problem.last_sent)
    transaction.execute(
        "INSERT OR REPLACE INTO problems VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            write_text(problem.account),
            write_text(problem.task),
            problem.state.name,
            write_time(problem.since),
            json.dumps(problem.computers),
            last_sent,
            problem.status,
        ),
    )


def delete_problem(transaction: Transaction, account: str, task: str) -> None:
    """Delete the problem of *account* and *task*, if there is one."""
    transaction.execute(
        "DELETE FROM problems WHERE account = ? AND task = ?",
        (write_text(account), write_text(task)),
    )


def _read_problem(row: Sequence[Any]) -> Problem:
    account, task, state, since, computers, last_sent, status = row
    return Problem(
        account,
        task,
        State[state],
        read_time(since),
        tuple(json.loads(computers)),
        read_optional_time(last_sent),
        status,
    )
