"""How times, names and events are written in the columns of the outbox."""

from datetime import UTC, datetime

from backup_monitoring.model import Codec, Event, Recipient

EVENT: Codec[Event] = Codec(Event)
RECIPIENT: Codec[Recipient] = Codec(Recipient)


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
