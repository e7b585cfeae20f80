"""Who makes corruptions: this project, and imagecorruptions-imaug, each in one thread.

The first answer is what the very first image under each of the fifteen costs, tables, kernels and
textures included; then one for each request. Times are of the processor, so that other programs on
the machine count little.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ablations.bench.corruptions.job import LEVELS, Request, job_of, request_of
from ablations.bench.process import Answer

LIBRARY, DISTRIBUTION = "imagecorruptions", "imagecorruptions-imaug"
Corrupt = Callable[[Request], object]  # of the first image, or of all of them


def installed() -> str | None:
    """The version of the library to compare with; None: there is none."""
    if importlib.util.find_spec(LIBRARY) is None:
        return None
    return importlib.metadata.version(DISTRIBUTION)


def ours(job: str, requests: Iterator[str]) -> Iterator[Answer]:
    """This project's, whole batches at once; not re-encoded, as the library's are not."""
    _one_thread()
    import numpy as np
    import torch

    from datamodules.corruptions.kinds.corrupt import corrupt

    torch.set_num_threads(1)
    images = np.load(Path(job_of(job).images))
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()

    def make(count: int) -> Corrupt:
        indices = np.arange(count)

        def corrupted(request: Request) -> torch.Tensor:
            return corrupt(
                pixels[:count],
                name=request.name,
                level=request.level,
                seed=0,
                indices=indices,
                reencode="none",
            )

        return corrupted

    yield from _answers(make, len(pixels), requests)


def library(job: str, requests: Iterator[str]) -> Iterator[Answer]:
    """imagecorruptions-imaug, image by image."""
    _one_thread()
    import numpy as np

    package: Any = importlib.import_module(LIBRARY)
    importlib.import_module("cv2").setNumThreads(1)
    images = np.load(Path(job_of(job).images))

    def make(count: int) -> Corrupt:
        def corrupted(request: Request) -> list[object]:
            return [
                package.corrupt(image, corruption_name=request.name, severity=request.level)
                for image in images[:count]
            ]

        return corrupted

    yield from _answers(make, len(images), requests)


def _answers(
    make: Callable[[int], Corrupt], count: int, requests: Iterator[str]
) -> Iterator[Answer]:
    from datamodules.corruptions.names import CORRUPTIONS

    one, every = make(1), make(count)
    yield {"first_s": sum(_seconds(one, Request(name, LEVELS[0])) for name in CORRUPTIONS)}
    for text in requests:
        request = request_of(text)
        one(request)  # its own tables
        yield {"ms": 1000 * _seconds(every, request) / count}


def _seconds(corrupted: Corrupt, request: Request) -> float:
    began = time.process_time()
    corrupted(request)
    return time.process_time() - began


def _one_thread() -> None:
    """Before NumPy is imported, whose libraries ask once."""
    for library_of in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{library_of}_NUM_THREADS"] = "1"
