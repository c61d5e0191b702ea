"""Reads all that a page shows: the accounts one by one, with what belongs to each."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from backup_monitoring.model import (
    Account,
    CachedPeople,
    Client,
    Contact,
    Files,
    People,
    State,
    Uploads,
)
from backup_monitoring.outbox import Notice, OutboxError, list_notices
from backup_monitoring.settings import Settings
from backup_monitoring.store import AccountVerdict, DayLetters, StoreFile
from backup_monitoring.tasks import SchedulePolicy, find_client


class PartAge(NamedTuple):
    """A part of the store: its *name*, when it was *read* (aware UTC), and the last *error*.

    Args:
        too_old: when checks will refuse it, None if it was never read.
    """

    name: str
    read: datetime | None
    error: str | None
    too_old: datetime | None


class AccountView(NamedTuple):
    """An account with all that its page shows.

    Args:
        verdicts: one per task, in the order of ``TASKS``, with facts.
        name: of its entry. customers: uid and name of each. resellers: their uids.
        clients: the backup programs of computers that name one, by the computers' names.
        days: of each computer. sizes: day (ordinal) and used bytes.
        notices: who was notified, the newest first.
    """

    account: Account
    uploads: Uploads
    verdicts: Sequence[AccountVerdict]
    name: str
    customers: Sequence[tuple[str, str]]
    resellers: Sequence[str]
    clients: Mapping[str, Client]
    days: Mapping[str, DayLetters]
    sizes: Sequence[tuple[int, int]]
    notices: Sequence[Notice]

    @property
    def state(self) -> State:
        """The worst state."""
        return max((each.verdict.state for each in self.verdicts), key=lambda each: each.badness)


class FleetReader:
    """Reads the open *state* and the outbox of *settings*.

    Attributes:
        as_of: when the last collector run began, aware UTC.
        zone: in which times are written: the first of ``[schedule] zones``.
        outbox_error: why it is not known who was notified; None if it is, or without an outbox.
    """

    def __init__(self, state: StoreFile, settings: Settings, now: datetime) -> None:
        self.settings = settings
        self.state = state
        self._meta = state.meta()
        self.as_of = self._meta.started or now
        zones = settings.policies[SchedulePolicy].zones
        self.zone: tzinfo = zones[0] if zones else UTC
        self.outbox_error: OutboxError | None = None

    def list_parts(self) -> list[PartAge]:
        """Return the parts of the store."""
        meta, store = self._meta, self.settings.store
        return [
            _make_part(
                "directory", meta.directory_read, meta.directory_error, store.directory_max_age
            ),
            _make_part("homes", meta.storage_read, meta.storage_error, store.max_age),
        ]

    def iter_accounts(self) -> Iterator[AccountView]:
        """Yield each account in scope once; raises StoreError if the file is damaged."""
        people = self.state.people()
        customers = CachedPeople(people)
        days = self.state.days()
        notices = self._read_notices()
        accounts = self.state.accounts(Files.ALL, None)
        verdicts = self.state.verdicts().list_all(None, explained=True)
        seen = set()
        parts = zip(accounts, verdicts, days.list_all(), days.list_sizes(), strict=True)
        for (account, uploads), found_verdicts, found_days, sizes in parts:
            key = account.uid.lower()
            if key in seen:  # another entry has its uid, too: that one counts
                continue
            seen.add(key)
            contact = people.contact(account.uid)
            yield AccountView(
                account,
                uploads,
                found_verdicts,
                "" if contact is None else contact.name,
                _list_customers(contact, customers),
                () if contact is None else contact.resellers,
                self._find_clients(uploads),
                found_days,
                sizes,
                notices.get(key, ()),
            )

    def _find_clients(self, uploads: Uploads) -> dict[str, Client]:
        found = {each.name: find_client(each, self.as_of) for each in uploads.computers}
        return {name: client for name, client in found.items() if client is not None}

    def _read_notices(self) -> Mapping[str, Sequence[Notice]]:
        file = self.settings.notify.outbox
        found: dict[str, list[Notice]] = defaultdict(list)
        if file is None:
            return found
        try:
            for notice in list_notices(file):
                found[notice.account.lower()].append(notice)
        except OutboxError as error:
            self.outbox_error = error
            return {}
        return found


def _make_part(name: str, read: datetime | None, error: str | None, max_age: timedelta) -> PartAge:
    return PartAge(name, read, error, None if read is None else read + max_age)


def _list_customers(contact: Contact | None, people: People) -> list[tuple[str, str]]:
    found = []
    for uid in () if contact is None else contact.customers:
        customer = people.customer(uid)
        found.append((uid, "" if customer is None else customer.name))
    return found
