"""What the administrator decides: computers that are retired, and losses that are accepted."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from backup_monitoring.model import UsageError, sanitize
from backup_monitoring.store.files import HISTORY, StoreError
from backup_monitoring.store.history import TrackedComputer
from backup_monitoring.store.history_file import HistoryFile
from backup_monitoring.store.losses import LossVerdict
from backup_monitoring.store.run_lock import hold_lock
from backup_monitoring.store.schema import make_key


class RetiredComputer(NamedTuple):
    """A computer that the provider has retired: its account, its name, and when (aware UTC)."""

    uid: str
    name: str
    at: datetime


def accept_losses(folder: Path, now: datetime) -> list[str]:
    """Accept that the accounts that are held are lost; return their uids.

    Those that a later run misses are judged anew.

    Args:
        folder: the store's. now: aware UTC.

    Raises:
        StoreError: the store cannot be read or written, or a run is in progress.
    """
    with _open_history(folder, now) as history:
        losses = history.losses.read_losses()
        accepted = {
            key: lost._replace(verdict=LossVerdict.ACCEPTED)
            for key, lost in losses.items()
            if lost.verdict is LossVerdict.HELD
        }
        history.losses.write_losses({**losses, **accepted})
    return [lost.uid for lost in accepted.values()]


def retire_computer(folder: Path, computer: str, now: datetime) -> RetiredComputer:
    """Retire *computer*, ``UID/COMPUTER``, until it uploads again.

    Raises:
        StoreError: as of `accept_losses`.
        UsageError: the store does not know the account or the computer.
    """
    with _open_history(folder, now) as history:
        uid, name, tracked = _find_computer(history, "--retire", computer)
        history.write_computer(uid, name, tracked._replace(retired=now))
    return RetiredComputer(uid, name, now)


def unretire_computer(folder: Path, computer: str, now: datetime) -> RetiredComputer:
    """End what `retire_computer` began; raises what it raises, also if nothing had begun."""
    with _open_history(folder, now) as history:
        uid, name, tracked = _find_computer(history, "--unretire", computer)
        if tracked.retired is None or not tracked.history.is_retired:
            problem = f"{sanitize(computer)!r} is not retired"
            raise UsageError("--unretire", problem, "see collect_backup_state --retired")
        history.write_computer(uid, name, tracked._replace(retired=None))
    return RetiredComputer(uid, name, tracked.retired)


def list_retired(folder: Path, now: datetime) -> list[RetiredComputer]:
    """Return the computers that are retired, by account and name; raises StoreError."""
    with _open_history(folder, now) as history:
        return [
            RetiredComputer(uid, name, tracked.retired)
            for uid in history.list_accounts()
            for name, tracked in history.read_computers(uid).items()
            if tracked.retired is not None and tracked.history.is_retired
        ]


@contextmanager
def _open_history(folder: Path, now: datetime) -> Iterator[HistoryFile]:
    """Give the history while no run is in progress, and commit what was changed."""
    with hold_lock(folder):
        if not (folder / HISTORY).exists():
            remedy = "run collect_backup_state"
            raise StoreError(str(folder / HISTORY), "does not exist yet", remedy)
        history = HistoryFile(folder, now, 0)
        try:
            if history.loss is not None:
                problem = f"{history.loss}; a collector run has to continue it first"
                remedy = "run collect_backup_state, then repeat this"
                raise StoreError(str(folder / HISTORY), problem, remedy)
            yield history
            history.commit_change()
        finally:
            history.close()


def _find_computer(
    history: HistoryFile, option: str, text: str
) -> tuple[str, str, TrackedComputer]:
    uid, slash, name = text.partition("/")  # the name may have slashes, too
    if not slash or not uid:
        remedy = "write UID/COMPUTER as the checks print them, for example 4000101/web01"
        raise UsageError(option, f"{sanitize(text)!r} does not name a computer", remedy)
    computers = history.read_computers(uid)
    if not computers:
        problem = f"the store has no account {sanitize(uid)!r} with a computer"
        raise UsageError(option, problem, _suggest(make_key(uid), history.list_accounts()))
    # What no terminal can show is printed escaped, and may be given so, too.
    found = [each for each in computers if each == name] or [
        each for each in computers if sanitize(each) == name
    ]
    if len(found) > 1:
        problem = f"several computers of account {sanitize(uid)} are printed as {sanitize(name)!r}"
        raise UsageError(option, problem, "give the exact name of its folder")
    if not found:
        problem = f"account {sanitize(uid)} has no computer {sanitize(name)!r}"
        raise UsageError(option, problem, _suggest(name, computers))
    return uid, found[0], computers[found[0]]


def _suggest(name: str, known: Iterable[str]) -> str:
    nearest = get_close_matches(name, known, 1, 0)
    return f"the nearest is {sanitize(nearest[0])!r}" if nearest else "see check_backup_status -vv"
