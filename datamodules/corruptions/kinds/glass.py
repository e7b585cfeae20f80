"""Glass blur: pixels take the values of others nearby, between two blurs."""

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.corruptions.drawn import Draws
from datamodules.corruptions.filters import gaussian_blur
from datamodules.corruptions.pixels import floats, truncated
from datamodules.corruptions.severities import Severity

Places = NDArray[np.int64]  # what numpy indexes by without a copy
Moves = NDArray[np.int8]


def glass_blur(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """A blur, passes in which pixels move by up to so many, the same blur; uint8 in between."""
    sigma, reach, passes = severity.values[0], *map(int, severity.values[1:])
    before = truncated(gaussian_blur(floats(pixels), sigma)).numpy()
    moved = np.empty_like(before)
    for image, out, generator in zip(before, moved, draws, strict=True):
        places = _moved(generator, image.shape[-2:], reach=reach, passes=passes)
        out[:] = image.reshape(len(image), -1).take(places, axis=1).reshape(image.shape)
    return truncated(gaussian_blur(floats(torch.from_numpy(moved)), sigma))


def _moved(
    generator: np.random.Generator, shape: tuple[int, int], *, reach: int, passes: int
) -> Places:
    """For each pixel the place of the one that it shows in the end."""
    height, width = shape
    rows, columns = height - 2 * reach, width - 2 * reach
    places: Places | None = None
    for moves in generator.integers(-reach, reach, (passes, 2, rows, columns), np.int8):
        # what was at `sources` before this pass came from where earlier passes say
        sources = scanned(moves, shape, reach=reach)
        places = sources if places is None else places[sources]
    assert places is not None
    return places


def scanned(moves: Moves, shape: tuple[int, int], *, reach: int) -> Places:
    """Where the values of one pass come from, `(H * W,)` numbers of pixels.

    The benchmark scans rows and columns from `size - reach` down to above `reach`, and assigns to
    each pixel (h, w) and to (h + dy, w + dx) what the other holds. Of an RGB array these are views,
    so that nothing is swapped: the first takes the current value of the second, which stays. So a
    pixel's value is the new one of its target where that was scanned before it, which are those
    with larger numbers, and the old one elsewhere. These pointers are followed here by doubling.

    Args:
        moves: (2, H - 2 reach, W - 2 reach), dy and dx from -reach to reach - 1 of the pixels that
            are scanned, in the order of their numbers.
        shape: height and width.
        reach: largest move.
    """
    height, width = shape
    places = np.arange(height * width, dtype=np.int64)
    rows, columns = (slice(reach + 1, length - reach + 1) for length in shape)
    inside = places.reshape(shape)[rows, columns].copy()  # of what is written to below
    targets = inside + moves[0].astype(np.int64) * width + moves[1]
    is_scanned = np.zeros(height * width, bool)
    is_scanned[inside] = True
    chained = np.zeros(height * width, bool)  # it takes the new value of its target
    places[inside] = targets
    chained[inside] = (targets > inside) & is_scanned[targets]
    open_ones = np.flatnonzero(chained)
    while len(open_ones):
        at = places[open_ones]
        places[open_ones] = places[at]
        go_on = chained[at]
        chained[open_ones] = go_on
        open_ones = open_ones[go_on]
    return places
