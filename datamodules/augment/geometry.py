"""Which part of an image becomes the input: crop boxes and flips, for a whole batch at once.

Every reader, whatever decodes its images, uses these boxes. Training boxes are those of
torchvision's and timm's RandomResizedCrop; the evaluation box is what Resize and CenterCrop leave,
in pixels of the stored image.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datamodules.config.augmentation import Augmentation
from datamodules.sampling.random_streams import Draw, Integers, Stream, between, integers

# A crop in pixels of the stored image. `clip`: the resizing filter reads nothing outside, as when
# the crop comes before the resize. The order of the fields is that of Crop in decode.c.
CROP = np.dtype(
    [
        *((name, np.float32) for name in ("left", "top", "right", "bottom")),
        ("clip", np.int32),
        ("flip", np.int32),
    ]
)
Crops = NDArray[Any]

_ATTEMPTS = 10


def train_crops(
    augmentation: Augmentation,
    heights: Integers,
    widths: Integers,
    *,
    side: int,
    crop_ratio: float,
    draw: Draw,
) -> Crops:
    """The crop and flip of each training image, (N,) of dtype `CROP`.

    With `crop: pad` the flip comes after the padded crop and is not in here.

    Args:
        augmentation: its `crop`, `scale`, `ratio` and `hflip`.
        heights: of the stored images in pixels, (N,).
        widths: of the stored images in pixels, (N,).
        side: of the output in pixels; only for crops that are the evaluation crop.
        crop_ratio: as in `eval_crops`.
        draw: stream -> (N,) uniform numbers, one an image.
    """
    if augmentation.crop == "random_resized":
        crops = _random_resized(augmentation, heights, widths, draw=draw)
    else:
        crops = eval_crops(heights, widths, side=side, crop_ratio=crop_ratio)
    if augmentation.hflip and augmentation.crop != "pad":
        crops["flip"] = draw(Stream.FLIP) < augmentation.hflip
    return crops


def eval_crops(heights: Integers, widths: Integers, *, side: int, crop_ratio: float) -> Crops:
    """The centre that is left when the short side becomes side / crop_ratio, (N,) of `CROP`."""
    heights, widths = np.asarray(heights, np.int64), np.asarray(widths, np.int64)
    short = math.floor(side / crop_ratio)
    least = np.minimum(heights, widths)
    crops = np.zeros(len(heights), CROP)
    for axis, low, high in ((heights, "top", "bottom"), (widths, "left", "right")):
        resized = short * axis // least
        first = np.round((resized - side) / 2)
        crops[low] = first * axis / resized
        crops[high] = np.minimum((first + side) * axis / resized, axis)
    return crops


def _random_resized(
    augmentation: Augmentation, heights: Integers, widths: Integers, *, draw: Draw
) -> Crops:
    """The first of ten boxes that fits inside, else the largest centred one of a legal ratio."""
    high, wide = _fallback(augmentation, heights, widths)
    found = np.zeros(len(heights), bool)
    limits = math.log(augmentation.ratio[0]), math.log(augmentation.ratio[1])
    for attempt in range(_ATTEMPTS):
        area = between(draw(Stream.CROP_AREA + attempt), augmentation.scale) * heights * widths
        aspect = np.exp(between(draw(Stream.CROP_ASPECT + attempt), limits))
        broad = np.round(np.sqrt(area * aspect)).astype(np.int64)
        tall = np.round(np.sqrt(area / aspect)).astype(np.int64)
        first = ~found & (broad > 0) & (tall > 0) & (broad <= widths) & (tall <= heights)
        high, wide = np.where(first, tall, high), np.where(first, broad, wide)
        found |= first
        if found.all():
            break
    top = integers(draw(Stream.BOX_TOP), heights - high + 1)
    left = integers(draw(Stream.BOX_LEFT), widths - wide + 1)
    crops = np.zeros(len(heights), CROP)
    crops["top"] = np.where(found, top, (heights - high) // 2)
    crops["left"] = np.where(found, left, (widths - wide) // 2)
    crops["bottom"], crops["right"] = crops["top"] + high, crops["left"] + wide
    crops["clip"] = 1
    return crops


def _fallback(
    augmentation: Augmentation, heights: Integers, widths: Integers
) -> tuple[Integers, Integers]:
    ratio, (low, high) = widths / heights, augmentation.ratio
    tall = np.where(ratio < low, np.round(widths / low), heights).astype(np.int64)
    broad = np.where(ratio > high, np.round(heights * high), widths).astype(np.int64)
    return np.clip(tall, 1, heights), np.clip(broad, 1, widths)
