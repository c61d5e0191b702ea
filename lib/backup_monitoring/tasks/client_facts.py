"""What mails, logs and pages say of a verdict on client: its facts, and what may be wrong."""

from datetime import datetime, tzinfo
from typing import Annotated, NamedTuple

from backup_monitoring.tasks.fact import Cause, Fact

_SEPIOLA = "Sepiola Online Backup Client"


class ClientFacts(NamedTuple):
    """The facts of a verdict on client; None or '' where not known."""

    cause: str = ""
    others: Annotated[
        int | None, Fact("further computers of the account with the same problem", 2)
    ] = None
    identifier: Annotated[str, Fact("the backup program", _SEPIOLA, _SEPIOLA)] = ""
    version: Annotated[str, Fact("its version", "2.5.0", "2.7.1")] = ""
    minimum: Annotated[str, Fact("the oldest good version", "2.7.1")] = ""
    zone: tzinfo | None = None

    @property
    def since(self) -> datetime | None:
        """When the problem began: not known."""
        return None


CAUSES: tuple[Cause, ...] = (
    Cause(
        "outdated",
        "the backup program is older than the minimum",
        "The customer installs the current version.",
    ),
)
