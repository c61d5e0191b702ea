"""Reads homes beside each other, so that one whose file system does not answer costs no other."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime, tzinfo
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

from backup_monitoring.model import Account, AccountStatus, Files, Uploads
from backup_monitoring.settings import HomesSettings
from backup_monitoring.uploads.bounded_calls import BoundedCalls, NoResult, Note
from backup_monitoring.uploads.home_path import HomeError, resolve_home
from backup_monitoring.uploads.mounts import MountWalk, read_mounts
from backup_monitoring.uploads.reader import read_uploads

# Measured on two cores: 10,000 homes that are not in memory take 25 s by one process, 11 s by four.
# What a process learns, and its copy of our memory, is lost with it: so each reads many.
_PROCESSES = 4
_BATCH = 3000
_FEW = 32  # homes: not worth another process
_MOST_LATE = 6  # homes in a row: what they depend on is at fault, and the others on it are not read
_MOST_WAIT = 1200  # seconds for all homes that do not answer, so that a run ends

Item = TypeVar("Item")
Key = TypeVar("Key")


class _Visited(NamedTuple):
    """What a path depends on, '' if that says nothing about it; and what was found there."""

    place: str
    found: Uploads | list[str]


class _NotReadError(Exception):
    """The text says why something is not read."""


class HomeReader:
    """Reads homes in processes of their own, each home within the time that *settings* allow.

    Args:
        settings, zones, wanted, now: as of `read_uploads`.
        phase: called with a few words before each wait.
    """

    def __init__(
        self,
        settings: HomesSettings,
        zones: Sequence[tzinfo],
        wanted: Files,
        now: datetime,
        phase: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._read_uploads = partial(
            read_uploads, settings=settings, zones=zones, wanted=wanted, now=now
        )
        self._phase = phase
        self._seconds = settings.timeout.total_seconds()
        self._late = Counter[str]()  # homes in a row, by what they depend on
        self._dead: set[str] = set()
        self._waited = 0.0

    def read(
        self, accounts: Iterable[tuple[Key, Account]]
    ) -> Iterator[tuple[Key, Account, Uploads]]:
        """Yield each of *accounts* with its uploads; one that is not active has none.

        A home that does not answer is refused.

        Raises:
            MonitoringError: no process can be started.
        """

        def visit(item: tuple[Key, Account], walk: MountWalk) -> _Visited:
            return self._visit_home(item[1], walk)

        def wait(item: tuple[Key, Account]) -> None:
            self._phase(f"reading the files of account {item[1].uid}")

        for (key, account), found in self._visit_each(visit, accounts, wait):
            yield (
                key,
                account,
                found if isinstance(found, Uploads) else self._refuse(account, found),
            )

    def _refuse(self, account: Account, reason: object) -> Uploads:
        try:
            return Uploads(refused=f"{resolve_home(account, self._settings)}: {reason}")
        except HomeError as error:
            return Uploads(refused=str(error))

    def list_folders(self, parents: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
        """Yield each of *parents* with the folders in it; none if it cannot be read.

        Raises:
            MonitoringError: no process can be started.
        """

        def wait(parent: str) -> None:
            self._phase(f"listing {parent}")

        for parent, found in self._visit_each(_visit_parent, parents, wait):
            yield parent, found if isinstance(found, list) else []

    def _visit_each(
        self,
        visit: Callable[[Item, MountWalk], _Visited],
        items: Iterable[Item],
        wait: Callable[[Item], None],
    ) -> Iterator[tuple[Item, Uploads | list[str] | str]]:
        """Yield what is found for each of *items*, or the reason why it is not read."""

        def prepare(note: Note) -> Callable[[Item], _Visited | str]:
            walk = MountWalk(read_mounts(), partial(self._enter, note))
            return partial(self._visit, visit, walk)

        source = iter(items)
        while batch := list(islice(source, _BATCH)):
            count = min(_PROCESSES, -(-len(batch) // _FEW))
            with ExitStack() as stack:
                calls = [
                    stack.enter_context(
                        closing(BoundedCalls(prepare, batch[first::count], self._seconds, wait))
                    )
                    for first in range(count)
                ]
                results = [iter(each) for each in calls]
                for index, item in enumerate(batch):
                    yield item, self._take(next(results[index % count]))

    def _take(self, result: _Visited | str | NoResult) -> Uploads | list[str] | str:
        """Return what is in *result*, and count those that are late."""
        if isinstance(result, str):
            return result
        if isinstance(result, _Visited):
            self._late.pop(result.place, None)
            return result.found
        if result.problem is not None:
            return f"reading it failed ({result.problem})"
        self._waited += self._seconds
        if result.note:
            self._late[result.note] += 1
            if self._late[result.note] == _MOST_LATE:
                self._dead.add(result.note)
        return f"did not answer within {self._seconds:g} s"

    # --- in a process of its own ---

    def _visit(
        self, visit: Callable[[Item, MountWalk], _Visited], walk: MountWalk, item: Item
    ) -> _Visited | str:
        try:
            if self._waited > _MOST_WAIT:
                raise _NotReadError(
                    f"not read: other homes have not answered for {_MOST_WAIT // 60} minutes"
                )
            return visit(item, walk)
        except _NotReadError as error:
            return str(error)

    def _enter(self, note: Note, place: str) -> None:
        note(place)
        if place in self._dead:
            raise _NotReadError(
                f"not read: {_MOST_LATE} others on {place} did not answer within "
                f"{self._seconds:g} s each"
            )

    def _visit_home(self, account: Account, walk: MountWalk) -> _Visited:
        if account.status is not AccountStatus.ACTIVE:
            return _Visited("", Uploads())
        try:
            path = resolve_home(account, self._settings)
        except HomeError:
            return _Visited("", self._read_uploads(account))
        place = walk.follow(path, self._settings.incoming)
        return _Visited(place, self._read_uploads(account))


def _visit_parent(parent: str, walk: MountWalk) -> _Visited:
    place = walk.follow(parent, "")
    try:
        with os.scandir(parent) as entries:
            return _Visited(
                place, [each.name for each in entries if each.is_dir(follow_symlinks=False)]
            )
    except OSError:  # each home in it has its own finding
        return _Visited(place, [])
