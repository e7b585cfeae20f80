"""What happens to a batch after crop, resize and flip, on the device that trains.

Whatever read and cropped the images, the rest is this one implementation. All draws are made on
the host and depend on a sample's own index only; nothing here waits for the device.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from datamodules.augment.custom import customised
from datamodules.augment.erasing import erase
from datamodules.augment.jitter import color_jitter
from datamodules.augment.rand_augment import rand_augment
from datamodules.config.augmentation import Augmentation
from datamodules.config.info import DatasetInfo
from datamodules.sampling.random_streams import Draw


def finish(
    images: Tensor, augmentation: Augmentation | None, info: DatasetInfo, *, draw: Draw
) -> Tensor:
    """RandAugment or colour jitter, own augmentations, normalisation, random erasing.

    Args:
        images: (N, C, H, W) of any device and memory format. uint8 is never written to; float32
            is normalised already, takes no RandAugment, colour jitter or own augmentation, and is
            taken over: erased in place and given back.
        augmentation: None in evaluation: only normalise.
        info: the data set, for its mean and std.
        draw: stream -> (N,) uniform numbers, one a sample.

    Returns:
        (N, C, H, W) float32, of the images' device and memory format.
    """
    if augmentation is not None:
        images = _coloured(images, augmentation, info, draw=draw)
    finished = normalised(images, info) if images.dtype == torch.uint8 else images
    if augmentation is not None and augmentation.random_erasing:
        erase(finished, augmentation, draw=draw)
    return finished


def normalised(images: Tensor, info: DatasetInfo) -> Tensor:
    """(N, C, H, W) uint8 -> float32 with the data set's mean 0 and standard deviation 1.

    The result has the memory format of `images`.
    """
    mean, std = _mean_and_std(info.mean, info.std, images.device)
    if _memory_format(images) == torch.contiguous_format:
        shape = (1, -1, 1, 1)
        return images.float().sub_(mean.view(shape)).div_(std.view(shape))
    # Whole rows of pixels at a time: three times as fast on a CPU as the three channels of each.
    count, channels, height, width = images.shape
    rows = images.permute(0, 2, 3, 1).view(count, height, width * channels).float()
    rows.sub_(mean.repeat(width)).div_(std.repeat(width))
    return rows.view(count, height, width, channels).permute(0, 3, 1, 2)


def _coloured(
    images: Tensor, augmentation: Augmentation, info: DatasetInfo, *, draw: Draw
) -> Tensor:
    if not augmentation.colours:
        return images
    assert images.dtype == torch.uint8
    changed = images
    if augmentation.rand_augment:  # as in timm, it takes the place of the jitter
        changed = rand_augment(images, augmentation, info, draw=draw)
    elif augmentation.color_jitter:
        changed = color_jitter(images, augmentation.color_jitter, draw=draw)
    changed = customised(changed, augmentation, draw=draw)
    return changed.contiguous(memory_format=_memory_format(images))


def _memory_format(images: Tensor) -> torch.memory_format:
    planar = images.is_contiguous() or not images.is_contiguous(memory_format=torch.channels_last)
    return torch.contiguous_format if planar else torch.channels_last


@lru_cache(maxsize=8)
def _mean_and_std(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    first, second = (torch.tensor(values) * 255 for values in (mean, std))
    return first.to(device), second.to(device)
