"""Noise of one ring of frequencies at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ablations.robustness.conditions.analyses.names import NOISE_LEFT
from ablations.robustness.conditions.asked import Arrays, AskedNetwork, ImageBatch
from ablations.robustness.conditions.clean import PixelCondition, as_floats
from ablations.robustness.conditions.condition import Condition, Plain
from ablations.robustness.conditions.suites import Setting
from datamodules.occlusion.frequencies import (
    Energy,
    Ring,
    default_rings,
    ring_noise,
    too_many_rings,
    with_noise,
)


@dataclass(frozen=True)
class Noisy:
    """Pixels `(N, C, H, W)` with noise, and its RMS (N,) after clipping."""

    pixels: torch.Tensor
    left: NDArray[np.float32]


@dataclass(frozen=True)
class RingNoise(PixelCondition):
    """Noise of one ring of frequencies, other noise in each image, the same for all networks.

    arXiv 2407.08972 prints how wide a ring is and neither how strong nor what a ring is, so no
    number of it can be compared with one of these.

    Attributes:
        ring: which frequencies.
        rms: of the noise before clipping, pixels in [0, 1].
        energy: `equal` or `density`.
    """

    ring: Ring
    rms: float
    energy: Energy
    kind = "analyses"

    @property
    def name(self) -> str:
        """By the middle of the ring in pi, such as `noise/0.35`."""
        return f"noise/{self.ring.centre:g}"

    def parameters(self) -> Plain:
        """Ring, how many there are, strength."""
        return {
            "ring": self.ring.number,
            "rings": self.ring.of,
            "rms": self.rms,
            "energy": self.energy,
        }

    def make(self, batch: ImageBatch) -> Noisy:
        """The images with noise."""
        pixels = as_floats(batch.pixels)
        noise = ring_noise(
            tuple(pixels.shape[1:]),
            self.ring,
            rms=self.rms,
            energy=self.energy,
            seed=batch.seed,
            indices=batch.indices,
        )
        return Noisy(*with_noise(pixels, noise))

    def ask(self, network: AskedNetwork, made: Any, batch: ImageBatch) -> Arrays:
        """The classes that a network takes the images for, and the RMS that is left (N,)."""
        return {**super().ask(network, made.pixels, batch), NOISE_LEFT: made.left}


def noise_conditions(setting: Setting) -> Sequence[Condition]:
    """A condition for each ring, as the keys say.

    Raises:
        ValueError: images are too small for so many rings.
    """
    config, side = setting.config.noise, setting.images.side
    rings = default_rings(side) if config.rings is None else config.rings
    if refused := too_many_rings(rings, side):
        raise ValueError(refused)
    return tuple(RingNoise(Ring(n, rings), config.rms, config.energy) for n in range(rings))
