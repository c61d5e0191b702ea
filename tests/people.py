"""People in memory, for rules that look them up."""

from collections.abc import Iterable
from typing import NamedTuple

from backup_monitoring.model.people import Contact, Customer, Person, Reseller


class PeopleTable(NamedTuple):
    """The `People` of a table by uid, of two with one uid the first."""

    contacts: dict[str, Contact]
    persons: dict[str, Person]
    customers: dict[str, Customer]
    resellers: dict[str, Reseller]

    @classmethod
    def of(cls, people: Iterable[Contact | Person | Customer | Reseller]) -> "PeopleTable":
        table = cls({}, {}, {}, {})
        for each in people:
            key = each.uid.lower()
            match each:
                case Contact():
                    table.contacts.setdefault(key, each)
                case Person():
                    table.persons.setdefault(key, each)
                case Customer():
                    table.customers.setdefault(key, each)
                case Reseller():
                    table.resellers.setdefault(key, each)
        return table

    def contact(self, uid: str) -> Contact | None:
        return self.contacts.get(uid.lower())

    def person(self, uid: str) -> Person | None:
        return self.persons.get(uid.lower())

    def customer(self, uid: str) -> Customer | None:
        return self.customers.get(uid.lower())

    def reseller(self, uid: str) -> Reseller | None:
        own = self.resellers.get(uid.lower())
        if own is not None:
            return own
        defaults = [each for each in self.resellers.values() if each.is_default]
        return min(defaults, key=lambda each: each.uid, default=None)
