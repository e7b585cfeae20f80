"""Loaders of small images that fit in memory: shift, flip, normalise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ablations.bench.loader.epoch_loaders import Epochs, ffcv_loader
from ablations.bench.loader.job import MEAN, PAD, STD, Job


def ffcv_small(job: Job) -> Epochs:
    """FFCV as it ships, channels-last float32 batches."""
    import numpy as np
    from ffcv.fields.rgb_image import SimpleRGBImageDecoder
    from ffcv.transforms import (
        NormalizeImage,
        RandomHorizontalFlip,
        RandomTranslate,
        ToTensor,
        ToTorchImage,
    )

    mean, std = (np.array(values) * 255 for values in (MEAN, STD))
    return ffcv_loader(
        job,
        [
            SimpleRGBImageDecoder(),
            RandomHorizontalFlip(),
            RandomTranslate(PAD),
            NormalizeImage(mean, std, np.dtype(np.float32)),
            ToTensor(),
            ToTorchImage(),
        ],
    )


def ours_small(job: Job) -> Epochs:
    """This project's reader of images in memory: float32 (N, C, H, W) batches."""
    import numpy as np

    from datamodules.beton.file import read_beton
    from datamodules.config.augmentation import Augmentation
    from datamodules.config.info import DatasetInfo
    from datamodules.readers.memory import MemoryReader
    from datamodules.sampling.samplers import TrainBatches
    from datamodules.sets.beton_images import raw_pixels
    from datamodules.sets.sources import ArrayImages, BetonImages

    beton = read_beton(job.path, manifest=False)
    images = BetonImages(beton, range(len(beton)))
    info = DatasetInfo(
        name="bench",
        title="",
        num_classes=None,
        in_chans=3,
        image_size=job.side,
        mean=MEAN,
        std=STD,
        val_fraction=0,
        sizes=None,
        source="",
        licence="",
        load="",
    )
    augmentation = Augmentation(crop="pad", pad=PAD, hflip=0.5)
    arrays = ArrayImages(raw_pixels(images), images.labels)
    reader = MemoryReader(arrays, info, augmentation, seed=0, normalise=True)
    batches = TrainBatches(
        np.tile(np.arange(len(beton)), job.repeats), seed=0, total=job.batch_size
    )
    number = 0

    def epoch() -> Iterator[Any]:
        nonlocal number
        number += 1
        batches.set_epoch(number)
        yield from reader.read(batches)

    return epoch


def pillow_small(job: Job) -> Epochs:
    """torchvision's transforms on PIL images, in a DataLoader."""
    from PIL import Image
    from torchvision import transforms

    from ablations.bench.loader.epoch_loaders import data_loader
    from datamodules.beton.file import read_beton
    from datamodules.sets.beton_images import raw_pixels
    from datamodules.sets.sources import BetonImages

    beton = read_beton(job.path, manifest=False)
    pixels = raw_pixels(BetonImages(beton, range(len(beton)))).transpose(0, 2, 3, 1)
    steps = transforms.Compose(
        [
            transforms.RandomCrop(job.side, padding=PAD),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    read: Callable[[int], Any] = lambda index: steps(Image.fromarray(pixels[index]))  # noqa: E731
    return data_loader(job, list(range(len(beton))), read)
