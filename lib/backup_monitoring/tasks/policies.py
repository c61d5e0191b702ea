"""What do the rules take from the settings? One policy per section."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from backup_monitoring.model import Range, Threshold


class QuotaPolicy(NamedTuple):
    """[quota]: how much of its capacity an account may use.

    Args:
        warning, critical: good ranges in percent, for an account whose entry sets none.
        sudden_loss: a loss of more than this share of the used space within a day is WARNING,
            in percent.
        forecast: WARNING if full in fewer days than this; None: off.
    """

    warning: Threshold = Threshold(Range(end=85), "default")
    critical: Threshold = Threshold(Range(end=99), "default")
    sudden_loss: float = 50
    forecast: int | None = None


class WarnAfterPolicy(NamedTuple):
    """[warn_after]: how much may be missed or fail before the state is WARNING.

    Args:
        backups: good numbers of missed or failed backups in a row.
        days: good time without a backup, times 24 h; 0: off. days_origin: who set it.
        critical: good numbers of backups; beyond them a WARNING becomes CRITICAL.
    """

    backups: Threshold = Threshold(Range(end=float("inf")), "default")
    days: int = 1
    days_origin: str = "default"
    critical: Threshold = Threshold(Range(end=2), "default")


class SchedulePolicy(NamedTuple):
    """[schedule]: how far from its due time a backup may start, and in which zones clocks are.

    Args:
        zones: the first whose offset fits a computer's reports is the computer's zone.
        early: how early a backup may start and still count for its due time.
        grace: how late a backup may start before its due time is missed.
        max_backup_age: of the last backup, for computers without due times; None: off.
        retired_after: a computer without an upload for this long, while others of the account
            upload, is retired.
        weekdays: 1 (Monday) to 7 by "UID" or "UID/computer", for clients that cannot write them.
    """

    zones: tuple[ZoneInfo, ...] = ()
    early: timedelta = timedelta(hours=1)
    grace: timedelta = timedelta(hours=2)
    max_backup_age: timedelta | None = None
    retired_after: timedelta = timedelta(days=90)
    weekdays: Mapping[str, frozenset[int]] = {}


class StatusPolicy(NamedTuple):
    """[status]: how long a backup may run, and when a success is doubted.

    Args:
        max_runtime: a run that has not ended after this time has failed.
        max_runtime_first: the same for a computer without any end, from its first start seen.
        full: use of the capacity, in percent, from which on a success is doubted.
    """

    max_runtime: timedelta = timedelta(hours=24)
    max_runtime_first: timedelta = timedelta(days=7)
    full: float = 99


class RunPolicies(NamedTuple):
    """The policies of the rules about runs: schedule and status."""

    warn_after: WarnAfterPolicy
    schedule: SchedulePolicy
    status: StatusPolicy


class ClientPolicy(NamedTuple):
    """[client]: how old a backup program may be.

    Args:
        minimum: the oldest version per identifier that is not WARNING.
        minimum_critical: the oldest version per identifier that is not CRITICAL.
        strict: a program that cannot be compared is UNKNOWN, not OK.
    """

    minimum: Mapping[str, str] = {}
    minimum_critical: Mapping[str, str] = {}
    strict: bool = False


class UnusedPolicy(NamedTuple):
    """[unused]: good ages of an account without a backup, in seconds; critical None: off."""

    warning: Threshold = Threshold(Range(end=14 * 86400), "default")
    critical: Threshold | None = None


class Policies(NamedTuple):
    """The policies of all rules."""

    quota: QuotaPolicy = QuotaPolicy()
    warn_after: WarnAfterPolicy = WarnAfterPolicy()
    schedule: SchedulePolicy = SchedulePolicy()
    status: StatusPolicy = StatusPolicy()
    client: ClientPolicy = ClientPolicy()
    unused: UnusedPolicy = UnusedPolicy()

    @property
    def runs(self) -> RunPolicies:
        """The policies of schedule and status."""
        return RunPolicies(self.warn_after, self.schedule, self.status)
