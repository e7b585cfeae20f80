"""Patches that are dropped at random."""

from dataclasses import dataclass

import torch

from ablations.robustness.conditions.asked import ImageBatch
from ablations.robustness.conditions.clean import PixelCondition, as_floats
from ablations.robustness.conditions.condition import Plain
from datamodules.occlusion.patches import Grid, covered, random_patches

_BLACK = (0.0,)


@dataclass(frozen=True)
class RandomDrop(PixelCondition):
    """Some of the patches of a grid, other ones in each image, the same for all networks.

    Attributes:
        share: of the patches, rounded down to whole ones.
        patch: side of a patch in pixels.
        fill: one value for each channel, pixels in [0, 1]; or one for all of them.
    """

    share: float
    patch: int
    fill: tuple[float, ...] = _BLACK
    kind = "occlusion"

    @property
    def name(self) -> str:
        """Such as `random/0.5`, or `random_mean/0.5` where patches are not black."""
        return f"{'random' if self.fill == _BLACK else 'random_mean'}/{self.share:g}"

    def parameters(self) -> Plain:
        """Share, patch, and what patches are filled with."""
        return {"share": self.share, "patch": self.patch, "fill": list(self.fill)}

    def make(self, batch: ImageBatch) -> torch.Tensor:
        """The pixels `(N, C, H, W)` in [0, 1] without the patches."""
        pixels = as_floats(batch.pixels)
        grid = Grid(pixels.shape[-1], self.patch)
        dropped = random_patches(grid, self.share, seed=batch.seed, indices=batch.indices)
        return covered(pixels, grid.pixels(dropped), self.fill)
