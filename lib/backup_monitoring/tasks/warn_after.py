"""Warn after: how many backups may be missed or fail, or how many days pass, before WARNING?"""

from datetime import datetime
from math import inf
from typing import NamedTuple

from backup_monitoring.model import DAY, Account, Range, State, Threshold, format_count
from backup_monitoring.tasks.policies import Policies
from backup_monitoring.tasks.warn_after_policy import WarnAfterPolicy


class WarnAfter(NamedTuple):
    """The thresholds to warn of one account.

    Args:
        backups: good numbers of missed or failed backups in a row.
        days: good time since the last backup, times 24 h; 0: off. days_origin: who set it.
        critical: good numbers of backups; beyond them a WARNING becomes CRITICAL.
        switched_off: the entry switches both off, so that the customer gets no warnings.
    """

    backups: Threshold
    days: int
    days_origin: str
    critical: Threshold
    switched_off: bool

    @property
    def too_many(self) -> int | None:
        """The smallest number of backups that is too many, None if none is."""
        plain = self.backups.good.plain
        return None if plain is None else int(plain) + 1

    @property
    def ranges(self) -> tuple[Range, Range]:
        """The WARNING and the CRITICAL range of the number, for performance data."""
        return self.backups.good, self.critical.good


def evaluate_warn_after(
    warn_after: WarnAfter, number: int, last: datetime | None, now: datetime
) -> tuple[State, str]:
    """Return the state for *number* missed or failed backups in a row, and the reason in words.

    Args:
        warn_after: the account's thresholds.
        number: missed or failed backups in a row, 1 or more.
        last: the backup from which the days are counted (aware UTC); None if none is known,
            which reaches the threshold.
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
    return state, ", ".join(reached) + format_switched_off(warn_after)


def resolve_warn_after(account: Account, policy: WarnAfterPolicy) -> WarnAfter:
    """Return the thresholds to warn of *account*: the entry's, else the policy's.

    An entry that sets neither leaves both to the policy, whether they are 0, missing, hidden or
    not valid: otherwise no backup would ever be missed. 0 and 0 is the customer's own choice.
    """
    backups, days, days_origin = policy.backups, policy.days, policy.days_origin
    if account.warning_numbers or account.warning_days:
        if account.warning_numbers is not None:
            end = account.warning_numbers - 1 if account.warning_numbers else inf
            backups = Threshold(Range(end=end), "entry")
        if account.warning_days is not None:
            days, days_origin = account.warning_days, "entry"
    switched_off = account.warning_numbers == 0 and account.warning_days == 0
    return WarnAfter(backups, days, days_origin, policy.critical, switched_off)


def format_warn_after(warn_after: WarnAfter) -> str:
    """Return the WARNING thresholds in words, with their origins."""
    days = f"{warn_after.days} d ({warn_after.days_origin})" if warn_after.days else "days off"
    return f"thresholds {format_backup_count(warn_after.backups)}, {days}"


def format_account_thresholds(account: Account, policies: Policies) -> str:
    """Return the WARNING and CRITICAL thresholds of *account* in words, with their origins."""
    warn_after = resolve_warn_after(account, policies[WarnAfterPolicy])
    critical = f"CRITICAL threshold {format_backup_count(warn_after.critical)}"
    return f"{format_warn_after(warn_after)}, {critical}{format_switched_off(warn_after)}"


def format_backup_count(backups: Threshold) -> str:
    """Return the smallest number that is too many, in words, with its origin."""
    good = backups.good
    if good.inverted or good.start > 0:
        text = f"{good} backups"
    elif good.off:
        text = "backups off"
    else:
        text = format_count(int(good.end) + 1, "backup")
    return f"{text} ({backups.origin})"


def format_switched_off(warn_after: WarnAfter) -> str:
    """Return a note if the customer gets no warnings, else ''."""
    return "; the entry switches the customer's warnings off" if warn_after.switched_off else ""
