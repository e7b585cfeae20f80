"""PIL's point operations and filters on whole batches, on any device.

Each takes planar images (N, C, H, W) uint8 of one or three channels and one argument a sample, (N,)
float32, and returns new images. They compute what PIL does with the same rounding, so that results
are equal; where not, it is said. One channel counts as three equal ones.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Operation = Callable[[Tensor, Tensor], Tensor]


def auto_contrast(images: Tensor, _: Tensor) -> Tensor:
    """Stretch each channel to 0..255."""
    low, high = (f(images, dim=(2, 3)).unsqueeze(2) for f in (torch.amin, torch.amax))
    kind = precise(images.device)  # PIL's tables are of doubles; otherwise a value can be one less
    span = (high.to(kind) - low.to(kind)).clamp_(min=1)
    scale = torch.full_like(span, 255) / span  # 255 / span would multiply by the reciprocal
    values = _levels(images)
    table = (values * scale + -low.to(kind) * scale).to(torch.int32).clamp_(0, 255)
    return _looked_up(torch.where(high > low, table, values), images)


def equalize(images: Tensor, _: Tensor) -> Tensor:
    """Map each channel so that its values are used equally often."""
    count, channels, height, width = images.shape
    values = images.reshape(count * channels, -1).long()
    histogram = torch.zeros(len(values), 256, dtype=torch.int32, device=images.device)
    histogram.scatter_add_(1, values, torch.ones_like(histogram[:1, :1]).expand_as(values))
    brightest = histogram.gather(1, values.amax(dim=1, keepdim=True))
    step = (height * width - brightest) // 255
    below = histogram.cumsum(dim=1, dtype=torch.int32) - histogram
    table = (below + step // 2) // step.clamp(min=1)
    table = torch.where(step > 0, table.clamp_(max=255), _levels(images))
    return table.to(torch.uint8).gather(1, values).view(images.shape)


def invert(images: Tensor, _: Tensor) -> Tensor:
    """255 minus each value."""
    return 255 - images


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the upper `bits` (0 to 8) of each value; 0 gives black, which newer PIL refuses."""
    dropped = 8 - bits.to(torch.int32).clamp_(0, 8)
    mask = torch.bitwise_left_shift(torch.full_like(dropped, 255), dropped) & 255
    return images & _each(mask.to(torch.uint8))


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert the values from `threshold` (0 to 256) on."""
    bright = (images >= _each(threshold.to(torch.int16))).view(torch.uint8)
    return images ^ (bright * 255)  # torch.where takes several times as long on a CPU


def solarize_add(images: Tensor, amount: Tensor) -> Tensor:
    """Add `amount` (0 to 128) to the values below 128."""
    dark = (images < 128).view(torch.uint8)
    return images + dark * _each(amount.to(torch.uint8))


def color(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the grey image: 0 is grey, 1 the image, more is more colourful."""
    if images.shape[1] == 1:
        return images.clone()
    values = images.float()
    return _blend(_grey(values), values, factor)


def desaturate(images: Tensor, amount: Tensor) -> Tensor:
    """Take `amount` (0 to 1) of the colour away."""
    return color(images, (1 - amount).clamp(0, 1))


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the mean grey of the image: 0 is flat, 1 the image, more has more contrast."""
    values = images.float()
    pixels = images.shape[2] * images.shape[3]
    total = _grey(values).int().sum(dim=(1, 2, 3), keepdim=True)
    return _blend(((2 * total + pixels) // (2 * pixels)).float(), values, factor)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with black: 0 is black, 1 the image, more is brighter."""
    return _pixels(images.float().mul_(_each(factor)))


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the smoothed image: 0 is smooth, 1 the image, more is sharper."""
    if min(images.shape[2:]) < 3:
        return images.clone()
    values = images.to(torch.int16)
    rows = values[:, :, :-2] + values[:, :, 1:-1] + values[:, :, 2:]
    box = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    box += 4 * values[:, :, 1:-1, 1:-1]
    smooth = images.float()
    # Weights (1, 1, 1, 1, 5, 1, 1, 1, 1) / 13, to the nearest; the border stays as it is.
    smooth[:, :, 1:-1, 1:-1] = (box.float() + 6.5).mul_(1 / 13).floor_()
    return _blend(smooth, images.float(), factor)


def gaussian_blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Three box blurs along each axis, as PIL approximates a Gaussian; `sigma` from 0 to 2."""
    variance = sigma.square() / 3
    whole = ((torch.sqrt(12 * variance + 1) - 1) / 2).floor()
    part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
    part = part / (6 * (variance - (whole + 1).square()))
    # Weights in units of 2^-24; the box is 1 or 3 pixels wide and a part of the next on each side.
    inner = (2**24 / (2 * (whole + part) + 1)).floor()
    outer = ((2**24 - (2 * whole + 1) * inner) / 2).floor()
    near, far = torch.where(whole == 0, outer, inner), torch.where(whole == 0, 0.0, outer)
    weights = [_each(weight.int()) for weight in (inner, near, far)]
    values = images.int()
    for _ in range(2):
        for _ in range(3):
            values = _box_blur(values, *weights)
        values = values.transpose(2, 3).contiguous()
    return values.to(torch.uint8)


def precise(device: torch.device) -> torch.dtype:
    """Double precision where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def _box_blur(values: Tensor, centre: Tensor, near: Tensor, far: Tensor) -> Tensor:
    width = values.shape[3]
    first, last = values[..., :1], values[..., -1:]
    padded = torch.cat([first, first, values, last, last], dim=3)
    taps = [padded[..., start : start + width] for start in range(5)]
    total = (taps[1] + taps[3]).mul_(near).add_(taps[2] * centre).add_(1 << 23)
    total.add_((taps[0] + taps[4]).mul_(far))
    # The sum fills 32 bits without a sign; its upper byte is the value, whatever the sign says.
    return (total >> 24) & 255


def _blend(low: Tensor, values: Tensor, factor: Tensor) -> Tensor:
    return _pixels(values.sub_(low).mul_(_each(factor)).add_(low))


def _grey(values: Tensor) -> Tensor:
    """PIL's integer arithmetic; all of these numbers are below 2^24, which float32 has exactly."""
    if values.shape[1] == 1:
        return values
    red, green, blue = (values[:, channel : channel + 1] for channel in range(3))
    grey = (red * 19595).add_(green * 38470).add_(blue * 7471)
    return grey.add_(0x8000).mul_(2.0**-16).floor_()


def _pixels(values: Tensor) -> Tensor:
    # Rounded down, as PIL does. By way of int16 it takes half the time on a CPU.
    return values.clamp_(0, 255).to(torch.int16).to(torch.uint8)


def _looked_up(table: Tensor, images: Tensor) -> Tensor:
    values = images.reshape(*images.shape[:2], -1).long()
    return table.to(torch.uint8).gather(2, values).view(images.shape)


def _levels(images: Tensor) -> Tensor:
    return torch.arange(256, dtype=torch.int32, device=images.device)


def _each(argument: Tensor) -> Tensor:
    return argument.view(-1, 1, 1, 1)
