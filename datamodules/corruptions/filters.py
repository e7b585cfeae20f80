"""Blurs, zooms and displacements of images `(N, C, H, W)` float32.

Everything here gives an image the same bits whatever batch it is in: sums over taps in a fixed
order, or matrix products of one image's own shape.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch.nn.functional import pad

Border = Literal["replicate", "reflect"]


def gaussian_blur(images: torch.Tensor, sigma: float, *, truncate: float = 4) -> torch.Tensor:
    """Images blurred by a Gaussian, their border pixels repeated outside (scipy's `nearest`).

    Args:
        images: (N, C, H, W).
        sigma: in pixels.
        truncate: where the kernel ends, in sigmas.
    """
    weights = _half_gaussian(sigma, truncate)
    reach = len(weights) - 1
    if reach == 0:
        return images
    down = _symmetric_sum(pad(images, (0, 0, reach, reach), mode="replicate"), weights, dim=2)
    return _symmetric_sum(pad(down, (reach, reach, 0, 0), mode="replicate"), weights, dim=3)


@lru_cache(maxsize=64)
def _half_gaussian(sigma: float, truncate: float) -> tuple[float, ...]:
    """Weights of the middle tap and those on one side of it; both sides sum to 1."""
    taps = np.arange(int(truncate * sigma + 0.5) + 1)
    weights = np.exp(-0.5 * (taps / max(sigma, 1e-9)) ** 2)
    return tuple(float(w) for w in weights / (2 * weights.sum() - weights[0]))


def _symmetric_sum(padded: torch.Tensor, weights: Sequence[float], *, dim: int) -> torch.Tensor:
    reach = len(weights) - 1
    length = padded.shape[dim] - 2 * reach
    total = padded.narrow(dim, reach, length) * weights[0]
    both = torch.empty_like(total)
    for tap in range(1, reach + 1):
        before, after = (padded.narrow(dim, reach + at, length) for at in (-tap, tap))
        total.add_(torch.add(before, after, out=both), alpha=weights[tap])
    return total


Taps = Sequence[tuple[int, int, float]]  # dy, dx, weight
NOTHING = 1e-9  # of a weight: below what float32 keeps of a sum of about 1


def tap_sum(images: torch.Tensor, taps: Taps, *, border: Border, out: torch.Tensor) -> None:
    """Write the weighted sum of the pixels at (dy, dx) from each pixel of images `(N, C, H, W)`.

    Args:
        images: float32.
        taps: the terms, added in this order.
        border: what lies outside; `reflect` mirrors at border pixels, `replicate` repeats them.
        out: of the images' shape; overwritten.
    """
    height, width = images.shape[-2:]
    rows, columns = [tap[0] for tap in taps], [tap[1] for tap in taps]
    top, left = max(0, -min(rows)), max(0, -min(columns))
    bottom, right = max(0, *rows), max(0, *columns)
    padded = pad(images, (left, right, top, bottom), mode=border)
    out.zero_()
    for dy, dx, weight in taps:
        y, x = top + dy, left + dx
        out.add_(padded[..., y : y + height, x : x + width], alpha=weight)


def gaussian_matrix(side: int, sigma: float, *, truncate: float) -> NDArray[np.float32]:
    """`(side, side)`: times a column, that column blurred with its ends mirrored (`d c b a|a b`).

    For a sigma near the side or above it, where sums over taps have more taps than pixels.
    """
    return _gaussian_matrix(side, sigma, truncate)


@lru_cache(maxsize=16)
def _gaussian_matrix(side: int, sigma: float, truncate: float) -> NDArray[np.float32]:
    identity = np.eye(side)
    if sigma > 0:
        identity = gaussian_filter1d(identity, sigma, axis=0, mode="reflect", truncate=truncate)
    return np.ascontiguousarray(identity, np.float32)


def centre_zoom(images: torch.Tensor, factor: float) -> torch.Tensor:
    """The centre of square images, enlarged to their size by linear interpolation.

    As the benchmark's `clipped_zoom`: the crop has ceil(side / factor) pixels, its corners stay
    corners, and of what is more than the side the centre is kept.
    """
    return turned_zoom(images, factor).transpose(2, 3)


def turned_zoom(images: torch.Tensor, factor: float) -> torch.Tensor:
    """`centre_zoom` with rows and columns exchanged, so that many are turned back at once."""
    zoom = _zoom(images.shape[-1], factor)
    return _between(_between(images, zoom).transpose(2, 3).contiguous(), zoom)


# rows above, rows below, and how far between them each row lies
_Zoom = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@lru_cache(maxsize=128)
def _zoom(side: int, factor: float) -> _Zoom:
    crop = int(np.ceil(side / factor))
    enlarged = round(crop * factor)
    first = (enlarged - side) // 2
    places = np.arange(first, first + side) * ((crop - 1) / max(1, enlarged - 1))
    above = np.clip(places.astype(np.int64), 0, max(0, crop - 2))
    weights = torch.from_numpy((places - above).astype(np.float32)).view(-1, 1)
    rows = torch.from_numpy(above + (side - crop) // 2)
    return rows, (rows + 1).clamp(max=side - 1), weights


def _between(images: torch.Tensor, zoom: _Zoom) -> torch.Tensor:
    """Rows between rows, by operations that each round once: PyTorch's `interpolate` does not."""
    above, below, weights = zoom
    low, high = images.index_select(2, above), images.index_select(2, below)
    return high.sub_(low).mul_(weights).add_(low)


def centre_crop(images: torch.Tensor, side: int) -> torch.Tensor:
    """The middle `side` pixels of rows and columns; where that is no whole number, the upper."""
    top, left = ((length - side) // 2 for length in images.shape[-2:])
    return images[..., top : top + side, left : left + side]
