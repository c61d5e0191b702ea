"""Bounds a call that may never return."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def call_within(seconds: float, function: Callable[[], T]) -> T | None:
    """Call *function* in a thread of its own; return its result, None if the time is up.

    The thread is left behind then, and ends with the process. Raises what *function* raises.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:  # raised again by the caller's thread
            errors.append(error)

    worker = threading.Thread(target=run, name=f"within {seconds:g} s", daemon=True)
    worker.start()
    worker.join(seconds)
    if errors:
        raise errors[0]
    return results[0] if results else None
