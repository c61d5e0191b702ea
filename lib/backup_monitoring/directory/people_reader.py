"""Reads people from the directory: contacts of accounts, persons, customers, resellers."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from backup_monitoring.directory.attributes import AttributeReader, EntryValues
from backup_monitoring.directory.base import Directory
from backup_monitoring.directory.bases import MissingBaseError
from backup_monitoring.directory.dn import Normalised, normalize_dn
from backup_monitoring.directory.entries import Entry
from backup_monitoring.directory.filters import escape_value
from backup_monitoring.model import Contact, Customer, PeopleTable, Person, Reseller
from backup_monitoring.settings import AttributeNames, DirectorySettings

T = TypeVar("T")

_GIVEN_NAME, _SURNAME, _COMPANY = "givenName", "sn", "o"
_IS_COMPANY, _IS_DEFAULT = "sstIsCompany", "sstIsDefault"
_TITLE, _GENDER, _TIME_ZONE = "sstTitle", "sstGender", "sstTimeZoneOffset"
_MAIL_TO, _MAIL_FROM = "sstMailTo", "sstMailFrom"
_INFORM, _PROBLEMS = "sstInformPersonUID", "sstNotificationWarning"
_PERSONS = "(objectClass=sstPerson)"
_CUSTOMERS = "(objectClass=sstCustomer)"
_ADDRESS, _NOTIFICATIONS, _SETTINGS = (
    (("ou", word),) for word in ("address", "notifications", "settings")
)


class MissingBase(NamedTuple):
    """A base that shows nothing: *base*, and *problem* if the directory said one."""

    base: str
    problem: str = ""


class ContactReader:
    """Reads contacts from the entries of accounts; *attributes* are those it needs."""

    def __init__(self, names: AttributeNames) -> None:
        self._names = names
        self._numbers = AttributeReader(names.warning_numbers)
        self._days = AttributeReader(names.warning_days)
        self.attributes = (
            *(names.uid, names.name, names.warning_on, names.warning_numbers, names.warning_days),
            *(names.medium, names.mail, names.language, names.person, names.customer),
            *(names.reseller, names.host),
        )

    def contact(self, entry: Entry, uid: str) -> Contact:
        """Return what *entry* of account *uid* says about whom to tell."""
        names, values = self._names, EntryValues(*entry)
        return Contact(
            uid,
            entry.dn,
            name=entry.text(names.name) or "",
            # several values, which only a file can have, are none that anybody understands
            warning_on=", ".join(entry.texts(names.warning_on)),
            medium=", ".join(entry.texts(names.medium)),
            warning_numbers=values.number(self._numbers, 0, 99),
            warning_days=values.number(self._days, 0, 99),
            mails=tuple(entry.texts(names.mail)),
            language=entry.text(names.language) or "",
            person=", ".join(entry.texts(names.person)),
            customers=tuple(entry.texts(names.customer)),
            resellers=tuple(entry.texts(names.reseller)),
            host=entry.text(names.host) or "",
        )


class LivePeople:
    """Looks up people in the directory, each when it is asked for, and once.

    A base that is not there, or hidden, has nobody, and is noted in *unseen*. Every method
    raises DirectoryError if the directory does not answer.
    """

    def __init__(self, directory: Directory, settings: DirectorySettings) -> None:
        self.unseen: dict[str, MissingBase] = {}
        self._directory = directory
        self._settings = settings
        self._contacts = _Once(self._contact)
        self._persons = _Once(self._person)
        self._customers = _Once(self._customer)
        self._resellers: PeopleTable | None = None

    def contact(self, uid: str) -> Contact | None:
        """See `backup_monitoring.notify.people.People`."""
        return self._contacts.get(uid)

    def person(self, uid: str) -> Person | None:
        """See `backup_monitoring.notify.people.People`."""
        return self._persons.get(uid)

    def customer(self, uid: str) -> Customer | None:
        """See `backup_monitoring.notify.people.People`."""
        return self._customers.get(uid)

    def reseller(self, uid: str) -> Reseller | None:
        """See `backup_monitoring.notify.people.People`."""
        if self._resellers is None:
            self._resellers = self._every_reseller()
        return self._resellers.reseller(uid)

    def _contact(self, uid: str) -> Contact | None:
        settings, reader = self._settings, ContactReader(self._settings.attributes)
        ldap_filter = f"({settings.attributes.uid}={escape_value(uid)})"
        # An account's base that is not there is no answer: it is every account's.
        found = [*self._directory.entries(settings.accounts_base, ldap_filter, reader.attributes)]
        return reader.contact(found[0], _uid(found[0], settings, uid)) if found else None

    def _person(self, uid: str) -> Person | None:
        names, base = self._settings.attributes, self._settings.people_base
        found = self._named(base, _PERSONS, uid, _person_attributes(names))
        return _person(found, names) if found else None

    def _customer(self, uid: str) -> Customer | None:
        names, base = self._settings.attributes, self._settings.customers_base
        found = self._named(base, _CUSTOMERS, uid, _customer_attributes(names))
        if found is None:
            return None
        address = None
        if not _own_name(found):
            address = self._entry(f"ou=address,{found.dn}", _NAME_ATTRIBUTES)
        return _customer(found, names, _person_name(address) if address else "")

    def _named(
        self, base: str, of_class: str, uid: str, attributes: tuple[str, ...]
    ) -> Entry | None:
        ldap_filter = f"(&{of_class}({self._settings.attributes.uid}={escape_value(uid)}))"
        found = self._seen(base, ldap_filter, attributes)
        return found[0] if found else None

    def _seen(self, base: str, ldap_filter: str, attributes: tuple[str, ...]) -> list[Entry]:
        try:
            return [*self._directory.entries(base, ldap_filter, attributes)]
        except MissingBaseError as error:
            self.unseen[base] = MissingBase(base, error.problem)
            return []

    def _entry(self, dn: str, attributes: tuple[str, ...]) -> Entry | None:
        try:
            return self._directory.entry(dn, attributes)
        except MissingBaseError as error:
            self.unseen[dn] = MissingBase(dn, error.problem)
            return None

    def _every_reseller(self) -> PeopleTable:
        # All at once: they are few, and one search is sooner done than two reads a reseller, and
        # one for each that has none.
        base = self._settings.reseller_settings_base
        try:
            return PeopleTable.of(_resellers(self._directory, self._settings))
        except MissingBaseError as error:
            self.unseen[base] = MissingBase(base, error.problem)
            return PeopleTable.of(())


class _Once(dict[str, T | None]):
    """What *read* has returned by uid."""

    def __init__(self, read: Callable[[str], T | None]) -> None:
        self._read = read

    def get(self, uid: str) -> T | None:  # type: ignore[override]
        key = uid.lower()
        if key not in self:
            # A name that cannot be written as text is nobody's.
            self[key] = self._read(uid) if uid and uid.isprintable() else None
        return self[key]


def read_people(
    directory: Directory, settings: DirectorySettings
) -> Iterator[Person | Customer | Reseller | MissingBase]:
    """Yield everybody, and each base that shows nobody.

    Raises:
        DirectoryError: the answer is not complete.
    """
    for base, read in (
        (settings.people_base, _persons),
        (settings.customers_base, _customers),
        (settings.reseller_settings_base, _resellers),
    ):
        empty = True
        try:
            for each in read(directory, settings):
                empty = False
                yield each
        except MissingBaseError as error:
            yield MissingBase(base, error.problem)
        else:
            if empty:
                yield MissingBase(base)


def _persons(directory: Directory, settings: DirectorySettings) -> Iterator[Person]:
    names = settings.attributes
    for entry in directory.entries(settings.people_base, _PERSONS, _person_attributes(names)):
        yield _person(entry, names)


def _customers(directory: Directory, settings: DirectorySettings) -> Iterator[Customer]:
    """Yield customers; those without a name of their own when all addresses are read."""
    base, names = normalize_dn(settings.customers_base), settings.attributes
    nameless: dict[Normalised, Entry] = {}
    addresses: dict[Normalised, str] = {}
    for entry in directory.tree(
        settings.customers_base,
        f"(|{_CUSTOMERS}(objectClass=sstAddress))",
        (*_customer_attributes(names), "objectClass"),
    ):
        dn = normalize_dn(entry.dn)
        if dn[1:] == base and not _has_class(entry, "sstCustomer"):
            continue
        if dn[1:] == base and _own_name(entry):
            yield _customer(entry, names, "")
        elif dn[1:] == base:
            nameless[dn] = entry
        elif dn[2:] == base and dn[0] == _ADDRESS:
            addresses[dn[1:]] = _person_name(entry)
    for dn, entry in nameless.items():
        yield _customer(entry, names, addresses.get(dn, ""))


def _resellers(directory: Directory, settings: DirectorySettings) -> Iterator[Reseller]:
    """Yield the settings of resellers; they are few, and their parts come in any order."""
    base, names = normalize_dn(settings.reseller_settings_base), settings.attributes
    parts: dict[Normalised, dict[object, Entry]] = {}
    for entry in directory.tree(
        settings.reseller_settings_base,
        f"(|({names.uid}=*)(ou=notifications)(ou=settings))",
        (names.uid, _IS_DEFAULT, *_NOTIFICATION_ATTRIBUTES, _MAIL_FROM, names.language),
    ):
        dn = normalize_dn(entry.dn)
        if dn[1:] == base:
            parts.setdefault(dn, {})[None] = entry
        elif dn[2:] == base and dn[0] in (_NOTIFICATIONS, _SETTINGS):
            parts.setdefault(dn[1:], {})[dn[0]] = entry
    for dn, found in parts.items():
        itself = found.get(None)
        uid = (itself and itself.text(names.uid)) or dn[0][0][1]
        where = itself.dn if itself else _parent(next(iter(found.values())).dn)
        children = found.get(_NOTIFICATIONS), found.get(_SETTINGS)
        made = _reseller(uid, where, *children, names)
        yield made._replace(is_default=itself is not None and _is_true(itself, _IS_DEFAULT))


def _parent(dn: str) -> str:
    return dn.partition(",")[2].lstrip(" ")


def _has_class(entry: Entry, name: str) -> bool:
    return name.lower() in map(str.lower, entry.texts("objectClass"))


def _is_true(entry: Entry, attribute: str) -> bool:
    return (entry.text(attribute) or "").upper() == "TRUE"


def _uid(entry: Entry, settings: DirectorySettings, asked: str) -> str:
    """Return the account's uid as the entry writes it."""
    uids = entry.texts(settings.attributes.uid)
    return next((uid for uid in uids if uid.lower() == asked.lower()), asked)


