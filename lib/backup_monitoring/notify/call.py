"""A call of the hook: what the monitoring system says of a service."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from backup_monitoring.model import EventKind, State
from backup_monitoring.notify.call_values import NOTIFIED, check_values, parse_time


class Call(NamedTuple):
    """A call of the hook.

    Args:
        uid: the account. task: the check.
        type: the monitoring system's word. kind: what it means; None: it is only logged.
        state, last_state: of the service; None if it was not given.
        at: when, aware UTC.
    """

    uid: str
    task: str
    type: str
    kind: EventKind | None
    state: State
    last_state: State | None
    at: datetime
    output: str = ""
    author: str = ""
    comment: str = ""
    host: str = ""


def parse_call(values: Mapping[str, str]) -> Call:
    """Return the call that has these *values*, as of `collect_values`.

    Raises:
        UsageError: a value is missing or not valid.
    """
    check_values(values)
    notification_type, last_state = values["type"].upper(), values["last_state"].upper()
    return Call(
        uid=values["account"],
        task=values["task"].lower(),
        type=notification_type,
        kind=EventKind[notification_type] if notification_type in NOTIFIED else None,
        state=State[values["state"].upper()],
        last_state=State[last_state] if last_state else None,
        at=parse_time(values["time"]),
        output=values["output"],
        author=values["author"],
        comment=values["comment"],
        host=values["host"],
    )
