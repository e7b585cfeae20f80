"""Augmentation of a whole batch at once, for images that lie in memory as uint8.

The same operations as `datamodules.transforms`, where they need no PIL, at about the cost of the
copy. Every draw is a function of (seed, epoch, sample index).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.config import Augmentation
from datamodules.draws import Integers, Stream, uniforms
from datamodules.info import DatasetInfo

Draw = Callable[[int], NDArray[np.float64]]
Pixels = NDArray[np.uint8]

# timm's RandomErasing: area and aspect ratio of the rectangle, and tries to make it fit.
_ERASE_AREA = (0.02, 1 / 3)
_ERASE_LOG_ASPECT = (math.log(0.3), math.log(1 / 0.3))
_ERASE_ATTEMPTS = 10
_NOISE_SIZE = 1 << 17


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
    mean = torch.tensor(info.mean).view(1, -1, 1, 1) * 255
    std = torch.tensor(info.std).view(1, -1, 1, 1) * 255
    return torch.from_numpy(pixels).float().sub_(mean).div_(std)


def pad_and_crop(pixels: Pixels, pad: int, *, draw: Draw) -> Pixels:
    """Zeros around each image, then a window of the old size at a random place."""
    height, width = pixels.shape[-2:]
    padded = np.zeros((*pixels.shape[:2], height + 2 * pad, width + 2 * pad), np.uint8)
    padded[:, :, pad:-pad, pad:-pad] = pixels
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    top, left = (_integers(draw(s), 2 * pad + 1) for s in (Stream.CROP_TOP, Stream.CROP_LEFT))
    cropped: Pixels = windows[np.arange(len(pixels)), :, top, left]
    return cropped


def erase(images: Tensor, augmentation: Augmentation, *, draw: Draw) -> None:
    """Overwrite a rectangle of some of the normalised images (N, C, H, W), in place."""
    channels, height, width = images.shape[1:]
    high, wide = _rectangles(height, width, draw=draw)
    top = _integers(draw(Stream.ERASE_TOP), height - high + 1)
    left = _integers(draw(Stream.ERASE_LEFT), width - wide + 1)
    table = _normal_table(max(_NOISE_SIZE, 4 * channels * height * width))
    start = _integers(draw(Stream.ERASE_NOISE), len(table) - channels * high * wide)
    chosen = (draw(Stream.ERASE) < augmentation.random_erasing) & (high > 0)
    pixel = augmentation.erasing_mode == "pixel"
    pixels = images.numpy()  # the same memory; small slices cost a tenth of torch's
    for i in np.flatnonzero(chosen):  # rectangles differ in size
        patch = pixels[i, :, top[i] : top[i] + high[i], left[i] : left[i] + wide[i]]
        patch[...] = table[start[i] : start[i] + patch.size].reshape(patch.shape) if pixel else 0


def batch_draws(*, seed: int, epoch: int, indices: Integers) -> Draw:
    """The draws of one batch: stream -> (N,) numbers that depend on nothing else."""
    return lambda stream: uniforms(stream, seed=seed, epoch=epoch, indices=indices)


def _rectangles(height: int, width: int, *, draw: Draw) -> tuple[Integers, Integers]:
    """Sides of the first rectangle that fits inside, (N,) each; 0 where none of the tries does."""
    high = wide = np.zeros(1, np.int64)
    for attempt in range(_ERASE_ATTEMPTS):
        area = _between(draw(Stream.ERASE_AREA + attempt), _ERASE_AREA) * height * width
        aspect = np.exp(_between(draw(Stream.ERASE_ASPECT + attempt), _ERASE_LOG_ASPECT))
        tall = np.round(np.sqrt(area * aspect)).astype(np.int64)
        broad = np.round(np.sqrt(area / aspect)).astype(np.int64)
        first = (high == 0) & (tall < height) & (broad < width)
        high, wide = np.where(first, tall, high), np.where(first, broad, wide)
        if high.all():
            break
    return high, wide


@lru_cache(maxsize=1)
def _normal_table(size: int) -> NDArray[np.float32]:
    # Box-Muller on our own draws: the same numbers with every release of torch and numpy.
    indices = np.arange(size)
    first, second = (uniforms(s, seed=0, epoch=0, indices=indices) for s in (1001, 1002))
    values = np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)
    table: NDArray[np.float32] = values.astype(np.float32)
    return table


def _between(uniform: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.float64]:
    return limits[0] + uniform * (limits[1] - limits[0])


def _integers(uniform: NDArray[np.float64], count: int | Integers) -> Integers:
    return (uniform * count).astype(np.int64)