def _person_attributes(names: AttributeNames) -> tuple[str, ...]:
    own = (_GIVEN_NAME, _SURNAME, _TITLE, _GENDER, _TIME_ZONE)
    return (names.uid, *own, names.language, names.mail)


def _person(entry: Entry, names: AttributeNames) -> Person:
    return Person(
        entry.text(names.uid) or "",
        entry.dn,
        given_name=entry.text(_GIVEN_NAME) or "",
        surname=entry.text(_SURNAME) or "",
        title=entry.text(_TITLE) or "",
        gender=(entry.text(_GENDER) or "").lower(),
        language=entry.text(names.language) or "",
        mails=tuple(entry.texts(names.mail)),
        time_zone=entry.text(_TIME_ZONE) or "",
    )


_NAME_ATTRIBUTES = (_GIVEN_NAME, _SURNAME)
_NOTIFICATION_ATTRIBUTES = (_MAIL_TO, _INFORM, _PROBLEMS)


def _customer_attributes(names: AttributeNames) -> tuple[str, ...]:
    return (names.uid, _COMPANY, _IS_COMPANY, *_NAME_ATTRIBUTES)


def _own_name(entry: Entry) -> str:
    """Return the name that the customer's own entry has: the company's, or the person's."""
    company = (entry.text(_COMPANY) or "") if _is_true(entry, _IS_COMPANY) else ""
    return company or _person_name(entry)


def _person_name(entry: Entry) -> str:
    return f"{entry.text(_GIVEN_NAME) or ''} {entry.text(_SURNAME) or ''}".strip()


def _customer(entry: Entry, names: AttributeNames, address: str) -> Customer:
    name = _own_name(entry) or address or entry.text(_COMPANY) or ""
    return Customer(entry.text(names.uid) or "", entry.dn, name)


def _reseller(
    uid: str,
    dn: str,
    notifications: Entry | None,
    settings: Entry | None,
    names: AttributeNames,
) -> Reseller:
    told, said = notifications or Entry("", {}), settings or Entry("", {})
    return Reseller(
        uid,
        dn,
        mail_to=tuple(told.texts(_MAIL_TO)),
        persons=tuple(told.texts(_INFORM)),
        problems=frozenset(word.strip().lower() for word in told.texts(_PROBLEMS)),
        mail_from=said.text(_MAIL_FROM) or "",
        language=said.text(names.language) or "",
    )
