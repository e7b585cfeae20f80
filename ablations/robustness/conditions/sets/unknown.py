"""Images of another data set, whose labels mean nothing to the networks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ablations.robustness.conditions.asked import DataImages, ImageBatch


@dataclass(frozen=True, eq=False)
class Unknown:
    """Images without a label that means anything to the networks.

    Attributes:
        images: test images of the other data set.
        kept: (N,) which of them, as places.
        in_chans: of the networks: a grey image is given to all of them.
    """

    images: DataImages
    kept: NDArray[np.int64]
    in_chans: int

    @property
    def title(self) -> str:
        """Of the other data set."""
        return self.images.title

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) of -1."""
        return np.full(len(self.kept), -1, np.int64)

    @property
    def indices(self) -> NDArray[np.int64]:
        """(N,) numbers in the other data set."""
        return self.images.indices[self.kept]

    @property
    def side(self) -> int:
        """Of the crop in pixels."""
        return self.images.side

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the other data set."""
        return self.images.class_names

    def batches(self, size: int) -> Iterator[ImageBatch]:
        """All of them in order, at most `size` at a time."""
        kept = self.indices
        for batch in self.images.batches(size):
            chosen = np.isin(batch.indices, kept)
            if chosen.any():
                pixels = batch.pixels[torch.from_numpy(chosen)]
                repeats = self.in_chans // pixels.shape[1]
                yield replace(
                    batch,
                    pixels=pixels.repeat(1, repeats, 1, 1),
                    labels=np.full(len(pixels), -1, np.int64),
                    indices=batch.indices[chosen],
                )

    def identity(self) -> Mapping[str, Any]:
        """That of the other data set."""
        return {**self.images.identity(), "channels": self.in_chans}
