"""Section [monitoring]: when the monitoring itself is not healthy."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from backup_monitoring.model import FINDING_KINDS
from backup_monitoring.settings.toml_table import Table, parse_span, parse_whole


class MonitoringPolicy(NamedTuple):
    """[monitoring]: when the monitoring itself is in trouble.

    Args:
        duration: longest good pass.
        outbox: longest good time that a mail waits.
        findings: as many findings and more of a kind are WARNING; a kind not named never is.
    """

    duration: timedelta = timedelta(minutes=10)
    outbox: timedelta = timedelta(hours=1)
    findings: Mapping[str, int] = {}


def parse_monitoring(table: Table) -> MonitoringPolicy:
    """Return the policy of section [monitoring]; SettingsError names the first bad key."""
    default = MonitoringPolicy()
    part = table.table("findings")
    counts = {kind: part.take(kind, parse_whole(0, 10**9), 0) for kind in FINDING_KINDS}
    return MonitoringPolicy(
        duration=table.take("duration", parse_span, default.duration),
        outbox=table.take("outbox", parse_span, default.outbox),
        findings={kind: count for kind, count in counts.items() if count},
    )
