"""Runs something in a child process that may die, or be another user."""

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534
DONE = "done"


def in_child(do: Callable[[], object]) -> str:
    """Return the repr of what *do* returns or raises in a child process, '' if it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            answer = repr(do())
        except BaseException as error:  # a child must not go on with the tests
            answer = f"raised {error!r}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return answer


def as_nobody(do: Callable[[], object]) -> str:
    """Return what `in_child` does, for a user who may only read."""

    def changed() -> object:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return do()

    return in_child(changed)


def opened(folder: Path) -> None:
    """Make the way to *folder* passable for everybody; pytest's own folders are private."""
    for each in (folder, *folder.parents):
        if each.stat().st_uid == os.getuid() and each != Path("/") and each != Path("/tmp"):
            each.chmod(0o755)


class Counter:
    """Counts steps that touch the disk; kills its own process at one of them.

    Args:
        step: the one, from 1 on; 0: none.
        after: kill after the step is done, not before.
    """

    def __init__(self, step: int, *, after: bool) -> None:
        self.count = 0
        self._step = step
        self._after = after

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            mine = self.count == self._step
            if mine and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return call(*arguments, **named)
            finally:
                if mine:
                    os.kill(os.getpid(), signal.SIGKILL)

        return counted

    def install(self) -> None:
        """Count SQLite's statements, and what renames, removes, flushes files; in a child only."""
        counter, connect = self, sqlite3.connect

        class Counted(sqlite3.Connection):
            execute = counter.around(sqlite3.Connection.execute)
            executemany = counter.around(sqlite3.Connection.executemany)
            executescript = counter.around(sqlite3.Connection.executescript)
            close = counter.around(sqlite3.Connection.close)

        def counted_connect(*arguments: Any, **named: Any) -> sqlite3.Connection:
            return connect(*arguments, **named, factory=Counted)

        patch = pytest.MonkeyPatch()
        patch.setattr(sqlite3, "connect", counter.around(counted_connect))
        for name in ("fsync", "open"):
            patch.setattr(os, name, self.around(getattr(os, name)))
        for name in ("replace", "unlink", "chmod"):
            patch.setattr(Path, name, self.around(getattr(Path, name)))
