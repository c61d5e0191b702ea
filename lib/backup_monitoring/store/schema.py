"""The tables of the state file, and accounts as their rows."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from backup_monitoring.model import (
    Account,
    AccountStatus,
    Codec,
    End,
    Finding,
    Growth,
    History,
    InvalidReport,
    Loss,
    LossReason,
    Need,
    Schedule,
    SizeDrop,
    Start,
    State,
)
from backup_monitoring.store.files import UNREADABLE

TOTAL = "total "  # in meta, before the name of a sum over all accounts
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY, key TEXT, in_scope INTEGER, uid TEXT, dn TEXT, status TEXT,
    provisioned INTEGER, hosts TEXT, home TEXT, created REAL, used, capacity,
    quota_missing TEXT, quota_threshold INTEGER, warning_numbers INTEGER, warning_days INTEGER,
    last_successes TEXT, findings TEXT, per_day REAL, days INTEGER, sudden_loss TEXT,
    lost_since REAL, lost_reason TEXT, uid_number INTEGER
);
CREATE TABLE homes (
    account INTEGER PRIMARY KEY, data INTEGER, missing TEXT, refused TEXT, cut_short TEXT,
    findings TEXT, computers INTEGER
);
CREATE TABLE computers (
    account INTEGER, name BLOB, start TEXT, end TEXT, schedule TEXT, history TEXT,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE TABLE findings (kind TEXT, subject TEXT, problem TEXT);
CREATE TABLE people (
    kind TEXT, key TEXT, is_default INTEGER, entry TEXT, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
"""
# Faster to create when the table is full.
INDEX = "CREATE INDEX IF NOT EXISTS accounts_key ON accounts (key);"
_NOTHING: Mapping[str, datetime] = {}
_MOST_THRESHOLD = 100  # of those that an entry may have
_MOST_INTEGER = 2**63 - 1
START: Codec[Start | InvalidReport] = Codec(Start | InvalidReport)
END: Codec[End | InvalidReport] = Codec(End | InvalidReport)
SCHEDULE: Codec[Schedule | InvalidReport] = Codec(Schedule | InvalidReport)
COMPUTER_HISTORY: Codec[History] = Codec(History)
_SUCCESSES: Codec[Mapping[str, datetime]] = Codec(Mapping[str, datetime])
_SUDDEN_LOSS: Codec[SizeDrop] = Codec(SizeDrop)
FINDINGS: Codec[tuple[Finding, ...]] = Codec(tuple[Finding, ...])
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
    "warning_numbers": Need.WARN_AFTER,
    "warning_days": Need.WARN_AFTER,
    "last_successes": Need.LAST_SUCCESS,
    "findings": Need.NOTHING,
    "per_day": Need.QUOTA,
    "days": Need.QUOTA,
    "sudden_loss": Need.QUOTA,
    "lost_since": Need.NOTHING,
    "lost_reason": Need.NOTHING,
    "uid_number": Need.HOME,
}
ACCOUNT_COLUMNS = ("key", "in_scope", *_NEEDED)
PLACES = ", ".join("?" * len(ACCOUNT_COLUMNS))
_NONE = type(None)
# What a column may hold; any may be NULL where it is not needed, but for the first ones.
_CLASSES: tuple[tuple[type, ...], ...] = (
    *((int,), (str,), (str, bytes), (str, bytes), (str,), (int,)),
    *((str, _NONE), (str, bytes, _NONE), (float, _NONE)),
    *((int, str, _NONE), (int, str, _NONE), (str, _NONE)),
    *((int, _NONE), (int, _NONE), (int, _NONE), (str, _NONE), (str, _NONE)),
    *((float, _NONE), (int, _NONE), (str, _NONE)),
    *((float, _NONE), (str, _NONE), (int, _NONE)),
)
_valid: set[tuple[type, ...]] = set()  # combinations of types that were checked already
_STATUSES = {each.name: each for each in AccountStatus}


class RunMeta(NamedTuple):
    """When and how completely the last collector run read its two parts.

    Args:
        directory_read, storage_read: when each part was last read completely, UTC.
        started: when the last run began, UTC. seconds: how long it took.
        directory_error, storage_error: why the last run could not read that part.
        digest: of the settings file. policies: the fingerprint of the tasks' policies.
        people: a text that changes when somebody's entry does.
        max_ages: how old each part may be by these settings, in seconds.
    """

    directory_read: datetime | None
    storage_read: datetime | None
    started: datetime | None
    seconds: float
    directory_error: str | None
    storage_error: str | None
    digest: str = ""
    policies: str = ""
    max_ages: tuple[float, float] = (0, 0)
    people: str = ""


def write_time(at: datetime | None) -> float | None:
    """Return the column value of *at*, aware: seconds since 1970."""
    return None if at is None else at.timestamp()


