"""Weather: snow, frost, fog, brightness. All take and give uint8 `(N, C, H, H)`."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
import torch
from torch import Tensor

from datamodules.corruptions.drawn import Draws, normal
from datamodules.corruptions.filters import centre_crop, centre_zoom
from datamodules.corruptions.motion import motion_blur
from datamodules.corruptions.pixels import floats, rounded, truncated
from datamodules.corruptions.plasma import map_side, plasma
from datamodules.corruptions.severities import Severity
from datamodules.corruptions.textures import FILES, texture

_LUMA = (0.299, 0.587, 0.114)
_FALL = (-135.0, -45.0)  # degrees
# by table: side of the map that fog is cut from, scale of the pictures of frost
_PLASMA = {224: 256, 64: 64, 32: 32}
_FROST = {224: 1.0, 64: 0.3, 32: 0.2}


def brightness(pixels: Tensor, severity: Severity, draws: Draws) -> Tensor:
    """c is added to the value of HSV."""
    del draws
    return with_value(pixels, severity.values[0])


def with_value(pixels: Tensor, added: float) -> Tensor:
    """`added` to the value of HSV; hue and saturation stay, and black becomes a grey."""
    images = floats(pixels)
    value = images.amax(1, keepdim=True)
    new = (value + added).clamp_(0, 1)
    ratio = new / value.clamp_min(1 / 255)
    return truncated(torch.where(value > 0, images * ratio, new))


def fog(pixels: Tensor, severity: Severity, draws: Draws) -> Tensor:
    """Plasma is added, c0 of it at most, and then as much light lost as it may have brought.

    The plasma of images larger than the benchmark's of their table is cut from a larger map.
    """
    amount, decay = severity.values
    side, images = pixels.shape[-1], floats(pixels)
    maps = plasma(draws, side=map_side(side, least=_PLASMA[severity.table]), decay=decay)
    brightest = images.amax((1, 2, 3), keepdim=True)
    foggy = images.add_(torch.from_numpy(maps[:, None, :side, :side]).mul(amount))
    return truncated(foggy.mul_(brightest / (brightest + amount)))


def frost(pixels: Tensor, severity: Severity, draws: Draws) -> Tensor:
    """c0 of the image and c1 of a random crop of one of five pictures of frost; in colour.

    Pictures too small for an image are enlarged until they hold it.
    """
    kept, added = severity.values
    side, scale = pixels.shape[-1], _FROST[severity.table]
    crops = torch.stack([_frost_crop(draw, side=side, scale=scale) for draw in draws])
    return truncated(floats(pixels).mul_(kept).add_(floats(crops).mul_(added)))


def _frost_crop(draw: np.random.Generator, *, side: int, scale: float) -> Tensor:
    picture = texture(int(draw.integers(len(FILES))), scale=scale, side=side)
    top, left = (int(draw.integers(length - side)) for length in picture.shape[1:])
    return picture[:, top : top + side, left : left + side]


def snow(pixels: Tensor, severity: Severity, draws: Draws) -> Tensor:
    """Flakes of enlarged noise fall at an angle, twice, over a whitened image."""
    mean, std, zoom, threshold, radius, sigma, kept = severity.values
    draws = list(draws)
    flakes = snow_flakes(
        draws, mean=mean, std=std, zoom=zoom, threshold=threshold, side=pixels.shape[-1]
    )
    angles = [draw.uniform(*_FALL) for draw in draws]
    falling = snow_falling(flakes, radius=radius, sigma=sigma, angles=angles)
    return snowed(pixels, falling, kept=kept)


def snow_flakes(
    draws: Draws, *, mean: float, std: float, zoom: float, threshold: float, side: int
) -> Tensor:
    """Flakes that do not fall yet `(N, 1, side, side)`: whole grey levels, in [0, 1].

    Args:
        draws: of each image.
        mean: of the normal noise that flakes are made of.
        std: likewise.
        zoom: that it is enlarged by.
        threshold: below which there is no flake.
        side: in pixels.
    """
    draws = list(draws)
    small = ceil(side / zoom)  # the rest of the benchmark's noise is not seen
    field = torch.zeros((len(draws), 1, side, side))
    noise = normal((len(draws), 1, small, small), draws)
    centre_crop(field, small).copy_(noise.mul_(std).add_(mean))
    field = centre_zoom(field, zoom)
    return floats(truncated(field.masked_fill_(field < threshold, 0)))


def snow_falling(flakes: Tensor, *, radius: float, sigma: float, angles: Sequence[float]) -> Tensor:
    """Flakes `(N, 1, H, H)` smeared at an angle in degrees for each: whole grey levels."""
    return floats(rounded(motion_blur(flakes, radius=radius, sigma=sigma, angles=angles)))


def snowed(pixels: Tensor, falling: Tensor, *, kept: float) -> Tensor:
    """Images under falling flakes `(N, 1, H, H)`, and under the same turned by 180 degrees.

    Args:
        pixels: uint8.
        falling: in [0, 1].
        kept: share of the image; the rest is whitened.
    """
    images = floats(pixels)
    grey = images if images.shape[1] == 1 else _luma(images)
    white = torch.maximum(images, grey.mul(1.5).add_(0.5)).mul_(1 - kept)
    return truncated(images.mul_(kept).add_(white).add_(falling).add_(falling.flip(2, 3)))


def _luma(images: Tensor) -> Tensor:
    red, green, blue = (images[:, channel : channel + 1] * w for channel, w in enumerate(_LUMA))
    return (red + green).add_(blue)
