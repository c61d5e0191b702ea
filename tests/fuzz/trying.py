"""Tries an input: what a parser may raise is no fault, all else is one, and so is slowness."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fuzz.parsers import Parser

# Of processor time for an input, and so for none: the largest inputs that parsers accept take a
# twentieth of it.
SECONDS = 2.0
MOST = 20_000  # characters of a result, and as many per byte of the input as follow
PER_BYTE = 60


class SlowError(BaseException):
    """An input took too long; no parser catches this."""


class LargeError(Exception):
    """A result is much larger than its input."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise SlowError(f"more than {SECONDS} s")


@contextmanager
def limiting() -> Iterator[None]:
    """Make SlowError of what runs too long; each input sets the timer again."""
    before = signal.signal(signal.SIGVTALRM, _stop)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def try_input(parser: Parser, data: bytes) -> None:
    """Let *parser* check *data*; raises what is a fault. Call it while `limiting`."""
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        result = parser.check(data)
    except parser.allowed as error:
        result = error
    size = len(repr(result))
    if size > MOST + PER_BYTE * len(data):
        raise LargeError(f"{size} characters of {len(data)} bytes")
