"""Collects accounts and their people from the directory, for a collector run."""

from collections.abc import Iterator
from datetime import datetime

from backup_monitoring.directory import (
    ContactReader,
    Directory,
    MissingBase,
    read_known_accounts,
    read_people,
)
from backup_monitoring.model import Account, Contact, Finding
from backup_monitoring.settings import DirectorySettings
from backup_monitoring.store.writer import StoreWriter


class PeopleCollector:
    """Writes the people of *directory* with *writer*, while it reads the accounts."""

    def __init__(
        self, directory: Directory, settings: DirectorySettings, writer: StoreWriter
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._writer = writer
        self._named_bases: set[str] = set()

    def read_accounts(self, now: datetime) -> Iterator[tuple[Account, bool, Contact]]:
        """Yield each account, whether it is in scope, and its contact, which is written.

        Raises:
            DirectoryError: the answer is not complete.
        """
        reader = ContactReader(self._settings.attributes)
        accounts = read_known_accounts(self._directory, self._settings, now, reader.attributes)
        for account, in_scope, entry in accounts:
            contact = reader.contact(entry, account.uid)
            self._note_bases(contact)
            self._writer.add_people((contact,))
            yield account, in_scope, contact

    def _note_bases(self, contact: Contact) -> None:
        settings = self._settings
        if contact.person:
            self._named_bases.add(settings.people_base)
        if contact.customers:
            self._named_bases.add(settings.customers_base)
        if contact.resellers:
            self._named_bases.add(settings.reseller_settings_base)

    def collect_others(self) -> list[Finding]:
        """Write persons, customers and resellers, after the accounts.

        Returns:
            A finding for each base that shows no entry although accounts refer to some.

        Raises:
            DirectoryError: the answer is not complete.
        """
        findings = []
        for each in read_people(self._directory, self._settings):
            if not isinstance(each, MissingBase):
                self._writer.add_people((each,))
            elif each.base in self._named_bases:
                reason = f" ({each.problem})" if each.problem else ""
                problem = f"accounts refer to entries below it, and none is visible{reason}"
                findings.append(Finding("contacts", each.base, problem))
        return findings
