"""Images of a `.beton`, decoded by FFCV's Loader in threads.

FFCV is imported when the first batch is read, not before.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from datamodules.augment.cropping import Cropping
from datamodules.augment.geometry import CROP
from datamodules.decoding import native
from datamodules.readers.loader import Batches, RawBatch
from datamodules.sampling.random_streams import Integers
from datamodules.sampling.samplers import Batch, joined
from datamodules.sets.sources import BetonImages

if TYPE_CHECKING:
    from datamodules.readers.ffcv_loader import BatchLoader


class FfcvReader:
    """Batches of some samples of a `.beton`.

    Args:
        images: the samples.
        cropping: how they are cropped.
        class_names: for error messages.
        in_chans: 1 keeps one channel of grey images.
        batch_size: the largest of any batch.
        threads: that decode.
    """

    name = "ffcv"

    def __init__(
        self,
        images: BetonImages,
        cropping: Cropping,
        *,
        class_names: tuple[str, ...],
        in_chans: int,
        batch_size: int,
        threads: int,
    ) -> None:
        self.images, self.cropping, self.class_names = images, cropping, class_names
        self.in_chans, self.batch_size, self.threads = in_chans, batch_size, threads
        copies = cropping.augmentation.repeats if cropping.train else 1
        self.crops = np.zeros(len(images.beton) * copies, CROP)

    def read(self, batches: Batches) -> Generator[RawBatch, None, None]:
        """See `Reader`.

        Raises:
            ValueError: FFCV is missing, or an image cannot be decoded; the message names it.
        """
        epoch = list(batches)
        if not epoch:
            return
        self._set_crops(epoch)
        loader = self._loader
        loader.decoder.side = self.cropping.side(epoch[0].epoch)
        decoded = loader.epoch([self._rows(batch) for batch in epoch])
        try:
            for batch, pixels in zip(epoch, decoded, strict=True):
                images = pixels.permute(0, 3, 1, 2)[:, : self.in_chans]
                images = torch.from_numpy(self.cropping.shifted(images.numpy(), batch))
                labels = torch.from_numpy(self.images.labels[batch.indices])
                yield RawBatch(images, labels, batch)
        finally:
            decoded.close()

    def _set_crops(self, epoch: list[Batch]) -> None:
        beton, whole = self.images.beton, joined(epoch)
        samples = whole.indices + self.images.samples.start
        if samples.min() < 0 or samples.max() >= len(beton):
            raise ValueError(f"{beton.path} has {len(beton)} samples, but others were asked for.")
        heights, widths = (a[samples].astype(np.int64) for a in (beton.heights, beton.widths))
        self.crops[self._rows(whole)] = self.cropping.crops(heights, widths, whole)

    def _rows(self, batch: Batch) -> Integers:
        """(N,) rows of the table of crops, which has one for each sample, copy after copy."""
        samples = batch.indices + self.images.samples.start
        return samples if batch.copies is None else samples + batch.copies * len(self.images.beton)

    @cached_property
    def _loader(self) -> BatchLoader:
        from datamodules.decoding.ffcv_import import import_ffcv

        import_ffcv()
        from datamodules.decoding.ffcv_decoder import PlainCropDecoder, StockCropDecoder
        from datamodules.readers.ffcv_loader import BatchLoader

        side = self.cropping.size
        compiled = native.library() is not None
        layout = native.Layout(interpolation=self.cropping.augmentation.interpolation)
        return BatchLoader(
            self.images.beton,
            PlainCropDecoder(self.crops, side=side, layout=layout, threads=self.threads)
            if compiled
            else StockCropDecoder(self.crops, side=side),
            batch_size=self.batch_size,
            threads=1 if compiled else self.threads,
            check=self._check,
        )

    def _check(self, codes: Integers, rows: Integers) -> None:
        failed = np.flatnonzero(codes[rows])
        if not len(failed):
            return
        beton, row = self.images.beton, int(rows[failed[0]])
        sample = row % len(beton)
        what = native.PROBLEMS[code := int(codes[row])]
        name = f"{beton.path}: sample {sample} (class {self.class_names[beton.labels[sample]]})"
        if code == native.NO_MEMORY:
            raise ValueError(
                f"{name}: {what} on this machine. The sample may be fine: use fewer workers, or a "
                "smaller batch, and try again."
            )
        raise ValueError(
            f"{name} cannot be decoded: {what}. `ablate data check {beton.path}` finds all such "
            "samples."
        )
