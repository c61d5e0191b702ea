"""Section [monitoring]: when the monitoring itself is not healthy."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, NamedTuple

from backup_monitoring.model import FINDING_KINDS, Key


class MonitoringPolicy(NamedTuple):
    """[monitoring]: for `check_backup_monitoring`."""

    duration: Annotated[
        timedelta, Key("WARNING if the last collector run took longer than this")
    ] = timedelta(minutes=10)
    outbox: Annotated[
        timedelta,
        Key(
            "CRITICAL if a mail, or a call of the hook, has been waiting for longer than this, or "
            "the last scan ended longer ago",
            "CRITICAL if a mail, a call or the next scan waits longer",
        ),
    ] = timedelta(hours=1)
    objects: Annotated[
        timedelta,
        Key(
            "CRITICAL if `backup-monitoring-objects`, where it is used, last succeeded longer ago "
            "than this",
            "CRITICAL if the last update of the objects is older",
        ),
    ] = timedelta(hours=2)
    affected: Annotated[
        float,
        Key(
            "WARNING if more of the accounts are UNKNOWN in a check, have no readable home, or "
            "have a file that is not a valid report. 3 accounts always may",
            "percent of the accounts: WARNING if more cannot be judged,",
        ),
    ] = 10
    affected_critical: Annotated[
        float,
        Key("the same: CRITICAL", "and CRITICAL"),
    ] = 50
    findings: Annotated[
        Mapping[str, int],
        Key(
            "WARNING from this many findings of a kind on; 0 is off. "
            "Of the kind `held` one is enough.",
            "WARNING from this many of a kind on; 0 is off",
            # A single account that is held waits for a decision: always WARNING.
            keys={kind: text for kind, text in FINDING_KINDS.items() if kind != "held"},
        ),
    ] = {"history": 1, "zone": 1}  # there is only one of each
