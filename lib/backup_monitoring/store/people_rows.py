"""People in the state file: writing their rows, and looking them up."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from backup_monitoring.model import Codec, Contact, Customer, Person, Reseller
from backup_monitoring.store.files import UNREADABLE, StoreError, make_damage_error
from backup_monitoring.store.schema import make_key, read_name

T = TypeVar("T")

_CONTACT: Codec[Contact] = Codec(Contact)
_PERSON: Codec[Person] = Codec(Person)
_CUSTOMER: Codec[Customer] = Codec(Customer)
_RESELLER: Codec[Reseller] = Codec(Reseller)
_CODECS: Mapping[type, Codec[Any]] = {
    Contact: _CONTACT,
    Person: _PERSON,
    Customer: _CUSTOMER,
    Reseller: _RESELLER,
}


def make_people_row(entry: Contact | Person | Customer | Reseller) -> tuple[Any, ...]:
    """Return the values of the columns of ``people`` for *entry*."""
    kind = type(entry)
    is_default = isinstance(entry, Reseller) and entry.is_default
    key = make_key(entry.uid)
    if isinstance(entry, Contact):  # the account's own row has these three
        entry = entry._replace(uid="", dn="", host="")
    return kind.__name__, key, is_default, _CODECS[kind].encode(entry)


class StoredPeople:
    """The `People` of an open state file.

    Args:
        db: the open file. where: its name, for errors.

    Raises:
        StoreError: the file is damaged; every method may.
    """

    def __init__(self, db: sqlite3.Connection, where: str) -> None:
        self._db = db
        self._where = where

    def _fetch(self, query: str, *values: str) -> Any:
        try:
            return self._db.execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise StoreError(
                self._where, f"cannot be read ({error})", "run collect_backup_state again"
            ) from None

    def _find(self, kind: type, uid: str) -> Any:
        query = "SELECT entry FROM people WHERE kind = ? AND key = ?"
        return self._fetch(query, kind.__name__, make_key(uid))

    def _decode(self, codec: Codec[T], text: str) -> T:
        try:
            return codec.decode(text)
        except UNREADABLE as error:
            raise make_damage_error(Path(self._where), error) from None

    def contact(self, uid: str) -> Contact | None:
        """Return the contact of the account *uid*."""
        row = self._fetch(
            "SELECT uid, dn, hosts, entry FROM accounts JOIN people USING (key) "
            "WHERE kind = 'Contact' AND key = ? ORDER BY id LIMIT 1",
            make_key(uid),
        )
        if row is None:
            return None
        name, dn, hosts, text = row
        contact = self._decode(_CONTACT, text)
        try:
            host = read_name(hosts or "").partition("\n")[0]
            return contact._replace(uid=read_name(name), dn=read_name(dn), host=host)
        except UNREADABLE as error:
            raise make_damage_error(Path(self._where), error) from None

    def person(self, uid: str) -> Person | None:
        """Return the person *uid*."""
        row = self._find(Person, uid)
        return self._decode(_PERSON, row[0]) if row else None

    def customer(self, uid: str) -> Customer | None:
        """Return the customer *uid*."""
        row = self._find(Customer, uid)
        return self._decode(_CUSTOMER, row[0]) if row else None

    def reseller(self, uid: str) -> Reseller | None:
        """Return the settings of the reseller *uid*, the default ones if it has none."""
        row = self._find(Reseller, uid) or self._fetch(
            "SELECT entry FROM people WHERE kind = 'Reseller' AND is_default ORDER BY key LIMIT 1"
        )
        return self._decode(_RESELLER, row[0]) if row else None
