"""Reads accounts with their people from the directory, for a pass."""

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


class DirectoryCollector:
    """Writes the people of *directory* into *writer*, beside the accounts."""

    def __init__(
        self, directory: Directory, settings: DirectorySettings, writer: StoreWriter
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._writer = writer
        self._named: set[str] = set()

    def accounts(self, now: datetime) -> Iterator[tuple[Account, bool]]:
        """Yield what `known_accounts` does; write each one's contact."""
        reader = ContactReader(self._settings.attributes)
        found = read_known_accounts(self._directory, self._settings, now, reader.attributes)
        for account, in_scope, entry in found:
            contact = reader.contact(entry, account.uid)
            self._note(contact)
            self._writer.add_people((contact,))
            yield account, in_scope

    def _note(self, contact: Contact) -> None:
        settings = self._settings
        if contact.person:
            self._named.add(settings.people_base)
        if contact.customers:
            self._named.add(settings.customers_base)
        if contact.resellers:
            self._named.add(settings.reseller_settings_base)

    def people(self) -> list[Finding]:
        """Write all others, after the accounts; a base that shows nobody is one finding.

        Raises:
            DirectoryError: the answer is not complete.
        """
        findings = []
        for each in read_people(self._directory, self._settings):
            if not isinstance(each, MissingBase):
                self._writer.add_people((each,))
            elif each.base in self._named:
                why = f" ({each.problem})" if each.problem else ""
                problem = f"accounts name entries here, and none is to be seen{why}"
                findings.append(Finding("contacts", each.base, problem))
        return findings
