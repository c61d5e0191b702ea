"""The people and companies of an account, and how they are looked up."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, TypeVar

T = TypeVar("T")

MAX_ADDRESSES = 20  # of one entry, so that nobody can make this server send mail in quantity


class Contact(NamedTuple):
    """The attributes of an account's entry that concern notifications, as written there.

    Args:
        uid, dn: of the account. name: its ``cn``. A text is '' where the attribute is missing.
        warning_on: ``sstBackupWarningOn``. medium: ``sstNotificationWarningMedium``.
        warning_numbers, warning_days: None where missing or not valid.
        mails: ``mail``, at most ``MAX_ADDRESSES + 1``. language: ``preferredLanguage``.
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


def name_customer(customers: Iterable[str], uid: str) -> str:
    """Return a name for the customer of the account *uid*, by which customers can be counted.

    Args:
        customers: of its entry. Without any, the account stands for itself.
    """
    return min((each.lower() for each in customers), default=f"account {uid}".lower())


class Person(NamedTuple):
    """A person's entry; *gender* is ``m``, ``f`` or '', *mails* at most ``MAX_ADDRESSES + 1``."""

    uid: str
    dn: str
    given_name: str = ""
    surname: str = ""
    title: str = ""
    gender: str = ""
    language: str = ""
    mails: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The person's name for a greeting."""
        return f"{self.given_name} {self.surname}".strip()


class Customer(NamedTuple):
    """A customer's entry: *name* is the company, or the person."""

    uid: str
    dn: str
    name: str = ""


class Reseller(NamedTuple):
    """A reseller's settings for the backup service, from the entries below its configuration.

    Args:
        uid: the reseller. dn: of its settings.
        mail_to: ``sstMailTo``, each an address or ``Name <address>``, at most
            ``MAX_ADDRESSES + 1``.
        persons: ``sstInformPersonUID``, at most ``MAX_ADDRESSES + 1``.
        problems: ``sstNotificationWarning``, lower case.
        mail_from: ``sstMailFrom``. language: ``preferredLanguage``.
        is_default: used for resellers that have no settings.
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
    """Looks up people by uid, ignoring its case; returns None if there is none.

    Every method may raise the error of its source, DirectoryError or StoreError.
    """

    def contact(self, uid: str) -> Contact | None:
        """Return the contact of the account *uid*."""

    def person(self, uid: str) -> Person | None:
        """Return the person *uid*."""

    def customer(self, uid: str) -> Customer | None:
        """Return the customer *uid*."""

    def reseller(self, uid: str) -> Reseller | None:
        """Return the settings of the reseller *uid*, the default ones if it has none."""


class NoPeople:
    """The `People` of a source that cannot be read."""

    def contact(self, uid: str) -> None:
        """Return None, as all of these."""

    person = customer = reseller = contact


class CachedPeople:
    """The `People` of another source, asked once per uid."""

    def __init__(self, people: People) -> None:
        self.contact = _ask_once(people.contact)
        self.person = _ask_once(people.person)
        self.customer = _ask_once(people.customer)
        self.reseller = _ask_once(people.reseller)


def _ask_once(find: Callable[[str], T | None]) -> Callable[[str], T | None]:
    answers: dict[str, T | None] = {}

    def find_cached(uid: str) -> T | None:
        key = uid.lower()
        if key not in answers:
            answers[key] = find(uid)
        return answers[key]

    return find_cached
