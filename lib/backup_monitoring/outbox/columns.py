"""How times, names and events are written in the columns of the outbox."""

import json
from datetime import UTC, datetime

from backup_monitoring.model import Event, EventKind, Recipient, Role, State


def write_time(at: datetime) -> float:
    """Return *at*, an aware time, in seconds since 1970."""
    return at.timestamp()


def read_time(seconds: float) -> datetime:
    """Return *seconds* since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def read_optional_time(seconds: float | None) -> datetime | None:
    """Return *seconds* since 1970 as a time in UTC, None for NULL."""
    return None if seconds is None else read_time(seconds)


def write_text(text: str) -> str:
    """Return *text* as SQLite accepts it: bytes that were not UTF-8 are escaped."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def normalize_address(address: str) -> str:
    """Return *address* for comparisons: case matters in the local part, not in the domain."""
    local, at, domain = write_text(address).rpartition("@")
    return f"{local}{at}{domain.lower()}"


def write_event(event: Event) -> str:
    """Return *event* as JSON; times are seconds since 1970."""
    since = None if event.since is None else write_time(event.since)
    values = event._asdict() | {
        "kind": event.kind.name,
        "state": event.state.name,
        "at": write_time(event.at),
        "since": since,
    }
    return json.dumps(values)


def read_event(text: str) -> Event:
    """Return the event of the JSON *text*, with times in UTC."""
    values = json.loads(text)
    return Event(
        **values
        | {
            "kind": EventKind[values["kind"]],
            "state": State[values["state"]],
            "at": read_time(values["at"]),
            "since": read_optional_time(values["since"]),
        }
    )


def write_recipient(recipient: Recipient) -> str:
    """Return *recipient* as JSON."""
    return json.dumps(recipient._asdict() | {"role": recipient.role.name})


def read_recipient(text: str) -> Recipient:
    """Return the recipient of the JSON *text*."""
    values = json.loads(text)
    return Recipient(**values | {"role": Role[values["role"]]})
