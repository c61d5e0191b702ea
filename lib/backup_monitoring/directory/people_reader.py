"""Reads people from the directory: contacts of accounts, persons, customers, resellers."""

from collections.abc import Iterator
from typing import NamedTuple

from backup_monitoring.directory.attributes import AttributeReader, EntryValues
from backup_monitoring.directory.base import Directory
from backup_monitoring.directory.bases import MissingBaseError
from backup_monitoring.directory.dn import Normalised, normalize_dn
from backup_monitoring.directory.entries import Entry
from backup_monitoring.directory.filters import escape_value
from backup_monitoring.model import MAX_ADDRESSES, Contact, Customer, Person, Reseller
from backup_monitoring.settings import AttributeNames, DirectorySettings

_GIVEN_NAME, _SURNAME, _COMPANY = "givenName", "sn", "o"
_IS_COMPANY, _IS_DEFAULT = "sstIsCompany", "sstIsDefault"
_TITLE, _GENDER = "sstTitle", "sstGender"
_MAIL_TO, _MAIL_FROM = "sstMailTo", "sstMailFrom"
_INFORM, _PROBLEMS = "sstInformPersonUID", "sstNotificationWarning"
_PERSONS = "(objectClass=sstPerson)"
_CUSTOMERS = "(objectClass=sstCustomer)"
_ADDRESS, _NOTIFICATIONS, _SETTINGS = (
    (("ou", word),) for word in ("address", "notifications", "settings")
)


class MissingBase(NamedTuple):
    """A *base* without visible entries; *problem* is the directory's error, if it gave one."""

    base: str
    problem: str = ""


class ContactReader:
    """Reads contacts from the entries of accounts, of which it needs *attributes*."""

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
        """Return the contact in *entry* of the account *uid*."""
        names, values = self._names, EntryValues(*entry)
        return Contact(
            uid,
            entry.dn,
            name=entry.text(names.name) or "",
            # Several values, which only a file can have, make an invalid one.
            warning_on=", ".join(entry.texts(names.warning_on)),
            medium=", ".join(entry.texts(names.medium)),
            warning_numbers=values.number(self._numbers, 0, 99),
            warning_days=values.number(self._days, 0, 99),
            mails=_list_few(entry, names.mail),
            language=entry.text(names.language) or "",
            person=", ".join(entry.texts(names.person)),
            customers=tuple(entry.texts(names.customer)),
            resellers=tuple(entry.texts(names.reseller)),
            host=entry.text(names.host) or "",
        )


class LivePeople:
    """The `People` of a directory, with a search per look-up.

    *unseen* has the bases that do not exist or are hidden: nobody is found below them.

    Raises:
        DirectoryError: the answer is not complete; every method may.
    """

    def __init__(self, directory: Directory, settings: DirectorySettings) -> None:
        self.unseen: dict[str, MissingBase] = {}
        self._directory = directory
        self._settings = settings
        self._resellers: dict[str, Reseller] | None = None

    def contact(self, uid: str) -> Contact | None:
        """Return the contact of the account *uid*."""
        if not _is_valid(uid):
            return None
        settings, reader = self._settings, ContactReader(self._settings.attributes)
        ldap_filter = f"({settings.attributes.uid}={escape_value(uid)})"
        # Without the accounts' base no account can be read: that is an error, not "nobody".
        entries = [*self._directory.entries(settings.accounts_base, ldap_filter, reader.attributes)]
        return reader.contact(entries[0], _get_uid(entries[0], settings, uid)) if entries else None

    def person(self, uid: str) -> Person | None:
        """Return the person *uid*."""
        names, base = self._settings.attributes, self._settings.people_base
        entry = self._find(base, _PERSONS, uid, _list_person_attributes(names))
        return _make_person(entry, names) if entry else None

    def customer(self, uid: str) -> Customer | None:
        """Return the customer *uid*."""
        names, base = self._settings.attributes, self._settings.customers_base
        entry = self._find(base, _CUSTOMERS, uid, _list_customer_attributes(names))
        if entry is None:
            return None
        address = None
        if not _get_own_name(entry):
            address = self._read_entry(f"ou=address,{entry.dn}", _NAME_ATTRIBUTES)
        return _make_customer(entry, names, _get_person_name(address) if address else "")

    def reseller(self, uid: str) -> Reseller | None:
        """Return the settings of the reseller *uid*, the default ones if it has none."""
        if self._resellers is None:
            self._resellers = self._read_all_resellers()
        if own := self._resellers.get(uid.lower()):
            return own
        defaults = [each for each in self._resellers.values() if each.is_default]
        return min(defaults, key=lambda each: each.uid, default=None)

    def _find(
        self, base: str, of_class: str, uid: str, attributes: tuple[str, ...]
    ) -> Entry | None:
        if not _is_valid(uid):
            return None
        ldap_filter = f"(&{of_class}({self._settings.attributes.uid}={escape_value(uid)}))"
        try:
            entries = [*self._directory.entries(base, ldap_filter, attributes)]
        except MissingBaseError as error:
            self.unseen[base] = MissingBase(base, error.problem)
            return None
        return entries[0] if entries else None

    def _read_entry(self, dn: str, attributes: tuple[str, ...]) -> Entry | None:
        try:
            return self._directory.entry(dn, attributes)
        except MissingBaseError as error:
            self.unseen[dn] = MissingBase(dn, error.problem)
            return None

    def _read_all_resellers(self) -> dict[str, Reseller]:
        # All in one search: they are few, and each of them alone takes two reads, a reseller
        # without settings a third.
        resellers: dict[str, Reseller] = {}
        base = self._settings.reseller_settings_base
        try:
            for each in _read_resellers(self._directory, self._settings):
                resellers.setdefault(each.uid.lower(), each)
        except MissingBaseError as error:
            self.unseen[base] = MissingBase(base, error.problem)
        return resellers


