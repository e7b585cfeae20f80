"""The effective receptive field: which pixels the middle of the last map depends on.

As RepLKNet (arXiv 2203.06717, appendix) measures it, after Luo et al. (arXiv 1701.04128).
"""

from collections.abc import Callable
from math import isqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lit_models.probes.anatomy import Anatomy, anatomy
from lit_models.probes.pixels import Pixels


def contributions(network: Pixels, pixels: Tensor) -> Tensor:
    """What each position of each image adds to the middle of the last map: (N, H, W), from 0 up.

    The gradient of the sum over channels of relu(last block's output) at position (H' // 2,
    W' // 2), its negative values set to 0, summed over channels of the image. It is taken with
    respect to normalised images, as RepLKNet's code does: that of a pixel times the standard
    deviation of its channel.

    Args:
        network: see `anatomy`.
        pixels: (N, C, H, W) in [0, 1], on the network's device.

    Raises:
        ValueError: see `anatomy`; a map of tokens that is no square.
    """
    return torch.cat([_of_one(network, image[None]) for image in pixels])


def _of_one(network: Pixels, image: Tensor) -> Tensor:
    """One image at a time: they are large, and their sums are those of any batch."""
    parts = anatomy(network.network)
    middles: list[Tensor] = []
    hook = parts.blocks[-1].module.register_forward_hook(_noting(parts, middles))
    try:
        with torch.enable_grad():
            image = image.detach().clone().requires_grad_()
            network.at_once(image)
            (gradient,) = torch.autograd.grad(middles[0].relu().sum(), image)
    finally:
        hook.remove()
    return (gradient.relu() * network.std).sum(1)  # x std: of the normalised image


def _noting(parts: Anatomy, middles: list[Tensor]) -> Callable[[nn.Module, Any, Tensor], None]:
    def note(module: nn.Module, given: Any, maps: Tensor) -> None:
        del module, given
        values = parts.positions(maps, of_block=True)
        middles.append(values[:, :, middle(parts, maps)])

    return note


def middle(parts: Anatomy, maps: Tensor) -> int:
    """The number of the central position among all of a map, row by row."""
    if parts.layout == "NLC":
        side = isqrt(maps.shape[1] - parts.prefix)
        if side**2 != maps.shape[1] - parts.prefix:
            raise ValueError(f"{maps.shape[1] - parts.prefix} tokens are no square map")
        return side // 2 * side + side // 2
    height, width = maps.shape[2:] if parts.layout == "NCHW" else maps.shape[1:3]
    return int(height // 2 * width + width // 2)


def logarithmic(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Contributions (H, W) as RepLKNet draws them: log10(1 + s), over its largest value."""
    drawn = np.log10(1 + scores)
    return np.asarray(drawn / (drawn.max() or 1.0))


def shares_in_squares(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of all contributions that lies within i positions of the middle: i = 0 .. H // 2.

    The middle of (H, H) contributions is (H // 2, H // 2), so that the last square is all of it.
    NaN where there are no contributions at all.
    """
    side = len(scores)
    offsets = np.abs(np.arange(side) - side // 2)
    rings = np.maximum(offsets[:, None], offsets[None])
    sums = np.bincount(rings.ravel(), weights=scores.ravel(), minlength=side // 2 + 1).cumsum()
    return np.asarray(sums / sums[-1] if sums[-1] > 0 else np.full_like(sums, np.nan))


def square_side(shares: NDArray[np.float64], *, threshold: float, side: int) -> int | None:
    """Side of the smallest square about the middle with more than a share of the contributions.

    Args:
        shares: see `shares_in_squares`.
        threshold: that share, in (0, 1).
        side: of the image in pixels, which no square is larger than.

    Returns:
        Pixels; None where there are no contributions.
    """
    more = np.flatnonzero(shares > threshold)
    return min(2 * int(more[0]) + 1, side) if len(more) else None
