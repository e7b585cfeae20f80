"""Contrast, pixelate, JPEG, saturate. All take and give uint8 `(N, C, H, W)`."""

from io import BytesIO

import numpy as np
import torch
from PIL import Image

from datamodules.corruptions.drawn import Draws
from datamodules.corruptions.pixels import floats, truncated
from datamodules.corruptions.severities import Severity


def contrast(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """(x - m) c + m, m the mean of each channel."""
    del draws
    factor = severity.values[0]
    sums = pixels.sum((2, 3), dtype=torch.int64, keepdim=True)  # exact, in whatever order
    means = (sums.double() / (255 * pixels[0, 0].numel())).float()
    return truncated(floats(pixels).sub_(means).mul_(factor).add_(means))


def pixelate(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """Scaled down to a share of the side and up again, every pixel the mean of its box."""
    del draws
    side = pixels.shape[-1]
    fewer = int(side * severity.values[0])
    out = np.empty(tuple(pixels.shape), np.uint8)
    for channel, target in zip(
        pixels.flatten(0, 1).numpy(), out.reshape(-1, side, side), strict=True
    ):
        small = Image.fromarray(channel).resize((fewer, fewer), Image.Resampling.BOX)
        target[:] = np.asarray(small.resize((side, side), Image.Resampling.BOX))
    return torch.from_numpy(out)


def jpeg_compression(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """Written as a JPEG of quality c and read again."""
    del draws
    return through_jpeg(pixels, quality=int(severity.values[0]))


def through_jpeg(pixels: torch.Tensor, *, quality: int) -> torch.Tensor:
    """Images of one or three channels as they are after a JPEG of Pillow's, 4:2:0.

    Optimised files have the same pixels.
    """
    out = np.empty(tuple(pixels.shape), np.uint8)
    channels_last = pixels.permute(0, 2, 3, 1).contiguous().numpy()
    for image, target in zip(channels_last, out, strict=True):
        file = BytesIO()
        Image.fromarray(image.squeeze()).save(file, "JPEG", quality=quality)
        read = np.asarray(Image.open(file, formats=("JPEG",)))
        target[:] = read.reshape(image.shape).transpose(2, 0, 1)
    return torch.from_numpy(out)


def saturate(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """HSV saturation times c0 plus c1; grey pixels have hue 0 and turn red where c1 is not 0.

    Hue and value stay, so every channel keeps its share of the way from the largest to the
    smallest: x' = v - (v - x) s' / s.
    """
    del draws
    factor, added = severity.values
    images = floats(pixels)
    value = images.amax(1, keepdim=True)
    chroma = value - images.amin(1, keepdim=True)
    is_grey = chroma == 0
    wanted = (chroma / value.clamp(min=1 / 255)).mul_(factor).add_(added).clamp_(0, 1).mul_(value)
    below = (value - images).mul_(wanted / chroma.masked_fill_(is_grey, 1))
    below[:, 1:] += wanted * is_grey  # of red
    return truncated(value - below)