def _is_valid(uid: str) -> bool:
    # A directory has no name that is not text.
    return uid != "" and uid.isprintable()


def read_people(
    directory: Directory, settings: DirectorySettings
) -> Iterator[Person | Customer | Reseller | MissingBase]:
    """Yield all people, and a `MissingBase` for each base without any.

    Raises:
        DirectoryError: the answer is not complete.
    """
    for base, read in (
        (settings.people_base, _read_persons),
        (settings.customers_base, _read_customers),
        (settings.reseller_settings_base, _read_resellers),
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


def _read_persons(directory: Directory, settings: DirectorySettings) -> Iterator[Person]:
    names = settings.attributes
    for entry in directory.entries(settings.people_base, _PERSONS, _list_person_attributes(names)):
        yield _make_person(entry, names)


def _read_customers(directory: Directory, settings: DirectorySettings) -> Iterator[Customer]:
    """Yield customers, those without a name of their own last: theirs is in another entry."""
    base, names = normalize_dn(settings.customers_base), settings.attributes
    nameless: dict[Normalised, Entry] = {}
    addresses: dict[Normalised, str] = {}
    for entry in directory.tree(
        settings.customers_base,
        f"(|{_CUSTOMERS}(objectClass=sstAddress))",
        (*_list_customer_attributes(names), "objectClass"),
    ):
        dn = normalize_dn(entry.dn)
        if dn[1:] == base and not _has_class(entry, "sstCustomer"):
            continue
        if dn[1:] == base and _get_own_name(entry):
            yield _make_customer(entry, names, "")
        elif dn[1:] == base:
            nameless[dn] = entry
        elif dn[2:] == base and dn[0] == _ADDRESS:
            addresses[dn[1:]] = _get_person_name(entry)
    for dn, entry in nameless.items():
        yield _make_customer(entry, names, addresses.get(dn, ""))


def _read_resellers(directory: Directory, settings: DirectorySettings) -> Iterator[Reseller]:
    """Yield the settings of resellers; all are read first, since their entries have no order."""
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
    for dn, entries in parts.items():
        top = entries.get(None)
        uid = (top and top.text(names.uid)) or dn[0][0][1]
        top_dn = top.dn if top else _get_parent(next(iter(entries.values())).dn)
        children = entries.get(_NOTIFICATIONS), entries.get(_SETTINGS)
        reseller = _make_reseller(uid, top_dn, *children, names)
        yield reseller._replace(is_default=top is not None and _is_true(top, _IS_DEFAULT))


def _get_parent(dn: str) -> str:
    return dn.partition(",")[2].lstrip(" ")


def _has_class(entry: Entry, name: str) -> bool:
    return name.lower() in map(str.lower, entry.texts("objectClass"))


def _is_true(entry: Entry, attribute: str) -> bool:
    return (entry.text(attribute) or "").upper() == "TRUE"


def _get_uid(entry: Entry, settings: DirectorySettings, asked: str) -> str:
    """Return the account's uid, in the entry's spelling."""
    uids = entry.texts(settings.attributes.uid)
    return next((uid for uid in uids if uid.lower() == asked.lower()), asked)


def _list_few(entry: Entry, attribute: str) -> tuple[str, ...]:
    """Return the values of *attribute* that are used, and one more if there are more."""
    return tuple(entry.texts(attribute)[: MAX_ADDRESSES + 1])


def _list_person_attributes(names: AttributeNames) -> tuple[str, ...]:
    own = (_GIVEN_NAME, _SURNAME, _TITLE, _GENDER)
    return (names.uid, *own, names.language, names.mail)


def _make_person(entry: Entry, names: AttributeNames) -> Person:
    return Person(
        entry.text(names.uid) or "",
        entry.dn,
        given_name=entry.text(_GIVEN_NAME) or "",
        surname=entry.text(_SURNAME) or "",
        title=entry.text(_TITLE) or "",
        gender=(entry.text(_GENDER) or "").lower(),
        language=entry.text(names.language) or "",
        mails=_list_few(entry, names.mail),
    )


_NAME_ATTRIBUTES = (_GIVEN_NAME, _SURNAME)
_NOTIFICATION_ATTRIBUTES = (_MAIL_TO, _INFORM, _PROBLEMS)


def _list_customer_attributes(names: AttributeNames) -> tuple[str, ...]:
    return (names.uid, _COMPANY, _IS_COMPANY, *_NAME_ATTRIBUTES)


def _get_own_name(entry: Entry) -> str:
    """Return the name in the customer's own entry: the company's, or the person's."""
    company = (entry.text(_COMPANY) or "") if _is_true(entry, _IS_COMPANY) else ""
    return company or _get_person_name(entry)


def _get_person_name(entry: Entry) -> str:
    return f"{entry.text(_GIVEN_NAME) or ''} {entry.text(_SURNAME) or ''}".strip()


def _make_customer(entry: Entry, names: AttributeNames, address: str) -> Customer:
    name = _get_own_name(entry) or address or entry.text(_COMPANY) or ""
    return Customer(entry.text(names.uid) or "", entry.dn, name)


def _make_reseller(
    uid: str,
    dn: str,
    notifications: Entry | None,
    settings: Entry | None,
    names: AttributeNames,
) -> Reseller:
    notifications, settings = notifications or Entry("", {}), settings or Entry("", {})
    return Reseller(
        uid,
        dn,
        mail_to=_list_few(notifications, _MAIL_TO),
        persons=_list_few(notifications, _INFORM),
        problems=frozenset(word.strip().lower() for word in notifications.texts(_PROBLEMS)),
        mail_from=settings.text(_MAIL_FROM) or "",
        language=settings.text(names.language) or "",
    )
