"""A square image as a grid of square patches, some of which are dropped."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.sampling.image_draws import image_generators
from datamodules.sampling.random_streams import Integers

Masks = NDArray[np.bool_]
# Patches of 16 px at 224 px (arXiv 2407.08972): a fourteenth of the side.
_PATCHES, _LEAST = 14, 2
_ROUNDING = 1e-9  # a share times a number of patches that is whole but for its last digits


def default_patch(side: int) -> int:
    """Side of a patch in pixels: 16 at 224 px, else a fourteenth of the side, at least 2."""
    return max(_LEAST, round(side / _PATCHES))


@dataclass(frozen=True)
class Grid:
    """Patches of a square image, row by row.

    Those at the right and lower border are narrower where the side is no multiple of a patch's.

    Attributes:
        side: of the image in pixels.
        patch: of a patch in pixels.

    Raises:
        ValueError: a patch is no larger than nothing, or larger than half of the side.
    """

    side: int
    patch: int

    def __post_init__(self) -> None:
        if not 1 <= self.patch <= self.side // 2:
            raise ValueError(
                f"occlusion.patch is {self.patch}, but patches of images of {self.side} px have "
                f"from 1 to {self.side // 2} px"
            )

    @property
    def across(self) -> int:
        """Patches in a row, and rows."""
        return -(-self.side // self.patch)

    @property
    def patches(self) -> int:
        """All of them."""
        return self.across**2

    def pixels(self, dropped: Masks) -> torch.Tensor:
        """Which pixels lie in patches: (N, 1, H, W) bool, of patches `(N, M)`."""
        cells = dropped.reshape(-1, self.across, self.across)
        whole = cells.repeat(self.patch, axis=1).repeat(self.patch, axis=2)
        return torch.from_numpy(whole[:, None, : self.side, : self.side])

    def sums(self, maps: NDArray[np.floating]) -> NDArray[np.float64]:
        """The sum of maps `(N, H, W)` over each patch: (N, M)."""
        starts = np.arange(0, self.side, self.patch)
        rows = np.add.reduceat(maps.astype(np.float64), starts, axis=1)
        return np.add.reduceat(rows, starts, axis=2).reshape(len(maps), -1)


def random_patches(grid: Grid, share: float, *, seed: int, indices: Integers) -> Masks:
    """The patches that are dropped at random from each image: (N, M), floor(share M) of them.

    An image has one order of its patches for a seed, so that those of a smaller share are among
    those of a larger one.
    """
    count = int(share * grid.patches + _ROUNDING)
    dropped = np.zeros((len(indices), grid.patches), bool)
    generators = image_generators("occlusion/random", seed=seed, indices=indices)
    for row, generator in zip(dropped, generators, strict=True):
        row[generator.permutation(grid.patches)[:count]] = True
    return dropped


def covered(
    pixels: torch.Tensor, where: torch.Tensor, fill: Sequence[float] = (0.0,)
) -> torch.Tensor:
    """Pixels `(N, C, H, W)` with those `where` (N, 1, H, W) set to a value, or one a channel."""
    values = torch.tensor(fill, dtype=pixels.dtype).view(1, -1, 1, 1)
    return torch.where(where, values, pixels)


def areas(where: torch.Tensor) -> NDArray[np.float32]:
    """(N,) the share of each image's pixels that lie in `where` (N, 1, H, W)."""
    return where.flatten(1).float().mean(1).numpy()
