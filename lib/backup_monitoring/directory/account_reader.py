"""Turns an entry of the directory into an account."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import Flag, auto
from typing import Any

from backup_monitoring.directory.attributes import AttributeReader, EntryValues
from backup_monitoring.directory.entries import Attributes, Entry, as_text, canonicalize
from backup_monitoring.model import Account, AccountStatus, Need
from backup_monitoring.settings import AttributeNames

Fields = dict[str, Any]
FieldReader = Callable[[EntryValues, Fields], None]

_WITHOUT_FILES = (b"ssts3bucket",)
_DELETED = (b"delete", b"deleted")
# Options of 389 Directory Server's exports with replication state (db2ldif -r)
_STATE = re.compile(r";(?:[amv][du]csn-|deleted)")
_MOST_NAMES = 3
_LONGEST = 200
_MOST_UID_NUMBER = 2**32 - 2  # the next one means "none" to the kernel


class KnownAttributes(Flag):
    """What the search's filter guarantees, so that it need not be read of each entry."""

    NOTHING = 0
    ACTIVE = auto()  # the active attribute is TRUE
    KIND = auto()  # an account with files


class AccountReader:
    """Reads accounts from entries.

    Args:
        names: the attributes' names. need: what is read; other fields keep their defaults.
        now: for cancellation dates. known: what the search guarantees.
        uids: of several uids in an entry, one of these is the account's.

    *unread* has the names of the first values that were not read, since they have options.
    """

    def __init__(
        self,
        names: AttributeNames,
        need: Need,
        now: datetime,
        known: KnownAttributes,
        uids: Iterable[str] = (),
    ) -> None:
        self._now = now
        self._uids = frozenset(uid.lower() for uid in uids)  # as the directory compares them
        self._uid = AttributeReader(names.uid)
        self._cancellation = AttributeReader(names.cancellation)
        self._mode = AttributeReader(names.provisioning_mode)
        self._state = AttributeReader(names.provisioning_state)
        self._active = None if KnownAttributes.ACTIVE in known else AttributeReader(names.active)
        self._kind = None if KnownAttributes.KIND in known else AttributeReader("objectClass")
        parts = {flag: part for flag, part in _make_parts(names).items() if flag in need}
        self._parts = [part for part, _ in parts.values()]
        basis = [self._uid, self._cancellation, self._mode, self._state, self._active, self._kind]
        self.attributes = [attribute.name for attribute in basis if attribute]
        self.attributes += [name for _, names_ in parts.values() for name in names_]
        self._spellings = {canonicalize(name): name for name in self.attributes}
        self.unread = ""

    def account(self, entry: Entry) -> Account:
        """Return the account of *entry*."""
        dn, attributes = entry
        values = EntryValues(dn, attributes)
        if ";" in "".join(attributes):
            self._note_options(values, attributes)
        fields: Fields = {}
        for part in self._parts:
            part(values, fields)
        uid = self._choose_uid(dn, values)
        status = self._find_status(values)
        is_new = values.is_among(self._state, (b"0",)) and values.is_among(self._mode, (b"add",))
        return Account(uid, dn, status, not is_new, **fields, findings=values.findings)

    def _note_options(self, values: EntryValues, attributes: Attributes) -> None:
        """Add a finding for values that are not read, since their names have options."""
        unread = []
        for key in attributes:
            base, *options = key.split(";")
            if options and (base not in attributes or _STATE.search(key)):
                unread.append(";".join((self._spellings.get(base, base), *options)))
        if unread:
            more = f" and {len(unread) - _MOST_NAMES} more" if len(unread) > _MOST_NAMES else ""
            names = f"{', '.join(unread[:_MOST_NAMES])[:_LONGEST]}{more}"
            values.add_unread(names)
            self.unread = self.unread or names

    def _choose_uid(self, dn: str, values: EntryValues) -> str:
        uids = values.all(self._uid)
        if len(uids) == 1:
            return as_text(uids[0])
        for uid in map(as_text, uids):
            if uid.lower() in self._uids:
                return uid
        if uids:
            return as_text(uids[0])
        # Only in a file: an account without a name can still have failed backups.
        values.add_missing(self._uid)
        return dn

    def _find_status(self, values: EntryValues) -> AccountStatus:
        active = values.flag(self._active) if self._active else True
        if active is False:
            return AccountStatus.INACTIVE
        if values.is_among(self._mode, _DELETED):
            return AccountStatus.INACTIVE
        ends = values.time(self._cancellation)
        if ends is not None and ends <= self._now:
            return AccountStatus.INACTIVE
        if self._kind and values.is_among(self._kind, _WITHOUT_FILES):
            return AccountStatus.NO_FILES
        return AccountStatus.ACTIVE if active else self._explain_unclear(values)

    def _explain_unclear(self, values: EntryValues) -> AccountStatus:
        # Access rules may hide the value: taken for "not active", it would be OK for ever.
        if self._active and not values.has(self._active):
            values.add_missing(self._active)
        return AccountStatus.UNCLEAR


