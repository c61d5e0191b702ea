"""Where people are looked up."""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple, Protocol

from backup_monitoring.notify.model import Contact, Customer, Person, Reseller


class People(Protocol):
    """Looks up people by uid, whatever its case; None for one who is not there.

    Each may raise what its source raises: DirectoryError, or StoreError.
    """

    def contact(self, uid: str) -> Contact | None:
        """Return what the account *uid* says about whom to tell."""

    def person(self, uid: str) -> Person | None:
        """Return the person *uid*."""

    def customer(self, uid: str) -> Customer | None:
        """Return the customer *uid*."""

    def reseller(self, uid: str) -> Reseller | None:
        """Return the settings of reseller *uid*, the default ones (another uid) if it has none."""


class Gathered(NamedTuple):
    """People in memory."""

    contacts: dict[str, Contact]
    persons: dict[str, Person]
    customers: dict[str, Customer]
    resellers: dict[str, Reseller]

    @classmethod
    def of(cls, people: Iterable[Contact | Person | Customer | Reseller]) -> "Gathered":
        """Return *people* by their uids; of two with one uid the first counts."""
        gathered = cls({}, {}, {}, {})
        for each in people:
            key = each.uid.lower()
            match each:
                case Contact():
                    gathered.contacts.setdefault(key, each)
                case Person():
                    gathered.persons.setdefault(key, each)
                case Customer():
                    gathered.customers.setdefault(key, each)
                case Reseller():
                    gathered.resellers.setdefault(key, each)
        return gathered

    def contact(self, uid: str) -> Contact | None:
        """See `People`."""
        return self.contacts.get(uid.lower())

    def person(self, uid: str) -> Person | None:
        """See `People`."""
        return self.persons.get(uid.lower())

    def customer(self, uid: str) -> Customer | None:
        """See `People`."""
        return self.customers.get(uid.lower())

    def reseller(self, uid: str) -> Reseller | None:
        """See `People`."""
        own = self.resellers.get(uid.lower())
        if own is not None:
            return own
        defaults = [each for each in self.resellers.values() if each.is_default]
        return min(defaults, key=lambda each: each.uid, default=None)


class Remembered:
    """Asks *people* for each only once."""

    def __init__(self, people: People) -> None:
        self.contact = cache(lambda uid: people.contact(uid))
        self.person = cache(lambda uid: people.person(uid))
        self.customer = cache(lambda uid: people.customer(uid))
        self.reseller = cache(lambda uid: people.reseller(uid))
