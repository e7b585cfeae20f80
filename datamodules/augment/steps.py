"""Operations on parts of a batch: which samples, with which arguments, decided on the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.augment.pixel_ops import Operation
from datamodules.augment.transfer import moved
from datamodules.sampling.random_streams import Integers

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
    run = _run_on_cpu if images.device.type == "cpu" else _run_at_once
    run(images, steps, operations)
    return images


def _run_on_cpu(images: Tensor, steps: Sequence[Step], operations: Mapping[str, Operation]) -> None:
    pixels = images.numpy()  # the same memory; torch's index_copy_ takes ten times as long
    at_once = max(1, _CACHED_VALUES // images[0].numel())
    for step in steps:
        numbers = torch.from_numpy(step.arguments.astype(np.float32))
        for start in range(0, len(step.rows), at_once):
            rows = step.rows[start : start + at_once]
            given = torch.from_numpy(pixels[rows]), numbers[start : start + at_once]
            pixels[rows] = operations[step.operation](*given).numpy()


def _run_at_once(
    images: Tensor, steps: Sequence[Step], operations: Mapping[str, Operation]
) -> None:
    rows = moved(np.concatenate([step.rows for step in steps]), images.device)
    numbers = np.concatenate([step.arguments for step in steps]).astype(np.float32)
    arguments = moved(numbers, images.device)
    start = 0
    for step in steps:
        part = slice(start, start + len(step.rows))
        some = images.index_select(0, rows[part])
        images.index_copy_(0, rows[part], operations[step.operation](some, arguments[part]))
        start = part.stop
