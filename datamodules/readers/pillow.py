"""Images decoded by Pillow in worker processes: works everywhere, and the others are held to it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Generator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from datamodules.augment.cropping import Cropping
from datamodules.decoding.decode import image_size, read_rgb
from datamodules.readers.loader import Batches, RawBatch
from datamodules.sampling.samplers import Batch
from datamodules.sets.sources import ArrayImages, FileImages


class DecodedBatches(Dataset[RawBatch]):
    """A dataset whose items are whole batches, asked for by a `Batch` key.

    A JPEG is examined for lost pixels when it is read first; worker processes share what they saw.

    Raises:
        ValueError: an image cannot be decoded; the message names it.
    """

    def __init__(self, images: FileImages | ArrayImages, cropping: Cropping) -> None:
        self.images, self.cropping = images, cropping
        # Anonymous memory that forked processes share: a byte for each image that was sound.
        shared = mmap.mmap(-1, max(1, len(images.labels)))
        self.sound = np.frombuffer(shared, np.uint8)

    def __getitem__(self, batch: Batch) -> RawBatch:
        images, cropping = self.images, self.cropping
        sizes = np.array([_size(images, index) for index in batch.indices], np.int64)
        crops = cropping.crops(sizes[:, 1], sizes[:, 0], batch)
        side = cropping.side(batch.epoch)
        resample = Image.Resampling[cropping.augmentation.interpolation.upper()]
        pixels = np.stack(
            [
                cropped(self._read(index), crop, side=side, resample=resample)
                for index, crop in zip(batch.indices, crops, strict=True)
            ]
        ).transpose(0, 3, 1, 2)
        if isinstance(images, ArrayImages):
            pixels = pixels[:, : images.pixels.shape[1]]
        shifted = torch.from_numpy(cropping.shifted(pixels, batch))
        labels = torch.from_numpy(images.labels[batch.indices])
        return RawBatch(shifted, labels, batch)

    def _read(self, index: int) -> Image.Image:
        images = self.images
        if isinstance(images, FileImages):
            path = os.fsdecode(images.paths[index])
            image = read_rgb(path, examine=not self.sound[index])
            self.sound[index] = 1
            return image
        pixels = images.pixels[index].transpose(1, 2, 0)
        return Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0]).convert("RGB")


class TorchReader:
    """A torch DataLoader over `DecodedBatches`.

    Args:
        images: what to decode.
        cropping: how.
        batches: of which epoch, and which images are in which.
        workers: processes; 0: decode in this one.
        pin_memory: for faster transfer to a GPU.
    """

    name = "torch"

    def __init__(
        self,
        images: FileImages | ArrayImages,
        cropping: Cropping,
        *,
        batches: Batches,
        workers: int,
        pin_memory: bool,
    ) -> None:
        self.batches, self.workers = batches, workers
        self.loader: DataLoader[RawBatch] = DataLoader(
            DecodedBatches(images, cropping),
            batch_size=None,  # a sampler's key is a batch already
            sampler=batches,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=pin_memory,
            collate_fn=_as_is,
            # Fork shares the images in memory, and starts in milliseconds.
            multiprocessing_context="fork" if workers else None,
            # Its own generator: the seed that each iterator draws is then nobody else's.
            generator=torch.Generator(),
        )

    def read(self, batches: Batches) -> Generator[RawBatch, None, None]:
        """See `Reader`."""
        assert batches is self.batches  # its workers were made for these
        yield from self.loader


def cropped(
    image: Image.Image, crop: np.void, *, side: int, resample: Image.Resampling
) -> NDArray[np.uint8]:
    """One crop of an RGB image, antialiased, as (side, side, 3).

    Args:
        image: the whole image.
        crop: of dtype `geometry.CROP`.
        side: of the output in pixels.
        resample: Pillow's filter.
    """
    box: Any = tuple(float(crop[name]) for name in ("left", "top", "right", "bottom"))
    if crop["clip"]:
        image, box = image.crop(tuple(map(round, box))), None
    if box is not None or image.size != (side, side):
        image = image.resize((side, side), resample, box=box)
    pixels = np.asarray(image)
    return pixels[:, ::-1] if crop["flip"] else pixels


def _size(images: FileImages | ArrayImages, index: int) -> tuple[int, int]:
    """Width and height in pixels."""
    if isinstance(images, FileImages):
        return image_size(os.fsdecode(images.paths[index]))
    return images.pixels.shape[3], images.pixels.shape[2]


def _as_is(batch: Any) -> Any:
    return batch
