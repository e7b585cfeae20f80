"""The test images of a data set as a network sees them, before they are normalised."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import floor, nextafter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ablations.robustness.conditions.asked import ImageBatch, Interpolation
from datamodules.augment.cropping import Cropping
from datamodules.catalog.catalog import title
from datamodules.catalog.resolved import Data, content, resolve
from datamodules.config.augmentation import Augmentation
from datamodules.config.data import DataConfig
from datamodules.readers.choice import Setting, make_reader
from datamodules.sampling.samplers import EvalBatches
from datamodules.sets.sources import ArrayImages, FileImages, Source, read_data
from datamodules.sets.splits import make_splits, stratified

# Crops are kept in memory while all of them have no more bytes; more are read each time.
_KEPT = 2 * 2**30
_READ = 256  # images at a time, where they are kept
DECODERS = 2  # processes that decode image files


@dataclass(frozen=True, kw_only=True)
class Look:
    """How images become pixels: what `ablate evaluate` does, but for the normalisation.

    Attributes:
        side: of the square crop in pixels.
        crop_ratio: share of the resized short side that the crop of an image file keeps.
        interpolation: how images are resampled.
    """

    side: int
    crop_ratio: float
    interpolation: Interpolation


def split_images(
    config: DataConfig,
    *,
    interpolation: Interpolation,
    seed: int,
    side: int | None = None,
    workers: int = DECODERS,
) -> SplitImages:
    """The test images of a data set, as many as the config keeps.

    Args:
        config: which data.
        interpolation: how image files are resampled.
        seed: of the evaluation's draws.
        side: of the square crop in pixels; None: that of the config.
        workers: processes that decode files.

    Raises:
        ValueError: the data is not there, see `datamodules.sets.sources.read_data`.
    """
    data = resolve(config)
    source = read_data(data)
    look = Look(
        side=data.eval_size if side is None else side,
        crop_ratio=data.config.crop_ratio,
        interpolation=interpolation,
    )
    indices = make_splits(source, data.config).test.indices
    return SplitImages(
        data=data, source=source, look=look, indices=indices, seed=seed, workers=workers
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitImages:
    """Some test images of a data set; see `ablations.robustness.conditions.asked.DataImages`.

    Attributes:
        data: which data set.
        source: it, as it was read.
        look: how its images become pixels.
        indices: (N,) numbers of the images in the whole test split, ascending.
        seed: of the evaluation's draws.
        workers: processes that decode files.
    """

    data: Data
    source: Source
    look: Look
    indices: NDArray[np.int64]
    seed: int
    workers: int

    @property
    def title(self) -> str:
        """The data set's."""
        return title(self.data.config)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """(N,) classes."""
        labels: NDArray[np.int64] = self.source.test.labels[self.indices]
        return labels

    @property
    def side(self) -> int:
        """Of the crop in pixels."""
        return self.look.side

    @property
    def in_chans(self) -> int:
        """Channels of an image."""
        return self.data.info.in_chans

    @property
    def class_names(self) -> tuple[str, ...]:
        """By label."""
        return self.source.class_names

    def batches(self, size: int) -> Iterator[ImageBatch]:
        """All images in order, at most `size` at a time."""
        if self._bytes > _KEPT:
            yield from self._read(size)
            return
        for first in range(0, len(self.indices), size):
            part = slice(first, first + size)
            yield self._batch(self._kept[part], self.indices[part])

    def identity(self) -> Mapping[str, Any]:
        """Data set, its content where files say it, and how images become pixels."""
        config, in_memory = self.data.config, isinstance(self.source.test, ArrayImages)
        return {
            "data": {
                "name": config.name,
                "content": content(self.data),
                "test_fraction": config.test_fraction,
                "bad_images": config.bad_images,
            },
            "split": "test",
            "loader": self.data.loader,
            "stored_side": config.image_size if in_memory else None,
            "side": self.look.side,
            "crop_ratio": None if in_memory else self.look.crop_ratio,
            "resampling": self.look.interpolation,
        }

    def at(self, side: int, *, crop_ratio: float | None = None) -> SplitImages:
        """The same images with a crop of another side."""
        ratio = self.look.crop_ratio if crop_ratio is None else crop_ratio
        return replace(self, look=replace(self.look, side=side, crop_ratio=ratio))

    def wider(self, margin: int) -> SplitImages:
        """See `ablations.robustness.conditions.asked.Surrounded`."""
        if isinstance(self.source.test, ArrayImages):
            return self
        resized = floor(self.side / self.look.crop_ratio)  # the short side of an image
        more = min(margin, (resized - self.side) // 4 * 2)
        side = self.side + 2 * more
        ratio = side / resized
        # so that it becomes as many pixels again, whatever is rounded
        ratio = ratio if floor(side / ratio) == resized else nextafter(ratio, 0)
        return self.at(side, crop_ratio=ratio) if more else self

    def limited(self, count: int) -> SplitImages:
        """At most so many, of every class its share, by the order that data.test_limit uses.

        Where there are fewer images than classes, they are not those of the first classes.
        """
        if count >= len(self.indices):
            return self
        kept = stratified(self.source.test.labels, count, draw_ties=True)
        if np.isin(kept, self.indices).all():  # of more images by the same order
            return replace(self, indices=kept)
        return replace(self, indices=self.indices[stratified(self.labels, count, draw_ties=True)])

    def names(self) -> tuple[str, ...] | None:
        """Of every image of the whole test split, by its number: its path without suffix.

        Below the folder of the data set, such as `val/n01440764/ILSVRC2012_val_1`; None for images
        that are no files of their own.
        """
        test = self.source.test
        if not isinstance(test, FileImages):
            return None
        paths = [Path(os.fsdecode(path)).with_suffix("") for path in test.paths]
        top = Path(os.path.commonpath([path.parents[1] for path in paths])).parent
        return tuple(path.relative_to(top).as_posix() for path in paths)

    @property
    def _bytes(self) -> int:
        return len(self.indices) * self.in_chans * self.side**2

    @cached_property
    def _kept(self) -> torch.Tensor:
        """(N, C, H, W) uint8."""
        return torch.cat([batch.pixels for batch in self._read(_READ)])

    def _batch(self, pixels: torch.Tensor, indices: NDArray[np.int64]) -> ImageBatch:
        labels = self.source.test.labels[indices]
        return ImageBatch(pixels=pixels, labels=labels, indices=indices, seed=self.seed)

    def _read(self, size: int) -> Iterator[ImageBatch]:
        look = self.look
        augmentation = Augmentation(interpolation=look.interpolation)
        setting = Setting(
            info=self.data.info,
            cropping=Cropping(augmentation, False, look.side, look.crop_ratio, seed=0),
            class_names=self.class_names,
            batch_size=size,
            workers=self.workers,
            on_cpu=False,  # a reader then gives bytes
            loader=self.data.loader,
        )
        batches = EvalBatches(self.indices, total=size)
        read = make_reader(self.source.test, batches, setting).read(batches)
        try:
            for raw in read:  # whose memory the reader uses again
                pixels = raw.images.clone(memory_format=torch.contiguous_format)
                yield self._batch(pixels, raw.batch.indices)
        finally:
            read.close()
