"""The source of accounts, verdicts and people: the store, or else the directory and the homes."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from backup_monitoring.model import Account, CachedPeople, LastOutcome, Needs, People, Uploads
from backup_monitoring.settings import Settings
from backup_monitoring.store.account_verdict import AccountVerdict


class Source(Protocol):
    """An open source. All methods raise DirectoryError, or StoreError if data are too old."""

    @property
    def people(self) -> People:
        """Looks up people."""

    @property
    def people_digest(self) -> str | None:
        """A text that changes when somebody's entry does; None if that is not known."""

    def accounts(
        self, uids: Sequence[str] | None, needs: Needs
    ) -> Iterator[tuple[Account, Uploads]]:
        """Yield all accounts in scope, or those with *uids*, with what *needs* says."""

    def verdicts(self, uids: Sequence[str] | None) -> Iterator[list[AccountVerdict]]:
        """Yield the verdicts of each account in scope, or of each with one of *uids*.

        Each list has one verdict per task, in the order of ``TASKS``.
        """

    def find_verdict(self, uid: str, task: str) -> AccountVerdict | None:
        """Return the verdict of an account in *task*, with its facts; None: no such account."""

    def list_failing(self, known: Collection[tuple[str, str]]) -> tuple[int, list[AccountVerdict]]:
        """Return the number of accounts in scope, and those verdicts that are not OK or *known*.

        Args:
            known: uids in lower case, each with a task.
        """

    def list_outcomes(self, host: str, task: str, since: datetime) -> Iterable[LastOutcome] | None:
        """Return what became of the last backups on a backup server, None if it is not known.

        Args:
            host: only accounts count whose first server this is.
            since: only what is not older.
        """

    def count_customers(self, host: str) -> int | None:
        """Return the number of customers of a backup server, None if it is not known."""

    def find_ended(self, uids: Collection[str]) -> Collection[str]:
        """Return those of *uids*, none of them in scope, that are known to be monitored no longer.

        The entry says so, or its loss is believed. A store that has lost its history does not
        know whom it does not see.
        """


@contextmanager
def open_source(
    settings: Settings, now: datetime, phase: Callable[[str], None]
) -> Iterator[Source]:
    """Open the store if the settings name one, else the directory.

    Raises:
        DirectoryError: the directory cannot be read.
        StoreError: the store cannot be read, or its people are too old.
    """
    if settings.store.folder is not None:
        from backup_monitoring.store.store_file import open_store
        from backup_monitoring.store.stored_source import StoredSource

        phase("reading the store")
        state = open_store(settings.store.folder)
        try:
            state.check_age(settings.store, None, now)
            yield StoredSource(state, settings.store, now)
        finally:
            state.close()
        return
    from backup_monitoring.directory import LivePeople, open_directory
    from backup_monitoring.store.live_source import LiveSource

    with open_directory(settings.directory, phase) as directory:
        people = CachedPeople(LivePeople(directory, settings.directory))
        yield LiveSource(people, settings, now, phase)
