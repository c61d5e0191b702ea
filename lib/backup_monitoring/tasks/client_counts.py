"""Which backup programs are in use, on how many computers?"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from backup_monitoring.model import Account, Client, State, Uploads
from backup_monitoring.tasks.account_eligibility import check_home
from backup_monitoring.tasks.aggregate import list_reporting_computers
from backup_monitoring.tasks.computer_client import find_client


class ClientCount(NamedTuple):
    """How many *computers* of how many *accounts* use a *client*; its identifier may be ''."""

    client: Client
    computers: int
    accounts: int


class ClientCounts:
    """Computers and accounts, counted by backup program as of *now* (aware UTC).

    Attributes:
        unreadable: number of accounts that could not be read, or not completely.
    """

    def __init__(self, now: datetime) -> None:
        self.unreadable = 0
        self._now = now
        self._computers: Counter[Client] = Counter()
        self._accounts: dict[Client, set[str]] = {}

    def add(self, account: Account, uploads: Uploads) -> None:
        """Count the computers of *account* that are in use."""
        problem = check_home(account, uploads)
        self.unreadable += uploads.cut_short is not None or (
            problem is not None and problem.state is State.UNKNOWN
        )
        for computer in list_reporting_computers(uploads):
            if computer.history is not None and not computer.history.is_in_use:
                continue
            client = find_client(computer, self._now) or Client()
            self._computers[client] += 1
            self._accounts.setdefault(client, set()).add(account.uid)

    def __iter__(self) -> Iterator[ClientCount]:
        """Yield each program, sorted."""
        for client, computers in sorted(self._computers.items()):
            yield ClientCount(client, computers, len(self._accounts[client]))
