"""Pad, crop and flip of images that have their final size, for a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datamodules.config.augmentation import Augmentation
from datamodules.sampling.random_streams import Draw, Integers, Stream, integers

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Windows:
    """What is seen of each image of a batch.

    Attributes:
        pad: zeros on each side, in pixels.
        top: (N,) row of the padded image where the window begins; None: the image as it is.
        left: (N,) column likewise.
        flip: (N,) bool, left-right flips after the crop; None: none.
    """

    pad: int = 0
    top: Integers | None = None
    left: Integers | None = None
    flip: NDArray[np.bool_] | None = None


def draw_windows(augmentation: Augmentation | None, *, draw: Draw) -> Windows:
    """The windows of a batch; None, as in evaluation, sees whole images.

    Args:
        augmentation: its `crop` (none or pad), `pad` and `hflip`.
        draw: stream -> (N,) uniform numbers, one a sample.
    """
    if augmentation is None:
        return Windows()
    flip = draw(Stream.FLIP) < augmentation.hflip if augmentation.hflip else None
    if augmentation.crop != "pad" or not augmentation.pad:
        return Windows(flip=flip)
    top, left = (
        integers(draw(stream), 2 * augmentation.pad + 1)
        for stream in (Stream.CROP_TOP, Stream.CROP_LEFT)
    )
    return Windows(augmentation.pad, top, left, flip)


def seen(pixels: Pixels, windows: Windows) -> Pixels:
    """The windows' pixels (N, C, H, W); `pixels` may be overwritten."""
    if windows.top is not None and windows.left is not None:
        pad = windows.pad
        padded = np.pad(pixels, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        views = np.lib.stride_tricks.sliding_window_view(padded, pixels.shape[-2:], axis=(2, 3))
        pixels = views[np.arange(len(pixels)), :, windows.top, windows.left]
    if windows.flip is not None:
        pixels[windows.flip] = pixels[windows.flip][..., ::-1]
    return pixels
