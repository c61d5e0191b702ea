"""The check of the task client, with an inventory."""

from backup_monitoring.model import State
from backup_monitoring.plugin.account_verdicts import (
    AccountSource,
    Request,
    make_no_account_error,
)
from backup_monitoring.plugin.check import BackupCheck
from backup_monitoring.plugin.inventory import Inventory
from backup_monitoring.plugin.options import Parser, require_found
from backup_monitoring.tasks import ClientCounts


class ClientCheck(BackupCheck):
    """The check of the task client, with an inventory."""

    def add_options(self, parser: Parser) -> None:
        """Add the inventory."""
        parser.add_argument(
            "--inventory",
            action="store_true",
            help="instead of a check, print which programs are in use; exit code 0",
        )

    def run_instead(self, request: Request, source: AccountSource) -> tuple[int, str] | None:
        """Return the inventory if an option asks for it."""
        if not request.options.inventory:
            return None
        counts, found = ClientCounts(request.now), set[str]()
        for account, uploads in source():
            found.add(account.uid.lower())
            counts.add(account, uploads)
        require_found(found, request.uids or (), request.settings.directory.accounts_base)
        if not found:
            raise make_no_account_error(request.settings)
        inventory = Inventory(counts)
        if not request.as_json:
            return State.OK.value, inventory.to_table()
        from backup_monitoring.records import format_document

        summary, parts = inventory.format_summary(), inventory.list_parts()
        document = format_document("check_backup_client", State.OK, summary, request.now, parts)
        return State.OK.value, document
