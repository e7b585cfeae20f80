"""Operations on parts of a batch: which samples, with which arguments, decided on the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.draws import Integers
from datamodules.pixel_ops import Operation
from datamodules.transfer import moved

# On a CPU the intermediate results of so many values fit in its caches.
_CACHED_VALUES = 1 << 17


@dataclass(frozen=True)
class Step:
    """One operation on some samples of a batch.

    Attributes:
        operation: its name.
        rows: (M,) the samples' places in the batch.
        arguments: (M,) what the operation takes for each.
    """

    operation: str
    rows: Integers
    arguments: NDArray[np.float64]


def run_steps(
    images: Tensor, steps: Sequence[Step], *, operations: Mapping[str, Operation]
) -> Tensor:
    """The images after all steps, in order.

    Args:
        images: (N, C, H, W) uint8, not written to.
        steps: what to do.
        operations: name -> operation on planar images.

    Returns:
        (N, C, H, W) uint8, new, planar.
    """
    images = images.clone(memory_format=torch.contiguous_format)
    if not steps:
        return images
    rows = moved(np.concatenate([step.rows for step in steps]), images.device)
    numbers = np.concatenate([step.arguments for step in steps]).astype(np.float32)
    arguments = moved(numbers, images.device)
    start = 0
    for step in steps:
        operation = operations[step.operation]
        for part in _parts(start, len(step.rows), images):
            some = images.index_select(0, rows[part])
            images.index_copy_(0, rows[part], operation(some, arguments[part]))
        start += len(step.rows)
    return images


def _parts(start: int, count: int, images: Tensor) -> list[slice]:
    """The rows of one step in parts: on a CPU small ones, elsewhere all at once."""
    at_once = max(1, count)
    if images.device.type == "cpu":
        at_once = max(1, _CACHED_VALUES // images[0].numel())
    stop = start + count
    return [slice(first, min(first + at_once, stop)) for first in range(start, stop, at_once)]
