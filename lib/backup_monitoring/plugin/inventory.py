"""The inventory: which backup programs are in use, on how many computers."""

import json
from collections import Counter
from datetime import datetime

from backup_monitoring.model import Account, Client, State, Uploads, sanitize
from backup_monitoring.tasks import check_home, find_client, list_reporting_computers

_COLUMNS = ("identifier", "version", "operating system", "computers", "accounts")


class Inventory:
    """Computers and accounts, counted by backup program as of *now* (aware UTC)."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._computers: Counter[Client] = Counter()
        self._accounts: dict[Client, set[str]] = {}
        self._unreadable = 0

    def add(self, account: Account, uploads: Uploads) -> None:
        """Count the computers of *account* that are in use."""
        problem = check_home(account, uploads)
        self._unreadable += uploads.cut_short is not None or (
            problem is not None and problem.state is State.UNKNOWN
        )
        for computer in list_reporting_computers(uploads):
            if computer.history is not None and not computer.history.is_in_use:
                continue
            program = find_client(computer, self._now) or Client()
            self._computers[program] += 1
            self._accounts.setdefault(program, set()).add(account.uid)

    def _list_rows(self) -> list[tuple[str, str, str, int, int]]:
        return [
            (
                sanitize(program.identifier, 80),
                sanitize(program.version, 80),
                sanitize(program.system, 80),
                count,
                len(self._accounts[program]),
            )
            for program, count in sorted(self._computers.items())
        ]

    def to_json(self) -> str:
        """Return the inventory as a JSON list of objects."""
        keys = [column.replace(" ", "_") for column in _COLUMNS]
        return json.dumps(
            [dict(zip(keys, row, strict=True)) for row in self._list_rows()], indent=2
        )

    def to_table(self) -> str:
        """Return the inventory as a table, and below it how many accounts it lacks."""
        rows = [_COLUMNS, *(tuple(map(str, row)) for row in self._list_rows())]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
        lines = [
            "  ".join(
                cell.rjust(width) if column > 2 else (cell or "-").ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        if self._unreadable:
            accounts = f"{self._unreadable} account{'s' * (self._unreadable > 1)}"
            lines.append(f"(incomplete: {accounts} could not be read completely; see -v)")
        return "\n".join(lines)