def read_time(seconds: float | None) -> datetime | None:
    """Return the time (UTC) of a column that `write_time` filled."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def write_text(text: str) -> str:
    """Return *text* with surrogates escaped: SQLite refuses them."""
    return text.encode("utf-8", "backslashreplace").decode()


def name_changes(task: str, state: State) -> str:
    """Return the key in meta of how often accounts have come into *state* in *task*."""
    return f"changes {task} {state.name}"


def make_key(uid: str) -> str:
    """Return the text that *uid* is looked up by: the directory ignores its case."""
    return write_text(uid).lower()


def make_account_row(account: Account, in_scope: bool) -> tuple[Any, ...]:
    """Return the values of the columns of ``accounts``, without the id."""
    return (
        make_key(account.uid),
        in_scope,
        _write_name(account.uid),
        _write_name(account.dn),
        account.status.name,
        account.provisioned,
        "\n".join(map(write_text, account.hosts)) or None,
        None if account.home is None else _write_name(account.home),
        write_time(account.created),
        _write_size(account.used),
        _write_size(account.capacity),
        account.quota_missing,
        account.quota_threshold,
        account.warning_numbers,
        account.warning_days,
        _SUCCESSES.encode(account.last_successes) if account.last_successes else None,
        FINDINGS.encode(account.findings) if account.findings else None,
        *_write_growth(account.growth),
        *((None, None) if account.loss is None else write_loss(account.loss)),
        account.uid_number,
    )


def write_loss(loss: Loss) -> tuple[float, str]:
    """Return the values of the columns ``lost_since`` and ``lost_reason``."""
    return loss.since.timestamp(), loss.reason.name


def _write_growth(growth: Growth | None) -> tuple[float | None, int | None, str | None]:
    # Three columns, not one text: every account has a growth, and quota reads it of all of them.
    if growth is None:
        return None, None, None
    lost = growth.sudden_loss
    return growth.per_day, growth.days, None if lost is None else _SUDDEN_LOSS.encode(lost)


def read_loss(since: float, reason: str) -> Loss:
    """Return the loss of two columns that `write_loss` filled."""
    return Loss(datetime.fromtimestamp(since, UTC), LossReason[reason])


def _read_growth(per_day: float | None, days: int, sudden_loss: str | None) -> Growth:
    lost = None if sudden_loss is None else _SUDDEN_LOSS.decode(sudden_loss)
    return Growth(per_day, days, lost)


def _write_size(size: int | None) -> int | str | None:
    # An entry may have 19 digits, and used space is a sum: more than SQLite's integers hold.
    return str(size) if size is not None and size > _MOST_INTEGER else size


def _write_name(name: str) -> str | bytes:
    # The name of a home directory need not be UTF-8, and must come back as it was.
    if name.isascii():
        return name
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape")
    return name


def read_name(name: str | bytes) -> str:
    """Return the text of a name as `make_account_row` writes it; AttributeError if it is none."""
    return name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")


def read_hosts(hosts: str | None) -> tuple[str, ...]:
    """Return the backup servers of their column."""
    return tuple(hosts.split("\n")) if hosts else ()


def select_keys(uids: Sequence[str] | None) -> Iterator[tuple[str, list[str]]]:
    """Yield conditions, with their values, for the accounts with *uids*; None: all in scope."""
    if uids is None:
        yield "accounts.in_scope", []
        return
    for first in range(0, len(uids), 500):
        keys = [make_key(uid) for uid in uids[first : first + 500]]
        yield f"key IN ({', '.join('?' * len(keys))})", keys


def list_columns(need: Need) -> str:
    """Return the columns that `read_account` expects, NULL for those that are not needed."""
    columns = (name if part in need else "NULL" for name, part in _NEEDED.items())
    return "id, key, " + ", ".join(columns)


def read_account(row: Sequence[Any]) -> Account:
    """Return the account of a row of `list_columns`, of status DAMAGED where it cannot be read.

    Raises:
        ValueError, TypeError, AttributeError: it is not known whose row it is.
    """
    try:
        account = _read_account(row)
    except UNREADABLE:
        uid, dn = row[2:4]
        account = Account(read_name(uid), str(dn), AccountStatus.DAMAGED)
    if make_key(account.uid) != row[1]:
        raise ValueError(f"the row of {account.uid} has another key")
    return account


def _read_account(row: Sequence[Any]) -> Account:
    types = tuple(map(type, row))
    if types not in _valid:
        if not all(map(issubclass, types, _CLASSES)):
            raise TypeError("a column holds a value of another type")
        _valid.add(types)
    _, _, uid, dn, status, provisioned, hosts, home, created, used, capacity, missing = row[:12]
    threshold, numbers, days, successes, findings, per_day, sizes, sudden_loss = row[12:20]
    lost_since, lost_reason, uid_number = row[20:]
    if not all(0 <= (each or 0) <= _MOST_THRESHOLD for each in (threshold, numbers, days)):
        raise ValueError("a threshold is out of range")
    return Account(
        read_name(uid),
        read_name(dn),
        _STATUSES[status],
        (False, True)[provisioned],
        read_hosts(hosts),
        None if home is None else read_name(home),
        read_time(created),
        int(used) if isinstance(used, str) else used,
        int(capacity) if isinstance(capacity, str) else capacity,
        missing,
        threshold,
        numbers,
        days,
        _NOTHING if successes is None else _SUCCESSES.decode(successes),
        () if findings is None else FINDINGS.decode(findings),
        None if sizes is None else _read_growth(per_day, sizes, sudden_loss),
        None if lost_reason is None else read_loss(lost_since, lost_reason),
        uid_number,
    )
