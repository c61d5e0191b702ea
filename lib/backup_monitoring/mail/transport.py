"""The interface of the transports, and the results of a delivery."""

from enum import Enum
from typing import NamedTuple, Protocol

from backup_monitoring.model import MonitoringError, sanitize

WAIT = 30.0  # seconds to wait for each answer
LONGER_AFTER_CONTENT = 4  # times: a missed answer means that the mail is sent twice
_LONGEST = 300


class TransportError(MonitoringError):
    """No mail can be delivered at present, to any recipient."""


class SendOutcome(Enum):
    """The result of a delivery."""

    ACCEPTED = "accepted"
    LATER = "refused for now"
    LOST = "the connection was lost"  # as LATER, but the server may have a problem
    UNANSWERED = "sent without an answer"  # as LOST, but the mail may have arrived
    REFUSED = "refused for good"


class SendResult(NamedTuple):
    """An outcome and the server's reason.

    Args:
        error: what the administrator should correct, so that this mail is accepted later.
    """

    outcome: SendOutcome
    reason: str
    error: TransportError | None = None


class TransportRemark(str):
    """A line of a test about what the server does not allow, and no mail needs for certain."""

    __slots__ = ()


class Transport(Protocol):
    """Delivers mails, to a server or a program."""

    def send(self, sender: str, address: str, message: bytes) -> SendResult:
        """Deliver *message* to *address*.

        Args:
            sender: of the envelope; '' is the null return path.

        Raises:
            TransportError: no mail can be delivered at present.
            SettingsError: the file of the password.
        """

    def close(self) -> None:
        """Close the connection, if there is one."""


def find_unusable(address: str) -> str | None:
    """Return why *address* must not reach a server or a program, None if it may.

    It was validated before it was queued; this is a second check of what the outbox holds.
    """
    if not address.isascii() or not address.isprintable() or set(address) & set(' <>,;"\\'):
        return "the address has characters that are not allowed"
    return None if address.rpartition("@")[0] else "the address has no @"


def quote_answer(text: bytes | str) -> str:
    """Return the output of a server or a program as one harmless line."""
    line = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
    return sanitize(" ".join(line.split()), _LONGEST)
