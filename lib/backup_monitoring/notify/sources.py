"""Where the notifier finds accounts and people: the store, else the directory and the homes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from backup_monitoring.errors import MonitoringError
from backup_monitoring.model import Account, State, Uploads, Verdict
from backup_monitoring.needs import Files, Need
from backup_monitoring.notify.people import People
from backup_monitoring.rules.tasks import TASKS, Task, judge_of
from backup_monitoring.settings import Settings

EVERYTHING = Task(Need.ALL, Files.ALL)


class Source(NamedTuple):
    """An open source.

    Args:
        people: looks people up.
        accounts: all accounts in scope with their uploads, or those with the given uids; of
            each what a task needs, or EVERYTHING. StoreError: that is too old in the store.
        counted: how many accounts a backup server has, None where that is not known.
    """

    people: People
    accounts: Callable[[Sequence[str] | None, Task], Iterator[tuple[Account, Uploads]]]
    counted: Callable[[str], int | None]


@contextmanager
def open_source(
    settings: Settings, now: datetime, phase: Callable[[str], None]
) -> Iterator[Source]:
    """Give the store where there is one, else the directory and the homes.

    Raises:
        DirectoryError, StoreError: it cannot be read, or its people are too old.
    """
    if settings.store.folder is not None:
        from backup_monitoring.store.state import open_state

        phase("reading the store")
        state = open_state(settings.store.folder)

        def stored(uids: Sequence[str] | None, task: Task) -> Iterator[tuple[Account, Uploads]]:
            state.fresh(settings.store, task.files, now)
            return state.accounts(task.files, uids, task.need)

        try:
            state.fresh(settings.store, None, now)
            yield Source(state.people(), stored, state.count_of_host)
        finally:
            state.close()
        return
    from backup_monitoring.directory import open_directory
    from backup_monitoring.directory.people import LivePeople
    from backup_monitoring.live import live_accounts

    with open_directory(settings.directory, phase) as directory:
        yield Source(
            LivePeople(directory, settings.directory),
            lambda uids, task: live_accounts(settings, task.need, task.files, uids, now, phase),
            lambda host: None,
        )


def told_elsewhere(task: str, verdict: Verdict) -> bool:
    """Tell whether the mail about another task says what this verdict says.

    A success that is doubted since the quota is used up: that is what quota's mail is about.
    """
    return task == "status" and verdict.facts.get("cause") == "full"


def judged(
    account: Account,
    uploads: Uploads,
    settings: Settings,
    now: datetime,
    tasks: Iterable[str] = TASKS,
) -> dict[str, Verdict]:
    """Return the verdict of the rule of each of *tasks*."""
    verdicts = {}
    for task in tasks:
        try:
            verdicts[task] = judge_of(task)(account, uploads, settings.policies, now)
        except MonitoringError:
            raise
        except Exception as error:  # one account's fault never ends a run
            summary = f"internal error: {type(error).__name__}; report it"
            verdicts[task] = Verdict(State.UNKNOWN, summary)
    return verdicts
