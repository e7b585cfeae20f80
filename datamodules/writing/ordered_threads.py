"""Work in threads whose results come in order, a bounded number ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_order(work: Callable[[int], T], total: int, *, workers: int) -> Generator[T, None, None]:
    """`work` of 0, 1 ... total - 1. Close it to end the threads, whatever happened."""
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for index in range(total):
                waiting.append(pool.submit(work, index))
                if len(waiting) > 3 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
