"""A backup account, as its directory entry describes it."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import NamedTuple

from backup_monitoring.model.findings import Finding

GIB = 2**30


class AccountStatus(Enum):
    """Whether an account is watched, and if not, why not."""

    ACTIVE = "active"
    INACTIVE = "not active"
    NO_FILES = "no files to monitor (S3 bucket)"
    UNCLEAR = "cannot determine whether the account is active (sstIsActive)"


class SizeDrop(NamedTuple):
    """A sudden loss of used space: *before* and *after* in bytes, seen on *day* (UTC)."""

    before: int
    after: int
    day: date


class Growth(NamedTuple):
    """How an account's used space has changed.

    Args:
        per_day: bytes a day, robust against outliers; None from too few days.
        days: how many daily sizes that rests on.
        sudden_loss: a sudden loss of the last days.
    """

    per_day: float | None = None
    days: int = 0
    sudden_loss: SizeDrop | None = None


class Account(NamedTuple):
    """A backup account, as its directory entry has it. None: the entry has no (usable) value.

    Args:
        uid: the account's name.
        dn: the entry's distinguished name.
        status: whether its backups are monitored.
        provisioned: False until the provider's software has set the account up.
        hosts: backup servers that hold it.
        home: ``homeDirectory``.
        created: when the entry was made, UTC.
        used: used space in bytes. capacity: bytes.
        quota_missing: the first attribute without which the quota is not known.
        quota_threshold: percent, 1 to 100.
        warning_numbers, warning_days: patience of the customer, 0 to 99; 0: off.
        last_successes: UTC end of the last successful backup by computer.
        findings: attributes out of sense.
        growth: None where no store has looked before.
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
