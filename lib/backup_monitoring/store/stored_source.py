"""The source that is the store: accounts, verdicts and people as of the last collector run."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from backup_monitoring.model import Account, Files, LastOutcome, Needs, People, Uploads
from backup_monitoring.settings import StoreSettings
from backup_monitoring.store.account_verdict import AccountVerdict
from backup_monitoring.store.files import StoreError
from backup_monitoring.store.store_file import StoreFile
from backup_monitoring.tasks import TASKS


class StoredSource:
    """A `Source` that reads the open *state*.

    Args:
        settings: how old it may be. now: aware UTC.
    """

    def __init__(self, state: StoreFile, settings: StoreSettings, now: datetime) -> None:
        self.people: People = state.people()
        self.people_digest: str | None = state.meta().people
        self._state = state
        self._verdicts = state.verdicts()
        self._settings = settings
        self._now = now

    def accounts(
        self, uids: Sequence[str] | None, needs: Needs
    ) -> Iterator[tuple[Account, Uploads]]:
        """Yield accounts, as of `Source`."""
        self._state.check_age(self._settings, needs.files, self._now)
        return self._state.accounts(needs.files, uids, needs.entry)

    def verdicts(self, uids: Sequence[str] | None) -> Iterator[list[AccountVerdict]]:
        """Yield the verdicts of each account, as of `Source`."""
        self._state.check_age(self._settings, Files.ALL, self._now)
        return self._verdicts.list_all(uids)

    def find_verdict(self, uid: str, task: str) -> AccountVerdict | None:
        """Return the verdict of an account in *task*, as of `Source`."""
        self._state.check_age(self._settings, TASKS[task].needs.files, self._now)
        return next(self._verdicts.find([uid], task, with_facts=True), None)

    def list_failing(self, known: Collection[tuple[str, str]]) -> tuple[int, list[AccountVerdict]]:
        """Return the verdicts that a scan compares, as of `Source`."""
        self._state.check_age(self._settings, Files.ALL, self._now)
        return self._verdicts.count_accounts(), list(self._verdicts.list_failing(known))

    def list_outcomes(self, host: str, task: str, since: datetime) -> list[LastOutcome] | None:
        """Return what became of the last backups on a backup server, as of `Source`."""
        try:
            self._state.check_age(self._settings, Files.ALL, self._now)
            return self._state.read_outcomes(host, task, since)
        except StoreError:  # mails must not wait for it; check_backup_monitoring reports it
            return None

    def count_customers(self, host: str) -> int | None:
        """Return the number of customers of a backup server, as of `Source`."""
        try:
            return self._state.count_customers(host)
        except StoreError:
            return None

    def find_ended(self, uids: Collection[str]) -> Collection[str]:
        """Return those of *uids* that are monitored no longer, as of `Source`."""
        return self._state.find_ended(uids)
