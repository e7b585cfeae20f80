"""Blurs: Gaussian, defocus, motion, zoom. All take and give uint8 `(N, C, H, W)`."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter1d

from datamodules.corruptions.drawn import Draws
from datamodules.corruptions.filters import NOTHING, Taps, tap_sum, turned_zoom
from datamodules.corruptions.filters import gaussian_blur as blurred
from datamodules.corruptions.motion import motion_blur as smeared
from datamodules.corruptions.pixels import floats, rounded, truncated
from datamodules.corruptions.severities import Severity

_MOTION = (-45.0, 45.0)  # degrees
_FEW = 48  # taps: of more, the sum takes longer than Fourier transforms
_GRID = 8  # a disc of at most this radius lies in a square of 17 pixels


def gaussian_blur(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """A Gaussian of sigma c px, border pixels repeated."""
    del draws
    images = floats(pixels)
    return truncated(blurred(images, severity.values[0]))


def motion_blur(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """ImageMagick's motion blur, its angle between -45 and 45 degrees; rounded, as there."""
    radius, sigma = severity.values
    angles = [generator.uniform(*_MOTION) for generator in draws]
    return rounded(smeared(floats(pixels), radius=radius, sigma=sigma, angles=angles))


def zoom_blur(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """The mean of an image and of its centre enlarged by several factors, the first of them 1."""
    del draws
    images = floats(pixels)
    factors = np.arange(*severity.values).tolist()
    total = torch.zeros_like(images)
    for factor in factors:
        total += turned_zoom(images, factor)
    return truncated(total.transpose(2, 3).add(images).div_(len(factors) + 1))


def defocus_blur(pixels: torch.Tensor, severity: Severity, draws: Draws) -> torch.Tensor:
    """A smoothed disc; images are mirrored at their border pixels (`c b|a b c`)."""
    del draws
    radius, smoothing = severity.values
    kernel = disc(radius, smoothing)
    images = floats(pixels)
    out = torch.empty_like(images)
    if np.count_nonzero(kernel > NOTHING) <= _FEW:
        tap_sum(images, _taps(kernel), border="reflect", out=out)
        return truncated(out)
    reach = kernel.shape[0] // 2
    edges = [(0, 0), (reach, reach), (reach, reach)]
    for image, target in zip(images.numpy(), out.numpy(), strict=True):
        target[:] = _valid(np.pad(image, edges, mode="reflect"), kernel)
    return truncated(out)


def _taps(kernel: NDArray[np.float32]) -> Taps:
    reach = kernel.shape[0] // 2
    places = np.argwhere(kernel > NOTHING).tolist()
    return [(y - reach, x - reach, float(kernel[y, x])) for y, x in places]


@lru_cache(maxsize=16)
def disc(radius: float, smoothing: float) -> NDArray[np.float32]:
    """The kernel of a defocused point: a disc, smoothed by 3 x 3 taps, above radius 8 by 5 x 5.

    The disc's sum is 1. Smoothing mirrors the square that it lies in at its border pixels, as
    OpenCV does, so that a disc which touches them gains a little. Rows and columns of zeros are
    left out.
    """
    reach = _GRID if radius <= _GRID else int(radius)
    taps = 1 if radius <= _GRID else 2
    across = np.arange(-reach, reach + 1)
    flat = (across**2 + across[:, None] ** 2 <= radius**2).astype(np.float64)
    flat /= flat.sum()
    for axis in (0, 1):
        flat = gaussian_filter1d(flat, smoothing, axis=axis, mode="mirror", radius=taps)
    empty = min(int(np.argmax(flat.any(0))), reach)
    inner = flat[empty : len(flat) - empty, empty : len(flat) - empty]
    return np.ascontiguousarray(inner, np.float32)


def _valid(padded: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """The correlation of images `(C, H, W)` with a symmetric kernel, where it lies inside them."""
    size = kernel.shape[0]
    shape = tuple(fft.next_fast_len(length, real=True) for length in padded.shape[-2:])
    spectrum = fft.rfft2(padded, shape)
    spectrum *= _transfer(kernel.tobytes(), size, shape)
    whole: NDArray[np.float32] = fft.irfft2(spectrum, shape)
    height, width = padded.shape[-2:]
    return whole[:, size - 1 : height, size - 1 : width]


@lru_cache(maxsize=8)
def _transfer(kernel: bytes, size: int, shape: tuple[int, int]) -> NDArray[np.complex64]:
    values: NDArray[np.complex64] = fft.rfft2(
        np.frombuffer(kernel, np.float32).reshape(size, size), shape
    )
    return values
