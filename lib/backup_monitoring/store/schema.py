"""The tables of the state file, and accounts as their rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from backup_monitoring.model import Account, AccountStatus, Need
from backup_monitoring.store import values as codec

LAYOUT = 3
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY, key TEXT, in_scope INTEGER, uid TEXT, dn TEXT, status TEXT,
    provisioned INTEGER, hosts TEXT, home TEXT, created REAL, used, capacity,
    quota_missing TEXT, quota_threshold INTEGER, warning_on INTEGER, warning_numbers INTEGER,
    warning_days INTEGER, last_successes TEXT, findings TEXT, per_day REAL,
    days INTEGER, sudden_loss TEXT
);
CREATE TABLE homes (
    account INTEGER PRIMARY KEY, data INTEGER, missing TEXT, refused TEXT, cut_short TEXT,
    findings TEXT
);
CREATE TABLE computers (
    account INTEGER, name BLOB, start TEXT, end TEXT, schedule TEXT, history TEXT, runs TEXT,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE TABLE findings (kind TEXT, subject TEXT, problem TEXT);
CREATE TABLE contacts (key TEXT PRIMARY KEY, contact TEXT) WITHOUT ROWID;
CREATE TABLE persons (key TEXT PRIMARY KEY, person TEXT) WITHOUT ROWID;
CREATE TABLE customers (key TEXT PRIMARY KEY, customer TEXT) WITHOUT ROWID;
CREATE TABLE resellers (key TEXT PRIMARY KEY, is_default INTEGER, reseller TEXT) WITHOUT ROWID;
"""
# made when the tables are full: faster
INDEX = "CREATE INDEX IF NOT EXISTS accounts_key ON accounts (key);"
_NOTHING: Mapping[str, datetime] = {}
_MOST_INTEGER = 2**63 - 1
_NEEDED = {
    "uid": Need.NOTHING,
    "dn": Need.NOTHING,
    "status": Need.NOTHING,
    "provisioned": Need.NOTHING,
    "hosts": Need.HOSTS,
    "home": Need.HOME,
    "created": Need.CREATED,
    "used": Need.QUOTA,
    "capacity": Need.QUOTA,
    "quota_missing": Need.QUOTA,
    "quota_threshold": Need.QUOTA,
    "warning_on": Need.WARN_AFTER,
    "warning_numbers": Need.WARN_AFTER,
    "warning_days": Need.WARN_AFTER,
    "last_successes": Need.LAST_SUCCESS,
    "findings": Need.NOTHING,
    "per_day": Need.QUOTA,
    "days": Need.QUOTA,
    "sudden_loss": Need.QUOTA,
}
PLACES = ", ".join("?" * (len(_NEEDED) + 2))
_STATUSES = {each.name: each for each in AccountStatus}


class RunMeta(NamedTuple):
    """What the last pass says of itself.

    Args:
        directory_read, storage_read: when each part was last read completely, UTC.
        started: of the last pass, UTC. seconds: how long it took.
        directory_error, storage_error: why the last pass could not read that part.
    """

    directory_read: datetime | None
    storage_read: datetime | None
    started: datetime | None
    seconds: float
    directory_error: str | None
    storage_error: str | None


def make_key(uid: str) -> str:
    """Return what *uid* is found by: names in a directory ignore case."""
    return codec.write_text(uid).lower()


def make_account_row(account: Account, in_scope: bool) -> tuple[Any, ...]:
    """Return the values of the table's columns, without the id."""
    return (
        make_key(account.uid),
        in_scope,
        _write_name(account.uid),
        _write_name(account.dn),
        account.status.name,
        account.provisioned,
        "\n".join(map(codec.write_text, account.hosts)) or None,
        None if account.home is None else _write_name(account.home),
        codec.write_time(account.created),
        _write_size(account.used),
        _write_size(account.capacity),
        account.quota_missing,
        account.quota_threshold,
        account.warning_on,
        account.warning_numbers,
        account.warning_days,
        codec.write_times(account.last_successes),
        codec.write_findings(account.findings),
        *codec.write_growth(account.growth),
    )


def _write_size(size: int | None) -> int | str | None:
    # An entry may say 19 digits, and used space is a sum: more than SQLite's integers hold.
    return str(size) if size is not None and size > _MOST_INTEGER else size


def _write_name(name: str) -> str | bytes:
    # A home is a folder's name, which need not be UTF-8: it must come back as it was.
    return name if name.isascii() else _bytes_of(name)


def _bytes_of(name: str) -> str | bytes:
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape")
    return name


def _read_name(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def list_columns(need: Need) -> str:
    """Return the columns of which `read_account` makes an account, NULL for what is not needed."""
    return "id, " + ", ".join(name if part in need else "NULL" for name, part in _NEEDED.items())


def read_account(row: Sequence[Any]) -> Account:
    """Return the account of a row of `list_columns`."""
    _, uid, dn, status, provisioned, hosts, home, created, used, capacity, missing = row[:11]
    threshold, warning_on, numbers, days, successes, findings, per_day, sizes, sudden_loss = row[
        11:
    ]
    return Account(
        uid if isinstance(uid, str) else _read_name(uid),
        dn if isinstance(dn, str) else _read_name(dn),
        _STATUSES[status],
        provisioned == 1,
        tuple(hosts.split("\n")) if hosts else (),
        home if home is None or isinstance(home, str) else _read_name(home),
        None if created is None else codec.parse_time_value(created),
        int(used) if isinstance(used, str) else used,
        int(capacity) if isinstance(capacity, str) else capacity,
        missing,
        threshold,
        None if warning_on is None else bool(warning_on),
        numbers,
        days,
        _NOTHING if successes is None else codec.read_times(successes),
        () if findings is None else codec.read_findings(findings),
        None if sizes is None else codec.read_growth(per_day, sizes, sudden_loss),
    )
