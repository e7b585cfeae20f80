"""Random arrays with a row for each image, every row from that image's generator."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

Draws = Iterable[np.random.Generator]  # one an image
STEPS = 1 << 16  # a step is one of so many, of equal probability


def normal(shape: tuple[int, ...], draws: Draws) -> torch.Tensor:
    """Standard normal numbers float32 of a shape `(N, ...)`."""
    drawn = np.empty(shape, np.float32)
    for row, generator in zip(drawn, draws, strict=True):
        generator.standard_normal(out=row, dtype=np.float32)
    return torch.from_numpy(drawn)


def steps(shape: tuple[int, ...], draws: Draws) -> NDArray[np.uint16]:
    """Whole numbers from 0 to below `STEPS` of a shape `(N, ...)`."""
    drawn = np.empty(shape, np.uint16)
    for row, generator in zip(drawn, draws, strict=True):
        row[...] = generator.integers(0, STEPS, row.shape, np.uint16)
    return drawn


def uniform(shape: tuple[int, ...], draws: Draws, *, low: float, high: float) -> torch.Tensor:
    """Numbers float32 from `low` to below `high` of a shape `(N, ...)`."""
    drawn = np.empty(shape, np.float32)
    for row, generator in zip(drawn, draws, strict=True):
        generator.random(out=row, dtype=np.float32)
    return torch.from_numpy(drawn).mul_(high - low).add_(low)
