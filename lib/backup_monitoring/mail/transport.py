"""What it takes to hand a mail over: the answers, and what every way has to offer."""

from enum import Enum
from typing import NamedTuple, Protocol

from backup_monitoring.model import MonitoringError, sanitize

WAIT = 30.0  # seconds that any single answer may take
_LONGEST = 300


class TransportError(MonitoringError):
    """No mail can be handed over at present, whoever it is for."""


class SendOutcome(Enum):
    """What became of a mail."""

    ACCEPTED = "accepted"
    LATER = "refused for now"
    LOST = "the connection was lost"  # counts as LATER, and says something about the server
    REFUSED = "refused for good"


class SendResult(NamedTuple):
    """An outcome and, in the server's words, why."""

    outcome: SendOutcome
    reason: str


class Transport(Protocol):
    """A way to hand mails over."""

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        """Hand *message* over; *sender* '' is the null return path. Raises TransportError."""

    def close(self) -> None:
        """Say good-bye."""


def find_unusable(address: str) -> str | None:
    """Return why *address* cannot be handed over, None if it can.

    Whoever queued it has validated it; this is the last door before a server or a program.
    """
    if not address.isascii() or not address.isprintable() or set(address) & set(' <>,;"\\'):
        return "the address has characters that no mail server is given"
    return None if address.rpartition("@")[0] else "the address has no @"


def quote_answer(text: bytes | str) -> str:
    """Return a foreign server's or program's words as one harmless line."""
    said = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
    return sanitize(" ".join(said.split()), _LONGEST)
