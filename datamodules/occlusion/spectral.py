"""Spectral residual saliency (Hou and Zhang 2007): what stands out from an image's own spectrum.

It needs no network, so it is the same for every one that is asked.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from torch.nn import functional

SIDE, SIGMA = 64, 2.5  # of the map in pixels, and of the Gaussian that smooths it
_NEIGHBOURS = 3  # frequencies across, over which the logarithm of the spectrum is averaged
_NO_AMPLITUDE = 1e-8  # its logarithm stands for that of an amplitude of zero


def spectral_residual(pixels: torch.Tensor) -> NDArray[np.float64]:
    """The saliency of images `(N, C, H, W)` in [0, 1] at a side of 64 px: (N, 64, 64), 0 or more.

    Of the mean over channels: the logarithm of the amplitudes minus its local mean, transformed
    back with the phases as they are, squared and smoothed.
    """
    grey = pixels.double().mean(1, keepdim=True)
    small = functional.interpolate(
        grey, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True
    )
    return np.stack([_saliency(image) for image in small[:, 0].numpy()])


def _saliency(image: NDArray[np.float64]) -> NDArray[np.float64]:
    spectrum = np.fft.fft2(image)
    amplitudes = np.log(np.maximum(np.abs(spectrum), _NO_AMPLITUDE))
    residual = amplitudes - uniform_filter(amplitudes, _NEIGHBOURS, mode="nearest")
    back = np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))
    smooth = gaussian_filter(np.abs(back) ** 2, SIGMA, mode="constant")
    return np.asarray(smooth, np.float64)
