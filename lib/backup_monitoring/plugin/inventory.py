"""The inventory: which backup programs are in use, as a table or as parts of a document."""

from backup_monitoring.model import format_count, sanitize
from backup_monitoring.tasks import ClientCounts

_COLUMNS = ("identifier", "version", "operating system", "computers", "accounts")


class Inventory:
    """The text of *counts*."""

    def __init__(self, counts: ClientCounts) -> None:
        self._counts = counts

    def _list_rows(self) -> list[tuple[str, str, str, int, int]]:
        return [
            (
                sanitize(client.identifier, 80),
                sanitize(client.version, 80),
                sanitize(client.system, 80),
                computers,
                accounts,
            )
            for client, computers, accounts in self._counts
        ]

    def format_summary(self) -> str:
        """Return in words how many programs there are, on how many computers."""
        rows = self._list_rows()
        programs, computers = len(rows), sum(row[3] for row in rows)
        return f"{format_count(programs, 'program')} on {format_count(computers, 'computer')}"

    def list_parts(self) -> dict[str, object]:
        """Return the parts of a document."""
        keys = [column.replace(" ", "_") for column in _COLUMNS]
        return {
            "inventory": [dict(zip(keys, row, strict=True)) for row in self._list_rows()],
            "unreadable_accounts": self._counts.unreadable,
        }

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
        if unreadable := self._counts.unreadable:
            accounts = format_count(unreadable, "account")
            lines.append(f"(incomplete: {accounts} could not be read completely; see -v)")
        return "\n".join(lines)
