"""PIL's affine transforms on whole batches, each sample with its own, on any device.

All take planar images (N, C, H, W) uint8 and one argument a sample, (N,) float32, and return new
images of the same size. Conventions are PIL's: an output pixel's centre is mapped into the input;
outside of it lies the fill colour; taps beyond the edge repeat the edge; results are rounded down.
Some values differ from PIL's by one, whose coordinates and sums are of doubles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from datamodules.augment.pixel_ops import precise

# Sums of products that PIL has exactly would otherwise be rounded down to the value below.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class Resampling:
    """How the value between pixels is found, and what lies outside of the image.

    Attributes:
        interpolation: nearest, bilinear or bicubic (PIL's, with its coefficient of -1).
        fill: a value of 0..255 for each channel.
    """

    interpolation: str
    fill: tuple[int, ...]

    def shear_x(self, images: Tensor, slope: Tensor) -> Tensor:
        """Move each row to the left by `slope` times its distance from the top."""
        rows = torch.arange(images.shape[2], device=images.device) + 0.5
        return self._slide(images, _each(slope) * rows.view(-1, 1), dim=3)

    def shear_y(self, images: Tensor, slope: Tensor) -> Tensor:
        """Move each column up by `slope` times its distance from the left."""
        columns = torch.arange(images.shape[3], device=images.device) + 0.5
        return self._slide(images, _each(slope) * columns, dim=2)

    def translate_x(self, images: Tensor, pixels: Tensor) -> Tensor:
        """Move the image to the left by `pixels`."""
        return self._slide(images, _each(pixels), dim=3)

    def translate_y(self, images: Tensor, pixels: Tensor) -> Tensor:
        """Move the image up by `pixels`."""
        return self._slide(images, _each(pixels), dim=2)

    def rotate(self, images: Tensor, degrees: Tensor) -> Tensor:
        """Rotate counterclockwise about the centre."""
        height, width = images.shape[2:]
        # Rounded from doubles, where there are any, so that all devices and shapes give the same.
        angle = torch.deg2rad(_each(degrees).to(precise(images.device)))
        cos, sin = torch.cos(angle).float(), torch.sin(angle).float()
        y = torch.arange(height, device=images.device).view(-1, 1) + (0.5 - height / 2)
        x = torch.arange(width, device=images.device) + (0.5 - width / 2)
        return self._sample(images, cos * x - sin * y + width / 2, sin * x + cos * y + height / 2)

    def _slide(self, images: Tensor, shift: Tensor, *, dim: int) -> Tensor:
        """Resample along one dimension, every line of it from its own `shift` on."""
        size = images.shape[dim]
        first, weights = self._taps(shift + 0.5)
        place = torch.arange(size + len(weights) - 1, device=images.device)
        place = place.view((-1, 1) if dim == 2 else (1, -1))
        shape = [*images.shape]
        shape[dim] = place.numel()
        index = (first.long() + place).clamp_(0, size - 1).expand(shape)
        values = images.gather(dim, index).float()
        total = values.narrow(dim, 0, size) * weights[0]
        for tap, weight in enumerate(weights[1:], start=1):
            # addcmul_ would be faster, and round once or twice depending on device and shape.
            total.add_(values.narrow(dim, tap, size) * weight)
        position = place.narrow(dim - 2, 0, size) + 0.5
        return self._rounded(total, _inside(position + shift, size))

    def _sample(self, images: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """The values at (x, y), (N, 1, H, W) each, in pixels from the upper left corner."""
        count, channels, height, width = images.shape
        left, across = self._taps(x)
        top, down = self._taps(y)
        border = len(across)
        flat = _bordered(images, border).view(count, channels, -1)
        stride = width + 2 * border
        corner = top.clamp_(-border, height).add_(border).long().mul_(stride)
        corner.add_(left.clamp_(-border, width).add_(border).long())
        index = corner.view(count, 1, -1).expand(-1, channels, -1)
        total = torch.zeros(images.shape, device=images.device)
        for row, weight in enumerate(down):
            line = torch.zeros_like(total)
            for tap, share in enumerate(across):
                values = flat[:, :, row * stride + tap :].gather(2, index)
                line.add_(values.view(images.shape).float().mul_(share))
            total.add_(line.mul_(weight))
        return self._rounded(total, _inside(x, width).mul_(_inside(y, height)))

    def _taps(self, position: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The first pixel that the value at `position` takes part of, and the share of each."""
        if self.interpolation == "nearest":
            return position.floor(), [torch.ones_like(position)]
        position = position - 0.5
        first = position.floor()
        d = position - first
        if self.interpolation == "bilinear":
            return first, [1 - d, d]
        d2, d3 = d * d, d * d * d
        return first - 1, [2 * d2 - d3 - d, 1 - 2 * d2 + d3, d + d2 - d3, d3 - d2]

    def _rounded(self, total: Tensor, inside: Tensor) -> Tensor:
        fill = _fill_on(self.fill, total.device)
        values = torch.lerp(fill, total.add_(_ROUNDING).clamp_(0, 255), inside)
        return values.to(torch.int16).to(torch.uint8)


@lru_cache(maxsize=4)
def _fill_on(fill: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.tensor(fill, dtype=torch.float32).view(-1, 1, 1).to(device)


def _bordered(images: Tensor, border: int) -> Tensor:
    """The images with their edges repeated on each side."""
    for dim in (2, 3):
        size = images.shape[dim]
        place = torch.arange(-border, size + border, device=images.device).clamp_(0, size - 1)
        images = images.index_select(dim, place)
    return images


def _each(argument: Tensor) -> Tensor:
    return argument.view(-1, 1, 1, 1)


def _inside(position: Tensor, size: int) -> Tensor:
    """1.0 where the pixel at `position` is one of the `size`, else 0.0."""
    pixel = position.floor()
    # Comparisons would take several times as long on a CPU.
    return 1 - (pixel - pixel.clamp(0, size - 1)).abs_().clamp_(max=1)
