"""Noise: every value of an image for itself. All take and give uint8 `(N, C, H, W)`.

An image of one channel gets one draw, which is the same as that draw in all of three channels.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import poisson

from datamodules.corruptions.drawn import STEPS, Draws, normal, steps
from datamodules.corruptions.pixels import floats, truncated
from datamodules.corruptions.severities import Severity


def gaussian_noise(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """x + c n, n standard normal."""
    return with_gaussian(pixels, severity.values[0], draws)


def speckle_noise(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """x + x c n, n standard normal."""
    return with_speckle(pixels, severity.values[0], draws)


def shot_noise(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """Poisson(x c) / c."""
    return with_shot(pixels, severity.values[0], draws)


def impulse_noise(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """Every value black with probability c / 2, white with c / 2."""
    each = round(severity.values[0] / 2 * STEPS)
    drawn = torch.from_numpy(steps(tuple(pixels.shape), draws).astype(np.int32))
    noisy = pixels.masked_fill(drawn < each, 0)
    return noisy.masked_fill_(drawn >= STEPS - each, 255)


def with_gaussian(pixels: torch.Tensor, std: float, draws: Draws) -> torch.Tensor:
    """x + std n, one generator an image."""
    return truncated(torch.add(floats(pixels), normal(tuple(pixels.shape), draws), alpha=std))


def with_speckle(pixels: torch.Tensor, std: float, draws: Draws) -> torch.Tensor:
    """x + x std n, one generator an image."""
    images = floats(pixels)
    return truncated(images.addcmul_(images.clone(), normal(tuple(pixels.shape), draws), value=std))


def with_shot(pixels: torch.Tensor, rate: float, draws: Draws) -> torch.Tensor:
    """Poisson(x rate) / rate: 256 levels and 65,536 uniform draws, so a table has every answer.

    Probabilities are those of Poisson's distribution to 2^-17, half a draw.
    """
    places = pixels.numpy().astype(np.int32)
    places <<= 16
    places |= steps(tuple(pixels.shape), draws)
    return torch.from_numpy(_shot_table(rate)[places])


@lru_cache(maxsize=2)  # 16 MiB each; one severity is made at a time
def _shot_table(rate: float) -> NDArray[np.uint8]:
    """What level l becomes under draw u, at place 65536 l + u."""
    most = int(poisson.isf(1e-9, rate)) + 1
    counts = np.arange(most + 1)
    values = (np.minimum(counts / rate, 1) * 255).astype(np.uint8)
    below = poisson.cdf(counts, np.arange(256)[:, None] / 255 * rate)
    below[:, -1] = 1
    ends = np.rint(below * STEPS).astype(np.int64)
    lengths = np.diff(ends, axis=1, prepend=0)
    return np.repeat(np.tile(values, 256), lengths.ravel())
