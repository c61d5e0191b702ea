"""The source without a store: it reads and judges now."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime

from backup_monitoring.model import Account, Files, LastOutcome, Need, Needs, People, State, Uploads
from backup_monitoring.settings import Settings
from backup_monitoring.store.account_verdict import AccountVerdict
from backup_monitoring.store.live import read_live_accounts
from backup_monitoring.tasks import TASKS, evaluate_all

_EVERYTHING = Needs(Need.ALL, Files.ALL)


class LiveSource:
    """A `Source` that reads the directory and the homes, and judges as of *now*."""

    def __init__(
        self,
        people: People,
        settings: Settings,
        now: datetime,
        phase: Callable[[str], None],
    ) -> None:
        self.people = people
        self.people_digest = None
        self._settings = settings
        self._now = now
        self._phase = phase

    def accounts(
        self, uids: Sequence[str] | None, needs: Needs
    ) -> Iterator[tuple[Account, Uploads]]:
        """Yield accounts, as of `Source`."""
        return read_live_accounts(
            self._settings, needs.entry, needs.files, uids, self._now, self._phase
        )

    def verdicts(self, uids: Sequence[str] | None) -> Iterator[list[AccountVerdict]]:
        """Yield the verdicts of each account, as of `Source`."""
        for account, uploads in self.accounts(uids, _EVERYTHING):
            yield self._judge(account, uploads, TASKS)

    def _judge(
        self, account: Account, uploads: Uploads, tasks: Collection[str]
    ) -> list[AccountVerdict]:
        verdicts = evaluate_all(account, uploads, self._settings.policies, self._now, tasks)
        return [
            AccountVerdict(account.uid, account.hosts, task, verdict)
            for task, verdict in verdicts.items()
        ]

    def find_verdict(self, uid: str, task: str) -> AccountVerdict | None:
        """Return the verdict of an account in *task*, as of `Source`."""
        for account, uploads in self.accounts([uid], TASKS[task].needs):
            return self._judge(account, uploads, (task,))[0]
        return None

    def list_failing(self, known: Collection[tuple[str, str]]) -> tuple[int, list[AccountVerdict]]:
        """Return the verdicts that a scan compares, as of `Source`."""
        failing: list[AccountVerdict] = []
        accounts = 0
        for verdicts in self.verdicts(None):
            accounts += 1
            failing += (
                each
                for each in verdicts
                if each.verdict.state is not State.OK or (each.uid.lower(), each.task) in known
            )
        return accounts, failing

    def list_outcomes(self, host: str, task: str, since: datetime) -> list[LastOutcome] | None:
        """Return None, as of `Source`: a delivery cannot read all homes."""
        return None

    def count_customers(self, host: str) -> int | None:
        """Return None: only a store knows it."""
        return None

    def find_ended(self, uids: Collection[str]) -> Collection[str]:
        """Return all *uids*: only a history could be lost."""
        return uids
