"""A backup account, as its directory entry describes it."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import NamedTuple

from backup_monitoring.model.findings import Finding

GIB = 2**30


class AccountStatus(Enum):
    """Whether an account is monitored; the value is the reason in words."""

    ACTIVE = "active"
    INACTIVE = "not active"
    NO_FILES = "no files to monitor (S3 bucket)"
    UNCLEAR = "cannot determine whether the account is active (sstIsActive)"
    DAMAGED = "the account's data in the store are damaged; run collect_backup_state"


class LossReason(Enum):
    """What shows that an account is lost; the value says it in words."""

    ENTRY = "the directory no longer shows it"
    COMPUTERS = "the folders of all its computers are gone"


class Loss(NamedTuple):
    """An account was there, and is missing *since* (aware UTC) for no reason of its entry's."""

    since: datetime
    reason: LossReason


class SizeDrop(NamedTuple):
    """A sudden loss of used space: from *before* to *after*, in bytes, seen on *day* (UTC)."""

    before: int
    after: int
    day: date


class Growth(NamedTuple):
    """How an account's used space has changed.

    Args:
        per_day: bytes per day, robust against outliers; None if there are too few daily sizes.
        days: the number of daily sizes.
        sudden_loss: one of the last days, that has not been made up for since.
    """

    per_day: float | None = None
    days: int = 0
    sudden_loss: SizeDrop | None = None


class Account(NamedTuple):
    """A backup account. None means that the entry has no value, or not a valid one.

    Args:
        uid: the account's name.
        dn: the entry's distinguished name.
        status: whether it is monitored.
        provisioned: False until the provider's software has set up the account.
        hosts: the backup servers of the account.
        home: ``homeDirectory``.
        created: when the entry was created, aware UTC.
        used: used space in bytes. capacity: in bytes.
        quota_missing: the first attribute that is missing to evaluate the quota.
        quota_threshold: percent, 1 to 100.
        warning_numbers, warning_days: the customer's thresholds to warn, 0 to 99; 0: off.
        last_successes: the end of the last successful backup per computer, aware UTC.
        findings: attribute values that are not valid.
        growth: None without a store.
        loss: of an account that is held: it is missing, and has its last known data.
        uid_number: of its Unix user, who owns the home directory and the reports.
    """

    uid: str
    dn: str
    status: AccountStatus = AccountStatus.ACTIVE
    provisioned: bool = True
    hosts: tuple[str, ...] = ()
    home: str | None = None
    created: datetime | None = None
    used: int | None = None
    capacity: int | None = None
    quota_missing: str | None = None
    quota_threshold: int | None = None
    warning_numbers: int | None = None
    warning_days: int | None = None
    last_successes: Mapping[str, datetime] = {}
    findings: tuple[Finding, ...] = ()
    growth: Growth | None = None
    loss: Loss | None = None
    uid_number: int | None = None
