"""People and companies whom an account concerns, and how they are looked up."""

from collections.abc import Iterable
from datetime import timedelta, timezone
from functools import cache
from typing import NamedTuple, Protocol


class Contact(NamedTuple):
    """What an account's entry says about whom to tell, as it stands there; '' where missing.

    Args:
        uid, dn: of the account. name: its ``cn``.
        warning_on: ``sstBackupWarningOn``. medium: ``sstNotificationWarningMedium``.
        warning_numbers, warning_days: None where missing or out of sense.
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
    """A person's entry; *gender* is ``m``, ``f`` or ''; *time_zone* such as ``UTC+01``."""

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
        """The person's name for a greeting."""
        return f"{self.given_name} {self.surname}".strip()

    @property
    def zone(self) -> timezone | None:
        """The person's fixed offset from UTC, None where the entry says none."""
        sign, digits = self.time_zone[3:4], self.time_zone[4:].replace(":", "")
        plain = self.time_zone[:3] == "UTC" and digits.isascii() and digits.isdigit()
        if not plain or sign not in ("+", "-") or len(digits) not in (2, 4):
            return None
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
        return timezone(-offset if sign == "-" else offset) if offset <= _FARTHEST else None


_FARTHEST = timedelta(hours=14)


class Customer(NamedTuple):
    """A customer's entry: *name* is the company, or the person."""

    uid: str
    dn: str
    name: str = ""


class Reseller(NamedTuple):
    """A reseller's settings for the backup service, from below its configuration entry.

    Args:
        uid: the reseller. dn: of its settings.
        mail_to: ``sstMailTo``, each perhaps ``Name <address>``.
        persons: ``sstInformPersonUID``.
        problems: ``sstNotificationWarning``, lower case.
        mail_from: ``sstMailFrom``. language: ``preferredLanguage``.
        is_default: these serve resellers that have none.
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


class PeopleTable(NamedTuple):
    """People in memory."""

    contacts: dict[str, Contact]
    persons: dict[str, Person]
    customers: dict[str, Customer]
    resellers: dict[str, Reseller]

    @classmethod
    def of(cls, people: Iterable[Contact | Person | Customer | Reseller]) -> "PeopleTable":
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


class CachedPeople:
    """Asks *people* for each only once."""

    def __init__(self, people: People) -> None:
        self.contact = cache(lambda uid: people.contact(uid))
        self.person = cache(lambda uid: people.person(uid))
        self.customer = cache(lambda uid: people.customer(uid))
        self.reseller = cache(lambda uid: people.reseller(uid))
