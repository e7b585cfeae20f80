"""The process of one contestant: builds its loader, then runs an epoch for each line it is sent.

Started as `python -m ablations.bench.loader.worker FUNCTION JOB`. Answers are lines of JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from ablations.bench.contestants import open_answers


def main(function: str, text: str) -> None:
    """Answer once for the first batch, then once an epoch."""
    answers = open_answers()
    from ablations.bench.loader.job import from_text

    job = from_text(text)
    module, _, name = function.partition(":")
    epochs: Callable[[], Iterable[Any]] = getattr(importlib.import_module(module), name)(job)
    batches = iter(epochs())
    next(batches)
    print(json.dumps({"first": True}), file=answers, flush=True)
    for _ in batches:  # the rest of the first epoch warms up
        pass
    print(json.dumps({"warm": True}), file=answers, flush=True)
    for _ in sys.stdin:
        wall, cpu, images = time.monotonic(), time.process_time(), 0
        for batch in epochs():
            images += _count(batch)
        own = time.process_time() - cpu
        seconds = time.monotonic() - wall
        answer = {"images": images, "seconds": seconds, "cpu": own}
        print(json.dumps(answer), file=answers, flush=True)


def _count(batch: Any) -> int:
    images = batch[0] if isinstance(batch, list | tuple) else batch
    return len(images)


if __name__ == "__main__":
    main(*sys.argv[1:])
