"""The effective receptive field: which pixels the middle of the last map depends on.

As RepLKNet (arXiv 2203.06717, appendix) measures it, after Luo et al. (arXiv 1701.04128).
"""

from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lit_models.probes.anatomy import anatomy
from lit_models.probes.pixels import Pixels


def contributions(network: Pixels, pixels: Tensor) -> tuple[Tensor, float]:
    """What each position of each image adds to the middle of the last map, and where that looks.

    The gradient of the sum over channels of relu(last block's output) at position (H' // 2,
    W' // 2), its negative values set to 0, summed over channels of the image. It is taken with
    respect to normalised images, as RepLKNet's code does: that of a pixel times the standard
    deviation of its channel.

    Args:
        network: see `anatomy`.
        pixels: (N, C, H, H) in [0, 1], at least one, on the network's device.

    Returns:
        (N, H, H), from 0 up, and the pixel of a row, or n + 1/2, that the middle is centred on.

    Raises:
        ValueError: see `anatomy`; a map of tokens that is no square.
    """
    found = [_of_one(network, image[None]) for image in pixels]
    return torch.cat([scores for scores, _ in found]), found[0][1]


def _of_one(network: Pixels, image: Tensor) -> tuple[Tensor, float]:
    """One image at a time: they are large, and their sums are those of any batch."""
    parts = anatomy(network.network)
    noted: list[Tensor] = []

    def note(module: nn.Module, given: Any, maps: Tensor) -> None:
        del module, given
        noted.append(maps)

    hook = parts.blocks[-1].module.register_forward_hook(note)
    try:
        with torch.enable_grad():
            image = image.detach().clone().requires_grad_()
            network.at_once(image)
            maps = parts.positions(noted[0], of_block=True)
            side = _side(maps)
            middle = maps[:, :, side // 2 * side + side // 2]
            (gradient,) = torch.autograd.grad(middle.relu().sum(), image)
    finally:
        hook.remove()
    scores = (gradient.relu() * network.std).sum(1)  # x std: of the normalised image
    return scores, parts.centre(side // 2)


def _side(maps: Tensor) -> int:
    """Of maps (N, C, positions)."""
    side = isqrt(maps.shape[2])
    if side**2 != maps.shape[2]:
        raise ValueError(f"a receptive field is measured on square maps, not of {maps.shape[2]}")
    return side


def logarithmic(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Contributions (H, W) as RepLKNet draws them: log10(1 + s), over its largest value."""
    drawn = np.log10(1 + scores)
    return np.asarray(drawn / (drawn.max() or 1.0))


@dataclass(frozen=True)
class Squares:
    """Squares about the centre of a field, from the smallest to that of the whole image.

    Attributes:
        sides: (n,) in pixels, none larger than the image.
        shares: (n,) of all contributions that lie in them; NaN where there are none at all.
    """

    sides: NDArray[np.int64]
    shares: NDArray[np.float64]

    def side(self, threshold: float) -> float:
        """The side in pixels of the smallest with more than a share in (0, 1); NaN: there is none.

        That is so where there are no contributions.
        """
        more = np.flatnonzero(self.shares > threshold)
        return float(self.sides[more[0]]) if len(more) else np.nan


def squares(scores: NDArray[np.float64], centre: float) -> Squares:
    """The squares about a pixel (or the corner of four) of contributions (H, H).

    RepLKNet's code has them about pixel H // 2. That is where its networks and ResNets, whose
    layers pad both sides alike, look from; with a patchify stem the middle of the last map looks
    from the middle of its patch, up to half the total stride away: much, where maps are small. So
    they are about the centre of the field here.
    """
    side = len(scores)
    first = centre % 1  # the centre is a pixel, or between two
    offsets = np.round(np.abs(np.arange(side) - centre) - first).astype(np.int64)
    rings = np.maximum(offsets[:, None], offsets[None])
    sums = np.bincount(rings.ravel(), weights=scores.ravel()).cumsum()
    sides = np.minimum(2 * (np.arange(len(sums)) + first) + 1, side).astype(np.int64)
    shares = sums / sums[-1] if sums[-1] > 0 else np.full_like(sums, np.nan)
    return Squares(sides, shares)
