"""The inventory: which backup programs are in use, on how many computers."""

import json
from collections import Counter

from backup_monitoring.model import Account, Client, State, Uploads, sanitize
from backup_monitoring.tasks import check_home, find_client, list_reporting_computers

_COLUMNS = ("identifier", "version", "operating system", "computers", "accounts")


class Inventory:
    """Counts computers and accounts by program."""

    def __init__(self) -> None:
        self._computers: Counter[Client] = Counter()
        self._accounts: dict[Client, set[str]] = {}
        self._unseen = 0

    def add(self, account: Account, uploads: Uploads) -> None:
        """Count the computers of *account* that are there."""
        lost = check_home(account, uploads)
        self._unseen += uploads.cut_short is not None or (
            lost is not None and lost.state is State.UNKNOWN
        )
        for computer in list_reporting_computers(uploads):
            if computer.history is not None and computer.history.gone is not None:
                continue
            program = find_client(computer) or Client()
            self._computers[program] += 1
            self._accounts.setdefault(program, set()).add(account.uid)

    def _rows(self) -> list[tuple[str, str, str, int, int]]:
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

    def json(self) -> str:
        """Return the inventory as a JSON list of objects."""
        keys = [column.replace(" ", "_") for column in _COLUMNS]
        return json.dumps([dict(zip(keys, row, strict=True)) for row in self._rows()], indent=2)

    def table(self) -> str:
        """Return the inventory as a table for people, with what it lacks."""
        rows = [_COLUMNS, *(tuple(map(str, row)) for row in self._rows())]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
        lines = [
            "  ".join(
                cell.rjust(width) if column > 2 else (cell or "-").ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join(lines + self._lacking())

    def _lacking(self) -> list[str]:
        if not self._unseen:
            return []
        accounts = f"{self._unseen} account{'s' * (self._unseen > 1)}"
        return [f"(not all there is: {accounts} could not be looked through; see -v)"]
