"""The rules' parts of the settings, as the rules take them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from backup_monitoring.model import Range, Threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaPolicy:
    """[quota]: good ranges of used space in percent, where the entry sets none.

    Args:
        shrink: percent of the used space whose loss within a day is sudden.
        forecast: WARNING if full in fewer days than this; None: not judged.
    """

    warning: Threshold = Threshold(Range(end=85), "default")
    critical: Threshold = Threshold(Range(end=99), "default")
    shrink: float = 50
    forecast: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatiencePolicy:
    """[patience]: how many backups, or days, may be missed or failed before anyone is told.

    Args:
        numbers: a count (0: off), or a range by ``-w``; as a range of good numbers.
        days: as many times 24 h, 0: off. days_origin: where that stands.
        critical: good numbers while WARNING holds.
    """

    numbers: Threshold = Threshold(Range(end=float("inf")), "default")
    days: int = 1
    days_origin: str = "default"
    critical: Threshold = Threshold(Range(end=2), "default")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePolicy:
    """[schedule]: how far from its due time a backup may start, and where clocks are.

    Args:
        zones: the first whose offset fits a computer's file is taken as its zone.
        early: how much sooner a start counts for its due time. grace: how much later.
        report_max_age: age of the last backup for computers without due times; None: not judged.
        retired_after: a computer without an upload for so long, while others live, is retired.
        weekdays: 1 to 7 by "UID" or "UID/computer", for clients that cannot say it.
    """

    zones: tuple[ZoneInfo, ...] = ()
    early: timedelta = timedelta(hours=1)
    grace: timedelta = timedelta(hours=2)
    report_max_age: timedelta | None = None
    retired_after: timedelta = timedelta(days=90)
    weekdays: Mapping[str, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPolicy:
    """[status]: how long a backup may run, and the use in percent that makes a success doubtful.

    Args:
        max_runtime_first: for a computer without any end, from the first start seen.
    """

    max_runtime: timedelta = timedelta(hours=24)
    max_runtime_first: timedelta = timedelta(days=7)
    full: float = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPolicy:
    """[client]: the oldest good version by identifier; strict: an unknown one is UNKNOWN."""

    minimum: Mapping[str, str] = field(default_factory=dict)
    minimum_critical: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedPolicy:
    """[unused]: the age of an account in seconds that is good without a backup."""

    warning: Threshold = Threshold(Range(end=14 * 86400), "default")
    critical: Threshold | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePolicy:
    """[service]: when the monitoring itself is in trouble.

    Args:
        duration: longest good pass.
        findings: as many findings and more of a kind are WARNING; a kind not named never is.
    """

    duration: timedelta = timedelta(minutes=10)
    findings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """All that the rules take from the settings."""

    quota: QuotaPolicy = field(default_factory=QuotaPolicy)
    patience: PatiencePolicy = field(default_factory=PatiencePolicy)
    schedule: SchedulePolicy = field(default_factory=SchedulePolicy)
    status: StatusPolicy = field(default_factory=StatusPolicy)
    client: ClientPolicy = field(default_factory=ClientPolicy)
    unused: UnusedPolicy = field(default_factory=UnusedPolicy)
    service: ServicePolicy = field(default_factory=ServicePolicy)
