"""Which reader reads which images, and what happens to a batch after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from datamodules.augment.cropping import Cropping
from datamodules.augment.finish import finish
from datamodules.config.info import DatasetInfo
from datamodules.decoding import native
from datamodules.readers.ffcv_reader import FfcvReader
from datamodules.readers.loader import Batches, LabelledBatch, RawBatch, Reader
from datamodules.readers.memory import MemoryReader
from datamodules.readers.pillow import TorchReader
from datamodules.sets.sources import ArrayImages, BetonImages, Images


@dataclass(frozen=True)
class Setting:
    """Options of a reader, beside the images.

    Attributes:
        info: the data set.
        cropping: size, crops and flips of this part.
        class_names: by label.
        batch_size: the largest of any batch on this device.
        workers: processes or threads for this device.
        on_cpu: whether the network is trained there too.
        loader: of the resolved config.
    """

    info: DatasetInfo
    cropping: Cropping
    class_names: tuple[str, ...]
    batch_size: int
    workers: int
    on_cpu: bool
    loader: str


def make_reader(images: Images, batches: Batches, setting: Setting) -> Reader:
    """The fastest reader of these images that does what the setting asks."""
    cropping, info = setting.cropping, setting.info
    if isinstance(images, BetonImages):
        return FfcvReader(
            images,
            cropping,
            class_names=setting.class_names,
            in_chans=info.in_chans,
            batch_size=setting.batch_size,
            threads=max(1, setting.workers),
        )
    if isinstance(images, ArrayImages):
        # Images in memory have their final size already.
        cropping = replace(cropping, crop_ratio=1.0)
        if setting.loader != "torch" and _keeps_size(images, cropping):
            augmentation = cropping.augmentation if cropping.train else None
            colours = augmentation is not None and augmentation.colours
            normalise = setting.on_cpu and not colours and native.library() is not None
            return MemoryReader(images, info, augmentation, seed=cropping.seed, normalise=normalise)
    return TorchReader(
        images,
        cropping,
        batches=batches,
        workers=setting.workers,
        pin_memory=not setting.on_cpu and torch.cuda.is_available(),
    )


def finished(raw: RawBatch, *, setting: Setting, device: torch.device) -> LabelledBatch:
    """Move a batch to the device that trains and do there what is left."""
    cropping = setting.cropping
    images, labels = _moved([raw.images, raw.labels], device)
    images = finish(
        images,
        cropping.augmentation if cropping.train else None,
        setting.info,
        draw=raw.batch.draw(cropping.seed),
    )
    return images, labels


def _moved(tensors: list[Tensor], device: torch.device) -> list[Tensor]:
    if device.type != "cuda":
        return [tensor.to(device) for tensor in tensors]
    # A stream of its own: it waits for the copy, after which the reader may write into its memory
    # again, and not for the network's work on the last batch.
    copies = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    with torch.cuda.stream(copies):
        moved = [tensor.to(device, non_blocking=True) for tensor in tensors]
    copies.synchronize()
    for tensor in moved:
        tensor.record_stream(torch.cuda.current_stream(device))
    return moved


def _keeps_size(images: ArrayImages, cropping: Cropping) -> bool:
    """Whether no image of this part is ever resized."""
    side = images.pixels.shape[2]
    augmentation = cropping.augmentation
    random = cropping.train and augmentation.crop == "random_resized"
    growing = cropping.train and augmentation.first_size is not None
    return cropping.size == side and not random and not growing
