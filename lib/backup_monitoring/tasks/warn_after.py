"""Patience: how many backups, or days, go by before a missed or failed backup is told."""

from datetime import datetime
from math import inf
from typing import NamedTuple

from backup_monitoring.model import DAY, Account, Range, State, Threshold
from backup_monitoring.tasks.aggregate import known
from backup_monitoring.tasks.policies import WarnAfterPolicy


class WarnAfter(NamedTuple):
    """The thresholds of one account.

    Args:
        numbers: good numbers of missed or failed backups in a row.
        days: as many times 24 h since the last backup, 0: off; *days_origin*: where that stands.
        critical: good numbers while WARNING holds.
        muted: the entry switches both off: the customer is not told.
    """

    backups: Threshold
    days: int
    days_origin: str
    critical: Threshold
    muted: bool

    @property
    def facts(self) -> dict[str, object]:
        """What a mail says of it."""
        plain = self.backups.good.plain
        return known(
            threshold_backups=None if plain is None else int(plain) + 1,
            threshold_days=self.days or None,
        )

    @property
    def ranges(self) -> tuple[Range, Range]:
        """WARNING and CRITICAL ranges of the number, for performance data."""
        return self.backups.good, self.critical.good


def resolve_warn_after(account: Account, policy: WarnAfterPolicy) -> WarnAfter:
    """Return the patience with *account*: the entry's own first, then the policy's."""
    muted = account.warning_numbers == 0 and account.warning_days == 0
    backups, days, days_origin = policy.backups, policy.days, policy.days_origin
    if account.warning_numbers is not None and not muted:
        end = account.warning_numbers - 1 if account.warning_numbers else inf
        backups = Threshold(Range(end=end), "entry")
    if account.warning_days is not None and not muted:
        days, days_origin = account.warning_days, "entry"
    return WarnAfter(backups, days, days_origin, policy.critical, muted)


def evaluate_warn_after(
    warn_after: WarnAfter, number: int, last: datetime | None, now: datetime
) -> tuple[State, str]:
    """Return the state that *number* backups in a row make, and the reason in words.

    Args:
        patience: the account's thresholds.
        number: missed or failed backups in a row, 1 or more.
        last: the backup from which the days count, UTC; None: none is known, the days are reached.
        now: aware UTC.

    Source: sstBackupWarningNumbers and sstBackupWarningDays of the directory's schema.
    """
    reached = []
    if number not in warn_after.backups.good:
        reached.append(f"threshold {format_backup_count(warn_after.backups)}")
    if warn_after.days and (last is None or now - last >= warn_after.days * DAY):
        reached.append(f"threshold {warn_after.days} d ({warn_after.days_origin})")
    if not reached:
        return State.OK, f"within {format_warn_after(warn_after)}"
    state = State.WARNING if number in warn_after.critical.good else State.CRITICAL
    return state, ", ".join(reached) + format_muted_note(warn_after)


def format_warn_after(warn_after: WarnAfter) -> str:
    """Return the thresholds in words, with their origins."""
    days = f"{warn_after.days} d ({warn_after.days_origin})" if warn_after.days else "days off"
    return f"thresholds {format_backup_count(warn_after.backups)}, {days}"


def format_warn_thresholds(warn_after: WarnAfter) -> str:
    """Return all thresholds in words, with their origins."""
    critical = f"CRITICAL threshold {format_backup_count(warn_after.critical)}"
    return f"{format_warn_after(warn_after)}, {critical}{format_muted_note(warn_after)}"


def format_backup_count(backups: Threshold) -> str:
    """Return the number from which on it is too much, in words, with its origin."""
    good = backups.good
    if good.inverted or good.start > 0:
        said = f"{good} backups"
    elif good.off:
        said = "number off"
    else:
        count = int(good.end) + 1
        said = f"{count} backup{'s' * (count != 1)}"
    return f"{said} ({backups.origin})"


def format_muted_note(warn_after: WarnAfter) -> str:
    """Return a note where the customer is not told."""
    return "; the entry switches the customer's warnings off" if warn_after.muted else ""
