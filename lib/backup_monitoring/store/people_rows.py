"""People in the store's file: their rows, and looking them up."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from backup_monitoring.model import Contact, Customer, Person, Reseller
from backup_monitoring.store.files import StoreError
from backup_monitoring.store.values import write_text

PEOPLE_TABLES = ("contacts", "persons", "customers", "resellers")


def make_people_row(each: Contact | Person | Customer | Reseller) -> tuple[str, tuple[Any, ...]]:
    """Return the statement that writes *each*, the first of its uid, and its values."""
    key = write_text(each.uid).lower()
    match each:
        case Contact():
            # What the account's own row has is not written twice.
            return "INSERT OR IGNORE INTO contacts VALUES (?, ?)", (key, _write(each[2:-1]))
        case Person():
            return "INSERT OR IGNORE INTO persons VALUES (?, ?)", (key, _write(each))
        case Customer():
            return "INSERT OR IGNORE INTO customers VALUES (?, ?)", (key, _write(each))
    values = (key, each.is_default, _write(each))
    return "INSERT OR IGNORE INTO resellers VALUES (?, ?, ?)", values


def _write(values: Iterable[Any]) -> str:
    plain = [sorted(value) if isinstance(value, frozenset) else value for value in values]
    return json.dumps(plain, separators=(",", ":"))


def _read(text: str) -> list[Any]:
    return [tuple(value) if isinstance(value, list) else value for value in json.loads(text)]


class StoredPeople:
    """Looks up people in an open state file; see `backup_monitoring.notify.people.People`.

    Args:
        db: the open file. broken: makes the error of a damaged one.
    """

    def __init__(self, db: sqlite3.Connection, where: str) -> None:
        self._db = db
        self._where = where

    def _one(self, query: str, *values: str) -> Any:
        try:
            return self._db.execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise StoreError(
                self._where, f"cannot be read ({error})", "run collect_backup_state again"
            ) from None

    def contact(self, uid: str) -> Contact | None:
        """Return what the account *uid* says about whom to tell; StoreError, as all of these."""
        row = self._one(
            "SELECT uid, dn, hosts, contact FROM accounts JOIN contacts USING (key) "
            "WHERE key = ? ORDER BY id LIMIT 1",
            write_text(uid).lower(),
        )
        if row is None:
            return None
        host = (row[2] or "").partition("\n")[0]
        return Contact(*(row[0], row[1], *_read(row[3]), host))

    def person(self, uid: str) -> Person | None:
        """Return the person *uid*."""
        row = self._one("SELECT person FROM persons WHERE key = ?", write_text(uid).lower())
        return Person(*_read(row[0])) if row else None

    def customer(self, uid: str) -> Customer | None:
        """Return the customer *uid*."""
        row = self._one("SELECT customer FROM customers WHERE key = ?", write_text(uid).lower())
        return Customer(*_read(row[0])) if row else None

    def reseller(self, uid: str) -> Reseller | None:
        """Return the settings of reseller *uid*, the default ones if it has none."""
        row = self._one("SELECT reseller FROM resellers WHERE key = ?", write_text(uid).lower())
        row = row or self._one(
            "SELECT reseller FROM resellers WHERE is_default ORDER BY key LIMIT 1"
        )
        if row is None:
            return None
        made = Reseller(*_read(row[0]))
        return made._replace(problems=frozenset(made.problems))
