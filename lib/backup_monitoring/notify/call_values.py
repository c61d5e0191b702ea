"""The values of a call of the hook, by the names of their options.

The hook spools them as they are: what they mean, `call` says when they are delivered.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from backup_monitoring.model import UsageError
from backup_monitoring.tasks import TASK_NAMES

NOTIFIED = ("PROBLEM", "RECOVERY", "CUSTOM")
# The texts of these are for the provider's staff: they are logged, and nobody is notified.
_LOGGED = ("ACKNOWLEDGEMENT", "DOWNTIME", "FLAPPING")
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")  # the enumeration loads more than all the rest
_LONGEST = 10_000  # characters of a text

# The names of our options, and what Nagios calls them; our own variables are NOTIFY_ and the name.
NAGIOS = {
    "account": "NAGIOS__SERVICEBACKUP_ACCOUNT",
    "task": "NAGIOS__SERVICEBACKUP_TASK",
    "type": "NAGIOS_NOTIFICATIONTYPE",
    "state": "NAGIOS_SERVICESTATE",
    "last_state": "NAGIOS_LASTSERVICESTATE",
    "output": "NAGIOS_SERVICEOUTPUT",
    "author": "NAGIOS_NOTIFICATIONAUTHOR",
    "comment": "NAGIOS_NOTIFICATIONCOMMENT",
    "time": "NAGIOS_TIMET",
    "host": "NAGIOS_HOSTNAME",
}


def collect_values(
    options: Mapping[str, str | None], environment: Mapping[str, str], now: datetime
) -> dict[str, str]:
    """Return the values of a call by the names of `NAGIOS`: *options*, else the *environment*.

    Without a time it is *now*.
    """
    values = {}
    for name, nagios in NAGIOS.items():
        given = (options.get(name), environment.get(f"NOTIFY_{name.upper()}"))
        value = next(filter(None, given), environment.get(nagios, ""))
        values[name] = value[:_LONGEST]
    values["time"] = values["time"] or now.isoformat()
    return values


def check_values(values: Mapping[str, str]) -> None:
    """Check the *values* of `collect_values`.

    Raises:
        UsageError: a value is missing or not valid.
    """
    notification_type, task = values["type"].upper(), values["task"].lower()
    if not values["account"]:
        raise UsageError("--account", "no account given", "give one, or set NOTIFY_ACCOUNT")
    if task not in TASK_NAMES:
        problem = f"{task!r} is none of {', '.join(TASK_NAMES)}"
        raise UsageError("--task", problem, "give one of them")
    if notification_type not in NOTIFIED and not notification_type.startswith(_LOGGED):
        remedy = "pass the monitoring system's own word"
        raise UsageError("--type", f"{notification_type!r} is unknown", remedy)
    for option, text in (("--state", values["state"]), ("--last-state", values["last_state"])):
        if text.upper() not in STATES and (text or option == "--state"):
            problem = f"{text!r} is none of {', '.join(STATES)}"
            raise UsageError(option, problem, "pass the service's state")
    parse_time(values["time"])


def parse_time(text: str) -> datetime:
    """Return the UTC time of *text*, seconds since 1970 or ISO 8601 with offset.

    Raises:
        UsageError: it is not valid.
    """
    try:
        if text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    remedy = "use seconds since 1970, or ISO 8601 with offset"
    raise UsageError("--time", f"{text!r} is not a valid time", remedy)
