"""Calls a function for each item in a process that is left behind where a call does not return."""

import fcntl
import mmap
import os
import pickle
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

from backup_monitoring.model import MonitoringError

Item = TypeVar("Item")
Result = TypeVar("Result")
Note = Callable[[str], None]

_MESSAGE = 32  # results in one message; a message each would take a third longer
_MOST_DELAY = 50_000_000  # nanoseconds that a result waits for others
_HEADER = 4  # bytes, the length of a message
_NOTE = 1024  # bytes
_POLL = 100  # milliseconds between two looks at how far the process is
_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class NoResult(NamedTuple):
    """Why a call has no result.

    Args:
        note: what the function noted last before it.
        problem: what became of it; None: it did not return in time.
    """

    note: str
    problem: str | None = None


class BoundedCalls(Generic[Item, Result]):
    """Calls of a function for each of *items*, which begin at once; iterate over the results.

    Where a file system does not answer, a system call never returns, and often not even SIGKILL
    ends it: a thread would keep this process from ending. So the calls are another process's.

    Args:
        prepare: returns the function; is called in that process, with another function that notes
            what is about to be done.
        seconds: that a call may take.
        wait: called with the item whose result is returned next, or is waited for.

    Raises:
        MonitoringError: no process can be started.
    """

    def __init__(
        self,
        prepare: Callable[[Note], Callable[[Item], Result]],
        items: Sequence[Item],
        seconds: float,
        wait: Callable[[Item], None],
    ) -> None:
        self._prepare = prepare
        self._items = items
        self._seconds = seconds
        self._wait = wait
        self._worker: _Worker | None = self._start(items)

    def _start(self, items: Sequence[Item]) -> "_Worker":
        def call_each(worker: _Worker) -> None:
            function = self._prepare(worker.note)
            for index, item in enumerate(items):
                worker.begin(index)
                try:
                    worker.add(function(item))
                except Exception as error:  # of this item alone; its text may be a customer's
                    worker.add(NoResult("", type(error).__name__))

        return _Worker(call_each)

    def __iter__(self) -> Iterator[Result | NoResult]:
        """Yield the results in the order of the items."""
        rest = self._items
        try:
            while rest:
                worker = self._worker = self._worker or self._start(rest)
                count = 0
                for results in worker.read(self._seconds, partial(self._wait_for, rest)):
                    for result in results:
                        self._wait(rest[count])
                        yield result
                        count += 1
                self.close()
                if count == len(rest):
                    return
                if again := rest[count : worker.index]:  # these calls' results were not sent yet
                    yield from BoundedCalls(self._prepare, again, self._seconds, self._wait)
                yield worker.failure
                rest = rest[worker.index + 1 :]
        finally:
            self.close()

    def _wait_for(self, items: Sequence[Item], index: int) -> None:
        self._wait(items[index])

    def close(self) -> None:
        """End the process, or leave it behind."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class _Worker:
    """A process that calls *job* with itself. Its progress is in memory that both share."""

    def __init__(self, job: Callable[["_Worker"], None]) -> None:
        self.failure = NoResult("")
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._progress = memoryview(self._memory)[:16].cast("Q")  # index, and when it began
        self._results: list[object] = []
        self._sent = 0
        self._received = self._progress[1] = time.monotonic_ns()
        self._pipe, writing = os.pipe()
        parent, (life, self._life) = os.getpid(), os.pipe()
        try:
            self._pid = os.fork()
        except OSError as error:
            remedy = "raise its limit of processes (ulimit -u), or run fewer at once"
            raise MonitoringError(
                "this user", f"cannot start a process ({error.strerror})", remedy
            ) from error
        if not self._pid:
            self._run(job, writing, life, parent)
        os.close(writing)
        os.close(life)
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)

    # --- in the process ---

    def _run(
        self, job: Callable[["_Worker"], None], writing: int, life: int, parent: int
    ) -> NoReturn:
        code = 1
        try:
            _leave_parent(writing, life)
            self._pipe = writing
            if os.getppid() == parent:  # else it ended before this process could notice
                job(self)
                self._send()
                code = 0
        finally:
            os._exit(code)

    def begin(self, index: int) -> None:
        """Note that the call for the item *index* begins."""
        now = time.monotonic_ns()
        if len(self._results) == _MESSAGE or (self._results and now - self._sent > _MOST_DELAY):
            self._send()
            now = time.monotonic_ns()
        self._progress[1] = now
        self._progress[0] = index

    def note(self, text: str) -> None:
        """Note what the call is about to do."""
        data = text.encode(errors="surrogateescape")[:_NOTE].ljust(_NOTE, b"\0")
        self._memory[16 : 16 + _NOTE] = data

    def add(self, result: object) -> None:
        """Add the result of the call."""
        self._results.append(result)

    def _send(self) -> None:
        data = pickle.dumps(self._results, 5)
        message = memoryview(len(data).to_bytes(_HEADER, "big") + data)
        while message:
            message = message[os.write(self._pipe, message) :]
        self._results.clear()
        self._sent = time.monotonic_ns()

    # --- in its parent ---

    @property
    def index(self) -> int:
        """The item whose call began last."""
        return self._progress[0]

    def read(self, seconds: float, wait: Callable[[int], None]) -> Iterator[list[Any]]:
        """Yield results until the process has ended, or a call takes longer than *seconds*.

        Args:
            wait: called with the index of the item that is waited for.
        """
        received = bytearray()
        while self._has_more(seconds, wait):
            data = os.read(self._pipe, 1 << 20)
            if not data:
                self.failure = self._make_failure(_describe_end(_reap(self._pid, 0)))
                self._pid = 0
                return
            received += data
            while len(received) >= _HEADER:
                end = _HEADER + int.from_bytes(received[:_HEADER], "big")
                if len(received) < end:
                    break
                yield pickle.loads(received[_HEADER:end])  # noqa: S301 - of our own process
                del received[:end]
            self._received = time.monotonic_ns()
        self.failure = self._make_failure(None)

    def _has_more(self, seconds: float, wait: Callable[[int], None]) -> bool:
        """Return whether there is something to read, before the current call's time is over."""
        while not self._poll.poll(_POLL):
            # While its message waited to be read, no call was in progress.
            began = max(self._progress[1], self._received)
            if time.monotonic_ns() - began > seconds * 1e9:
                return False
            wait(self.index)
        return True

    def _make_failure(self, problem: str | None) -> NoResult:
        note = self._memory[16 : 16 + _NOTE].rstrip(b"\0").decode(errors="surrogateescape")
        return NoResult(note, problem)

    def close(self) -> None:
        """End the process; leave it behind if it cannot be ended now."""
        os.close(self._pipe)
        os.close(self._life)
        if not self._pid:
            return
        with suppress(ProcessLookupError):  # who ignores SIGCHLD need not wait for a process
            os.kill(self._pid, signal.SIGKILL)
        for _ in range(100):
            if _reap(self._pid, os.WNOHANG) is not None:
                return
            time.sleep(0.005)


def _leave_parent(*kept: int) -> None:
    """Close all files but those *kept*, and let signals end this process.

    Args:
        kept: the last is the end of a pipe whose other end is the parent's alone. The kernel sends
            SIGIO when the parent has ended in whatever way: a call that is stuck cannot look.
    """
    first = 0
    for each in sorted(kept):
        os.closerange(first, each)
        first = each + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    fcntl.fcntl(kept[-1], fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(kept[-1], fcntl.F_SETFL, os.O_ASYNC)


def _reap(pid: int, options: int) -> int | None:
    """Return the status of the process *pid*, None if it has not ended."""
    try:
        ended, status = os.waitpid(pid, options)
    except ChildProcessError:  # who started us ignores SIGCHLD, and so do we: it has no status
        return 0
    return status if ended else None


def _describe_end(status: int | None) -> str:
    code = os.waitstatus_to_exitcode(status or 0)
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
