"""Random erasing (Zhong et al. 2017) as timm does it, for a batch on any device."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datamodules.augment.transfer import moved
from datamodules.sampling.random_streams import Draw, Integers, Stream, between, integers, uniforms

if TYPE_CHECKING:
    from datamodules.config.augmentation import Augmentation

# timm's RandomErasing: area and aspect ratio of the rectangle, and tries to make it fit.
_AREA = (0.02, 1 / 3)
_LOG_ASPECT = (math.log(0.3), math.log(1 / 0.3))
_ATTEMPTS = 10
_NOISE_SIZE = 1 << 17


def erase(images: Tensor, augmentation: Augmentation, *, draw: Draw) -> None:
    """Overwrite a rectangle of some of the normalised images, in place.

    Args:
        images: (N, C, H, W) float32, of any device and memory format.
        augmentation: says how often and with what.
        draw: stream -> (N,) uniform numbers, one a sample.
    """
    channels, height, width = images.shape[1:]
    high, wide = _rectangles(height, width, draw=draw)
    top = integers(draw(Stream.ERASE_TOP), height - high + 1)
    left = integers(draw(Stream.ERASE_LEFT), width - wide + 1)
    size = max(_NOISE_SIZE, 4 * channels * height * width)
    start = integers(draw(Stream.ERASE_NOISE), size - channels * high * wide)
    chosen = (draw(Stream.ERASE) < augmentation.random_erasing) & (high > 0)
    rows = np.flatnonzero(chosen)
    if not len(rows):
        return
    boxes = np.stack([np.broadcast_to(a, chosen.shape) for a in (top, left, high, wide, start)], 1)
    noise = _normal_table(size) if augmentation.erasing_mode == "pixel" else None
    write = erase_slices if images.device.type == "cpu" else erase_masked
    write(images, rows, boxes[rows], noise)


def erase_slices(
    images: Tensor, rows: Integers, boxes: Integers, noise: NDArray[np.float32] | None
) -> None:
    """Write rectangle after rectangle; for images in the CPU's memory.

    Args:
        images: (N, C, H, W) float32, changed in place.
        rows: (M,) which images.
        boxes: (M, 5) top, left, height, width and the rectangle's first number in `noise`.
        noise: what to write, rectangle by rectangle; None: zeros.
    """
    pixels = images.numpy()  # the same memory; small slices cost a tenth of torch's
    for row, (top, left, high, wide, start) in zip(rows, boxes.tolist(), strict=True):
        patch = pixels[row, :, top : top + high, left : left + wide]
        patch[...] = 0 if noise is None else noise[start : start + patch.size].reshape(patch.shape)


def erase_masked(
    images: Tensor, rows: Integers, boxes: Integers, noise: NDArray[np.float32] | None
) -> None:
    """The same as `erase_slices` in a fixed number of operations, for other devices."""
    device = images.device
    index = moved(rows, device)
    old = images.index_select(0, index)
    top, left, high, wide, start = moved(boxes, device).view(-1, 5, 1, 1, 1).unbind(1)
    y = torch.arange(old.shape[2], device=device).view(-1, 1) - top
    x = torch.arange(old.shape[3], device=device) - left
    inside = (y >= 0) & (y < high) & (x >= 0) & (x < wide)
    if noise is None:
        new = old.masked_fill(inside, 0)
    else:
        channel = torch.arange(old.shape[1], device=device).view(-1, 1, 1)
        place = (start + (channel * high + y) * wide + x).clamp_(0, len(noise) - 1)
        new = torch.where(inside, _table_on(len(noise), device)[place], old)
    images.index_copy_(0, index, new)


def _rectangles(height: int, width: int, *, draw: Draw) -> tuple[Integers, Integers]:
    """Sides of the first rectangle that fits inside, (N,) each; 0 where none of the tries does."""
    high = wide = np.zeros(1, np.int64)
    for attempt in range(_ATTEMPTS):
        area = between(draw(Stream.ERASE_AREA + attempt), _AREA) * height * width
        aspect = np.exp(between(draw(Stream.ERASE_ASPECT + attempt), _LOG_ASPECT))
        tall = np.round(np.sqrt(area * aspect)).astype(np.int64)
        broad = np.round(np.sqrt(area / aspect)).astype(np.int64)
        first = (high == 0) & (tall < height) & (broad < width)
        high, wide = np.where(first, tall, high), np.where(first, broad, wide)
        if high.all():
            break
    return high, wide


@lru_cache(maxsize=4)
def _normal_table(size: int) -> NDArray[np.float32]:
    # Box-Muller on our own draws: the same numbers with every release of torch and numpy.
    indices = np.arange(size)
    first, second = (uniforms(s, seed=0, epoch=0, indices=indices) for s in (1001, 1002))
    values = np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)
    table: NDArray[np.float32] = values.astype(np.float32)
    return table


@lru_cache(maxsize=4)
def _table_on(size: int, device: torch.device) -> Tensor:
    return torch.from_numpy(_normal_table(size)).to(device)
