"""Section [monitoring]: when the monitoring itself is not healthy."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from backup_monitoring.model import FINDING_KINDS
from backup_monitoring.settings.toml_table import Table, parse_span, parse_whole


class MonitoringPolicy(NamedTuple):
    """[monitoring]: when the monitoring itself is not healthy.

    Args:
        duration: a longer collector run is WARNING.
        outbox: a mail that waits longer is CRITICAL.
        findings: this many findings of a kind are WARNING; without a number they never are.
            Of what was lost, one is enough.
    """

    duration: timedelta = timedelta(minutes=10)
    outbox: timedelta = timedelta(hours=1)
    findings: Mapping[str, int] = {"history": 1}


def parse_monitoring(table: Table) -> MonitoringPolicy:
    """Return the policy of section [monitoring]; SettingsError names the first bad key."""
    default = MonitoringPolicy()
    findings = table.take_table("findings")
    counts = {
        kind: findings.take(kind, parse_whole(0, 10**9), default.findings.get(kind, 0))
        for kind in FINDING_KINDS
    }
    return MonitoringPolicy(
        duration=table.take("duration", parse_span, default.duration),
        outbox=table.take("outbox", parse_span, default.outbox),
        findings={kind: count for kind, count in counts.items() if count},
    )
