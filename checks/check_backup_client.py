"""check_backup_client: is a computer's backup program too old?"""

from collections.abc import Sequence
from datetime import datetime

from backup_monitoring.inventory import Inventory
from backup_monitoring.launch import Watchdog
from backup_monitoring.model import Account, State, Uploads, Verdict
from backup_monitoring.needs import Files, Need
from backup_monitoring.options import Parser
from backup_monitoring.plugin import BackupCheck, Request, Source, run
from backup_monitoring.policies import Policies
from backup_monitoring.rules.client import client


class ClientCheck(BackupCheck):
    """Reads the directory, and the reports in each home."""

    task = "client"
    description = (
        "Checks the versions of backup programs against the minimum in the settings, "
        "[client.minimum] and [client.minimum_critical]."
    )
    need = Need.HOME
    files = Files.REPORTS

    def add_options(self, parser: Parser) -> None:
        """Add the inventory."""
        parser.add_argument(
            "--inventory",
            nargs="?",
            const="table",
            choices=("table", "json"),
            help="instead of a check, print which programs are in use; as a table, or =json",
        )

    def judge(
        self, account: Account, uploads: Uploads, policies: Policies, now: datetime
    ) -> Verdict:
        """Return the client rule's verdict."""
        return client(account, uploads, policies.client, policies.schedule, now)

    def instead(self, request: Request, source: Source) -> tuple[int, str] | None:
        """Print the inventory if it was asked for."""
        if request.options.inventory is None:
            return None
        inventory = Inventory()
        for account, uploads in source():
            inventory.add(account.uid, uploads)
        as_json = request.options.inventory == "json"
        return State.OK.value, inventory.json() if as_json else inventory.table()


def main(arguments: Sequence[str], watchdog: Watchdog) -> tuple[int, str]:
    """Run the check; return its exit code and its output."""
    return run(ClientCheck(), arguments, watchdog)
