"""In the process of one loader: an epoch for each request."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ablations.bench.loader.job import from_text
from ablations.bench.process import Answer


def answers(text: str, requests: Iterator[str]) -> Iterator[Answer]:
    """Answer once for the first batch, once for the first epoch, then once an epoch.

    The first epoch warms up. Of each later one: images, seconds and own CPU seconds.
    """
    job = from_text(text)
    module, _, name = job.function.partition(":")
    epochs: Callable[[], Iterable[Any]] = getattr(importlib.import_module(module), name)(job)
    batches = iter(epochs())
    next(batches)
    yield {"first": True}
    for _ in batches:
        pass
    yield {"warm": True}
    for _ in requests:
        yield _measured(epochs)


def _measured(epochs: Callable[[], Iterable[Any]]) -> Answer:
    wall, cpu = time.monotonic(), time.process_time()
    images = sum(map(_count, epochs()))
    own = time.process_time() - cpu
    return {"images": images, "seconds": time.monotonic() - wall, "cpu": own}


def _count(batch: Any) -> int:
    images = batch[0] if isinstance(batch, list | tuple) else batch
    return len(images)
