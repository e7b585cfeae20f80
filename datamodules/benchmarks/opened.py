"""A part of a public set, ready to be read: images or videos with labels, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.benchmarks.arrays import ArrayPart, array_part
from datamodules.benchmarks.decoded import View, image_batches, video_batches
from datamodules.benchmarks.listing import Listing, listed
from datamodules.benchmarks.search import Part


@dataclass(frozen=True, eq=False)
class Opened:
    """The images of a part.

    Attributes:
        part: which.
        view: what becomes of each file.
        files: where they are.
    """

    part: Part
    view: View
    files: Listing | ArrayPart

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64, in the classes that answers are judged by; -1: the image shows none."""
        return self.files.labels

    def batches(self, numbers: NDArray[np.int64], size: int) -> Iterator[NDArray[np.uint8]]:
        """Some of them in order, `size` at a time: (n, 3, side, side), videos (n, T, 3, ...)."""
        batches = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        if isinstance(self.files, ArrayPart):
            for chosen in batches:
                yield self.files.read(chosen, self.view.side)
            return
        read = video_batches if self.part.entry.layout == "videos" else image_batches
        yield from read(self.files.paths(), self.view, batches)

    def identity(self) -> Mapping[str, Any]:
        """What makes two of them the same: the files' names and sizes, and what becomes of them."""
        return {
            "set": self.part.entry.name,
            "part": self.part.name,
            "content": self.files.content,
            "side": self.view.side,
            **self._resampling(),
        }

    def _resampling(self) -> Mapping[str, Any]:
        """How files are resized, where they are."""
        view = self.view
        if view.side == view.window or isinstance(self.files, ArrayPart):
            return {}
        ratio = {"crop_ratio": view.crop_ratio} if view.window is None else {}
        return {"interpolation": view.interpolation, **ratio}


def opened(
    part: Part,
    *,
    class_names: tuple[str, ...],
    side: int,
    interpolation: str,
    crop_ratio: float,
) -> Opened:
    """A part, after its files were checked.

    Args:
        part: which.
        class_names: of the data that networks were trained on, by label.
        side: of a network's input in pixels.
        interpolation: Pillow's filter where files are resized, in small letters.
        crop_ratio: of the networks' evaluation; without meaning for files that are never resized.

    Raises:
        ValueError: see `datamodules.benchmarks.listing.listed` and `array_part`.
    """
    view = View(side, interpolation, crop_ratio, window=part.entry.side)
    if part.entry.layout == "arrays":
        return Opened(part, view, array_part(part))
    return Opened(part, view, listed(part, class_names))
