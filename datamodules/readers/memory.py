"""Images in memory, gathered, cropped and flipped by the batch."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from datamodules.augment.windows import draw_windows, seen
from datamodules.config.augmentation import Augmentation
from datamodules.config.info import DatasetInfo
from datamodules.decoding import native
from datamodules.readers.loader import Batches, RawBatch
from datamodules.sampling.random_streams import Draw, Integers
from datamodules.sets.sources import ArrayImages


class MemoryReader:
    """Batches of images in memory, in this process: there is nothing to wait for.

    Args:
        images: all of them.
        info: the data set, for its mean and std.
        augmentation: None in evaluation.
        seed: of the draws.
        normalise: give float32 and not uint8: the same numbers in one pass. Only where the
            compiled decoder is there.
    """

    name = "memory"

    def __init__(
        self,
        images: ArrayImages,
        info: DatasetInfo,
        augmentation: Augmentation | None,
        *,
        seed: int,
        normalise: bool,
    ) -> None:
        self.images, self.augmentation, self.seed = images, augmentation, seed
        self.normalise = (info.mean, info.std) if normalise else None

    def read(self, batches: Batches) -> Generator[RawBatch, None, None]:
        """See `Reader`."""
        for batch in batches:
            images = self._gather(batch.indices, batch.draw(self.seed))
            labels = torch.from_numpy(self.images.labels[batch.indices])
            yield RawBatch(images, labels, batch)

    def _gather(self, indices: Integers, draw: Draw) -> Tensor:
        windows, pixels = draw_windows(self.augmentation, draw=draw), self.images.pixels
        if native.library() is None:
            return torch.from_numpy(seen(pixels[indices], windows))
        return torch.from_numpy(native.gather(pixels, indices, windows, normalise=self.normalise))
