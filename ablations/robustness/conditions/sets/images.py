"""Images that conditions bring themselves, in place of those of the data set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ablations.robustness.conditions.asked import DataImages, ImageBatch
from datamodules.benchmarks.opened import Opened
from datamodules.sets.splits import stratified


@dataclass(frozen=True, eq=False)
class SetImages:
    """Some images of a public set; see `ablations.robustness.conditions.asked.Images`.

    Attributes:
        opened: the set.
        title: of the set.
        indices: which of its files, by class folder and name.
        class_names: of the labels.
        in_chans: three.
        seed: of the evaluation.
        frames: of each video; pixels are then (N, frames, C, H, W). 1: they are images.
    """

    opened: Opened
    title: str
    indices: NDArray[np.int64]
    class_names: tuple[str, ...]
    seed: int
    frames: int = 1
    in_chans: int = 3

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64; -1: the image shows none of the classes."""
        return self.opened.labels[self.indices]

    @property
    def side(self) -> int:
        """Of the network's input in pixels."""
        return self.opened.view.side

    def batches(self, size: int) -> Iterator[ImageBatch]:
        """All of them, in order, at most `size` images or frames at a time."""
        size, start = max(1, size // self.frames), 0
        for pixels in self.opened.batches(self.indices, size):
            chosen = self.indices[start : start + len(pixels)]
            start += len(pixels)
            yield ImageBatch(
                torch.from_numpy(pixels), self.opened.labels[chosen], chosen, self.seed
            )

    def identity(self) -> Mapping[str, Any]:
        """The files, and what becomes of them."""
        return self.opened.identity()


def some_of(labels: NDArray[np.int64], limit: int | None) -> NDArray[np.int64]:
    """At most so many images, the same share of every class: fewer are a subset of more."""
    if limit is None or limit >= len(labels):
        return np.arange(len(labels))
    return stratified(labels, limit, draw_ties=True)


@dataclass(frozen=True, eq=False)
class OfClasses:
    """The images of a data set that show some of its classes.

    Attributes:
        images: all of them.
        classes: which are kept.
    """

    images: DataImages
    classes: tuple[int, ...]

    @property
    def _kept(self) -> NDArray[np.bool_]:
        return np.isin(self.images.labels, self.classes)

    @property
    def title(self) -> str:
        """Of the data set."""
        return self.images.title

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64."""
        return self.images.labels[self._kept]

    @property
    def indices(self) -> NDArray[np.int64]:
        """(N,) int64, numbers in the data set."""
        return self.images.indices[self._kept]

    @property
    def side(self) -> int:
        """Of the crop in pixels."""
        return self.images.side

    @property
    def in_chans(self) -> int:
        """Channels."""
        return self.images.in_chans

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the data set, by label."""
        return self.images.class_names

    def batches(self, size: int) -> Iterator[ImageBatch]:
        """All of them in order, at most `size` at a time: parts of the data set's batches."""
        for batch in self.images.batches(size):
            kept = np.isin(batch.labels, self.classes)
            if kept.any():
                yield ImageBatch(
                    batch.pixels[torch.from_numpy(kept)],
                    batch.labels[kept],
                    batch.indices[kept],
                    batch.seed,
                )

    def identity(self) -> Mapping[str, Any]:
        """That of the data set: its list says which."""
        return self.images.identity()
