"""The rules' parts of the settings, as the rules take them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from backup_monitoring.model import Range, Threshold


class QuotaPolicy(NamedTuple):
    """[quota]: good ranges of used space in percent, where the entry sets none.

    Args:
        sudden_loss: percent of the used space whose loss within a day is sudden.
        forecast: WARNING if full in fewer days than this; None: not judged.
    """

    warning: Threshold = Threshold(Range(end=85), "default")
    critical: Threshold = Threshold(Range(end=99), "default")
    sudden_loss: float = 50
    forecast: int | None = None


class WarnAfterPolicy(NamedTuple):
    """[warn_after]: how many backups, or days, may be missed or failed before anyone is told.

    Args:
        numbers: a count (0: off), or a range by ``-w``; as a range of good numbers.
        days: as many times 24 h, 0: off. days_origin: where that stands.
        critical: good numbers while WARNING holds.
    """

    backups: Threshold = Threshold(Range(end=float("inf")), "default")
    days: int = 1
    days_origin: str = "default"
    critical: Threshold = Threshold(Range(end=2), "default")


class SchedulePolicy(NamedTuple):
    """[schedule]: how far from its due time a backup may start, and where clocks are.

    Args:
        zones: the first whose offset fits a computer's file is taken as its zone.
        early: how much sooner a start counts for its due time. grace: how much later.
        max_backup_age: age of the last backup for computers without due times; None: not judged.
        retired_after: a computer without an upload for so long, while others live, is retired.
        weekdays: 1 to 7 by "UID" or "UID/computer", for clients that cannot say it.
    """

    zones: tuple[ZoneInfo, ...] = ()
    early: timedelta = timedelta(hours=1)
    grace: timedelta = timedelta(hours=2)
    max_backup_age: timedelta | None = None
    retired_after: timedelta = timedelta(days=90)
    weekdays: Mapping[str, frozenset[int]] = {}


class StatusPolicy(NamedTuple):
    """[status]: how long a backup may run, and the use in percent that makes a success doubtful.

    Args:
        max_runtime_first: for a computer without any end, from the first start seen.
    """

    max_runtime: timedelta = timedelta(hours=24)
    max_runtime_first: timedelta = timedelta(days=7)
    full: float = 99


class RunPolicies(NamedTuple):
    """What the rules about runs take: schedule and status."""

    warn_after: WarnAfterPolicy
    schedule: SchedulePolicy
    status: StatusPolicy


class ClientPolicy(NamedTuple):
    """[client]: the oldest good version by identifier; strict: an unknown one is UNKNOWN."""

    minimum: Mapping[str, str] = {}
    minimum_critical: Mapping[str, str] = {}
    strict: bool = False


class UnusedPolicy(NamedTuple):
    """[unused]: the age of an account in seconds that is good without a backup."""

    warning: Threshold = Threshold(Range(end=14 * 86400), "default")
    critical: Threshold | None = None


class Policies(NamedTuple):
    """All that the rules take from the settings."""

    quota: QuotaPolicy = QuotaPolicy()
    warn_after: WarnAfterPolicy = WarnAfterPolicy()
    schedule: SchedulePolicy = SchedulePolicy()
    status: StatusPolicy = StatusPolicy()
    client: ClientPolicy = ClientPolicy()
    unused: UnusedPolicy = UnusedPolicy()

    @property
    def runs(self) -> RunPolicies:
        """What the rules about runs take."""
        return RunPolicies(self.warn_after, self.schedule, self.status)
