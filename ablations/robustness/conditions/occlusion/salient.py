"""Patches that are dropped because they matter, or because they do not."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ablations.robustness.conditions.arrays import AREA
from ablations.robustness.conditions.asked import Arrays, AskedNetwork, ImageBatch
from ablations.robustness.conditions.clean import PixelCondition, as_floats
from ablations.robustness.conditions.condition import Plain
from ablations.robustness.conditions.occlusion.saliency import Saliency
from datamodules.occlusion.patches import Grid, areas, covered
from datamodules.occlusion.salient import foreground, patch_shares


@dataclass(frozen=True)
class Dropped:
    """Pixels `(N, C, H, W)` after a drop, and the share (N,) of each image that it took."""

    pixels: torch.Tensor
    area: NDArray[np.float32]


@dataclass(frozen=True)
class SalientDrop(PixelCondition):
    """The fewest patches that hold a share of an image's saliency, set to black.

    The share is one of saliency: which share of the image it takes is stored with the answers.
    (Public code of arXiv 2407.08972 numbers its non-salient curve by the share that is kept.)

    Attributes:
        share: of the saliency that is lost, from 0 to 1.
        patch: side of a patch in pixels.
        saliency: what says which patches matter: no network that is asked.
        salient: drop the most salient patches; False: all but the most salient ones.
    """

    share: float
    patch: int
    saliency: Saliency
    salient: bool = True
    kind = "occlusion"

    @property
    def name(self) -> str:
        """Such as `salient/0.3` or `non_salient/0.3`."""
        return f"{'salient' if self.salient else 'non_salient'}/{self.share:g}"

    def parameters(self) -> Plain:
        """Share, patch, and what the saliency is from."""
        return {"share": self.share, "patch": self.patch, **self.saliency.parameters()}

    def make(self, batch: ImageBatch) -> Dropped:
        """The images without the patches."""
        pixels = as_floats(batch.pixels)
        grid = Grid(pixels.shape[-1], self.patch)
        shares = patch_shares(self.saliency.maps(batch), grid)
        if self.salient:
            dropped = foreground(shares, self.share)
        else:
            dropped = ~foreground(shares, 1 - self.share)
        where = grid.pixels(dropped)
        return Dropped(covered(pixels, where), areas(where))

    def ask(self, network: AskedNetwork, made: Any, batch: ImageBatch) -> Arrays:
        """The classes that a network takes the rest for, and the area that is gone (N,)."""
        return {**super().ask(network, made.pixels, batch), AREA: made.area}
