"""Noise of one ring of frequencies (after arXiv 2202.06709, figure 8, and arXiv 2407.08972).

Both papers leave the ring's shape open: here rings are square, share the spectrum up to Nyquist's
frequency, and the same white noise of an image is filtered by each of them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.sampling.image_draws import image_generators
from datamodules.sampling.random_streams import Integers

Energy = Literal["equal", "density"]
_MOST = 10


def default_rings(side: int) -> int:
    """How many rings: ten, and below 20 px half of the side."""
    return min(_MOST, side // 2)


def too_many_rings(rings: int, side: int) -> str | None:
    """Why images hold no such number of rings, as a sentence; None: they do."""
    most = side // 2
    if rings <= most:
        return None
    return (
        f"noise frequency: {side} px hold {most} rings at most, {rings} asked for: set "
        f"noise.rings={most}"
    )


@dataclass(frozen=True)
class Ring:
    """Frequencies (u, v) with max(|u|, |v|) in one of equal intervals up to pi.

    Attributes:
        number: from 0, which holds the mean, up.
        of: how many rings; the last one is closed at pi.
    """

    number: int
    of: int

    @property
    def centre(self) -> float:
        """The middle of its interval, in pi per pixel."""
        return round((self.number + 0.5) / self.of, 12)

    def holds(self, side: int) -> NDArray[np.bool_]:
        """Which of the frequencies of `numpy.fft.fft2` are in it: (side, side).

        Raises:
            ValueError: images of this side have fewer frequencies than there are rings.
        """
        refused = too_many_rings(self.of, side)
        if refused is not None:
            raise ValueError(refused)
        steps = np.arange(side)
        waves = np.minimum(steps, side - steps)  # whole numbers, so that no border is rounded
        rings = np.minimum(2 * self.of * waves // side, self.of - 1)
        return np.asarray(np.maximum(rings[:, None], rings[None]) == self.number)


def ring_noise(
    shape: tuple[int, ...], ring: Ring, *, rms: float, energy: Energy, seed: int, indices: Integers
) -> NDArray[np.float64]:
    """Noise of one ring for each of `indices` (N,): (N, *shape).

    Args:
        shape: of an image, (C, H, H).
        ring: which frequencies.
        rms: root mean square over all values of an image.
        energy: `equal`: that of the noise; `density`: that of the white noise before the ring is
            cut out of it, so that larger rings have more.
        seed: of the evaluation.
        indices: numbers of the images.
    """
    holds = ring.holds(shape[-1])
    generators = image_generators("analyses/noise", seed=seed, indices=indices)
    return np.stack([_one(g, shape, holds, rms, energy) for g in generators])


def with_noise(
    pixels: torch.Tensor, noise: NDArray[np.float64]
) -> tuple[torch.Tensor, NDArray[np.float32]]:
    """Pixels `(N, C, H, H)` in [0, 1] with noise, clipped; and its RMS (N,) that is left."""
    noisy = (pixels + torch.from_numpy(noise).to(pixels.dtype)).clamp(0, 1)
    left = (noisy - pixels).double().square().flatten(1).mean(1).sqrt()
    return noisy, left.float().numpy()


def _one(
    generator: np.random.Generator,
    shape: tuple[int, ...],
    holds: NDArray[np.bool_],
    rms: float,
    energy: Energy,
) -> NDArray[np.float64]:
    white = generator.standard_normal(shape)
    spectrum = np.fft.rfft2(white)
    noise = np.fft.irfft2(spectrum * holds[:, : spectrum.shape[-1]], s=shape[-2:])
    scaled = white if energy == "density" else noise
    return np.asarray(noise * (rms / np.sqrt(np.mean(scaled**2))))
