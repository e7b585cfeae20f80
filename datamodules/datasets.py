"""Datasets whose items are whole batches, asked for by a `Batch` key."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.batched import augment, batch_draws, normalised
from datamodules.config import Augmentation, DataConfig
from datamodules.decode import read_rgb
from datamodules.draws import Stream, bits, kept_generators, seed_generators
from datamodules.info import DatasetInfo
from datamodules.samplers import Batch
from datamodules.sources import ArrayImages, FileImages, Images
from datamodules.transforms import Transform, eval_transform, train_transform

LabelledBatch = tuple[Tensor, Tensor]


class BatchedDataset(Dataset[LabelledBatch]):
    """Images in memory, gathered and augmented by the batch.

    An item is ((N, C, H, W) float32, (N,) int64).
    """

    def __init__(
        self,
        images: ArrayImages,
        info: DatasetInfo,
        *,
        augmentation: Augmentation | None,
        seed: int,
    ) -> None:
        self.images, self.info = images, info
        self.augmentation, self.seed = augmentation, seed

    def __getitem__(self, batch: Batch) -> LabelledBatch:
        pixels = self.images.pixels[batch.indices]
        labels = torch.from_numpy(self.images.labels[batch.indices])
        if self.augmentation is None:
            return normalised(pixels, self.info), labels
        draw = batch_draws(seed=self.seed, epoch=batch.epoch, indices=batch.indices)
        return augment(pixels, self.augmentation, self.info, draw=draw), labels


class PerImageDataset(Dataset[LabelledBatch]):
    """Images that are read and transformed one by one, each under its own seed.

    An item is ((N, C, H, W) float32, (N,) int64).

    Raises:
        ValueError: an image cannot be decoded; the message names it.
    """

    def __init__(
        self,
        read: Callable[[int], Image.Image],
        labels: NDArray[np.int64],
        transform: Transform,
        *,
        seed: int,
    ) -> None:
        self.read, self.labels, self.transform = read, labels, transform
        self.seed = seed

    def __getitem__(self, batch: Batch) -> LabelledBatch:
        seeds = bits(
            Stream.TRANSFORM, seed=self.seed, epoch=batch.epoch, indices=batch.indices
        ).tolist()
        with kept_generators():
            images = [
                self._image(int(index), seed)
                for index, seed in zip(batch.indices, seeds, strict=True)
            ]
        return torch.stack(images), torch.from_numpy(self.labels[batch.indices])

    def _image(self, index: int, seed: int) -> Tensor:
        image = self.read(index)
        seed_generators(seed)
        return self.transform(image)


def make_dataset(
    images: Images,
    info: DatasetInfo,
    config: DataConfig,
    augmentation: Augmentation,
    *,
    train: bool,
    seed: int,
) -> BatchedDataset | PerImageDataset:
    """The fastest dataset that does what the config asks; `config` is resolved."""
    if isinstance(images, ArrayImages) and not (train and augmentation.per_image):
        chosen = augmentation if train else None
        return BatchedDataset(images, info, augmentation=chosen, seed=seed)
    assert config.image_size is not None
    # Images in memory have their final size already.
    in_memory = isinstance(images, ArrayImages)
    make = train_transform if train else eval_transform
    transform = make(
        augmentation,
        info,
        size=config.image_size,
        crop_ratio=1.0 if in_memory else config.crop_ratio,
    )
    return PerImageDataset(_reader(images), images.labels, transform, seed=seed)


def _reader(images: Images) -> Callable[[int], Image.Image]:
    if isinstance(images, FileImages):
        return lambda index: read_rgb(os.fsdecode(images.paths[index]))
    pixels = images.pixels

    def read(index: int) -> Image.Image:
        image = pixels[index].transpose(1, 2, 0)
        return Image.fromarray(image if image.shape[2] == 3 else image[:, :, 0]).convert("RGB")

    return read
