"""The task client: its facts, metrics and causes."""

from datetime import datetime, tzinfo
from typing import Annotated, NamedTuple

from backup_monitoring.model import Files, Need, Needs
from backup_monitoring.tasks.policies import ClientPolicy
from backup_monitoring.tasks.task import Cause, Fact, MetricInfo, Task

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


CLIENT = Task(
    name="client",
    question="is a computer's backup program too old?",
    subject="old backup programs",
    description="Checks the versions of backup programs against the minimum in the settings, "
    "[client.minimum] and [client.minimum_critical].",
    rule="client.evaluate_client",
    needs=Needs(Need.HOME, Files.REPORTS),
    policy=ClientPolicy,
    facts=ClientFacts,
    metrics=(MetricInfo("outdated", "", "computers with a program that is too old"),),
    causes=(
        Cause(
            "outdated",
            "the backup program is older than the minimum",
            "The customer installs the current version.",
        ),
    ),
    reseller_words=("upgrade", "client"),
)
