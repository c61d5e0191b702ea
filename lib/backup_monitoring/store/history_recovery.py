"""What the last run wrote into the state file, to continue from where the history is lost."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from backup_monitoring.model import Computer, Files
from backup_monitoring.store.files import StoreError
from backup_monitoring.store.history import TrackedComputer, update_computer
from backup_monitoring.store.layout import STATE
from backup_monitoring.store.store_file import StoreFile
from backup_monitoring.tasks import separate_invalid

Recovered = tuple[str, str, TrackedComputer]  # uid, computer, what is kept of it


def recover_computers(folder: Path, uids: list[str] | None = None) -> Iterator[Recovered]:
    """Yield the computers of all accounts, or of those with *uids*, as the last run saw them.

    Raises:
        StoreError: the state file cannot be read.
    """
    state = StoreFile(folder / STATE)
    try:
        then = state.meta().started
        if then is None:
            raise StoreError(
                str(folder / STATE), "does not say when it was written", "run collect_backup_state"
            )
        for account, uploads in state.accounts(Files.ALL, uids):
            for computer in uploads.computers:
                if computer.history is not None:
                    yield account.uid, computer.name, _recover(computer, then)
    finally:
        state.close()


def _recover(computer: Computer, then: datetime) -> TrackedComputer:
    """Return what the run at *then* kept of *computer*; all but when a backup never ended."""
    assert computer.history is not None  # noqa: S101 - the caller has checked it
    known = update_computer(None, separate_invalid(computer).computer, then)
    return update_computer(known, computer, then)._replace(**computer.history._asdict())
