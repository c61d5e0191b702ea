"""What is a fault of a parser, and is seen as one."""

from collections.abc import Callable
from itertools import count, islice
from random import Random

import pytest

from fuzz import inputs, trying
from fuzz.parsers import Parser
from fuzz.trying import LargeError, SlowError, limiting, try_input


def swallow(data: bytes) -> None:
    for _ in count():
        try:
            data = data[::-1]
        except Exception:
            return


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        (lambda data: [][0], IndexError),
        (lambda data: b"x" * 30_000, LargeError),
        (swallow, SlowError),
    ],
)
def test_a_fault(
    check: Callable[[bytes], object],
    fault: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trying, "SECONDS", 0.05)
    with limiting(), pytest.raises(fault):
        try_input(Parser(check, (KeyError,)), b"x")


def test_what_a_parser_says_it_raises_is_none() -> None:
    with limiting():
        try_input(Parser({b"y": 1}.__getitem__, (KeyError,)), b"x")


def test_mutations_differ_and_are_the_same_each_time() -> None:
    first, second = (
        list(islice(inputs.mutate([b"uid: 1", b"cn: One"], Random(1)), 500)) for _ in range(2)
    )
    assert first == second
    assert len(set(first)) > 400
