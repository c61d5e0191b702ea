"""Calls in another process: in order, and bounded whatever becomes of one of them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from backup_monitoring.uploads.bounded_calls import BoundedCalls, NoResult, Note

Function = Callable[[int], object]


def called(function: Function, count: int, seconds: float = 20) -> list[object]:
    """Return the results for the numbers below *count*."""
    calls = BoundedCalls(lambda _: function, range(count), seconds, lambda _: None)
    return list(calls)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 1000])
def test_all_results_in_order(count: int) -> None:
    assert called(lambda number: number * 2, count) == list(range(0, count * 2, 2))


def test_results_larger_than_a_pipe() -> None:
    assert called(lambda number: bytes(100_000) * number, 40) == [
        bytes(100_000) * number for number in range(40)
    ]


@pytest.mark.parametrize("stuck", [{0}, {32}, {5, 6}, {39}, {3, 20, 38}])
def test_a_call_that_does_not_return(stuck: set[int]) -> None:
    def function(number: int) -> int:
        while number in stuck:
            time.sleep(60)
        return number

    assert called(function, 40, 1) == [
        NoResult("") if number in stuck else number for number in range(40)
    ]


def test_a_call_may_take_its_time_although_others_took_theirs() -> None:
    assert called(lambda _: time.sleep(0.8), 4, 3) == [None] * 4


def test_a_reader_that_is_slow_makes_no_call_late() -> None:
    calls = BoundedCalls(lambda _: lambda number: (number, bytes(9000)), range(200), 2, print)
    found = []
    for number, result in enumerate(calls):
        if number in (1, 64):
            time.sleep(2.5)
        found.append(result)

    assert found == [(number, bytes(9000)) for number in range(200)]


def test_what_was_noted_last() -> None:
    def prepare(note: Note) -> Function:
        def function(number: int) -> int:
            note(f"number {number}")
            note("shorter" if number == 1 else f"number {number} \udcff")
            while number:
                time.sleep(60)
            return number

        return function

    calls = BoundedCalls(prepare, range(3), 1, lambda _: None)

    assert list(calls) == [0, NoResult("shorter"), NoResult("number 2 \udcff")]


@pytest.mark.parametrize(
    ("end", "problem"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "SIGTERM"),
        (lambda: os._exit(7), "exit code 7"),
        (lambda: [][0], "IndexError"),
        (lambda: (_ for _ in ()).throw(RecursionError), "RecursionError"),
    ],
)
def test_a_call_that_fails(end: Callable[[], object], problem: str) -> None:
    def function(number: int) -> object:
        return end() if number == 33 else number

    found = called(function, 40)

    assert found[33] == NoResult("", problem)
    assert found[:33] + found[34:] == [*range(33), *range(34, 40)]


def test_the_process_holds_no_file_of_its_parent_open() -> None:
    before = _children()
    reading, writing = os.pipe()
    calls = BoundedCalls(lambda _: lambda number: time.sleep(60), range(1), 60, lambda _: None)
    os.close(writing)

    assert os.read(reading, 1) == b""  # nobody can write any more
    calls.close()
    os.close(reading)
    assert _children() == before


def test_who_is_waited_for() -> None:
    waited: list[int] = []

    def function(number: int) -> None:
        time.sleep(0.5 if number == 3 else 0)

    list(BoundedCalls(lambda _: function, range(5), 20, waited.append))

    assert waited.index(3) < waited.index(1) + 3  # before any result was there
    assert sorted(set(waited)) == [0, 1, 2, 3, 4]


@pytest.fixture
def ignored_ends() -> Iterator[None]:
    """This process ignores the ends of its children, as one whose parent does."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGCHLD, before)


@pytest.mark.usefixtures("ignored_ends")
def test_a_parent_that_ignores_the_ends_of_its_children() -> None:
    found = called(lambda number: time.sleep(60) if number == 3 else number, 5, 2)

    assert found == [0, 1, 2, NoResult(""), 4]


@pytest.mark.usefixtures("ignored_ends")
def test_closing_after_the_last_result_where_ends_are_ignored() -> None:
    before = _children()
    calls = BoundedCalls(lambda _: lambda number: number, range(2), 20, lambda _: None)
    results = iter(calls)

    assert [next(results), next(results)] == [0, 1]
    until = time.monotonic() + 10
    while _children() != before:
        assert time.monotonic() < until
        time.sleep(0.01)
    calls.close()


def test_the_process_ends_with_its_parent() -> None:
    """The parent is killed; whoever waits in a call does not notice by itself."""
    reading, writing = os.pipe()
    parent = os.fork()
    if not parent:
        calls = BoundedCalls(lambda _: lambda _: time.sleep(60), range(1), 60, lambda _: None)
        os.write(writing, _children()[0].encode())
        list(calls)
        os._exit(0)
    child = Path("/proc", os.read(reading, 20).decode())
    time.sleep(0.3)
    assert child.exists()

    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)

    until = time.monotonic() + 60
    with suppress(OSError):  # it has ended between two looks
        while "\nState:\tZ" not in (child / "status").read_text():
            assert time.monotonic() < until
            time.sleep(0.02)
    os.close(reading)
    os.close(writing)


def test_no_process_is_left() -> None:
    before = _children()
    called(lambda number: number, 100)

    assert _children() == before


def _children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
