"""Does the work for the next mails while a server is busy with this one."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 4  # a few: who stops early has not worked for all


def work_ahead(items: Sequence[T], work: Callable[[T], R]) -> Iterator[tuple[T, R]]:
    """Yield each of *items* with what *work* returns for it, in their order.

    *work* is called in a thread of its own, for one item at a time. Raises what it raises.
    """
    begun: deque[Future[R]] = deque()
    with ThreadPoolExecutor(1, "ahead") as worker:
        try:
            for number, item in enumerate(items):
                for following in items[number + len(begun) : number + _AHEAD]:
                    begun.append(worker.submit(work, following))
                yield item, begun.popleft().result()
        finally:
            worker.shutdown(cancel_futures=True)
