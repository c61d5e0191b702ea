"""The people and companies behind an account, and how to look them up."""

from collections.abc import Iterable
from datetime import timedelta, timezone
from functools import cache
from typing import NamedTuple, Protocol

_LARGEST_OFFSET = timedelta(hours=14)


class Contact(NamedTuple):
    """Whom to notify according to the entry of an account, unchecked; '' if a value is missing.

    Args:
        uid, dn: of the account. name: ``cn``.
        warning_on: ``sstBackupWarningOn``. medium: ``sstNotificationWarningMedium``.
        warning_numbers, warning_days: None if missing or not valid.
        mails: ``mail``. language: ``preferredLanguage``.
        person: ``sstBelongsToPersonUID``.
        customers, resellers: uids of ``sstBelongsToCustomerUID``, ``sstBelongsToResellerUID``.
        host: the backup server.
    """

    uid: str
    dn: str
    name: str = ""
    warning_on: str = ""
    medium: str = ""
    warning_numbers: int | None = None
    warning_days: int | None = None
    mails: tuple[str, ...] = ()
    language: str = ""
    person: str = ""
    customers: tuple[str, ...] = ()
    resellers: tuple[str, ...] = ()
    host: str = ""


class Person(NamedTuple):
    """A person's entry; *gender* is ``m``, ``f`` or '', *time_zone* for example ``UTC+01``."""

    uid: str
    dn: str
    given_name: str = ""
    surname: str = ""
    title: str = ""
    gender: str = ""
    language: str = ""
    mails: tuple[str, ...] = ()
    time_zone: str = ""

    @property
    def name(self) -> str:
        """The full name, for a greeting."""
        return f"{self.given_name} {self.surname}".strip()

    @property
    def zone(self) -> timezone | None:
        """The person's fixed offset from UTC, None if the entry has none, or not a valid one."""
        sign, digits = self.time_zone[3:4], self.time_zone[4:].replace(":", "")
        plain = self.time_zone[:3] == "UTC" and digits.isascii() and digits.isdigit()
        if not plain or sign not in ("+", "-") or len(digits) not in (2, 4):
            return None
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
        return timezone(-offset if sign == "-" else offset) if offset <= _LARGEST_OFFSET else None


class Customer(NamedTuple):
    """A customer's entry; *name* is that of the company, or of the person."""

    uid: str
    dn: str
    name: str = ""


class Reseller(NamedTuple):
    """A reseller's settings for the backup service, from the entries below its configuration.

    Args:
        uid: the reseller. dn: of its settings.
        mail_to: ``sstMailTo``, addresses or ``Name <address>``.
        persons: ``sstInformPersonUID``.
        problems: ``sstNotificationWarning``, in lower case.
        mail_from: ``sstMailFrom``. language: ``preferredLanguage``.
        is_default: they apply to resellers without settings of their own.
    """

    uid: str
    dn: str
    mail_to: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    problems: frozenset[str] = frozenset()
    mail_from: str = ""
    language: str = ""
    is_default: bool = False


class People(Protocol):
    """Looks up people by uid, ignoring case; None for one that does not exist.

    Every method may raise the error of its source: DirectoryError, or StoreError.
    """

    def contact(self, uid: str) -> Contact | None:
        """Return the contact of the account *uid*."""

    def person(self, uid: str) -> Person | None:
        """Return the person with this uid."""

    def customer(self, uid: str) -> Customer | None:
        """Return the customer with this uid."""

    def reseller(self, uid: str) -> Reseller | None:
        """Return the settings of reseller *uid*, else the default ones (with another uid)."""


class PeopleTable(NamedTuple):
    """`People` in memory, by uid in lower case."""

    contacts: dict[str, Contact]
    persons: dict[str, Person]
    customers: dict[str, Customer]
    resellers: dict[str, Reseller]

    @classmethod
    def of(cls, people: Iterable[Contact | Person | Customer | Reseller]) -> "PeopleTable":
        """Return a table of *people*; of two with the same uid the first counts."""
        table = cls({}, {}, {}, {})
        for entry in people:
            key = entry.uid.lower()
            match entry:
                case Contact():
                    table.contacts.setdefault(key, entry)
                case Person():
                    table.persons.setdefault(key, entry)
                case Customer():
                    table.customers.setdefault(key, entry)
                case Reseller():
                    table.resellers.setdefault(key, entry)
        return table

    def contact(self, uid: str) -> Contact | None:
        """Return the contact of the account *uid*."""
        return self.contacts.get(uid.lower())

    def person(self, uid: str) -> Person | None:
        """Return the person with this uid."""
        return self.persons.get(uid.lower())

    def customer(self, uid: str) -> Customer | None:
        """Return the customer with this uid."""
        return self.customers.get(uid.lower())

    def reseller(self, uid: str) -> Reseller | None:
        """Return the settings of reseller *uid*, else the default ones."""
        own = self.resellers.get(uid.lower())
        if own is not None:
            return own
        defaults = [reseller for reseller in self.resellers.values() if reseller.is_default]
        return min(defaults, key=lambda reseller: reseller.uid, default=None)


class CachedPeople:
    """`People` that looks up each uid in *people* only once."""

    def __init__(self, people: People) -> None:
        self.contact = cache(lambda uid: people.contact(uid))
        self.person = cache(lambda uid: people.person(uid))
        self.customer = cache(lambda uid: people.customer(uid))
        self.reseller = cache(lambda uid: people.reseller(uid))
