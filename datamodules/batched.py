"""Augmentation of a whole batch at once, for images that lie in memory as uint8.

The same operations as `datamodules.transforms`, where they need no PIL, at about the cost of the
copy. Every draw is a function of (seed, epoch, sample index).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.config import Augmentation
from datamodules.draws import Draw, Stream, batch_draws, integers
from datamodules.erasing import erase
from datamodules.finish import normalised as normalised_tensor
from datamodules.info import DatasetInfo

__all__ = ["Draw", "augment", "batch_draws", "erase", "normalised", "pad_and_crop"]

Pixels = NDArray[np.uint8]


def augment(pixels: Pixels, augmentation: Augmentation, info: DatasetInfo, *, draw: Draw) -> Tensor:
    """Augment and normalise a batch.

    Args:
        pixels: (N, C, H, W) uint8, overwritten.
        augmentation: one with `per_image` false.
        info: the data set, for its mean and std.
        draw: stream -> (N,) uniform numbers, one a sample.

    Returns:
        (N, C, H, W) float32.
    """
    if augmentation.crop == "pad" and augmentation.pad:
        pixels = pad_and_crop(pixels, augmentation.pad, draw=draw)
    if augmentation.hflip:
        flip = draw(Stream.FLIP) < augmentation.hflip
        pixels[flip] = pixels[flip, :, :, ::-1]
    images = normalised(pixels, info)
    if augmentation.random_erasing:
        erase(images, augmentation, draw=draw)
    return images


def normalised(pixels: Pixels, info: DatasetInfo) -> Tensor:
    """(N, C, H, W) uint8 -> float32 with the data set's mean 0 and standard deviation 1."""
    return normalised_tensor(torch.from_numpy(pixels), info)


def pad_and_crop(pixels: Pixels, pad: int, *, draw: Draw) -> Pixels:
    """Zeros around each image, then a window of the old size at a random place."""
    height, width = pixels.shape[-2:]
    padded = np.zeros((*pixels.shape[:2], height + 2 * pad, width + 2 * pad), np.uint8)
    padded[:, :, pad:-pad, pad:-pad] = pixels
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    top, left = (integers(draw(s), 2 * pad + 1) for s in (Stream.CROP_TOP, Stream.CROP_LEFT))
    cropped: Pixels = windows[np.arange(len(pixels)), :, top, left]
    return cropped
