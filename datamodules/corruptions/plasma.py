"""Plasma: clouds by the diamond-square algorithm, for a whole batch of images at once."""

import numpy as np
from numpy.typing import NDArray

from datamodules.corruptions.drawn import Draws

Maps = NDArray[np.float32]
_WIBBLE = 100.0  # the first step's; a draw is uniform in +-wibble, times wibble


def map_side(side: int, *, least: int) -> int:
    """Side of the map that a picture is cut from: a power of two that holds it.

    Args:
        side: of the picture.
        least: the benchmark's for pictures of about this side.
    """
    return max(least, 1 << (side - 1).bit_length())


def plasma(draws: Draws, *, side: int, decay: float) -> Maps:
    """A map `(N, side, side)` for each image, from 0 to 1, which repeats at its borders.

    Args:
        draws: of each image.
        side: a power of two.
        decay: what the wibble is divided by from step to step; small: rough.
    """
    uniform = np.stack([g.random(side * side - 1, dtype=np.float32) for g in draws])
    maps = np.zeros((len(uniform), side, side), np.float32)
    drawn, wibble = 0, _WIBBLE
    for step in (side >> k for k in range(side.bit_length() - 1)):
        cells = (side // step) ** 2
        noise = uniform[:, drawn : drawn + 3 * cells] * (2 * wibble**2) - wibble**2
        _refine(maps, step, noise.reshape(-1, 3, side // step, side // step))
        drawn, wibble = drawn + 3 * cells, wibble / decay
    maps -= maps.min(axis=(1, 2), keepdims=True)
    maps /= maps.max(axis=(1, 2), keepdims=True)
    return maps


def _refine(maps: Maps, step: int, noise: Maps) -> None:
    """Fill in the points halfway between those `step` apart: centres, then those of edges."""
    half = step // 2
    corners = maps[:, ::step, ::step]
    right, below = corners + np.roll(corners, -1, 2), corners + np.roll(corners, -1, 1)
    centres = (right + np.roll(right, -1, 1)) / 4 + noise[:, 0]
    maps[:, half::step, half::step] = centres
    maps[:, ::step, half::step] = (centres + np.roll(centres, 1, 1) + right) / 4 + noise[:, 1]
    maps[:, half::step, ::step] = (centres + np.roll(centres, 1, 2) + below) / 4 + noise[:, 2]
