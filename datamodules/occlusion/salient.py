"""Which patches of an image matter, by a map of saliency."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from datamodules.occlusion.patches import Grid, Masks

_ROUNDING = 1e-9  # of a sum of shares


def patch_shares(maps: NDArray[np.floating], grid: Grid) -> NDArray[np.float64]:
    """The share of each patch in its image's saliency: (N, M), rows sum to 1.

    Args:
        maps: (N, h, w) of any size, 0 or more; resampled to the image's side. An image without
            saliency anywhere has the same in all patches.
        grid: of the images.
    """
    sums = grid.sums(_resampled(maps, grid.side))
    totals = sums.sum(1, keepdims=True)
    shares = np.full_like(sums, 1 / grid.patches)
    np.divide(sums, totals, out=shares, where=totals > 0)
    return shares


def foreground(shares: NDArray[np.float64], share: float) -> Masks:
    """The smallest set of top patches whose shares together reach `share`: (N, M) bool.

    Of equal ones those with smaller numbers come first. All patches at a share of 1, also those
    without saliency; none at 0.

    Args:
        shares: (N, M), rows sum to 1.
        share: of the saliency, from 0 to 1.
    """
    if share >= 1:
        return np.ones_like(shares, bool)
    order = np.argsort(-shares, axis=1, kind="stable")
    sorted_shares = np.take_along_axis(shares, order, axis=1)
    before = np.cumsum(sorted_shares, axis=1) - sorted_shares
    chosen = np.zeros_like(shares, bool)
    np.put_along_axis(chosen, order, before < share - _ROUNDING, axis=1)
    return chosen


def _resampled(maps: NDArray[np.floating], side: int) -> NDArray[np.floating]:
    if maps.shape[1:] == (side, side):
        return maps
    tensor = torch.from_numpy(np.asarray(maps, np.float64))[:, None]
    smooth = functional.interpolate(
        tensor, (side, side), mode="bilinear", align_corners=False, antialias=True
    )
    return np.asarray(smooth[:, 0].clamp_min(0).numpy())
