"""The crops of a batch from a recipe, for both readers of image files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.augment.geometry import Crops, eval_crops, train_crops
from datamodules.augment.windows import draw_windows, seen
from datamodules.config.augmentation import Augmentation
from datamodules.sampling.random_streams import Integers
from datamodules.sampling.samplers import Batch


@dataclass(frozen=True)
class Cropping:
    """How the images of one part are cropped.

    Attributes:
        augmentation: of the recipe; in evaluation only its interpolation counts.
        train: whether crops are random.
        size: side of the output in pixels, in training after it has grown.
        crop_ratio: share of the resized short side that the evaluation crop keeps.
        seed: of the draws.
    """

    augmentation: Augmentation
    train: bool
    size: int
    crop_ratio: float
    seed: int

    def side(self, epoch: int) -> int:
        """Side of the output in pixels."""
        return growing_side(self.augmentation, self.size, epoch=epoch) if self.train else self.size

    def crops(self, heights: Integers, widths: Integers, batch: Batch) -> Crops:
        """The crop and flip of each image of a batch, (N,) of `geometry.CROP`."""
        side = self.side(batch.epoch)
        if not self.train:
            return eval_crops(heights, widths, side=side, crop_ratio=self.crop_ratio)
        return train_crops(
            self.augmentation,
            heights,
            widths,
            side=side,
            crop_ratio=self.crop_ratio,
            draw=batch.draw(self.seed),
        )

    def shifted(self, pixels: NDArray[np.uint8], batch: Batch) -> NDArray[np.uint8]:
        """Cropped pixels (N, C, H, W) after `crop: pad`; without it as they are."""
        if not self.train or self.augmentation.crop != "pad":
            return pixels
        return seen(pixels, draw_windows(self.augmentation, draw=batch.draw(self.seed)))


def growing_side(augmentation: Augmentation, size: int, *, epoch: int) -> int:
    """Side of training images in an epoch: first_size, then linearly up to `size`, in pixels.

    Sides in between are rounded to multiples of `size_step`, as in FFCV's ImageNet recipe.
    """
    first, (begin, end) = augmentation.first_size, augmentation.growth
    if first is None or epoch >= end:
        return size
    if epoch <= begin:
        return first
    side = first + (size - first) * (epoch - begin) / (end - begin)
    return round(side / augmentation.size_step) * augmentation.size_step