def _make_parts(names: AttributeNames) -> dict[Need, tuple[FieldReader, tuple[str, ...]]]:
    """Return for each need a function that reads it, and the attributes it reads."""
    last_success, created = AttributeReader(names.last_success), AttributeReader(names.created)
    home, host = AttributeReader(names.home), AttributeReader(names.host)
    uid_number = AttributeReader(names.uid_number)

    def read_last_success(values: EntryValues, fields: Fields) -> None:
        fields["last_successes"] = values.times_by_name(last_success)

    def read_created(values: EntryValues, fields: Fields) -> None:
        fields["created"] = values.time(created)

    def read_home(values: EntryValues, fields: Fields) -> None:
        fields["home"] = values.text(home)
        fields["uid_number"] = values.number(uid_number, 0, _MOST_UID_NUMBER)

    def read_hosts(values: EntryValues, fields: Fields) -> None:
        fields["hosts"] = tuple(map(as_text, values.all(host)))

    return {
        Need.QUOTA: _make_quota_part(names),
        Need.WARN_AFTER: _make_warn_after_part(names),
        Need.LAST_SUCCESS: (read_last_success, (last_success.name,)),
        Need.CREATED: (read_created, (created.name,)),
        Need.HOME: (read_home, (home.name, uid_number.name)),
        Need.HOSTS: (read_hosts, (host.name,)),
    }


def _make_quota_part(names: AttributeNames) -> tuple[FieldReader, tuple[str, ...]]:
    first, *further = map(AttributeReader, names.used)
    capacity, threshold = AttributeReader(names.capacity), AttributeReader(names.quota_threshold)

    def read(values: EntryValues, fields: Fields) -> None:
        used = values.number(first, 0)
        for attribute in further:
            more = values.number(attribute, 0)
            if used is None:
                continue
            if more is not None:
                used += more
            elif values.has(attribute):  # present but invalid: unlike a missing one, not 0
                used, fields["quota_missing"] = None, attribute.name
        available = values.number(capacity, 0)
        fields["used"] = used
        fields["capacity"] = available
        fields["quota_threshold"] = values.number(threshold, 1, 100)
        if used is None:
            fields.setdefault("quota_missing", first.name)
        elif not available:
            fields["quota_missing"] = capacity.name

    return read, (*names.used, capacity.name, threshold.name)


def _make_warn_after_part(names: AttributeNames) -> tuple[FieldReader, tuple[str, ...]]:
    numbers, days = AttributeReader(names.warning_numbers), AttributeReader(names.warning_days)

    def read(values: EntryValues, fields: Fields) -> None:
        fields["warning_numbers"] = values.number(numbers, 0, 99)
        fields["warning_days"] = values.number(days, 0, 99)

    return read, (numbers.name, days.name)
