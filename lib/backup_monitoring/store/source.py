"""The source of accounts and people: the store, or else the directory and the homes."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from backup_monitoring.model import Account, CachedPeople, Files, Need, Needs, People, Uploads
from backup_monitoring.settings import Settings

EVERYTHING = Needs(Need.ALL, Files.ALL)


class Source(NamedTuple):
    """An open source.

    Args:
        people: looks up people.
        accounts: yields all accounts in scope, or those with the given uids, with what is
            needed of their uploads. StoreError: the store's data are too old.
        count_accounts: returns the number of accounts of a backup server, None if it is not known.
        find_ended: returns those of the given uids, none of which `accounts` yields, that are known
            to be no longer monitored: the entry says so, or its loss is believed. A store that has
            lost its history does not know whom it does not see.
    """

    people: People
    accounts: Callable[[Sequence[str] | None, Needs], Iterator[tuple[Account, Uploads]]]
    count_accounts: Callable[[str], int | None]
    find_ended: Callable[[Collection[str]], Collection[str]]


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

        phase("reading the store")
        state = open_store(settings.store.folder)

        def read_stored(
            uids: Sequence[str] | None, needs: Needs
        ) -> Iterator[tuple[Account, Uploads]]:
            state.check_age(settings.store, needs.files, now)
            return state.accounts(needs.files, uids, needs.entry)

        try:
            state.check_age(settings.store, None, now)
            yield Source(
                state.people(), read_stored, state.count_accounts_of_host, state.find_ended
            )
        finally:
            state.close()
        return
    from backup_monitoring.directory import LivePeople, open_directory
    from backup_monitoring.store.live import read_live_accounts

    with open_directory(settings.directory, phase) as directory:
        yield Source(
            CachedPeople(LivePeople(directory, settings.directory)),
            lambda uids, needs: read_live_accounts(
                settings, needs.entry, needs.files, uids, now, phase
            ),
            lambda host: None,
            lambda uids: uids,
        )
